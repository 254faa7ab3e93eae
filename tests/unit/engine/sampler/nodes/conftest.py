"""Fixtures for node tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.sampler.models.runtime import TorchRuntime
from tests.unit.engine.sampler.nodes.bench import TINY, TINY_NAME, BenchContext, BenchFolders


@pytest.fixture(scope="package")
def runtime() -> Iterator[TorchRuntime]:
    """Give one torch side for all node tests."""
    made = TorchRuntime(device=torch.device("cpu"), max_batch=16)
    yield made
    made.close()


@pytest.fixture
def folders(tmp_path: Path) -> BenchFolders:
    """Give empty folders and the built-in model."""
    for kind in ("input", "output", "temp"):
        (tmp_path / kind).mkdir()
    return BenchFolders(base=tmp_path, checkpoints={TINY_NAME: TINY})


@pytest.fixture
def context(runtime: TorchRuntime, folders: BenchFolders) -> BenchContext:
    """Give a context for one prompt."""
    return BenchContext(folders=folders, runtime=runtime)

"""Whole workflows against the pictures that ComfyUI made of them: no channel off by more than 2 of 255.

The checkpoint has the true architecture of SD 1.5 and random weights (made once a machine, see random_checkpoint.py).
Where there is a GPU, it draws them too, in half precision; but for those whose steps add noise, for that is the GPU's
own, in ComfyUI as well.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from engine.sampler.models.runtime import TorchRuntime
from engine.sampler.nodes.registry import NodeResult
from tests.unit.engine.sampler.nodes.bench import DATA, BenchContext, BenchFolders, run_graph
from tests.unit.engine.sampler.random_checkpoint import NAME, random_sd15
from tests.unit.engine.sampler.random_lora import NAME as LORA_NAME
from tests.unit.engine.sampler.random_lora import write_recorded_lora

CASES: dict[str, Any] = json.loads((DATA / "cases.json").read_text(encoding="utf-8"))
DRAWING = [
    name
    for name in CASES
    if any(node["class_type"] == "CheckpointLoaderSimple" for node in CASES[name]["prompt"].values())
]
PLAIN = [name for name in CASES if name not in DRAWING]
NOISY_STEPS = {"txt2img_batch2_odd_size"}  # euler_ancestral
ON_GPU = [name for name in DRAWING if name not in NOISY_STEPS and torch.cuda.is_available()]


def _pixels(path: Path) -> "np.ndarray[Any, np.dtype[np.int16]]":
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def _check(context: BenchContext, name: str) -> None:
    case = CASES[name]
    for picture in ("pattern.png", "pattern_hole.png"):
        shutil.copyfile(DATA / picture, context.folders.file_path("input", picture))
    results = run_graph(context, case["prompt"])
    for expected in case["images"]:
        result = cast(NodeResult, results[expected["node"]])
        saved = result.ui["images"][expected["index"]]
        made = _pixels(context.folders.file_path(saved["type"], saved["filename"], saved["subfolder"]))
        recorded = _pixels(DATA / expected["file"])
        assert made.shape == recorded.shape
        assert np.abs(made - recorded).max() <= 2


def test_the_cases_are_there() -> None:
    assert len(PLAIN) >= 6
    assert len(DRAWING) >= 12


@pytest.mark.parametrize("name", PLAIN)
def test_pictures_alone(name: str, context: BenchContext) -> None:
    _check(context, name)


@pytest.fixture(scope="module")
def gpu_runtime() -> Iterator[TorchRuntime]:
    made = TorchRuntime(device=torch.device("cuda", 0), max_batch=16)
    yield made
    made.close()


@pytest.mark.parametrize(("name", "where"), [*((n, "runtime") for n in DRAWING), *((n, "gpu_runtime") for n in ON_GPU)])
@pytest.mark.timeout(600)
def test_drawing(name: str, where: str, context: BenchContext, request: pytest.FixtureRequest) -> None:
    context.runtime = request.getfixturevalue(where)
    checkpoints = {NAME: random_sd15()}
    context.folders = BenchFolders(base=context.folders.base, checkpoints=checkpoints)
    write_recorded_lora(context.folders.base / "loras" / LORA_NAME)
    _check(context, name)

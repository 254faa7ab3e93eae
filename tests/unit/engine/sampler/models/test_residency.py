"""Checkpoints in memory: loaded once, kept within the budget, let go in the order of their last use."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from engine.sampler.models.checkpoint import Checkpoint
from engine.sampler.models.files import ModelFile, ModelFileError
from engine.sampler.models.residency import Residency


def sized(size: int) -> Checkpoint:
    """Make a checkpoint without networks."""
    nothing = cast(Any, None)
    return Checkpoint(model=nothing, text=nothing, vae=nothing, size=size)


def named(name: str, size: int = 5) -> ModelFile:
    """Name a file of half the size in memory."""
    return ModelFile(path=Path(name), size=size, changed=0)


class Loader:
    """Counts what it loads."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, path: Path) -> Checkpoint:
        """Load, when the test lets it."""
        self.loaded.append(path.name)
        assert self.go.wait(30)
        if path.name == "bad":
            raise ModelFileError("bad is no checkpoint.")
        return sized(10)


def test_two_who_ask_at_once_share_one_loading() -> None:
    loader = Loader()
    loader.go.clear()
    residency = Residency(load=loader, budget=100)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(residency.checkpoint, named("a")) for _ in range(4)]
        loader.go.set()
        found = {id(one.result()) for one in asked}
    assert len(found) == 1
    assert loader.loaded == ["a"]


def test_the_least_recently_used_leaves_when_room_is_needed() -> None:
    residency = Residency(load=Loader(), budget=25)
    for name in ("a", "b", "a", "c"):
        residency.checkpoint(named(name))
    assert [path.name for path in residency.loaded()] == ["a", "c"]


def test_one_larger_than_the_budget_is_kept_alone() -> None:
    residency = Residency(load=Loader(), budget=5)
    residency.checkpoint(named("a"))
    residency.checkpoint(named("b"))
    assert [path.name for path in residency.loaded()] == ["b"]


def test_a_file_that_changed_is_another_model() -> None:
    loader = Loader()
    residency = Residency(load=loader, budget=100)
    residency.checkpoint(named("a"))
    residency.checkpoint(replace(named("a"), changed=1))
    assert loader.loaded == ["a", "a"]


def test_what_could_not_be_loaded_is_tried_again() -> None:
    loader = Loader()
    residency = Residency(load=loader, budget=100)
    for _ in range(2):
        with pytest.raises(ModelFileError):
            residency.checkpoint(named("bad"))
    assert loader.loaded == ["bad", "bad"]
    assert residency.loaded() == ()


def test_clearing_puts_everything_out() -> None:
    residency = Residency(load=Loader(), budget=100)
    residency.checkpoint(named("a"))
    residency.clear()
    assert residency.loaded() == ()

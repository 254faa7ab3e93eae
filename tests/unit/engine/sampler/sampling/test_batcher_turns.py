"""Whose turn it is, and how large a pass may be."""

import contextlib
import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from engine.sampler.sampling.batcher import Batcher
from engine.sampler.sampling.denoiser import Rows
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.limits import NoGauge, RowLimits
from engine.sampler.sampling.locks import DeviceLocks
from tests.unit.engine.sampler.sampling.company import Gathering, SlowToy, in_thread, solo, task, together
from tests.unit.engine.sampler.sampling.toy import Toy, words


class SmallToy(Toy):
    """A toy with memory for a few rows only."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def predict(self, rows: Rows) -> Tensor:
        """Compute, or run out of memory."""
        if len(rows) > self.rows:
            raise torch.OutOfMemoryError(f"no room for {len(rows)} rows")
        return super().predict(rows)


@pytest.fixture
def batcher() -> Iterator[Batcher]:
    made = Batcher(max_batch=16)
    yield made
    made.close()


class Scales:
    """A gauge that is told what to say."""

    def __init__(self, *, each: int, free: int) -> None:
        self.each, self.room, self.rows = each, free, 0

    def begin(self) -> None:
        """Nothing to note."""

    def used(self) -> int:
        """Bytes of the last pass."""
        return self.each * self.rows

    def free(self) -> int:
        """Bytes."""
        return self.room

    def release(self) -> None:
        """Nothing to give back."""


def test_groups_take_turns(batcher: Batcher) -> None:
    """Two shapes cannot share a pass; the short run must not wait for the long one."""
    toy = SlowToy()
    long = in_thread(lambda: batcher.sample(task(toy, 0, steps=300)).latent)
    batcher.sample(task(toy, 0, steps=5, size=8))
    assert long[0].is_alive()
    long[0].join(30)
    assert isinstance(long[1][0], Tensor)


class Attentive(Gathering):
    """A toy that notes who was in each pass, by the number in their words."""

    def __init__(self, runs: int) -> None:
        super().__init__(runs)
        self.seen: list[int] = []

    def predict(self, rows: Rows) -> Tensor:
        """Compute."""
        self.seen += [round(float(mean)) for mean in rows.context.mean(dim=(1, 2))]
        return super().predict(rows)


def test_nobody_makes_three_steps_while_another_waits_for_one() -> None:
    """Six in one group and one in another, more than fit into a pass: who is there takes turns."""
    toy = Attentive(7)
    small = Batcher(max_batch=4)

    def run(number: int) -> None:
        one = task(toy, 0, steps=60, size=8 if number == 6 else 4)
        small.sample(replace(one, guider=Guidance(positive=(words(number),))), check_interrupted=toy.look)

    try:
        with ThreadPoolExecutor(7) as pool:
            list(pool.map(run, range(7)))
    finally:
        small.close()
    began = max(toy.seen.index(number) for number in range(7))
    ended = min(len(toy.seen) - toy.seen[::-1].index(number) for number in range(7))
    together = toy.seen[began:ended]
    assert len(together) > 200
    for number in range(7):
        places = [place for place, who in enumerate(together) if who == number]
        for first, second in pairwise(places):
            between = together[first + 1 : second]
            assert max((between.count(other) for other in range(7)), default=0) <= 2


def test_who_joins_is_in_the_next_pass(batcher: Batcher) -> None:
    toy = Gathering(3, at=5)

    def run(steps: int) -> Tensor:
        return batcher.sample(task(toy, 0, steps=steps), check_interrupted=toy.look).latent

    long = [in_thread(lambda: run(20)) for _ in range(2)]
    assert toy.waits.wait(30)
    run(1)
    for thread, _ in long:
        thread.join(30)
    assert [place for place, rows in enumerate(toy.calls) if rows == 3] == [6]


def test_memory_that_is_short_for_a_while_is_used_again() -> None:
    limits = RowLimits(16, NoGauge())
    model, layout = Toy(), (4, 4, 4)
    limits.failed(model, layout, 16)
    assert limits.of(model, layout) == 8
    for _ in range(1000):
        limits.fitted(model, layout, limits.of(model, layout))
    assert limits.of(model, layout) == 16
    assert limits.of(model, (4, 8, 8)) == 16


def test_a_pass_is_as_large_as_memory_foresees() -> None:
    scales = Scales(each=100, free=1000)
    limits = RowLimits(64, scales)
    model, layout = Toy(), (4, 4, 4)
    assert limits.of(model, layout) == 64  # nothing is known yet
    scales.rows = 2
    limits.fitted(model, layout, 2)
    assert limits.of(model, layout) == 9  # nine tenths of what is free
    scales.room = 10
    assert limits.of(model, layout) == 1


def test_a_device_that_fails_altogether_leaves_nobody_waiting() -> None:
    class Broken(Scales):
        broken = True

        def used(self) -> int:
            return 100

        def free(self) -> int:
            if self.broken:
                raise RuntimeError("an illegal memory access was encountered")
            return 10**9

    scales = Broken(each=0, free=0)
    batcher = Batcher(gauge=scales)
    try:
        toy = SlowToy()
        with pytest.raises(RuntimeError, match="illegal memory access"):
            batcher.sample(task(toy, 0, steps=4))  # its first pass is the first thing that is known of memory
        scales.broken = False
        assert batcher.sample(task(toy, 0)).latent.isfinite().all()
    finally:
        batcher.close()


def test_limits_do_not_keep_models_alive() -> None:
    limits, toy = RowLimits(4, NoGauge()), Toy()
    limits.failed(toy, (1,), 4)
    gone = weakref.ref(toy)
    del toy
    gc.collect()
    assert gone() is None


def test_exact_passes_have_one_size_whatever_the_company() -> None:
    toy = SlowToy()
    exact = Batcher(max_batch=8, exact=True)
    tasks = [task(toy, number, steps=6) for number in range(5)]
    try:
        alone = [exact.sample(one).latent for one in tasks]
        company = together(exact, *tasks)
    finally:
        exact.close()
    assert set(toy.calls) == {8}
    for mine, ours in zip(alone, company, strict=True):
        assert torch.equal(mine, ours)


def test_a_pass_is_never_larger_than_allowed() -> None:
    toy = SlowToy()
    small = Batcher(max_batch=3)
    try:
        tasks = [task(toy, number) for number in (1, 3, 5)]
        results = together(small, *tasks)
    finally:
        small.close()
    for one, result in zip(tasks, results, strict=True):
        torch.testing.assert_close(result, solo(one), rtol=1e-4, atol=1e-4)
    assert max(toy.calls) <= 3


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        Batcher(max_batch=0)


def test_little_memory_means_smaller_passes(batcher: Batcher) -> None:
    toy = SmallToy(rows=3)
    tasks = [task(toy, number) for number in (1, 2, 4)]
    for one, result in zip(tasks, together(batcher, *tasks), strict=True):
        torch.testing.assert_close(result, solo(one), rtol=1e-4, atol=1e-4)
    assert max(toy.calls) <= 3


def test_too_little_memory_for_one_row_fails_and_leaves_the_batcher_alive(batcher: Batcher) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        batcher.sample(task(SmallToy(rows=0)))
    assert batcher.sample(task(Toy())).latent.shape == (1, 4, 4, 4)


def test_a_row_that_does_not_fit_beside_other_work_waits_for_that_to_end() -> None:
    """Words or an autoencoder have the memory: alone on the device there is room."""
    locks = DeviceLocks()

    class Crowded(Toy):
        def predict(self, rows: Rows) -> Tensor:
            if not locks.rest.locked():
                raise torch.OutOfMemoryError("full")
            return super().predict(rows)

    crowded = Batcher(max_batch=8, locks=locks)
    try:
        one = task(Crowded(), 2)
        torch.testing.assert_close(crowded.sample(one).latent, solo(one), rtol=1e-4, atol=1e-4)
    finally:
        crowded.close()
    assert not locks.passes.locked()
    assert not locks.rest.locked()


class Heavy(Toy):
    """A toy whose passes hold something large, as a network's frames hold activations, and fail above some rows."""

    def __init__(self, rows: int, error: type[Exception]) -> None:
        super().__init__()
        self.rows, self.error = rows, error
        self.held: list[weakref.ref[Tensor]] = []
        self.left: list[int] = []  # how many large things of earlier passes were there when a pass began

    def predict(self, rows: Rows) -> Tensor:
        """Compute, or fail with something large in hand."""
        self.left.append(sum(held() is not None for held in self.held))
        large = torch.zeros(1000)
        self.held.append(weakref.ref(large))
        if len(rows) > self.rows:
            raise self.error
        return super().predict(rows)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_what_a_failed_pass_held_is_let_go_before_the_next(batcher: Batcher, error: type[Exception]) -> None:
    """An exception holds the frames that it came through, and they their tensors: the next pass needs that room."""
    toy = Heavy(2, error)
    together(batcher, *[task(toy, number) for number in (0, 2, 4)])  # two rows each
    assert len(toy.left) > 1
    assert set(toy.left) == {0}


def test_a_run_that_failed_holds_nothing(batcher: Batcher) -> None:
    toy = Heavy(0, torch.OutOfMemoryError)
    gone = weakref.ref(toy)
    gc.disable()  # no collector's help: a GPU is full long before it comes
    try:
        with contextlib.suppress(torch.OutOfMemoryError):
            batcher.sample(task(toy))
        held = toy.held[0]
        del toy
        batcher.sample(task(Toy()))  # the batcher has gone on
        assert (held(), gone()) == (None, None)
    finally:
        gc.enable()


def test_memory_that_runs_out_in_the_middle_hurts_nobody(batcher: Batcher) -> None:
    """From some pass on there is room for one row only: everybody gets their picture, in more passes."""

    class Shrinking(SlowToy):
        def predict(self, rows: Rows) -> Tensor:
            if len(self.calls) > 5 and len(rows) > 1:
                raise torch.OutOfMemoryError("somebody else took it")
            return super().predict(rows)

    toy = Shrinking()
    tasks = [task(toy, number) for number in (1, 2, 4)]
    for one, result in zip(tasks, together(batcher, *tasks), strict=True):
        torch.testing.assert_close(result, solo(one), rtol=1e-4, atol=1e-4)
    assert set(toy.calls[6:]) == {1}

"""Many runs at once: shared passes, nobody's picture changed by company, nobody hurt by another's trouble."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.sampler.nodes.registry import InterruptedPrompt
from engine.sampler.sampling.batcher import Batcher, Step
from engine.sampler.sampling.denoiser import Rows
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.schedules import sigmas_for
from engine.sampler.sampling.trajectory import SampleTask, SamplingFailed
from tests.unit.engine.sampler.sampling.toy import Toy, guidance, words

SAMPLERS = ("euler", "euler_ancestral", "dpmpp_2m")


class SlowToy(Toy):
    """A toy that takes its time, so that others can join."""

    def predict(self, rows: Rows) -> Tensor:
        """Compute after 2 ms."""
        time.sleep(0.002)
        return super().predict(rows)


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


class MoodyToy(SlowToy):
    """A toy that answers NaN, or raises, where the prompt says so."""

    def predict(self, rows: Rows) -> Tensor:
        """Compute; a prompt of 66 makes NaN, one of 77 an error."""
        means = rows.context.mean(dim=(1, 2))
        if bool((means == 77).any()):
            raise ArithmeticError("the network does not like this prompt")
        output = super().predict(rows)
        output[means == 66] = torch.nan
        return output


@pytest.fixture
def batcher() -> Iterator[Batcher]:
    made = Batcher(max_batch=16)
    yield made
    made.close()


def task(toy: Toy, number: int = 0, *, steps: int = 8, size: int = 4, prompt: float = 0.25) -> SampleTask:
    """Make a task that differs from its neighbours in everything that may differ in one pass."""
    shape = (1 + number % 2, 4, size, size)
    return SampleTask(
        model=toy,
        guider=guidance((1.0, 3.0, 7.5)[number % 3], prompt),
        latent=torch.zeros(shape),
        noise=initial_noise(shape, number),
        seed=number,
        sampler=SAMPLERS[number % 3],
        sigmas=sigmas_for(toy.kind, scheduler="karras", steps=steps + number),
    )


def solo(one: SampleTask) -> Tensor:
    """Run a task with no company."""
    alone = Batcher()
    try:
        return alone.sample(replace(one, model=Toy())).latent
    finally:
        alone.close()


def together(batcher: Batcher, *tasks: SampleTask) -> list[Tensor]:
    """Run tasks at once, each from a thread of its own."""
    barrier = threading.Barrier(len(tasks))

    def run(one: SampleTask) -> Tensor:
        barrier.wait()
        return batcher.sample(one).latent

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def in_thread(call: Callable[[], Tensor]) -> tuple[threading.Thread, list[Tensor | BaseException]]:
    """Run a call in a thread; its result or error lands in the list."""
    landed: list[Tensor | BaseException] = []

    def run() -> None:
        try:
            landed.append(call())
        except Exception as error:
            landed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, landed


def test_company_saves_passes_and_changes_nothing(batcher: Batcher) -> None:
    toy = SlowToy()
    tasks = [task(toy, number) for number in range(6)]
    results = together(batcher, *tasks)
    for one, result in zip(tasks, results, strict=True):
        torch.testing.assert_close(result, solo(one), rtol=1e-4, atol=1e-4)
    assert len(toy.calls) <= sum(len(one.sigmas) - 1 for one in tasks) / 2
    assert max(toy.calls) <= 16


def test_one_joins_while_another_is_on_its_way(batcher: Batcher) -> None:
    toy = SlowToy()
    long, short = task(toy, 1, steps=200), task(toy, 4, steps=5)
    joined: list[tuple[threading.Thread, list[Tensor | BaseException]]] = []

    def on_step(step: Step) -> None:
        if step.number == 5:
            joined.append(in_thread(lambda: batcher.sample(short).latent))

    result = batcher.sample(long, on_step).latent
    ((thread, landed),) = joined
    thread.join(30)
    assert isinstance(landed[0], Tensor)
    torch.testing.assert_close(result, solo(long), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(landed[0], solo(short), rtol=1e-4, atol=1e-4)
    alone, both = toy.calls[0], max(toy.calls)
    assert both > alone  # they shared passes
    assert toy.calls[-1] == alone  # and the short one left


def test_steps_are_told_in_order(batcher: Batcher) -> None:
    told: list[Step] = []
    batcher.sample(task(Toy(), steps=7), told.append)
    assert [(step.number, step.steps) for step in told] == [(number, 7) for number in range(1, 8)]
    assert told[0].denoised.shape == (1, 4, 4, 4)


def test_interrupting_one_leaves_the_other_alone(batcher: Batcher) -> None:
    toy = SlowToy()
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise InterruptedPrompt

    doomed = in_thread(lambda: batcher.sample(task(toy, 1, steps=5000), lambda _: stopped.set(), check).latent)
    other = task(toy, 2, steps=60)
    result = batcher.sample(other).latent
    doomed[0].join(30)
    assert isinstance(doomed[1][0], InterruptedPrompt)
    torch.testing.assert_close(result, solo(other), rtol=1e-4, atol=1e-4)
    calls = len(toy.calls)
    time.sleep(0.05)
    assert len(toy.calls) == calls  # nobody goes on with what was given up


def test_an_error_in_a_listener_ends_that_run_alone(batcher: Batcher) -> None:
    def on_step(_: Step) -> None:
        raise ConnectionError("nobody listens")

    with pytest.raises(ConnectionError):
        batcher.sample(task(Toy()), on_step)
    assert batcher.sample(task(Toy())).latent.shape == (1, 4, 4, 4)


@pytest.mark.parametrize(("prompt", "error"), [(66.0, SamplingFailed), (77.0, ArithmeticError)])
def test_trouble_hits_only_whose_it_is(batcher: Batcher, prompt: float, error: type[Exception]) -> None:
    toy = MoodyToy()
    healthy = task(toy, 1, steps=40)
    trouble = in_thread(lambda: batcher.sample(task(toy, 2, prompt=prompt)).latent)
    result = batcher.sample(healthy).latent
    trouble[0].join(30)
    assert isinstance(trouble[1][0], error)
    torch.testing.assert_close(result, solo(healthy), rtol=1e-4, atol=1e-4)


def test_broken_numbers_come_with_advice(batcher: Batcher) -> None:
    with pytest.raises(SamplingFailed, match=r"step 1 of 8.*another checkpoint"):
        batcher.sample(task(MoodyToy(), prompt=66.0))


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


def test_groups_take_turns(batcher: Batcher) -> None:
    """Two shapes cannot share a pass; the short run must not wait for the long one."""
    toy = SlowToy()
    long = in_thread(lambda: batcher.sample(task(toy, 0, steps=300)).latent)
    batcher.sample(task(toy, 0, steps=5, size=8))
    assert long[0].is_alive()
    long[0].join(30)
    assert isinstance(long[1][0], Tensor)


def test_prompts_of_different_length_meet_in_one_pass(batcher: Batcher) -> None:
    toy = Toy()
    uneven = replace(task(toy, 1), guider=Guidance(positive=(words(0.25, 6),), negative=(words(-0.1),), scale=3.0))
    torch.testing.assert_close(batcher.sample(uneven).latent, solo(task(toy, 1)), rtol=1e-4, atol=1e-4)
    assert set(toy.calls) == {4}


def test_a_run_without_steps_gives_its_latent_back(batcher: Batcher) -> None:
    toy = Toy()
    latent = torch.rand(1, 4, 4, 4)
    result = batcher.sample(replace(task(toy), latent=latent, sigmas=torch.empty(0))).latent
    assert torch.equal(result, latent)
    assert toy.calls == []


def test_closing_interrupts_what_runs_and_what_comes() -> None:
    closing = Batcher()
    toy = SlowToy()
    running = in_thread(lambda: closing.sample(task(toy, steps=5000)).latent)
    while not toy.calls:
        time.sleep(0.001)
    closing.close()
    closing.close()
    running[0].join(30)
    assert isinstance(running[1][0], InterruptedPrompt)
    with pytest.raises(InterruptedPrompt):
        closing.sample(task(toy))


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        Batcher(max_batch=0)

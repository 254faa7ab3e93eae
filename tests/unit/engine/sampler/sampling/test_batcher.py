"""Many runs at once: shared passes, nobody's picture changed by company, nobody hurt by another's trouble."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.sampler.nodes.registry import InterruptedPrompt
from engine.sampler.sampling.batcher import Batcher, Step
from engine.sampler.sampling.conditions import Area
from engine.sampler.sampling.denoiser import Rows
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.samplers import SAMPLERS as ALL_SAMPLERS
from engine.sampler.sampling.trajectory import SamplingFailed
from tests.unit.engine.sampler.sampling.company import Gathering, SlowToy, in_thread, solo, task, together
from tests.unit.engine.sampler.sampling.toy import Toy, words


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


def test_company_saves_passes_and_changes_nothing(batcher: Batcher) -> None:
    toy = Gathering(6)
    tasks = [task(toy, number) for number in range(6)]
    for one, result in zip(tasks, together(batcher, *tasks), strict=True):
        torch.testing.assert_close(result, solo(one), rtol=1e-4, atol=1e-4)
    longest = 2 * (len(tasks[3].sigmas) - 1) - 1  # Heun's, who evaluates twice in every step but the last
    assert len(toy.calls) <= 1 + longest  # all of them are there from the second pass on
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


def test_prompts_of_different_length_meet_in_one_pass(batcher: Batcher) -> None:
    toy = Toy()
    uneven = replace(task(toy, 1), guider=Guidance(positive=(words(0.25, 6),), negative=(words(-0.1),), scale=3.0))
    torch.testing.assert_close(batcher.sample(uneven).latent, solo(task(toy, 1)), rtol=1e-4, atol=1e-4)
    assert set(toy.calls) == {4}


def test_prompts_of_very_different_length_go_apart(batcher: Batcher) -> None:
    """Seven and eleven chunks would have to be repeated to seventy-seven."""
    toy = Toy()
    uneven = Guidance(positive=(words(0.25, 11),), negative=(words(-0.1, 7),), scale=3.0)
    expected = solo(task(toy, 1))
    torch.testing.assert_close(batcher.sample(replace(task(toy, 1), guider=uneven)).latent, expected)
    assert set(toy.calls) == {2}


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


def test_all_samplers_at_once_give_everybody_their_own(batcher: Batcher) -> None:
    """All 42, with areas and a mask among them: what they make is what they make alone."""
    toy = Gathering(len(ALL_SAMPLERS))
    mask = torch.tensor([[0.0, 0.3, 1.0, 1.0]]).expand(1, 4, 4)
    tasks = [
        replace(
            task(toy, number, steps=4),
            sampler=name,
            mask=mask if number % 4 == 0 else None,
            guider=Guidance(
                positive=(words(0.1 * (number % 5)), words(-0.2, tokens=6, area=Area(height=2 + number % 2, width=2))),
                negative=(words(-0.1),),
                scale=(1.0, 4.0)[number % 2],
            ),
        )
        for number, name in enumerate(ALL_SAMPLERS)
    ]
    assert len(tasks) == 42
    for one, result in zip(tasks, together(batcher, *tasks), strict=True):
        scale = max(1.0, float(result.abs().max()))
        torch.testing.assert_close(result / scale, solo(one) / scale, rtol=1e-4, atol=1e-4)
    assert max(toy.calls) <= 16
    assert sum(toy.calls) / len(toy.calls) > 6


def test_the_same_again_is_the_same_to_the_last_bit(batcher: Batcher) -> None:
    one = task(Toy(), 4)
    assert torch.equal(batcher.sample(one).latent, batcher.sample(one).latent)


def test_who_was_interrupted_before_the_start_costs_nothing(batcher: Batcher) -> None:
    toy = Toy()

    def check() -> None:
        raise InterruptedPrompt

    with pytest.raises(InterruptedPrompt):
        batcher.sample(task(toy), check_interrupted=check)
    assert toy.calls == []


def test_who_is_interrupted_in_line_leaves_it() -> None:
    """The pass that runs takes a while; the next in line gives up meanwhile."""
    release, entered = threading.Event(), threading.Event()

    class Stuck(Toy):
        def predict(self, rows: Rows) -> Tensor:
            entered.set()
            assert release.wait(30)
            return super().predict(rows)

    toy = Stuck()
    batcher = Batcher()
    given_up = threading.Event()

    def check() -> None:
        if given_up.is_set():
            raise InterruptedPrompt

    try:
        first = in_thread(lambda: batcher.sample(task(toy, 0, steps=3)).latent)
        assert entered.wait(30)
        second = in_thread(lambda: batcher.sample(task(toy, 0, steps=3), check_interrupted=check).latent)
        time.sleep(0.1)
        given_up.set()
        second[0].join(30)
        release.set()
        first[0].join(30)
    finally:
        batcher.close()
    assert isinstance(second[1][0], InterruptedPrompt)
    assert isinstance(first[1][0], Tensor)
    assert toy.calls == [1, 1, 1]


@pytest.mark.parametrize("sampler", ALL_SAMPLERS)
def test_short_lists_of_sigmas(batcher: Batcher, sampler: str) -> None:
    """One step, and none: the start comes back noised, as ComfyUI gives it."""
    toy = Toy()
    one = replace(task(toy, 0), sampler=sampler, sigmas=torch.tensor([5.0, 0.0]))
    assert batcher.sample(one).latent.isfinite().all()
    start = batcher.sample(replace(one, sigmas=torch.tensor([5.0]))).latent
    torch.testing.assert_close(start, toy.space.leave(one.noise * 5.0))
    assert not batcher.sample(replace(one, sigmas=torch.tensor([0.0]))).latent.any()


def test_what_is_left_of_the_noise_can_be_taken_off(batcher: Batcher) -> None:
    toy = Toy()
    whole = task(toy, 0)
    cut = batcher.sample(replace(whole, sigmas=whole.sigmas[:4]))
    last: list[Tensor] = []
    batcher.sample(replace(whole, sigmas=whole.sigmas[:4]), lambda step: last.append(step.denoised))
    torch.testing.assert_close(cut.denoised, toy.space.leave(last[-1]))
    assert not torch.equal(cut.denoised, cut.latent)

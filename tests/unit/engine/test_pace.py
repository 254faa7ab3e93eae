from unittest.mock import create_autospec

import pytest

from engine.model import Job, JobView, Task, TaskStatus
from engine.pace import Load, Pace, ShareMeter, kind_of, work_left


class HandClock:
    """Time that a test moves by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_an_unmeasured_endpoint_runs_at_its_weight():
    assert Pace().seconds({"x": 3000}, [("gpu", 2.0), ("cpu", 1.0)]) == 1.0


def test_measurements_move_the_estimate():
    pace = Pace()
    pace.observe("gpu", "x", cost=1000, share=2.0)  # half the reference
    assert pace.seconds({"x": 1000}, [("gpu", 1.0)]) == 2.0
    pace.observe("gpu", "x", cost=1000, share=1.0)
    assert 1.0 < pace.seconds({"x": 1000}, [("gpu", 1.0)]) < 2.0


def test_each_kind_of_work_is_learnt_by_itself():
    pace = Pace()
    for _ in range(10):
        pace.observe("gpu", "slow", cost=1000, share=4.0)
        pace.observe("gpu", "quick", cost=1000, share=0.5)
    assert pace.seconds({"slow": 1000, "quick": 2000}, [("gpu", 1.0)]) == pytest.approx(4.0 + 1.0)


def test_what_is_not_known_of_a_kind_is_guessed_from_the_endpoints_other_work():
    pace = Pace()
    pace.observe("gpu", "known", cost=1000, share=2.0)
    assert pace.seconds({"new": 1000}, [("gpu", 1.0)]) == 2.0


def test_an_endpoint_that_becomes_slow_is_believed_after_a_few_pictures():
    pace = Pace()
    for _ in range(50):
        pace.observe("gpu", "x", cost=1000, share=1.0)
    for _ in range(8):
        pace.observe("gpu", "x", cost=1000, share=2.0)
    assert 1.8 < pace.seconds({"x": 1000}, [("gpu", 1.0)]) < 2.0


def test_what_was_learnt_outlives_the_process():
    first, second = Pace(), Pace()
    for share in (2.0, 3.0, 2.5):
        learnt = first.observe("gpu", "x", cost=1000, share=share)
    assert learnt is not None
    second.load([learnt])
    work, endpoints = {"x": 1000}, [("gpu", 1.0)]
    assert second.seconds(work, endpoints) == pytest.approx(first.seconds(work, endpoints))


def test_sizes_within_a_small_factor_are_one_kind():
    assert kind_of("txt2img", "a", 512, 512) == kind_of("txt2img", "a", 544, 512)
    assert kind_of("txt2img", "a", 512, 512) != kind_of("txt2img", "a", 1024, 1024)
    assert kind_of("txt2img", "a", 512, 512) != kind_of("txt2img", "b", 512, 512)


def test_nothing_to_run_on_gives_no_estimate():
    assert Pace().seconds({"x": 1000}, []) is None
    assert Pace().seconds({}, [("gpu", 1.0)]) == 0


def test_an_attempt_alone_used_all_of_its_time():
    clock = HandClock()
    meter = ShareMeter(clock=clock)
    with meter.attempt() as share:
        clock.time += 4
    assert share.of(3.0) == 3.0


def test_attempts_that_run_together_share_the_time_evenly():
    clock = HandClock()
    meter = ShareMeter(clock=clock)
    with meter.attempt() as early:
        clock.time += 2
        with meter.attempt() as late:
            clock.time += 4
        clock.time += 2
    assert early.used == pytest.approx(6)  # 2 alone, half of 4, 2 alone
    assert late.used == pytest.approx(2)
    assert early.used + late.used == pytest.approx(8)  # nothing is charged twice


def test_a_clock_that_jumps_back_charges_nothing():
    clock = HandClock()
    meter = ShareMeter(clock=clock)
    with meter.attempt() as share:
        clock.time -= 3600
    assert share.used == 0


def view(*, ahead: int = 0, running: int = 0, side_by_side: int = 0, own: int = 1, depth: int = 0, people: int = 0):
    """A job of `own` waiting pictures of 1000 mgs each, all work of one kind."""
    task = Task(
        id="t", job_id="j", index=0, seed=1, status=TaskStatus.QUEUED, needs="", cost=1000, tries=0, endpoint="",
        seconds=None, error="",
    )  # fmt: skip
    return JobView(
        job=create_autospec(Job, instance=True),
        tasks=(task,) * own,
        position=1,
        work_ahead={"x": ahead},
        work_running={"x": running},
        running=side_by_side,
        depth=depth,
        people=people,
        kind="x",
    )


def test_what_is_left_is_what_comes_before_and_ones_own():
    assert work_left(view()) == {"x": 1000}
    assert work_left(view(ahead=3000, running=1000, side_by_side=1)) == {"x": 3000 + 500 + 1000}


def test_side_by_side_the_next_to_end_is_nearer_and_ones_own_takes_longer():
    assert work_left(view(ahead=3000, running=3000, side_by_side=3)) == {"x": 3000 + 750 + 3000}
    assert work_left(view(own=4, running=3000, side_by_side=3)) == {"x": 750 + 3 * 1000 + 3000}


def test_who_stands_deep_in_their_own_queue_is_overtaken_while_work_keeps_coming():
    deep = view(ahead=10_000, depth=10_000, people=5)
    assert work_left(deep, 0.0) == {"x": 11_000}
    assert work_left(deep, 0.5) == {"x": 21_000}
    assert work_left(deep, 0.99) == work_left(deep, 3.0) == {"x": 51_000}  # five people with ten each
    assert work_left(view(ahead=10_000, depth=0, people=5), 0.9) == {"x": 11_000}


def test_the_load_is_the_work_that_comes_in_a_second_and_fades():
    load = Load()
    assert load.rate(0.0) == 0
    for second in range(600):
        load.add(0.5, float(second))
    assert load.rate(600.0) == pytest.approx(0.5, rel=0.01)
    assert load.rate(6000.0) < 0.01

import pytest

from engine.pace import Pace, ShareMeter, kind_of


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

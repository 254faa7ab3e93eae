import pytest

from engine.pace import Pace, ShareMeter


class HandClock:
    """Time that a test moves by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_an_unmeasured_endpoint_runs_at_its_weight():
    assert Pace().seconds(3000, [("gpu", 2.0), ("cpu", 1.0)]) == 1.0


def test_measurements_move_the_estimate():
    pace = Pace()
    pace.observe("gpu", cost=1000, share=2.0)  # half the reference
    assert pace.seconds(1000, [("gpu", 1.0)]) == 2.0
    pace.observe("gpu", cost=1000, share=1.0)
    assert 1.0 < pace.seconds(1000, [("gpu", 1.0)]) < 2.0


def test_nothing_to_run_on_gives_no_estimate():
    assert Pace().seconds(1000, []) is None


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

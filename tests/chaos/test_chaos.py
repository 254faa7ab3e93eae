"""A short storm in every run of the tests; `make chaos` has the long ones."""

import random
from pathlib import Path

from tests.chaos.storm import Plan, Storm


async def test_nothing_is_lost_overcharged_or_stuck_when_everything_dies_in_turn(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"chaos seed {seed}")
    report = await Storm(Plan(seed=seed, jobs=40, kills=8), tmp_path / "storm").run()
    assert report.verdict.problems == (), f"seed {seed}"
    assert report.verdict.done > 20
    assert sum(report.kills.values()) == 8
    assert report.in_flight >= 5

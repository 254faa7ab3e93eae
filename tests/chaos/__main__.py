"""`make chaos`: long storms over several seeds, and what came of them, as a table for docs/reliability.md."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench.page import machine
from tests.chaos.storm import Plan, Report, Storm

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- chaos: written by make chaos -->", "<!-- chaos: end -->"
NEEDED_SHARE = 0.75
"""The share of kills that must hit a job in flight; else the storm proves nothing."""


def table(reports: list[Report]) -> str:
    """The figures of all storms."""
    lines = [
        "| seed | jobs | done | kills | hit | held | 429 | 500 | silent | repeated | cut | full | doubled "
        "| problems | s |",
        "|" + "---|" * 15,
    ]
    for one in reports:
        kills = ", ".join(f"{count} {kind}" for kind, count in sorted(one.kills.items()))
        cells = [
            one.plan.seed,
            one.verdict.jobs,
            one.verdict.done,
            f"{sum(one.kills.values())} ({kills})",
            one.in_flight,
            one.verdict.held,
            one.platform.too_many,
            one.platform.broken,
            one.platform.answers_lost,
            one.platform.repeated,
            one.cut,
            one.times_full,
            one.verdict.doubled,
            len(one.verdict.problems),
            round(one.seconds),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    points = sorted({point for one in reports for point in one.points})
    named = ", ".join(f"`{point}`" for point in points)
    return "\n".join([*lines, "", f"Named points at which the bot died ({len(points)}): {named}."])


def main() -> None:
    """Run the storms; exits with 1 where one found a problem or hit too little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500, help="that are accepted")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--keep", type=Path, help="keep logs and databases in this folder")
    options = parser.parse_args()
    reports, failed = [], False
    for seed in options.seeds:
        with tempfile.TemporaryDirectory(prefix="storm-") as name:
            folder = (options.keep or Path(name)) / str(seed)
            print(f"storm of seed {seed}: {options.jobs} jobs, {options.kills} kills ...", flush=True)
            report = asyncio.run(Storm(Plan(seed=seed, jobs=options.jobs, kills=options.kills), folder).run())
        reports.append(report)
        hit = report.in_flight / max(1, sum(report.kills.values()))
        failed |= bool(report.verdict.problems) or hit < NEEDED_SHARE
        done = f"{report.verdict.done} of {report.verdict.jobs} done"
        print(f"  {done}, {hit:.0%} of the kills in flight, {report.seconds:.0f} s")
        for problem in report.verdict.problems:
            print(f"  PROBLEM {problem}")
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{machine()}:\n\n{table(reports)}\n\n{END}{after}", encoding="utf-8")
    sys.exit(failed)


if __name__ == "__main__":
    main()

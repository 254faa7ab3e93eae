"""Figures of one run on one machine, side by side, as ratios; they are printed and kept in docs/benchmarks.md."""

import datetime
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`. Timings of shared machines are noisy, so what counts is the ratio of two figures that were
measured side by side in one run.
"""


@dataclass
class Report:
    """The lines of the page."""

    rows: list[str] = field(default_factory=list)

    def ratio(self, what: str, seconds: float, against: str, other: float) -> None:
        """Report how long something took in relation to something else; both in seconds."""
        row = f"| {what} | {seconds / other:.2f} | {seconds:.2f} s to {other:.2f} s: {against} |"
        print(f"\n{row}")
        self.rows.append(row)

    def figures(self, what: str, ratio: float | None, figures: str) -> None:
        """Report figures of any unit, with a ratio where there is one."""
        row = f"| {what} | {'' if ratio is None else f'{ratio:.2f}'} | {figures} |"
        print(f"\n{row}")
        self.rows.append(row)


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    """What the benches write to; the page is written when all have run."""
    report = Report()
    yield report
    if report.rows:
        day = datetime.datetime.now(tz=datetime.UTC).date()
        machine = f"{os.cpu_count()} cores, {_processor()}, {platform.system()}, Python {platform.python_version()}"
        table = ["| what | ratio | figures |", "|---|---|---|", *report.rows]
        PAGE.write_text(f"{HEAD}\n{day}, {machine}, no GPU used:\n\n" + "\n".join(table) + "\n", encoding="utf-8")


def _processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

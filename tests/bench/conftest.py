"""Figures of one run on one machine, side by side, as ratios; they are printed and kept in docs/benchmarks.md."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.bench.page import keep, machine


@dataclass
class Report:
    """The lines of the page."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def ratio(self, what: str, seconds: float, against: str, other: float) -> None:
        """Report how long something took in relation to something else; both in seconds."""
        self._add(what, f"{seconds / other:.2f}", f"{seconds:.2f} s to {other:.2f} s: {against}")

    def figures(self, what: str, ratio: float | None, figures: str) -> None:
        """Report figures of any unit, with a ratio where there is one."""
        self._add(what, "" if ratio is None else f"{ratio:.2f}", figures)

    def _add(self, what: str, ratio: str, figures: str) -> None:
        print(f"\n| {what} | {ratio} | {figures} |")
        self.rows.append((what, ratio, figures))


@pytest.fixture(scope="session", autouse=True)
def _as_served() -> None:
    """Leave to the collector what `atelier serve` leaves to it: not what was loaded before."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    """What the benches write to; the page is written when all have run."""
    report = Report()
    yield report
    if report.rows:
        keep("The whole way", machine(), report.rows)

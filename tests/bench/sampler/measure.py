"""Figures that mean something on a noisy machine: interleaved pairs, their ratios, medians and quartiles."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Ratios of interleaved pairs, and the medians of both in seconds."""

    ratios: tuple[float, ...]
    first: float
    second: float
    cpu: float  # the middle ratio of the seconds that processors worked, which other processes hardly move

    @property
    def median(self) -> float:
        """The middle ratio."""
        return median(self.ratios)

    def spread(self) -> str:
        """Say how far the middle half of the ratios reaches, and over how many pairs."""
        low, _, high = quantiles(self.ratios, n=4)
        return f"quartiles {low:.2f} to {high:.2f}, {len(self.ratios)} pairs"


def interleaved(first: Callable[[int], object], second: Callable[[int], object], *, pairs: int) -> Ratio:
    """Time two things in turns, each first in every other pair; both are given a number that is never used twice."""
    taken: list[tuple[_Taken, _Taken]] = []
    for pair in range(pairs):
        one, other = 2 * pair + 1, 2 * pair + 2
        if pair % 2:
            later = _taken(second, other)
            taken.append((_taken(first, one), later))
        else:
            sooner = _taken(first, one)
            taken.append((sooner, _taken(second, other)))
    return Ratio(
        ratios=tuple(one.wall / other.wall for one, other in taken),
        first=median(one.wall for one, _ in taken),
        second=median(other.wall for _, other in taken),
        cpu=median(one.cpu / other.cpu for one, other in taken),
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    wall: float  # seconds
    cpu: float  # seconds of all threads


def _taken(call: Callable[[int], object], number: int) -> _Taken:
    begun, worked = time.perf_counter(), time.process_time()
    call(number)
    return _Taken(time.perf_counter() - begun, time.process_time() - worked)


def seconds_of(call: Callable[[int], object], number: int) -> float:
    """Time one call."""
    begun = time.perf_counter()
    call(number)
    return time.perf_counter() - begun

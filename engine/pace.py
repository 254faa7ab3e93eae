"""How fast endpoints really are: the quotes' milli-GPU-seconds that each gets done in a second, learnt as work ends."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.ports import Clock

LEARNING_RATE = 0.2  # weight of the newest measurement in the moving average


class Pace:
    """Throughput by endpoint, for ETAs; starts from the configured weight (1.0: 1000 mgs a second)."""

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}

    def observe(self, endpoint: str, cost: int, share: float) -> None:
        """Learn that work quoted at `cost` mgs took `share` seconds of the endpoint."""
        if cost <= 0 or share <= 0:
            return
        measured = cost / share
        known = self._rates.get(endpoint)
        self._rates[endpoint] = measured if known is None else known + LEARNING_RATE * (measured - known)

    def seconds(self, cost: int, endpoints: Iterable[tuple[str, float]]) -> float | None:
        """Say how long `cost` mgs take on these endpoints (name, weight) together; None without any."""
        rate = sum(self._rates.get(name, 1000 * weight) for name, weight in endpoints)
        return cost / rate if rate > 0 else None


@dataclass(kw_only=True)
class Share:
    """The part of an endpoint's time that one attempt used: seconds, and their share when others ran beside it."""

    elapsed: float = 0.0
    used: float = 0.0

    def of(self, seconds: float) -> float:
        """Scale a duration that the endpoint measured to this attempt's share of it."""
        return seconds * (self.used / self.elapsed) if self.elapsed > 0 else seconds


@dataclass(kw_only=True)
class ShareMeter:
    """Splits an endpoint's time evenly among the attempts that run at once.

    Keeps a virtual time that runs at 1/n of real time while n attempts run; an attempt used what it advanced.
    """

    clock: Clock
    running: int = 0
    _virtual: float = 0.0
    _at: float = field(default=0.0)

    def _advance(self) -> None:
        now = self.clock.now()
        if self.running:
            self._virtual += max(0.0, now - self._at) / self.running
        self._at = now

    @contextmanager
    def attempt(self) -> Iterator[Share]:
        """Measure one attempt; the share is complete after the block."""
        self._advance()
        self.running += 1
        share = Share()
        virtual, started = self._virtual, self._at
        try:
            yield share
        finally:
            self._advance()
            self.running -= 1
            share.elapsed = max(0.0, self._at - started)
            share.used = self._virtual - virtual

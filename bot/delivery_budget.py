"""How many calls a platform takes, over sliding windows of time; pure: whoever asks says what time it is."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rate:
    """At most `count` calls within any `seconds`."""

    count: int
    seconds: float

    @property
    def progress_count(self) -> int:
        """How many of the calls may show progress; the rest is kept for results, where there is more than one."""
        return self.count - max(1, self.count // 4) if self.count > 1 else self.count


class Budget:
    """Several rates that all hold at once. Times are seconds of one clock that never goes back."""

    def __init__(self, rates: Sequence[Rate]) -> None:
        self._rates = tuple(rates)
        self._spent: deque[float] = deque(maxlen=max((rate.count for rate in rates), default=0))
        self._reserved = 0

    def free_at(self, *, progress: bool) -> float:
        """Give the time from which one more call is allowed: minus infinity if nothing was spent that still counts.

        Infinity if that depends on calls that are reserved: they count as being made now, whenever now is.
        """
        free = float("-inf")
        for rate in self._rates:
            allowed = (rate.progress_count if progress else rate.count) - self._reserved
            if allowed <= 0:
                return float("inf")
            if len(self._spent) >= allowed:
                free = max(free, self._spent[-allowed] + rate.seconds)
        return free

    def reserve(self) -> None:
        """Keep room for a call that is being prepared; `spend` or `take_back` follows."""
        self._reserved += 1

    def take_back(self) -> None:
        """Give back what was reserved: the call is not made."""
        self._reserved -= 1

    def spend(self, now: float) -> None:
        """Note a call; `now` is not before that of any call noted earlier."""
        if self._rates:
            self._spent.append(now)

    def quiet_at(self) -> float:
        """Give the time from which the budget is as if nothing had ever been spent."""
        if not self._spent:
            return float("-inf")
        return self._spent[-1] + max(rate.seconds for rate in self._rates)

"""How long to wait before the next try (pure)."""

from dataclasses import dataclass


@dataclass
class Backoff:
    """Delays that double up to a limit and start over after something has held for `stable` seconds."""

    first: float = 0.5  # seconds
    maximum: float = 30.0
    stable: float = 60.0
    _next: float = 0.0

    def delay(self, held: float) -> float:
        """Give the seconds to wait, now that the last try has held for `held` seconds (0 if it never worked)."""
        if held >= self.stable or self._next == 0.0:
            self._next = self.first
        delay = self._next
        self._next = min(self._next * 2, self.maximum)
        return delay

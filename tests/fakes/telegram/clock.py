"""The server's own notion of time: tests move it forward, and messages, files and flood windows grow old."""

import time


class Clock:
    """Real time plus what tests added."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def date(self) -> int:
        """Whole seconds since 1970, as Telegram writes times."""
        return int(self.now())

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._ahead += seconds

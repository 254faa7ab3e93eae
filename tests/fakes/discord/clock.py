"""The server's own notion of time, and the ids that carry it.

Tests move it forward: messages grow old, tokens expire. Rate limits count real seconds, as clients sleep real ones.
"""

import asyncio
import time
from datetime import UTC, datetime

TICK = 0.1  # seconds
EPOCH_MS = 1_420_070_400_000  # the first second of 2015: where Discord's ids begin to count


class Clock:
    """Real time plus what tests added."""

    def __init__(self) -> None:
        self.stood_still = 0.0  # seconds in all, of this machine: they count against nobody who has to answer in time
        self._ahead = 0.0
        self._last_id = 0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    async def watch(self) -> None:
        """Notice, until cancelled, when this machine stands still: then sleep takes much longer than it should."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK)
            self.stood_still += max(0.0, time.monotonic() - began - 2 * TICK)

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._ahead += seconds

    def snowflake(self) -> int:
        """A new id, higher than all before."""
        self._last_id = max(self._last_id + 1, (int(self.now() * 1000) - EPOCH_MS) << 22)
        return self._last_id


def iso(at: float) -> str:
    """As Discord writes times: 2026-01-02T03:04:05.678000+00:00."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def born(snowflake: int) -> float:
    """When an id was made, in seconds since 1970."""
    return ((snowflake >> 22) + EPOCH_MS) / 1000

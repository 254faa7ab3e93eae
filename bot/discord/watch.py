"""Watches Discord's answers: whom a 429 concerns, and how many requests of ours were refused.

Discord shuts out whoever has 10,000 requests refused (401, 403, 429) within ten minutes. We stop long before that.
"""

import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
import structlog

log = structlog.get_logger(__name__)

MOST_REFUSED = 2_000
WITHIN = 600.0  # seconds
_REFUSED = frozenset({401, 403, 429})


class Watch:
    """Counts by what it is told of every answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, most: int = MOST_REFUSED) -> None:
        self._clock = clock
        self._refused: deque[float] = deque(maxlen=most)
        self._everywhere_until = float("-inf")

    def note(self, status: int, headers: "aiohttp.typedefs.LooseHeaders | dict[str, str]") -> None:
        """Take notice of an answer."""
        told = {str(name).lower(): str(value) for name, value in dict(headers).items()}
        shared = told.get("x-ratelimit-scope") == "shared"  # others' doing, which Discord does not hold against us
        if status in _REFUSED and not (status == 429 and shared):
            self._refused.append(self._clock())
        if status == 429 and (told.get("x-ratelimit-global") == "true" or told.get("x-ratelimit-scope") == "global"):
            after = told.get("retry-after", "")
            self._everywhere_until = self._clock() + (float(after) if after.replace(".", "", 1).isdigit() else 1.0)

    def everywhere(self) -> bool:
        """Whether every chat has to wait now."""
        return self._clock() < self._everywhere_until

    def wait(self) -> float:
        """Seconds until the next call may be made; 0 if it may now."""
        if len(self._refused) < (self._refused.maxlen or 0):
            return 0.0
        return max(0.0, self._refused[0] + WITHIN - self._clock())

    def trace(self) -> aiohttp.TraceConfig:
        """What tells the watch of every answer."""
        trace = aiohttp.TraceConfig()

        async def ended(
            session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
        ) -> None:
            self.note(params.response.status, dict(params.response.headers))

        trace.on_request_end.append(ended)
        return trace

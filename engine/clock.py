"""The clock of the real world."""

import asyncio
import time


class SystemClock:
    """The machine's clock; implements `engine.ports.Clock`."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; at once where there is nothing to wait for."""
        await asyncio.sleep(max(0.0, seconds))

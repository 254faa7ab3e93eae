"""What a service does for its data folder by itself: once a day what need not be kept is removed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from engine.errors import AtelierError

if TYPE_CHECKING:
    from storage.retention import Retention

log = structlog.get_logger(__name__)

FIRST = 600.0  # seconds after the start, when whatever the start has to do is done
EVERY = 86_400.0  # seconds


class Upkeep:
    """Sweeps by the day, and when asked; never twice at once."""

    def __init__(
        self,
        retention: "Retention",
        *,
        expire: Callable[[], Awaitable[int]] | None = None,
        first: float = FIRST,
        every: float = EVERY,
    ) -> None:
        """`expire` ends what has been held too long for moderators to look at."""
        self._retention = retention
        self._expire = expire
        self._first = first
        self._every = every
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Sweep until cancelled; a sweep that fails is tried again the next day."""
        await asyncio.sleep(self._first)
        while True:
            try:
                if self._expire is not None:
                    await self._expire()
                async with self._turn:
                    await self._retention.sweep()
            except (AtelierError, OSError) as error:
                log.error("not_swept", error=str(error))
            await asyncio.sleep(self._every)

    async def route(self, request: web.Request) -> web.Response:
        """Sweep because the machine's owner asks for it (`atelier db prune`); the door has checked the key."""
        async with self._turn:
            swept = await self._retention.sweep(dry_run=request.query.get("dry_run") == "1")
        return web.json_response(asdict(swept))

"""Job events become edits of one message: progress while it runs, the pictures at the end, once.

What is due is a row in the books, so a restart delivers what the last process did not. Here is found out what there is
to say about which job; `delivery_platform` says it, a line of work for each chat, when `delivery_traffic` lets it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import structlog

from bot.adapter import Adapter
from bot.delivery_platform import PlatformDelivery
from bot.delivery_tools import Tools
from engine.errors import StorageError
from engine.model import DeliveryStatus

log = structlog.get_logger(__name__)

LOOK = 2.0  # seconds; deliveries that are due again are found within them
POSITION_REFRESH = 2.0  # seconds between looks at the whole queue, while something moves
BATCH = 200  # deliveries that are taken, or looked up, at once


class DeliveryService:
    """All adapters of this process."""

    def __init__(self, *, adapters: Sequence[Adapter], tools: Tools) -> None:
        self._tools = tools
        self._platforms: Mapping[str, PlatformDelivery] = {
            adapter.platform: PlatformDelivery(adapter, tools) for adapter in adapters
        }
        self._foreign: set[str] = set()  # jobs that wait and are no adapter's of ours
        self._looked_at = float("-inf")

    async def run(self) -> None:
        """Deliver until cancelled; a send that is under way is finished first."""
        async with asyncio.TaskGroup() as group:
            for name, platform in self._platforms.items():
                group.create_task(platform.run(), name=f"delivery on {name}")
            group.create_task(self._watch(), name="delivery")

    async def _watch(self) -> None:
        changes = self._tools.board.subscribe()
        moved = True
        try:
            while True:
                try:
                    while await self._take_due():
                        pass
                    moved = await self._refresh_positions() if moved else False
                    jobs = await changes.take(timeout=LOOK)
                    moved = moved or bool(jobs)
                    await self._look_up([job for job in jobs if not self._touched(job)])
                except StorageError as error:
                    log.error("delivery_waits", error=error.code, detail=error.detail)
                    await self._tools.clock.sleep(LOOK)
        finally:
            self._tools.board.unsubscribe(changes)

    async def _take_due(self) -> bool:
        """Take what is due for sending; True if there may be more."""
        taken = await self._tools.books.take_deliveries(tuple(self._platforms), BATCH)
        for delivery in taken:
            self._platforms[delivery.place.platform].deliver(delivery)
        return len(taken) == BATCH

    def _touched(self, job_id: str) -> bool:
        return any(platform.touch(job_id) for platform in self._platforms.values())

    async def _look_up(self, job_ids: Sequence[str], positions: Mapping[str, int] | None = None) -> None:
        """Show jobs of which nothing is known yet."""
        for batch in _batches(job_ids):
            found = {delivery.job_id: delivery for delivery in await self._tools.deliveries.of_jobs(batch)}
            for job_id in batch:
                delivery = found.get(job_id)
                platform = None if delivery is None else self._platforms.get(delivery.place.platform)
                if delivery is None or platform is None:
                    self._foreign.add(job_id)
                elif delivery.status in (DeliveryStatus.WAITING, DeliveryStatus.HELD):
                    platform.show(delivery, (positions or {}).get(job_id, 0))

    async def _refresh_positions(self) -> bool:
        """Show the places in the queue that changed, with one look at all of it; True if it is too early for that."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < POSITION_REFRESH:
            return True
        self._looked_at = now
        positions = await self._tools.deliveries.positions()
        self._foreign &= positions.keys()
        unknown = [
            job_id
            for job_id, position in positions.items()
            if not any(platform.refresh(job_id, position) for platform in self._platforms.values())
        ]
        await self._look_up([job_id for job_id in unknown if job_id not in self._foreign], positions)
        return False


def _batches(job_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(job_ids), BATCH):
        yield job_ids[start : start + BATCH]

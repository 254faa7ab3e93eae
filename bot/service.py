"""The running service: adapters receive, the dispatcher dispatches, the delivery delivers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from bot.adapter import Adapter, Command
from bot.commands import Commands
from bot.delivery import DeliveryService
from bot.door import Notice
from bot.replies import Reply
from bot.upkeep import Upkeep
from engine.dispatcher import Dispatcher

log = structlog.get_logger(__name__)


class Service:
    """What `compose` has built, as one thing to run."""

    def __init__(
        self,
        *,
        commands: Commands,
        dispatcher: Dispatcher,
        delivery: DeliveryService,
        adapters: Sequence[Adapter],
        upkeep: Upkeep | None,
        own_jobs: set[str] | None,
        notice: Notice,
    ) -> None:
        """`own_jobs` is the set that a console alone adds its jobs to; None serves every job."""
        self.notice = notice
        self._commands = commands
        self._dispatcher = dispatcher
        self._delivery = delivery
        self._adapters = adapters
        self._upkeep = upkeep
        self._own_jobs = own_jobs

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the block ends. A loop that breaks ends the block with its error: no half-dead service.

        The platforms stay connected until the loops have ended: the delivery waits for the answers to what it sent.
        """
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(self._dispatcher.run(), name="dispatcher"),
                group.create_task(self._delivery.run(), name="delivery"),
            ]
            if self._upkeep is not None:
                loops.append(group.create_task(self._upkeep.run(), name="upkeep"))
            try:
                for adapter in self._adapters:
                    await adapter.start(self._handle)
                yield
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.wait(loops)
                for adapter in self._adapters:
                    await adapter.stop()

    async def _handle(self, command: Command) -> Reply:
        reply = await self._commands.handle(command)
        if self._own_jobs is not None:
            self._own_jobs.update(reply.jobs)
            self._dispatcher.wake()
        return reply

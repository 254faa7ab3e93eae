"""Delivery of updates to a webhook: POST with the secret, tried again until it is answered with 2xx."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.fakes.telegram.clock import Clock
from tests.fakes.telegram.updates import Update, Updates

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One try."""

    update_id: int
    kind: str
    status: int  # 0 if nobody answered
    answer: bytes


class Webhook:
    """The webhook that is set, and what was tried; nothing happens while `url` is empty."""

    def __init__(self, clock: Clock, updates: Updates) -> None:
        self.clock = clock
        self.updates = updates
        self.url = ""
        self.secret = ""
        self.max_connections = 40
        self.retry_after = 0.05  # seconds before the second try, doubled for each after it
        self.timeout = 10.0  # seconds that an answer may take
        self.deliveries: list[Delivery] = []
        self.last_error: tuple[int, str] | None = None
        self.answered: Callable[[bytes], None] = lambda answer: None  # told what a delivery was answered with
        self._task: asyncio.Task[None] | None = None

    def info(self) -> dict[str, Any]:
        """A WebhookInfo."""
        shown: dict[str, Any] = {"url": self.url, "has_custom_certificate": False}
        shown["pending_update_count"] = len(self.updates.pending)
        if self.url:
            shown["max_connections"] = self.max_connections
        if self.updates.allowed:
            shown["allowed_updates"] = sorted(self.updates.allowed)
        if self.last_error:
            shown["last_error_date"], shown["last_error_message"] = self.last_error
        return shown

    async def set(self, url: str, secret: str = "", max_connections: int = 40) -> None:
        """Deliver to this address from now on; to none if it is empty."""
        await self.close()
        self.url, self.secret, self.max_connections, self.last_error = url, secret, max_connections, None
        self.updates.webhook_active = bool(url)
        if url:
            self.updates.end_poll(by_webhook=True)
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Deliver no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def redeliver(self, update: Update) -> Delivery:
        """Deliver an update once more, as Telegram does when an answer was lost on its way."""
        async with aiohttp.ClientSession() as session:
            return await self._try(session, update)

    async def _run(self) -> None:
        """Deliver what waits, several at a time but those of a chat in their order, each until it is taken."""
        connector = aiohttp.TCPConnector(limit=self.max_connections)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            begun: set[int] = set()
            rows: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
            while True:
                self.updates.changed.clear()
                for update in [u for u in self.updates.pending if u.id not in begun]:
                    begun.add(update.id)
                    group.create_task(self._deliver(session, update, rows[update.row]))
                await self.updates.changed.wait()

    async def _deliver(self, session: aiohttp.ClientSession, update: Update, row: asyncio.Lock) -> None:
        async with row:
            await self._deliver_next(session, update)

    async def _deliver_next(self, session: aiohttp.ClientSession, update: Update) -> None:
        wait = self.retry_after
        while update in self.updates.pending:
            delivery = await self._try(session, update)
            if 200 <= delivery.status < 300:
                with contextlib.suppress(ValueError):
                    self.updates.take(update)
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 60)

    async def _try(self, session: aiohttp.ClientSession, update: Update) -> Delivery:
        headers = {SECRET_HEADER: self.secret} if self.secret else {}
        status, answer = 0, b""
        try:
            timeout = aiohttp.ClientTimeout(total=self.timeout)
            async with session.post(self.url, json=update.payload(), headers=headers, timeout=timeout) as response:
                status, answer = response.status, await response.read()
                problem = f"Wrong response from the webhook: {response.status} {response.reason}"
        except (aiohttp.ClientError, TimeoutError, OSError):
            problem = "Connection refused"
        if not 200 <= status < 300:
            self.last_error = self.clock.date(), problem
        delivery = Delivery(update_id=update.id, kind=update.kind, status=status, answer=answer)
        self.deliveries.append(delivery)
        self.answered(answer)
        return delivery

"""The bot's process in the chaos suite: the real service, with two platforms more, its ports wired, its clock bent.

python -m tests.chaos.service CONFIG PLATFORM_URL CLOCK_FILE FAULT_FILE
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import typer

from bot import compose
from bot.adapter import Command, Handle, Limits
from bot.compose import settings_of_this_process
from bot.delivery import DeliveryService
from bot.delivery_budget import Rate
from bot.logs import configure_logs
from bot.replies import Reply
from bot.running import run
from bot.serve import serve_forever
from bot.service import Service
from engine.clock import SystemClock
from engine.errors import DeliveryUnanswered, FloodWait, MessageGone
from engine.model import Identity, Place, Power
from engine.ports import Blobs
from tests.chaos.faults import Tripwire, Wired, wired

TIMEOUT = aiohttp.ClientTimeout(total=10)
PLATFORMS = ("with-nonce", "without-nonce")
MODERATOR = "moderator"
"""Who moderates every chat."""


class BentClock(SystemClock):
    """The system's clock, set forward or back by what a file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> float:
        """Seconds since the epoch, and then some."""
        try:
            return time.time() + float(self._file.read_text() or 0)
        except (OSError, ValueError):
            return time.time()


class ChaosAdapter:
    """A platform's adapter: long polling, JSON, and an honest translation of what goes wrong."""

    def __init__(self, platform: str, url: str, wire: Tripwire, image: bytes) -> None:
        self.platform = platform
        self.limits = Limits(
            progress_interval=0.3,
            preview_interval=1.0,
            chat=(Rate(count=10, seconds=1.0),),
            honours_nonce=platform == "with-nonce",
        )
        self.blobs: Blobs | None = None
        self._url = url
        self._wire = wire
        self._image = image  # what people send along
        self._session: aiohttp.ClientSession | None = None
        self._poller: asyncio.Task[None] | None = None
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def start(self, handle: Handle) -> None:
        """Begin to poll."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        self._poller = asyncio.create_task(self._poll(wired(handle, "adapter.handle", self._wire)))

    async def stop(self) -> None:
        """Stop polling; what is being handled is handed out again by the platform."""
        tasks = [task for task in (self._poller, *self._busy.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _poll(self, handle: Handle) -> None:
        while True:
            try:
                events = await self._call("updates", {"platform": self.platform})
            except DeliveryUnanswered:
                await asyncio.sleep(0.1)
                continue
            for event in events:
                if event["id"] not in self._busy:
                    task = asyncio.create_task(self._receive(handle, event))
                    self._busy[event["id"]] = task
                    task.add_done_callback(lambda _, id=event["id"]: self._busy.pop(id))

    async def _receive(self, handle: Handle, event: dict[str, Any]) -> None:
        place = Place(platform=self.platform, chat=event["chat"], owner=event["person"])
        reply = await handle(
            Command(
                name=event["command"],
                identity=Identity(platform=self.platform, id=event["person"], name=event["person"]),
                place=place,
                key=f"{self.platform}:{event['id']}",
                line=event["line"],
                images={"image": self._image} if event["image"] else {},
                community=event["chat"],
                power=Power.MODERATOR if event["person"] == MODERATOR else Power.MEMBER,
                confirmed=True,
            ),
        )
        told = {"event": event["id"], "tone": reply.tone, "keys": [line.key for line in reply.lines]}
        await self._call("answer", {**told, "jobs": list(reply.jobs)})
        self._wire.reach("adapter.answer:after")

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        """See `Adapter.post`."""
        self._wire.reach("adapter.post:before")
        answer = await self._call("post", {**await self._said(place, reply), "nonce": nonce})
        self._wire.reach("adapter.post:after")
        return str(answer["message"])

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        """See `Adapter.edit`."""
        self._wire.reach("adapter.edit:before")
        await self._call("edit", {**await self._said(place, reply), "message": message_id})
        self._wire.reach("adapter.edit:after")

    async def _said(self, place: Place, reply: Reply) -> dict[str, Any]:
        assert self.blobs is not None
        files = [await self.blobs.get(picture.blob) for picture in reply.pictures]
        shown = {
            "job": reply.job_id,
            "tone": reply.tone,
            "keys": [line.key for line in reply.lines],
            "pictures": [hashlib.sha256(data).hexdigest() for data in files],
        }
        return {"platform": self.platform, "chat": place.chat, "shown": shown}

    async def _call(self, path: str, body: dict[str, Any]) -> Any:
        assert self._session is not None
        try:
            async with self._session.post(f"{self._url}/{path}", json=body) as answer:
                match answer.status:
                    case 429:
                        raise FloodWait(retry_after=(await answer.json())["retry_after"])
                    case 404:
                        raise MessageGone
                    case status if status >= 500:
                        raise DeliveryUnanswered(f"status {status}")
                text = await answer.text()
                return await answer.json() if text else None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeliveryUnanswered(type(error).__name__) from error


def with_more(build: Callable[..., Any], adapters: list[ChaosAdapter]) -> Callable[..., Any]:
    """The same constructor, given these adapters too."""
    return lambda **fields: build(**{**fields, "adapters": [*fields["adapters"], *adapters]})


def main() -> None:
    """Bend what `compose` builds with, then serve as always."""
    config, url, clock, fault = sys.argv[1:]
    wire = Tripwire(Path(fault))
    image = Path(config).with_name("input.png").read_bytes()
    adapters = [ChaosAdapter(platform, url, wire, image) for platform in PLATFORMS]
    open_storage, build_endpoint = compose.open_storage, compose.build_endpoint

    async def wired_storage(settings: Any, clock: Any, stack: AsyncExitStack) -> Any:
        storage = await open_storage(settings, clock, stack)
        for adapter in adapters:
            adapter.blobs = storage.blobs
        rooms = {room: Wired(getattr(storage, room), room, wire) for room in ("books", "deliveries", "blobs")}
        return replace(storage, **rooms)

    compose.SystemClock = lambda: BentClock(Path(clock))  # type: ignore[misc, assignment]
    compose.open_storage = wired_storage
    compose.build_endpoint = lambda settings, endpoint: Wired(build_endpoint(settings, endpoint), "endpoint", wire)  # type: ignore[assignment]
    compose.DeliveryService = with_more(DeliveryService, adapters)  # type: ignore[misc, assignment]
    compose.Service = with_more(Service, adapters)  # type: ignore[misc, assignment]
    settings = settings_of_this_process(Path(config))
    configure_logs("info", "json")
    run(settings, serve_forever(settings))


if __name__ == "__main__":
    try:
        main()
    except typer.Exit as end:
        sys.exit(end.exit_code)

"""Lists that stay true for a while: /queue is written anew in its place as the queue moves."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.telegram.answers import Asked
from bot.telegram.sender import Sender
from bot.telegram.shown import Message
from engine.errors import DeliveryError
from engine.model import Place

log = structlog.get_logger(__name__)

EVERY = 4.0  # seconds between looks
LIVES = 600.0  # seconds; then it stays as it is, and its button shows it anew
MOST = 200  # lists; the oldest stay as they are
Write = Callable[[Asked], Awaitable[tuple[Message, bool]]]


@dataclass(slots=True, kw_only=True)
class _Shown:
    asked: Asked
    place: Place
    message_id: str
    html: str
    until: float


class Live:
    """The newest list of each chat and person."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._lists: OrderedDict[tuple[str, str], _Shown] = OrderedDict()

    def watch(self, asked: Asked, place: Place, message_id: str, html: str) -> None:
        """Keep a list true from now on; an older one in that chat stays as it is."""
        key = (place.chat, asked.spot.owner_id)
        until = asyncio.get_running_loop().time() + LIVES
        self._lists[key] = _Shown(asked=asked, place=place, message_id=message_id, html=html, until=until)
        self._lists.move_to_end(key)
        while len(self._lists) > MOST:
            self._lists.popitem(last=False)

    async def run(self, write: Write) -> None:
        """Look again and again until cancelled; `write` gives a list as it is now, and whether it will move."""
        while True:
            await asyncio.sleep(EVERY)
            for key, shown in list(self._lists.items()):
                try:
                    await self._look(key, shown, write)
                except DeliveryError as error:
                    log.info("list_not_shown", error=error.code)
                    if not error.retryable:
                        self._forget(key, shown)
                except Exception:
                    log.exception("list_broke")
                    self._forget(key, shown)

    async def _look(self, key: tuple[str, str], shown: _Shown, write: Write) -> None:
        if asyncio.get_running_loop().time() >= shown.until:
            self._forget(key, shown)
        elif self._sender.pace.is_free(shown.place.chat, shown.place.kind):
            message, moves = await write(shown.asked)
            if message.html != shown.html:
                await self._sender.edit(shown.place, shown.message_id, message, important=False)
                shown.html = message.html
            if not moves:
                self._forget(key, shown)

    def _forget(self, key: tuple[str, str], shown: _Shown) -> None:
        if self._lists.get(key) is shown:
            del self._lists[key]

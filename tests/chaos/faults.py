"""Named places on the walk of one request where a process can be made to die, all at the ports between rooms."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

BOT_POINTS = (
    # 1 and 2: an event becomes a command, and a command a request
    "adapter.handle:before",
    "adapter.handle:after",
    "adapter.answer:after",
    # 3: the job is accepted
    "books.accept:before",
    "books.accept:after",
    # 4: a task is claimed
    "books.claim:before",
    "books.claim:after",
    # 5: it is sent and followed
    "books.start:before",
    "books.start:after",
    "endpoint.run:after",
    # 6: its results are stored and settled
    "blobs.put:before",
    "blobs.put:after",
    "books.settle:before",
    "books.settle:after",
    # 7: they are delivered
    "books.take_deliveries:after",
    "deliveries.posting:after",
    "adapter.post:before",
    "adapter.post:after",
    "books.delivery_posted:after",
    "adapter.edit:before",
    "adapter.edit:after",
    "books.delivery_done:before",
    "books.delivery_done:after",
)
"""Where the bot kills itself: ROOM.VERB:before or :after."""
WIRE_POINTS = (
    "POST /upload/image:before",
    "POST /upload/image:after",
    "POST /prompt:before",
    "POST /prompt:after",
    "GET /history:before",
    "GET /history:after",
    "GET /view:before",
    "GET /view:after",
)
"""Where the wire between bot and sampler sees the bot killed: as the call arrives, or once the sampler has answered."""


class Tripwire:
    """Kills its own process, as `kill -9` would, when the point that a file names is passed for the n-th time.

    The file holds POINT@N, or nothing; it may be written anew at any time.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0
        self._point, self._left = "", 0

    def reach(self, point: str) -> None:
        """Pass a point."""
        self._look()
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def _look(self) -> None:
        written = self._file.stat().st_mtime_ns
        if written != self._seen:
            self._seen = written
            self._point, _, count = self._file.read_text().partition("@")
            self._left = int(count or 1)


class Wired:
    """A port whose verbs pass points before and after they do their work; all else is the port's own."""

    def __init__(self, inner: Any, room: str, wire: Tripwire) -> None:
        self._inner, self._room, self._wire = inner, room, wire

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not any(point.startswith(f"{self._room}.{name}:") for point in BOT_POINTS):
            return found
        return wired(found, f"{self._room}.{name}", self._wire)


def wired(call: Callable[..., Any], name: str, wire: Tripwire) -> Callable[..., Any]:
    """The same coroutine function, with a point before and one after it."""

    async def passing(*args: Any, **fields: Any) -> Any:
        wire.reach(f"{name}:before")
        result = await call(*args, **fields)
        wire.reach(f"{name}:after")
        return result

    return passing

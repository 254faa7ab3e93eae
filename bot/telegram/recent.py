"""What was sent in the last minute, kept beside the database: after a restart the budgets go on where they were."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

KEPT = 60.0  # seconds; the longest window of Telegram's limits
EVERY = 0.25  # seconds between writes; as much is forgotten when the process is killed


class Recent:
    """The last minute's messages, each as a line: the chat, and seconds since the Unix epoch."""

    def __init__(self, kept: Path, clock: Callable[[], float] = time.time) -> None:
        self._kept = kept
        self._clock = clock
        self._noted: list[str] = []

    def note(self, chat: str, messages: int) -> None:
        """Something is sent now; it is written down in a moment."""
        self._noted += [f"{chat} {self._clock():.3f}\n"] * messages

    async def recall(self) -> list[tuple[str, float]]:
        """Give chats with the seconds since something was sent there, the oldest first; older than a minute is gone."""
        now = self._clock()
        found = [(chat, now - at) for chat, at in await asyncio.to_thread(_read, self._kept)]
        recent = sorted(((chat, age) for chat, age in found if 0 <= age < KEPT), key=lambda one: -one[1])
        lines = "".join(f"{chat} {now - age:.3f}\n" for chat, age in recent)
        await asyncio.to_thread(_write, self._kept, lines, "w")
        return recent

    async def run(self) -> None:
        """Write down what is noted until cancelled."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self.flush()
        finally:
            lines, self._noted = "".join(self._noted), []
            _write(self._kept, lines, "a")

    async def flush(self) -> None:
        """Write down what is noted."""
        if self._noted:
            lines, self._noted = "".join(self._noted), []
            await asyncio.to_thread(_write, self._kept, lines, "a")


def _read(kept: Path) -> list[tuple[str, float]]:
    try:
        lines = kept.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    found = []
    for line in lines:
        chat, _, at = line.partition(" ")
        try:
            found.append((chat, float(at)))
        except ValueError:
            continue  # the end of a line that a kill cut off
    return found


def _write(kept: Path, lines: str, mode: str) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.open(mode, encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:  # a full disk: Telegram will say so if we are too fast
        log.warning("sent_not_remembered", error=error.strerror)

"""How fast we write: a budget for each chat and one for all, over everything that is sent, answers included.

The delivery keeps its own lines by the same limits; here answers and results meet. A chat's calls go one after the
other. What shows progress or answers somebody leaves room for results.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.adapter import Limits
from bot.delivery_budget import Budget
from bot.telegram.incoming import kind_of
from engine.errors import FloodWait

PATIENCE = 5.0  # seconds that a call of the delivery waits here; its own line waits longer
QUIET = 1_000  # chats from which the quiet ones are forgotten


@dataclass(slots=True, kw_only=True)
class _Chat:
    budget: Budget
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    held_until: float = float("-inf")
    waiting: int = 0


class Pace:
    """All chats of one bot."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] | None = None,
        noted: Callable[[str, int], None] = lambda chat, messages: None,
    ) -> None:
        """`clock` gives seconds that never go back, without one the event loop's; `noted` is told of what is sent."""
        self._limits = limits
        self._everywhere = Budget(limits.everywhere)
        self._chats: dict[str, _Chat] = {}
        self._noted = noted
        self._clock = clock or (lambda: asyncio.get_running_loop().time())

    @asynccontextmanager
    async def turn(
        self, chat: str, kind: str, *, messages: int = 1, important: bool = True, patience: float = PATIENCE
    ) -> AsyncIterator[None]:
        """Wait for a chat's turn, for at most `patience` seconds, and count what is sent in it.

        An album counts once for each of its messages. Raises FloodWait where it would take longer.
        """
        line = self._line(chat, kind)
        deadline = self._clock() + patience
        line.waiting += 1
        try:
            async with line.turn:
                await self._wait(line, important=important, deadline=deadline)
                now = self._clock()
                for number in range(messages):
                    line.budget.spend(now + number)
                    self._everywhere.spend(now)
                self._noted(chat, messages)
                yield
        finally:
            line.waiting -= 1

    def recall(self, sent: Sequence[tuple[str, float]]) -> None:
        """Count what an earlier process has sent: chats with their age in seconds, the oldest first."""
        now = self._clock()
        for chat, age in sent:
            self._line(chat, kind_of(chat)).budget.spend(now - age)
            self._everywhere.spend(now - age)

    def hold(self, chat: str, kind: str, seconds: float) -> None:
        """Write nothing into a chat for so many seconds."""
        line = self._line(chat, kind)
        line.held_until = max(line.held_until, self._clock() + seconds)

    def waiting(self, chat: str) -> int:
        """How many calls wait for a chat's turn."""
        line = self._chats.get(chat)
        return 0 if line is None else line.waiting

    def is_free(self, chat: str, kind: str) -> bool:
        """Whether something that is not important could be sent at once."""
        line, now = self._line(chat, kind), self._clock()
        return line.waiting == 0 and self._free_at(line, important=False) <= now

    async def _wait(self, line: _Chat, *, important: bool, deadline: float) -> None:
        while (free := self._free_at(line, important=important)) > (now := self._clock()):
            if free > deadline:
                raise FloodWait("the chat's budget is used up", retry_after=max(0.05, free - now))
            await asyncio.sleep(free - now)

    def _free_at(self, line: _Chat, *, important: bool) -> float:
        progress = not important
        free = max(line.budget.free_at(progress=progress), self._everywhere.free_at(progress=progress))
        return max(free, line.held_until)

    def _line(self, chat: str, kind: str) -> _Chat:
        line = self._chats.get(chat)
        if line is None:
            if len(self._chats) >= QUIET:
                self._forget_quiet()
            line = self._chats[chat] = _Chat(budget=Budget(self._limits.rates_of(kind)))
        return line

    def _forget_quiet(self) -> None:
        now = self._clock()
        for chat, line in list(self._chats.items()):
            if not line.waiting and max(line.held_until, line.budget.quiet_at()) <= now:
                del self._chats[chat]

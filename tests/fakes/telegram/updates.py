"""The queue of updates that a bot has not confirmed yet, and the long poll that waits for them.

An update stays until a later call of getUpdates names a higher offset, so a bot that dies before that gets it again,
under the same number.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.telegram.clock import Clock
from tests.fakes.telegram.errors import OTHER_POLLER, POLL_ENDED_BY_WEBHOOK, WEBHOOK_ACTIVE, Refusal

KEPT = 24 * 3600.0  # seconds
ONLY_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}
REMEMBERED = 1000


@dataclass(frozen=True, kw_only=True)
class Update:
    """One update and when it happened."""

    id: int
    kind: str  # "message", "callback_query"...
    content: dict[str, Any]
    at: float

    @property
    def row(self) -> int:
        """Updates of one chat, and presses of one person, are delivered one after the other."""
        about = self.content.get("chat") or self.content["from"]
        return int(about["id"])

    def payload(self) -> dict[str, Any]:
        """An Update of the Bot API."""
        return {"update_id": self.id, self.kind: self.content}


@dataclass(eq=False)
class _Poll:
    """A getUpdates that waits; `refusal` is set when somebody ends it."""

    wake: asyncio.Event
    refusal: Refusal | None = None
    dropped: bool = False


class PollDropped(Exception):
    """The connection of a long poll is to break."""


class Updates:
    """What waits for the bot."""

    def __init__(self, clock: Clock, first_id: int = 700_000_000) -> None:
        self.clock = clock
        self.pending: deque[Update] = deque()
        self.confirmed: deque[Update] = deque(maxlen=REMEMBERED)
        self.allowed: frozenset[str] | None = None  # None is all but those on request
        self.webhook_active = False
        self.polls = 0  # calls of getUpdates so far
        self.conflicts = 0
        self.inspect: Callable[[Update], None] = lambda update: None
        self.woken: Callable[[], None] = lambda: None  # called when a poll begins or ends, or what waits changes
        self.changed = asyncio.Event()  # pulsed when an update is added or confirmed
        self._next = first_id
        self._poll: _Poll | None = None

    def wants(self, kind: str) -> bool:
        """Whether the bot asked for this kind."""
        return kind in self.allowed if self.allowed else kind not in ONLY_ON_REQUEST

    def allow(self, kinds: list[str] | None) -> None:
        """What the bot wants from now on; an empty list is the default, None changes nothing."""
        if kinds is not None:
            self.allowed = frozenset(kinds) or None

    def add(self, kind: str, content: dict[str, Any]) -> Update | None:
        """Something happened; None if the bot does not want to know."""
        if not self.wants(kind):
            return None
        update = Update(id=self._next, kind=kind, content=content, at=self.clock.now())
        self._next += 1
        self.inspect(update)
        self.pending.append(update)
        self._pulse()
        return update

    def confirm(self, before: int) -> None:
        """The bot has all updates below this number."""
        while self.pending and self.pending[0].id < before:
            self.confirmed.append(self.pending.popleft())
        self._pulse()

    def take(self, update: Update) -> None:
        """The bot has this update; ValueError if it was not waiting."""
        self.pending.remove(update)
        self.confirmed.append(update)
        self._pulse()

    def unconfirm(self, count: int = 1) -> list[Update]:
        """Put the last confirmed updates back, as if the confirmation had been lost; they keep their numbers."""
        back = [self.confirmed.pop() for _ in range(min(count, len(self.confirmed)))]
        self.pending.extendleft(back)
        self._pulse()
        return back[::-1]

    def drop_pending(self) -> None:
        """Forget what waits."""
        self.pending.clear()

    async def get(self, offset: int = 0, limit: int = 100, seconds: float = 0) -> list[Update]:
        """getUpdates; a poll that waits ends with 409 when another begins to wait."""
        self.polls += 1
        if self.webhook_active:
            raise self._conflict(WEBHOOK_ACTIVE)
        if offset < 0:
            self.confirm(self._next + offset)
        elif offset > 0:
            self.confirm(offset)
        if (found := self._ready(offset, limit)) or seconds <= 0:
            return found
        return await self._wait(offset, limit, seconds)

    def end_poll(self, *, by_webhook: bool = False) -> None:
        """End the waiting poll with 409."""
        if self._poll:
            self._poll.refusal = self._conflict(POLL_ENDED_BY_WEBHOOK if by_webhook else OTHER_POLLER)
            self._poll.wake.set()

    def drop_poll(self) -> bool:
        """Break the connection of the waiting poll; whether there was one."""
        if self._poll:
            self._poll.dropped = True
            self._poll.wake.set()
        return self._poll is not None

    @property
    def is_polled(self) -> bool:
        """Whether a poll waits right now."""
        return self._poll is not None

    def _conflict(self, description: str) -> Refusal:
        self.conflicts += 1
        return Refusal(409, description)

    def _ready(self, offset: int, limit: int) -> list[Update]:
        oldest = self.clock.now() - KEPT
        while self.pending and self.pending[0].at < oldest:
            self.pending.popleft()
        return [update for update in self.pending if update.id >= offset or offset <= 0][: max(1, min(limit, 100))]

    async def _wait(self, offset: int, limit: int, seconds: float) -> list[Update]:
        self.end_poll()
        poll = self._poll = _Poll(wake=asyncio.Event())
        self.woken()
        try:
            async with asyncio.timeout(seconds):
                while not self._ready(offset, limit):
                    poll.wake.clear()
                    await poll.wake.wait()
                    if poll.refusal:
                        raise poll.refusal
                    if poll.dropped:
                        raise PollDropped
        except TimeoutError:
            return []
        finally:
            if self._poll is poll:
                self._poll = None
            self.woken()
        return self._ready(offset, limit)

    def _pulse(self) -> None:
        self.changed.set()
        self.woken()
        if self._poll:
            self._poll.wake.set()

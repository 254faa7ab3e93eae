"""Who may be told what next: one line of work for each chat, within each chat's budget and the platform's.

Pure: no clock, no I/O. A chat has at most one call under way, so that its messages stay in order; a chat that is slow,
or has to wait, holds up nobody else. In every chat and over all of them results go first, then first messages, then
pings, then progress. Progress is not queued but marked: what is sent is the newest state at the moment of sending.
"""

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from bot.adapter import Limits
from bot.delivery_budget import Budget

INFINITY = float("inf")


class Kind(IntEnum):
    """What there is to say about a job; the lowest goes first."""

    RESULT = 0
    FIRST = 1  # the job has no message yet
    PING = 2
    PROGRESS = 3


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the adapter that may be made now: `Traffic.sent` follows when it is, and `Traffic.ended` always."""

    chat: str
    job_id: str
    kind: Kind


@dataclass(slots=True, kw_only=True)
class _Line:
    """One chat."""

    budget: Budget
    wanted: Mapping[Kind, dict[str, None]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    busy: bool = False
    sent: bool = False  # the call under way
    held_until: float = -INFINITY
    progress_at: float = -INFINITY  # not before: the next progress edit
    ready: Kind | None = None  # the queue of ready chats that it stands in
    ticket: int = 0  # which of its entries among the sleeping ones counts

    def first(self) -> Kind | None:
        """What it has to say next."""
        return next((kind for kind in Kind if self.wanted[kind]), None)

    def free_at(self, kind: Kind) -> float:
        """When the chat allows it."""
        free = max(self.held_until, self.budget.free_at(progress=kind is not Kind.RESULT))
        return max(free, self.progress_at) if kind is Kind.PROGRESS else free


class Traffic:
    """All chats of one platform. Times are seconds of one clock that never goes back."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._everywhere = Budget(limits.everywhere)
        self._held_until = -INFINITY
        self._lines: dict[str, _Line] = {}
        self._ready: dict[Kind, dict[str, None]] = {kind: {} for kind in Kind}
        self._sleeping: list[tuple[float, int, str]] = []
        self._tickets = itertools.count(1)

    def __len__(self) -> int:
        """How many chats are remembered."""
        return len(self._lines)

    def want(self, kind: Kind, chat: str, job_id: str, now: float, *, chat_kind: str = "") -> None:
        """Have something said about a job in a chat; what is asked for already keeps its place.

        A result takes the place of anything else about its job, except its ping.
        """
        line = self._lines.get(chat)
        if line is None:
            line = self._lines[chat] = _Line(budget=Budget(self._limits.rates_of(chat_kind)))
        if kind is not Kind.RESULT and kind is not Kind.PING and job_id in line.wanted[Kind.RESULT]:
            return
        if kind is Kind.RESULT:
            line.wanted[Kind.FIRST].pop(job_id, None)
            line.wanted[Kind.PROGRESS].pop(job_id, None)
        line.wanted[kind][job_id] = None
        self._place(chat, line, now)

    def drop(self, chat: str, job_id: str, now: float) -> None:
        """Say nothing more of a job in a chat."""
        line = self._lines.get(chat)
        if line is not None:
            for wanted in line.wanted.values():
                wanted.pop(job_id, None)
            self._place(chat, line, now)

    def next(self, now: float) -> Call | float:
        """Give a call that may be made now, or the time before which there will be none, if nothing else happens."""
        while self._sleeping and self._sleeping[0][0] <= now:
            _, ticket, chat = heapq.heappop(self._sleeping)
            line = self._lines.get(chat)
            if line is not None and line.ticket == ticket:
                self._place(chat, line, now)
        later = self._sleeping[0][0] if self._sleeping else INFINITY
        for kind, chats in self._ready.items():
            if not chats:
                continue
            free = max(self._held_until, self._everywhere.free_at(progress=kind is not Kind.RESULT))
            if free > now:
                return min(later, free)
            return self._begin(next(iter(chats)), kind, now)
        return later

    def sent(self, call: Call, now: float) -> None:
        """Note that a call is made now, after whatever had to be prepared."""
        line = self._lines[call.chat]
        if not line.sent:
            line.sent = True
            self._everywhere.take_back()
        self._everywhere.spend(now)

    def ended(self, call: Call, now: float) -> None:
        """Note the end of a call; one that was never sent, since there was nothing to say, costs nothing."""
        line = self._lines[call.chat]
        line.busy = False
        if line.sent:
            line.budget.spend(now)
            if call.kind is Kind.PROGRESS:
                line.progress_at = now + self._limits.progress_interval
        else:
            self._everywhere.take_back()
        self._place(call.chat, line, now)

    def held_for(self, now: float) -> float:
        """Give the seconds that every chat still has to wait; 0 or less if none has to."""
        return self._held_until - now

    def hold(self, chat: str, until: float, now: float) -> None:
        """Make no call in a chat before a time."""
        line = self._lines.get(chat)
        if line is not None:
            line.held_until = max(line.held_until, until)
            self._place(chat, line, now)

    def hold_everywhere(self, until: float) -> None:
        """Make no call at all before a time."""
        self._held_until = max(self._held_until, until)

    def forget_quiet(self, now: float) -> None:
        """Forget chats of which nothing is wanted and nothing counts any more."""
        for chat, line in list(self._lines.items()):
            quiet = max(line.held_until, line.progress_at, line.budget.quiet_at()) <= now
            if quiet and not line.busy and line.first() is None:
                del self._lines[chat]

    def _begin(self, chat: str, kind: Kind, now: float) -> Call:
        line = self._lines[chat]
        job_id = next(iter(line.wanted[kind]))
        del line.wanted[kind][job_id]
        line.busy, line.sent = True, False
        self._everywhere.reserve()
        self._place(chat, line, now)
        return Call(chat=chat, job_id=job_id, kind=kind)

    def _place(self, chat: str, line: _Line, now: float) -> None:
        """Put a chat where it belongs now: among the ready ones, the sleeping ones, or nowhere."""
        line.ticket = next(self._tickets)
        kind = None if line.busy else line.first()
        free = INFINITY if kind is None else line.free_at(kind)
        ready = kind if free <= now else None
        if line.ready is not None and line.ready is not ready:
            del self._ready[line.ready][chat]
        line.ready = ready
        if ready is not None:
            self._ready[ready].setdefault(chat, None)
        elif kind is not None:
            heapq.heappush(self._sleeping, (free, line.ticket, chat))

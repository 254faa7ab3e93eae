"""A small, strict chat platform in memory: it keeps messages, limits calls, and fails in the ways that real ones do.

Its log has one entry for each call that it applied: what people would have seen. With a file, the log outlives the
process: another adapter on the same file goes on with the messages that are there.
"""

import asyncio
import hashlib
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.adapter import Handle, Limits
from bot.delivery_budget import Rate
from bot.replies import Reply, Tone
from engine.errors import (
    AtelierError,
    ChatGone,
    DeliveryUnanswered,
    FloodWait,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    RecipientBlocked,
)
from engine.model import Place

LATE = 0.1  # seconds by which a call may come later than another one, as on every network and on a busy machine


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One call that was applied."""

    what: str  # "post" or "edit"
    place: Place
    message_id: str
    reply: Reply
    nonce: str = ""


class Fault(StrEnum):
    """What goes wrong with one call."""

    FLOOD = "flood"  # 429 for this chat; nothing is applied
    FLOOD_EVERYWHERE = "flood everywhere"  # 429 for every chat
    ERROR = "error"  # 500; nothing is applied, which the caller cannot know
    DROPPED_REPLY = "dropped reply"  # it is applied, and the caller does not hear of it


@dataclass(kw_only=True)
class Message:
    """A message as it is in its chat."""

    chat: str
    reply: Reply
    deleted: bool = False


@dataclass(kw_only=True)
class _Arrivals:
    """Counts calls by itself, to find out callers that do not keep to the limits."""

    rates: Sequence[Rate]
    times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Give the seconds until another call is allowed; 0 if it is now."""
        waits = [0.0]
        for rate in self.rates:
            recent = [at for at in self.times if now - at < rate.seconds - LATE]
            if len(recent) >= rate.count:
                waits.append(recent[-rate.count] + rate.seconds - now)
        return max(waits)


class FakeAdapter:
    """Implements the adapter port and `DirectMessages`."""

    platform = "fake"

    def __init__(
        self, limits: Limits | None = None, *, log_file: Path | None = None, retry_after: float = 0.05, **more: Any
    ) -> None:
        """`more` replaces single limits of the default, which has none; `retry_after` is in seconds."""
        default = Limits(progress_interval=0.0, preview_interval=0.0, honours_nonce=True)
        self.limits = replace(limits or default, **more)
        self.log: list[Sent] = []
        self.failures: list[AtelierError] = []  # raised by the next results, in order
        self.faults: Callable[[str, Place, Reply], Fault | None] = lambda what, place, reply: None
        self.kept: dict[str, Message] = {}
        self.deleted_chats: set[str] = set()
        self.forbidden_chats: set[str] = set()
        self.blocked: set[str] = set()  # owners who take no direct messages
        self.over_budget = 0  # calls that the limits did not allow
        self.handle: Handle | None = None
        self._retry_after = retry_after
        self._hanging: dict[str, asyncio.Event] = {}
        self._nonces: dict[tuple[str, str], str] = {}
        self._arrivals: dict[str, _Arrivals] = {}
        self._everywhere = _Arrivals(rates=self.limits.everywhere)
        self._flooded_until: defaultdict[str, float] = defaultdict(float)
        self._log_file = log_file
        if log_file is not None and log_file.exists():
            self._recall(log_file)

    async def start(self, handle: Handle) -> None:
        self.handle = handle

    async def stop(self) -> None:
        self.handle = None

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        fault = await self._arrive("post", place, reply)
        known = self._nonces.get((place.chat, nonce)) if self.limits.honours_nonce else None
        if known is None:
            message_id = f"message-{len(self.kept) + 1}-{nonce}"
            self.kept[message_id] = Message(chat=place.chat, reply=reply)
            self._nonces[place.chat, nonce] = message_id
            self._apply("post", place, message_id, reply, nonce)
        else:
            message_id = known  # as it is: what is posted now is not shown
        self._end(fault)
        return message_id

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        fault = await self._arrive("edit", place, reply)
        message = self.kept.get(message_id)
        if message is None or message.deleted or message.chat != place.chat:
            raise MessageGone(message_id)
        message.reply = reply
        self._apply("edit", place, message_id, reply, "")
        self._end(fault)

    async def direct(self, place: Place) -> Place | None:
        if not place.owner_id:
            return None
        return replace(place, chat=f"direct:{place.owner_id}", thread="", reply_to="", kind="direct")

    # What people and the platform's operators do

    def delete_message(self, message_id: str) -> None:
        """As a moderator does."""
        self.kept[message_id].deleted = True

    def hang(self, chat: str) -> None:
        """Answer nothing in a chat until `release`."""
        self._hanging[chat] = asyncio.Event()

    def release(self, chat: str) -> None:
        """Answer again."""
        self._hanging.pop(chat).set()

    # What tests ask

    def results(self, job_id: str) -> list[Sent]:
        """The final states that a job's message was given, pings left out."""
        final = [sent for sent in self.log if sent.reply.job_id == job_id and sent.reply.tone.final]
        return [sent for sent in final if not sent.nonce.endswith("-ready")]

    def messages(self, job_id: str) -> set[str]:
        """The ids of the messages that showed a job."""
        return {sent.message_id for sent in self.log if sent.reply.job_id == job_id}

    def posts(self, job_id: str) -> list[Sent]:
        """The messages of a job, as they were posted."""
        return [sent for sent in self.log if sent.reply.job_id == job_id and sent.what == "post"]

    # How it works

    async def _arrive(self, what: str, place: Place, reply: Reply) -> Fault | None:
        """Take a call in, or refuse it; gives the fault that shows only after it was applied."""
        now = time.monotonic()
        self._limit(place, now)
        if place.chat in self._hanging:
            await self._hanging[place.chat].wait()
        fault = self.faults(what, place, reply)
        match fault:
            case Fault.FLOOD | Fault.FLOOD_EVERYWHERE:
                everywhere = fault is Fault.FLOOD_EVERYWHERE
                self._flooded_until["" if everywhere else place.chat] = now + self._retry_after
                raise FloodWait("429", retry_after=self._retry_after, everywhere=int(everywhere))
            case Fault.ERROR:
                raise DeliveryUnanswered("500")
        if reply.tone.final and self.failures:
            raise self.failures.pop(0)
        self._permit(place, reply)
        return fault

    def _limit(self, place: Place, now: float) -> None:
        """Refuse what comes while it has been asked to wait, and what is over the limits."""
        for chat, everywhere in ((place.chat, 0), ("", 1)):
            if now < self._flooded_until[chat] - 0.01:
                self.over_budget += 1
                raise FloodWait("still", retry_after=self._flooded_until[chat] - now, everywhere=everywhere)
        arrivals = self._arrivals.setdefault(place.chat, _Arrivals(rates=self.limits.rates_of(place.kind)))
        for counted, everywhere in ((arrivals, 0), (self._everywhere, 1)):
            if wait := counted.wait(now):
                self.over_budget += 1
                raise FloodWait("over the limit", retry_after=wait, everywhere=everywhere)
        arrivals.times.append(now)
        self._everywhere.times.append(now)

    def _permit(self, place: Place, reply: Reply) -> None:
        if place.chat in self.deleted_chats:
            raise ChatGone("deleted", chat=place.chat)
        if place.chat in self.forbidden_chats:
            raise NotPermitted("no", chat=place.chat, missing="send messages")
        if place.chat.removeprefix("direct:") in self.blocked:
            raise RecipientBlocked("blocked")
        limit = self.limits.max_upload
        for file in reply.files:
            if limit is not None and len(file.data) > limit:
                raise MessageTooLarge(size=len(file.data), limit=limit)

    def _apply(self, what: str, place: Place, message_id: str, reply: Reply, nonce: str) -> None:
        self.log.append(Sent(what=what, place=place, message_id=message_id, reply=reply, nonce=nonce))
        if self._log_file is not None:
            entry = {
                "at": time.time(),
                "what": what,
                "chat": place.chat,
                "message": message_id,
                "nonce": nonce,
                "job": reply.job_id,
                "tone": str(reply.tone),
                "lines": [line.key for line in reply.lines],
                "files": [hashlib.sha256(file.data).hexdigest() for file in reply.files],
            }
            with self._log_file.open("a") as file:
                file.write(json.dumps(entry) + "\n")

    def _recall(self, log_file: Path) -> None:
        """Know the messages of an earlier life."""
        for line in log_file.read_text().splitlines():
            entry = json.loads(line)
            reply = Reply(lines=(), tone=Tone(entry["tone"]), job_id=entry["job"])
            self.kept[entry["message"]] = Message(chat=entry["chat"], reply=reply)
            if entry["nonce"]:
                self._nonces[entry["chat"], entry["nonce"]] = entry["message"]

    def _end(self, fault: Fault | None) -> None:
        if fault is Fault.DROPPED_REPLY:
            raise DeliveryUnanswered("the connection was lost after it was applied")

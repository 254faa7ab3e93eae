"""An interaction: somebody used a command or a component, and the bot has 3 seconds to say something.

Its token then serves for 15 minutes. People's side of it (waiting for the answer) is here too, so that a test can hold
one object from the click to the pictures.
"""

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads
from tests.fakes.discord.errors import Refusal
from tests.fakes.discord.messages import Flag, Message

if TYPE_CHECKING:
    from tests.fakes.discord.clock import Clock
    from tests.fakes.discord.world import Channel, User

ANSWER_WITHIN = 3.0  # seconds
TOKEN_SERVES = 15 * 60.0  # seconds
FOLLOWUPS_WHERE_NO_MEMBER = 5


class Type(IntEnum):
    """What was done."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Reply(IntEnum):
    """How it was answered."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


ALLOWED = {
    Type.COMMAND: {Reply.MESSAGE, Reply.DEFERRED_MESSAGE, Reply.MODAL},
    Type.COMPONENT: {Reply.MESSAGE, Reply.DEFERRED_MESSAGE, Reply.DEFERRED_UPDATE, Reply.UPDATE, Reply.MODAL},
    Type.AUTOCOMPLETE: {Reply.CHOICES},
    Type.MODAL: {Reply.MESSAGE, Reply.DEFERRED_MESSAGE, Reply.DEFERRED_UPDATE, Reply.UPDATE},
}


class NotAnswered(AssertionError):
    """What the person would see as "The application did not respond"."""


@dataclass(eq=False, kw_only=True)
class Interaction:
    """One use of a command or component, with all that was said to it."""

    id: int
    token: str
    type: Type
    user: "User"
    channel: "Channel"
    created: float
    clock: "Clock"
    owners: dict[str, str]  # authorizing_integration_owners
    bot_is_member: bool
    must_be_private: bool = False  # a user-installed app where external apps may not speak in public
    payload: dict[str, Any] = field(default_factory=dict)
    source: Message | None = None  # the message whose component was used
    opened_by: "Interaction | None" = None  # the one that was answered with the modal that this one submits
    reply: Reply | None = None
    acknowledged: float | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)
    modal: dict[str, Any] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    stood_before: float = field(init=False)

    def __post_init__(self) -> None:
        self.stood_before = self.clock.stood_still

    # The bot's side

    def check_open(self) -> None:
        """Whether it may be answered: 40060 the second time, 10062 when too late."""
        if self.reply is not None:
            raise Refusal(40060)
        if self._waited > ANSWER_WITHIN:
            raise Refusal(10062)

    def acknowledge(self, reply: Reply) -> None:
        """It was answered in this way."""
        self.reply, self.acknowledged = reply, self.clock.now()
        self.changes()

    def serve(self) -> None:
        """Whether its token may still be used: 10015 before an answer, 50027 after 15 minutes."""
        if self.clock.now() - self.created > TOKEN_SERVES:
            raise Refusal(50027)
        if self.reply is None or self.type is Type.AUTOCOMPLETE:
            raise Refusal(10015)

    def changes(self) -> None:
        """Wake who waits."""
        self.changed.set()
        self.changed = asyncio.Event()

    def message_fields(self, message: Message) -> dict[str, Any]:
        """What a message carries of the interaction that it answers."""
        app_id = str(self.payload["application_id"])
        meta = self.metadata()
        if self.original is not None and message.is_followup:
            meta["original_response_message_id"] = str(self.original.id)
        shown: dict[str, Any] = {
            "application_id": app_id,
            "webhook_id": app_id,
            "interaction_metadata": meta,
        }
        if message.is_followup:
            shown["type"] = 19 if self.original is not None else 0
        elif self.type is Type.COMMAND:
            shown["type"] = 20 if self.payload["data"].get("type", 1) == 1 else 23
        return shown

    def metadata(self) -> dict[str, Any]:
        """As `interaction_metadata` of a message."""
        meta: dict[str, Any] = {
            "id": str(self.id),
            "type": int(self.type),
            "user": payloads.user(self.user),
            "authorizing_integration_owners": self.owners,
        }
        if self.type is Type.COMMAND:
            meta["command_type"] = self.payload["data"].get("type", 1)
            meta["name"] = self.payload["data"]["name"]
        if self.type is Type.COMPONENT and self.source is not None:
            meta["interacted_message_id"] = str(self.source.id)
        if self.type is Type.MODAL and self.opened_by is not None:
            meta["triggering_interaction_metadata"] = self.opened_by.metadata()
        return meta

    # The person's side

    async def _until(self, what: str, within: float) -> None:
        """Wait for a property to become true."""
        try:
            async with asyncio.timeout(within):
                while not getattr(self, what):
                    await self.changed.wait()
        except TimeoutError:
            raise NotAnswered(f"{what} not within {within} s: {self.payload.get('data')}") from None

    async def ack(self, within: float = 30.0) -> Reply:
        """How the bot answered; NotAnswered if it did not in time."""
        await self._until("reply", within)
        assert self.reply is not None
        return self.reply

    async def response(self, within: float = 30.0) -> Message:
        """The first answer, once it says something (no longer "is thinking…")."""
        await self._until("said", within)
        assert self.original is not None
        return self.original

    async def followup(self, number: int = 0, within: float = 30.0) -> Message:
        """A later message, counted from 0."""
        try:
            async with asyncio.timeout(within):
                while len(self.followups) <= number:
                    await self.changed.wait()
        except TimeoutError:
            raise NotAnswered(f"{len(self.followups)} follow-ups within {within} s") from None
        return self.followups[number]

    async def dialog(self, within: float = 30.0) -> "Modal":
        """The modal that opened."""
        await self._until("modal", within)
        assert self.modal is not None
        return Modal(interaction=self, form=self.modal)

    @property
    def said(self) -> bool:
        """Whether the first answer is there and says something."""
        return self.original is not None and not self.original.flags & Flag.LOADING

    @property
    def failed(self) -> bool:
        """Whether the person sees "The application did not respond"."""
        return self.reply is None and self._waited > ANSWER_WITHIN

    @property
    def _waited(self) -> float:
        """Seconds since it was made."""
        return self.clock.now() - self.created - (self.clock.stood_still - self.stood_before)

    def messages(self) -> list[Message]:
        """All that it brought and that is still there, in order."""
        own = [] if self.original is None or self.original is self.source else [self.original]
        return [message for message in (*own, *self.followups) if not message.deleted]


@dataclass(frozen=True, kw_only=True)
class Modal:
    """A dialog as the person sees it."""

    interaction: Interaction
    form: dict[str, Any]

    @property
    def title(self) -> str:
        """Its heading."""
        return str(self.form["title"])

    def fields(self) -> dict[str, dict[str, Any]]:
        """Its inputs by custom id."""
        found = {}
        for part in self.form["components"]:
            inner = [part["component"]] if part.get("component") else part.get("components", [])
            found.update({one["custom_id"]: one for one in inner if "custom_id" in one})
        return found

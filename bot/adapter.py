"""What a platform must be able to do, and what it is limited to. A platform is a folder that implements this."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from bot.delivery_budget import Rate
from bot.ladder import Form
from bot.replies import Reply
from engine.model import Identity, Place, Power


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A platform's limits, as data; nobody asks which platform it is. Edits count as calls."""

    progress_interval: float  # seconds between progress edits in one chat; results do not wait for it
    preview_interval: float  # seconds between previews of one job; infinity where none are shown
    progress_age: float = math.inf  # seconds after which a message gets no more progress
    chat: tuple[Rate, ...] = ()  # calls in one chat
    chat_kinds: Mapping[str, tuple[Rate, ...]] = field(default_factory=dict)  # instead of `chat`, by `Place.kind`
    everywhere: tuple[Rate, ...] = ()  # calls in all chats together
    honours_nonce: bool = False  # the same nonce again does not post twice
    pings: bool = False  # a message can call its owner, and an edit does not
    max_upload: int | None = None  # bytes of one file; None: any
    actions: tuple[str, ...] = ()  # buttons of a result that only some platforms need; see `bot.actions.result_rows`
    ladder: tuple[Form, ...] = (Form.ORIGINAL, Form.WEBP, Form.JPEG)  # forms of a picture, the first that fits is sent

    def rates_of(self, chat_kind: str) -> tuple[Rate, ...]:
        """What holds for calls in a chat of that kind."""
        return self.chat_kinds.get(chat_kind, self.chat)


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that somebody typed, clicked or sent, in no platform's words."""

    name: str  # as in the catalog, or a button's action
    identity: Identity
    place: Place
    key: str  # unique per event of the platform: a redelivered event has the same
    line: str | tuple[str, ...] = ""  # what follows the command: as typed, or as a shell has split it
    images: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # by slot
    community: str = ""  # guild or chat id; empty in direct messages
    community_name: str = ""
    power: Power = Power.MEMBER  # as the platform says: nobody, a member, a moderator of that guild or chat
    max_upload: int | None = None  # bytes of one file that the answer may carry; None: any
    confirmed: bool = False  # the person has seen what it makes and costs
    values: Mapping[str, str] | None = field(default=None, repr=False)  # by field, of the form that was filled in
    roles: frozenset[str] = frozenset()  # the roles that they have there, by the platform's ids
    adult: bool = False  # the chat is open to adults alone


Handle: TypeAlias = Callable[[Command], Awaitable[Reply]]


class Adapter(Protocol):
    """A platform."""

    @property
    def platform(self) -> str:
        """Its name, as in Identity and Place."""

    @property
    def limits(self) -> Limits:
        """What the delivery keeps to."""

    async def start(self, handle: Handle) -> None:
        """Begin to receive: each event becomes a Command, and its Reply is shown to whoever caused it.

        Called once by the service; returns when events flow.
        """

    async def stop(self) -> None:
        """Stop receiving; called once, before the database closes."""

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        """Post the one message of a job and give its id.

        The same nonce again does not post twice, where the platform honours it, and shows nothing new either.

        Called by the delivery. Raises DeliveryError.
        """

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        """Make the message show this instead; twice is harmless. Called by the delivery. Raises DeliveryError."""


@runtime_checkable
class UploadLimits(Protocol):
    """What a platform may know besides: that some chats take larger files than others."""

    def upload_limit(self, place: Place) -> int | None:
        """The bytes of one file that a place takes, where that is not `Limits.max_upload`; None: any.

        Called by the delivery before a result is composed; does no I/O and raises nothing.
        """


@runtime_checkable
class DirectMessages(Protocol):
    """What a platform may be able to do besides: reach a person outside the chat that they asked in."""

    async def direct(self, place: Place) -> Place | None:
        """The place of the owner's own conversation with us; None if there can be none.

        Called by the delivery when the chat does not take a result any more, and when somebody asks for a private
        result. Raises DeliveryError.
        """

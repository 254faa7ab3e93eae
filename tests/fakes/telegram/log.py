"""What happened, written down once and never changed: calls of the bot, and everything that became of messages."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.fakes.telegram.model import Keyboard, Message


class Event(StrEnum):
    """What happened to a message, or beside one."""

    SENT = "sent"
    EDITED = "edited"
    DELETED = "deleted"
    PRESSED = "pressed"
    ANSWERED = "answered"
    REACTED = "reacted"
    ACTION = "action"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A message as it looked at a moment."""

    chat_id: int
    message_id: int
    sender_id: int | None
    text: str
    media: str  # its kind, or nothing
    picture: bytes = field(repr=False)
    file_name: str
    album: str
    thread: int | None
    reply_to: int | None
    keyboard: Keyboard
    silent: bool
    service: tuple[str, ...]

    @classmethod
    def of(cls, message: Message) -> "Snapshot":
        """How it looks now."""
        media = message.media
        return cls(
            chat_id=message.chat.id,
            message_id=message.id,
            sender_id=message.sender.id if message.sender else None,
            text=message.text,
            media=media.kind if media else "",
            picture=media.data if media else b"",
            file_name=media.largest.name if media else "",
            album=message.album,
            thread=message.thread,
            reply_to=message.reply_to.id if message.reply_to else None,
            keyboard=[[dict(button) for button in row] for row in message.keyboard or []],
            silent=message.silent,
            service=tuple(message.service),
        )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the message log; `detail` is the action, the data of a button, the text of an answer..."""

    number: int
    at: float
    event: Event
    by_bot: bool
    snapshot: Snapshot | None
    detail: str = ""
    who: int = 0  # the id of the person, if one did it


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of the bot and its answer; uploads are their sizes in bytes."""

    number: int
    at: float
    method: str
    params: dict[str, Any]
    uploads: dict[str, int]
    chat_id: int | None
    status: int  # 0 if the connection broke
    answer: Any
    fault: str = ""
    by_webhook: bool = False


class Log:
    """Append-only; readers get copies."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._calls: list[Call] = []

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that became of messages, in order."""
        return tuple(self._entries)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call of the bot, in order of their answers."""
        return tuple(self._calls)

    def of(self, *methods: str) -> list[Call]:
        """The calls of these methods."""
        return [call for call in self._calls if call.method in methods]

    def history(self, message: Message) -> list[Snapshot]:
        """How a message looked from its sending on, one snapshot for each change."""
        changes = {Event.SENT, Event.EDITED}
        shots = [entry.snapshot for entry in self._entries if entry.event in changes and entry.snapshot]
        return [shot for shot in shots if (shot.chat_id, shot.message_id) == (message.chat.id, message.id)]

    def write(
        self, event: Event, at: float, message: Message | None, *, by_bot: bool, detail: str = "", who: int = 0
    ) -> None:
        """Write down what happened."""
        snapshot = Snapshot.of(message) if message else None
        self._entries.append(
            Entry(
                number=len(self._entries), at=at, event=event, by_bot=by_bot, snapshot=snapshot, detail=detail, who=who
            )
        )

    def write_call(self, **fields: Any) -> None:
        """Write down a call."""
        self._calls.append(Call(number=len(self._calls), **fields))

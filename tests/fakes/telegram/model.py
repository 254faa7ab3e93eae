"""Who and what there is: users, chats, their members and topics, messages and what they show. Data only."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.fakes.telegram.entities import Entity
from tests.fakes.telegram.files import Media

TELEGRAM, CHANNEL_BOT, ANONYMOUS_BOT = 777000, 136817688, 1087968824
"""Accounts that stand where a chat speaks: of linked channels, of channels in groups, of anonymous administrators."""
GENERAL = 1
"""The id of the topic that every forum has."""

Button = dict[str, Any]
Keyboard = list[list[Button]]


class Kind(StrEnum):
    """A chat's type."""

    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"
    CHANNEL = "channel"


class Status(StrEnum):
    """What a user is in a chat."""

    CREATOR = "creator"
    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    RESTRICTED = "restricted"
    LEFT = "left"
    KICKED = "kicked"


ADMINS = (Status.CREATOR, Status.ADMINISTRATOR)
OUTSIDE = (Status.LEFT, Status.KICKED)


@dataclass(eq=False, kw_only=True)
class User:
    """An account."""

    id: int
    name: str
    username: str
    language: str = "en"  # an IETF tag; empty where the client sends none
    is_bot: bool = False
    deactivated: bool = False


@dataclass(eq=False, kw_only=True)
class Member:
    """A user in a chat; the rights are those that matter to bots."""

    user: User
    status: Status = Status.MEMBER
    anonymous: bool = False  # an administrator who speaks as the group
    title: str = ""
    can_delete: bool = True
    can_post: bool = True  # in channels

    @property
    def is_admin(self) -> bool:
        """Whether the status gives power."""
        return self.status in ADMINS

    @property
    def inside(self) -> bool:
        """Whether the user sees the chat."""
        return self.status not in OUTSIDE


@dataclass(eq=False, kw_only=True)
class Topic:
    """A topic of a forum; its id is that of the service message that began it, 1 for General."""

    id: int
    name: str
    closed: bool = False
    deleted: bool = False


@dataclass(eq=False, kw_only=True)
class Chat:
    """Where messages are."""

    id: int
    kind: Kind
    title: str = ""
    username: str = ""
    user: User | None = None  # the person of a private chat
    members: dict[int, Member] = field(default_factory=dict)
    messages: "dict[int, Message]" = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    is_forum: bool = False
    linked: "Chat | None" = None  # a channel's discussion group, and the other way round
    migrated_to: "Chat | None" = None
    deleted: bool = False
    started: bool = False  # a private chat: the person has written to the bot
    blocked: bool = False  # a private chat: the person has blocked the bot
    muted: frozenset[str] = frozenset()  # kinds of messages that members may not send: "text messages", "photos"...
    counter: int = 0
    reactions: frozenset[str] | None = None  # allowed emoji; None is all

    @property
    def is_group(self) -> bool:
        """Basic or super."""
        return self.kind in {Kind.GROUP, Kind.SUPERGROUP}

    @property
    def numbers_itself(self) -> bool:
        """Supergroups and channels count their messages, other chats share the account's counter."""
        return self.kind in {Kind.SUPERGROUP, Kind.CHANNEL}

    def member(self, user: User) -> Member:
        """Somebody's membership; who never was in it has left."""
        return self.members.get(user.id) or Member(user=user, status=Status.LEFT)

    def topic(self, name: str) -> Topic:
        """By name."""
        return next(topic for topic in self.topics.values() if topic.name == name)


@dataclass(eq=False, kw_only=True)
class Message:
    """A message; `text` is the caption where there is media."""

    id: int
    chat: Chat
    date: int  # seconds since 1970
    sender: User | None = None
    sender_chat: Chat | None = None  # who speaks instead of the sender
    signature: str = ""
    by_bot: bool = False  # sent by the bot that is tested
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    media: Media | None = None
    spoiler: bool = False
    caption_above: bool = False
    album: str = ""
    reply_to: "Message | None" = None
    thread: int | None = None
    keyboard: Keyboard | None = None
    has_other_markup: bool = False  # a reply keyboard or the like: such a message is never edited
    silent: bool = False
    protected: bool = False
    edited: int | None = None  # when; only text and media count
    deleted: bool = False
    service: dict[str, Any] = field(default_factory=dict)  # new_chat_members and the like
    forward: dict[str, Any] | None = None  # a MessageOrigin
    automatic_forward: bool = False
    reactions: dict[int, list[str]] = field(default_factory=dict)  # emoji by user id

    def __repr__(self) -> str:
        what = self.media.kind if self.media else "service" if self.service else "text"
        return f"<Message {self.id} in {self.chat.id}: {what} {self.text[:60]!r} {self.buttons or ''}>"

    @property
    def buttons(self) -> list[list[str]]:
        """The labels of its keyboard, row by row."""
        return [[button["text"] for button in row] for row in self.keyboard or []]

    @property
    def picture(self) -> bytes:
        """The bytes of its photo or file as a viewer gets them; LookupError if it has none."""
        if not self.media:
            raise LookupError(f"{self!r} has no media")
        return self.media.data

    def button(self, wanted: str) -> Button:
        """By label or data, then by the beginning of either; LookupError names what there is."""
        flat = [button for row in self.keyboard or [] for button in row]
        for matches in (str.__eq__, str.startswith):
            for button in flat:
                if any(matches(name, wanted) for name in (button["text"], button.get("callback_data", "")) if name):
                    return button
        raise LookupError(f"no button {wanted!r} among {[(b['text'], b.get('callback_data')) for b in flat]}")

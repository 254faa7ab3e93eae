"""What Telegram tells us of who wrote where, in our own words. Pure."""

from typing import TypeAlias

from telegram import Chat, Document, MaybeInaccessibleMessage, Message, PhotoSize, User
from telegram.constants import ChatType

from bot.adapter import Command
from bot.downloads import RemoteFile
from bot.telegram.shown import MOST_FILE
from engine.model import Identity, Place, Power

PLATFORM = "telegram"
PRIVATE, GROUP = "private", "group"
"""The kinds of places."""
GENERAL = 1
"""The topic that every forum has; Telegram does not want to hear its number."""
_GROUPS = (ChatType.GROUP, ChatType.SUPERGROUP)
Seen: TypeAlias = MaybeInaccessibleMessage
"""A message, or what is left of one that is too old to be told."""


def kind_of(chat: str) -> str:
    """Say what kind of chat it is: only people have positive ids."""
    return GROUP if chat.startswith("-") else PRIVATE


def is_group(chat: Chat) -> bool:
    """Whether several people write there."""
    return chat.type in _GROUPS


def thread_of(message: Seen) -> str:
    """Give the topic that a message is in; empty if in none.

    In other supergroups the number is that of a row of replies, and no topic.
    """
    if not isinstance(message, Message) or not message.is_topic_message:
        return ""
    thread = message.message_thread_id
    return "" if thread is None or thread == GENERAL else str(thread)


def place_of(message: Seen, user: User, locale: str) -> Place:
    """Where the answer to a message, or to a press on it, goes."""
    return Place(
        platform=PLATFORM,
        chat=str(message.chat.id),
        thread=thread_of(message),
        reply_to=str(message.message_id),
        locale=user.language_code or locale,
        owner=user.full_name,
        owner_id=str(user.id),
        kind=kind_of(str(message.chat.id)),
    )


def identity_of(user: User) -> Identity:
    """Who somebody is."""
    return Identity(platform=PLATFORM, id=str(user.id), name=user.full_name)


def key_of(message: Message) -> str:
    """Give what is the same for a message that is told again."""
    return f"{PLATFORM}:{message.chat.id}:{message.message_id}"


def command_of(seen: Seen, user: User, *, name: str, key: str, locale: str, power: Power) -> Command:
    """Make a Command without a line."""
    chat = seen.chat
    group = is_group(chat)
    return Command(
        name=name,
        identity=identity_of(user),
        place=place_of(seen, user, locale),
        key=key,
        community=str(chat.id) if group else "",
        community_name=(chat.title or "") if group else "",
        power=power,
        max_upload=MOST_FILE,
    )


def is_nobody(message: Message) -> bool:
    """Whether a message is said in the name of a chat: by an anonymous administrator, or by a channel."""
    return message.sender_chat is not None or message.from_user is None


def file_of(message: Message) -> tuple[str, RemoteFile] | None:
    """Give the picture of a message, with Telegram's id of it: a photo in its largest size, or a file."""
    if message.photo:
        largest: PhotoSize = max(message.photo, key=lambda size: size.width * size.height)
        return largest.file_id, RemoteFile(
            filename="photo.jpg",
            size=largest.file_size or 0,
            content_type="image/jpeg",
            width=largest.width,
            height=largest.height,
        )
    document: Document | None = message.document
    if document is None or message.animation is not None:
        return None
    return document.file_id, RemoteFile(
        filename=document.file_name or "",
        size=document.file_size or 0,
        content_type=(document.mime_type or "").lower(),
    )

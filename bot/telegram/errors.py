"""What Telegram's refusals mean: the one place where its answers become errors of ours."""

import re
from typing import Final

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, TelegramError, TimedOut

from bot.telegram.http import Flooded, Outage
from engine.errors import (
    ChatGone,
    DeliveryDelayed,
    DeliveryError,
    DeliveryUnanswered,
    FloodWait,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    RecipientBlocked,
)

TOKEN_WAIT = 60.0  # seconds; until somebody has set another token
UNREACHED_WAIT = 5.0  # seconds

NOT_MODIFIED: Final = "message is not modified"
NO_TEXT: Final = "there is no text in the message to edit"
NO_CAPTION: Final = "there is no caption in the message to edit"
_NO_PHOTO = ("photo_invalid_dimensions", "image_process_failed", "too big for a photo", "photo_save_file_invalid")
_LATE = ("query is too old", "query id is invalid", "query_id_invalid")
_MESSAGE_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message media can't be edited",
    "message_id_invalid",
    "message identifier is not specified",
)
_CHAT_GONE = (
    "chat not found",
    "message thread not found",
    "topic_deleted",
    "topic_id_invalid",
    "peer_id_invalid",
    "chat was deleted",
    "chat_id is empty",
    "chat was upgraded",
)
_TOO_LARGE = ("file is too big", "request entity too large", "file of size", "entity too large")
_RIGHTS = re.compile(r"not enough rights to send ([a-z ]{3,20}) to")
_FORBIDDEN_TO_WRITE = ("not enough rights", "have no rights", "need administrator rights", "chat_write_forbidden",
                       "topic_closed", "chat_restricted", "_forbidden")  # fmt: skip
_PERSON = (
    "blocked by the user",
    "user is deactivated",
    "can't initiate conversation",
    "bots can't send messages to bots",
)


def delivery_error(
    error: Exception, chat: str, *, private: bool = False, size: int = 0, limit: int = 0
) -> DeliveryError:
    """Say what became of a message; `chat` is its name, `size` and `limit` (bytes) are of the largest file in it.

    `private`: the chat is somebody's own conversation, which there is none of until they begin it.
    """
    match error:
        case DeliveryError():
            return error
        case Flooded():
            return FloodWait("429", retry_after=error.seconds)
        case ChatMigrated():
            return ChatGone("it is a supergroup now", chat=chat)
        case Forbidden():
            return _forbidden(error, chat)
        case BadRequest() if private and says(error, "chat not found"):
            return RecipientBlocked(_said(error))
        case BadRequest():
            return _refusal(error, chat, size, limit)
        case InvalidToken():
            return DeliveryDelayed("the token was refused", retry_after=TOKEN_WAIT)
        case TimedOut() | NetworkError() if _never_sent(error):
            return DeliveryDelayed(_said(error), retry_after=UNREACHED_WAIT)
        case NetworkError() if any(sign in _said(error) for sign in _TOO_LARGE):
            return MessageTooLarge(_said(error), size=_mib(size), limit=_mib(limit))
        case _:  # a timeout, a connection that broke, an outage: it may have been posted
            return DeliveryUnanswered(type(error).__name__)


def _forbidden(error: TelegramError, chat: str) -> DeliveryError:
    said = _said(error)
    if any(sign in said for sign in _PERSON):
        return RecipientBlocked(said)
    if any(sign in said for sign in _FORBIDDEN_TO_WRITE):
        return NotPermitted(said, chat=chat, missing="")
    return ChatGone(said, chat=chat)


def _refusal(error: BadRequest, chat: str, size: int, limit: int) -> DeliveryError:
    said = _said(error)
    if any(sign in said for sign in _MESSAGE_GONE):
        return MessageGone(said)
    if any(sign in said for sign in _CHAT_GONE):
        return ChatGone(said, chat=chat)
    if any(sign in said for sign in _FORBIDDEN_TO_WRITE):
        found = _RIGHTS.search(said)
        return NotPermitted(said, chat=chat, missing=found[1] if found else "")
    if any(sign in said for sign in _PERSON):
        return RecipientBlocked(said)
    if any(sign in said for sign in _TOO_LARGE):
        return MessageTooLarge(said, size=_mib(size), limit=_mib(limit))
    return DeliveryError(said)


def _never_sent(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def says(error: BaseException, sign: str) -> bool:
    """Whether Telegram refused with this sentence."""
    return isinstance(error, BadRequest) and sign in _said(error)


def takes_no_photo(error: BaseException) -> bool:
    """Whether Telegram did not take a picture as a photo; as a document it does."""
    return isinstance(error, BadRequest) and any(sign in _said(error) for sign in _NO_PHOTO)


def is_late(error: BaseException) -> bool:
    """Whether a press was answered too late: its spinner has gone by itself."""
    return isinstance(error, BadRequest) and any(sign in _said(error) for sign in _LATE)


def is_outage(error: BaseException) -> bool:
    """Whether Telegram is not to be reached, or not well."""
    return isinstance(error, Outage | TimedOut) or (
        isinstance(error, NetworkError) and not isinstance(error, BadRequest)
    )


def _said(error: TelegramError) -> str:
    return error.message.lower()[:200]


def _mib(size: int) -> str:
    return f"{size / 2**20:.3g} MiB"

"""What Discord's refusals mean: the one place where its answers become errors of ours."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import discord

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
UNTOLD_WAIT = 5.0  # seconds, where a refusal does not say how many
BLOCKED_WAIT = 600.0  # seconds; Discord's own doorkeepers say no more than that they refuse

UNKNOWN_INTERACTION: Final = 10062
ALREADY_ANSWERED: Final = 40060
TOKEN_EXPIRED: Final = 50027
LATE: Final = frozenset({UNKNOWN_INTERACTION, ALREADY_ANSWERED, TOKEN_EXPIRED, 10015})
"""An interaction that cannot be answered any more: its three seconds or 15 minutes are over, or it was answered."""

_CHAT_GONE = frozenset({10003, 10004, 10015, 50001, 50027, 50083, 160005})
_MESSAGE_GONE = frozenset({10008, 30046, 50005, 50021})
_BLOCKED = frozenset({50007, 50278, 10013})


@dataclass(frozen=True, kw_only=True)
class Chat:
    """What is known of a chat that refused something."""

    name: str = ""  # as people see it: #art
    missing: str = ""  # the permission that we lack there, as people see it


def delivery_error(error: Exception, chat: Chat, *, size: int = 0, limit: int = 0) -> DeliveryError:
    """Say what became of a message; `size` and `limit` in bytes are of the largest file that was sent."""
    match error:
        case DeliveryError():
            return error
        case discord.RateLimited():
            return FloodWait("429", retry_after=error.retry_after)
        case discord.HTTPException(status=429) if error.code not in _MESSAGE_GONE:
            return _flood(error.response.headers)
        case discord.HTTPException():
            return _refusal(error, chat, size, limit)
        case aiohttp.ClientConnectorError() | discord.GatewayNotFound():
            return DeliveryDelayed(type(error).__name__, retry_after=UNTOLD_WAIT)
        case _:  # a timeout, a connection that broke, an answer that is none: it may have been posted
            return DeliveryUnanswered(type(error).__name__)


def _flood(headers: Mapping[str, str]) -> FloodWait:
    everywhere = "via" not in {name.lower() for name in headers} or headers.get("X-RateLimit-Global") == "true"
    told = headers.get("Retry-After", "")
    wait = float(told) if told.replace(".", "", 1).isdigit() else BLOCKED_WAIT if everywhere else UNTOLD_WAIT
    return FloodWait("429", retry_after=wait, everywhere=int(everywhere))


def _refusal(error: discord.HTTPException, chat: Chat, size: int, limit: int) -> DeliveryError:
    said = f"{error.status} {error.code}"
    if error.status >= 500:
        return DeliveryUnanswered(said)
    if error.code in _CHAT_GONE:
        return ChatGone(said, chat=chat.name)
    if error.code in _MESSAGE_GONE:
        return MessageGone(said)
    if error.code in _BLOCKED:
        return RecipientBlocked(said)
    if error.code == 40005 or error.status == 413:
        return MessageTooLarge(said, size=_mib(size), limit=_mib(limit))
    if error.status == 401:
        return DeliveryDelayed(said, retry_after=TOKEN_WAIT)
    if error.status == 403:
        return NotPermitted(said, chat=chat.name, missing=chat.missing)
    if error.status == 404:
        return ChatGone(said, chat=chat.name)
    return DeliveryError(said)


def _mib(size: int) -> str:
    return f"{size / 2**20:.3g} MiB"


def is_late(error: Exception) -> bool:
    """Whether an interaction was answered too late, or twice: nobody's fault, and nothing to be done."""
    return isinstance(error, discord.HTTPException) and error.code in LATE


UNANSWERED: Final = (discord.HTTPException, aiohttp.ClientError, OSError, asyncio.TimeoutError, discord.RateLimited)
"""What a call to Discord may raise."""

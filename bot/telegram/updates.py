"""Updates come in: by long polling or by a webhook, each until what it asks for was accepted or refused.

A poll confirms only what is done, so that whatever a crash cuts off is told again; while something is being done the
poll goes on beside it. Messages of one person in one chat are taken in their order, an album's together.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web
from telegram import Bot, CallbackQuery, ChatMemberUpdated, Message, Update
from telegram.error import Conflict, InvalidToken, TelegramError

from bot.telegram.errors import is_outage
from bot.telegram.http import POLL, READ, Flooded

log = structlog.get_logger(__name__)

ALLOWED = ("message", "callback_query", "my_chat_member")
BESIDE = 0.25  # seconds between polls while something is being done
GATHER = 0.7  # seconds after an album's last message; it does not say how many there are
MOST_GATHER = 10  # messages of an album
FIRST_RETRY, LAST_RETRY = 1.0, 30.0  # seconds; doubles with each try
CONFLICT_WAIT = 5.0  # seconds
TOKEN_WAIT = 60.0  # seconds
LAST_WORDS = 5.0  # seconds that what is being done has to end when the service stops
WEBHOOK_WAIT = 50.0  # seconds; Telegram waits about a minute, and then tells it again
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 (a header's name)
MOST_BODY = 2**20  # bytes of an update


@dataclass(frozen=True, kw_only=True)
class Takers:
    """Who takes what."""

    messages: Callable[[Sequence[Message]], Awaitable[None]]
    press: Callable[[CallbackQuery], Awaitable[None]]
    joined: Callable[[ChatMemberUpdated], Awaitable[None]]


@dataclass(eq=False, kw_only=True)
class _Album:
    messages: list[Message] = field(default_factory=list)
    grew: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Updates:
    """What one bot is told."""

    def __init__(self, takers: Takers) -> None:
        self._takers = takers
        self._taking: dict[int, asyncio.Task[None]] = {}
        self._rows: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._albums: dict[tuple[int, str], _Album] = {}

    def take(self, update: Update) -> "asyncio.Task[None]":
        """Begin to take an update; told again meanwhile, it is the same."""
        task = self._taking.get(update.update_id)
        if task is None:
            row = _row(update)
            task = asyncio.create_task(self._after(self._rows.get(row), update))
            self._taking[update.update_id] = self._rows[row] = task
            task.add_done_callback(lambda done: self._ended(update.update_id, row, done))
        return task

    def _ended(self, number: int, row: tuple[int, int], task: "asyncio.Task[None]") -> None:
        self._taking.pop(number, None)
        if self._rows.get(row) is task:
            del self._rows[row]

    async def _after(self, before: "asyncio.Task[None] | None", update: Update) -> None:
        message = update.message
        together = message is not None and message.media_group_id
        if before is not None and not together:
            await asyncio.wait({before})
        try:
            if message is not None:
                await self._message(message)
            elif update.callback_query is not None:
                await self._takers.press(update.callback_query)
            elif update.my_chat_member is not None:
                await self._takers.joined(update.my_chat_member)
        except Exception:
            log.exception("update_broke", update=update.update_id)

    async def _message(self, message: Message) -> None:
        """Take a message; those of an album come one by one and are taken together."""
        group = message.media_group_id
        if not group:
            await self._takers.messages([message])
            return
        key = (message.chat.id, group)
        album = self._albums.get(key)
        if album is not None:
            album.messages.append(message)
            album.grew.set()
            await album.done.wait()
            return
        album = self._albums[key] = _Album(messages=[message])
        try:
            await self._gathered(album)
            del self._albums[key]
            await self._takers.messages(sorted(album.messages, key=lambda one: one.message_id))
        finally:
            self._albums.pop(key, None)
            album.done.set()

    async def _gathered(self, album: _Album) -> None:
        while len(album.messages) < MOST_GATHER:
            album.grew.clear()
            try:
                async with asyncio.timeout(GATHER):
                    await album.grew.wait()
            except TimeoutError:
                return

    # Polling

    async def poll(self, bot: Bot) -> None:
        """Poll until cancelled; what was done by then is confirmed."""
        begun: dict[int, asyncio.Task[None]] = {}  # told and not confirmed, in order
        offset, wait = 0, FIRST_RETRY
        try:
            while True:
                try:
                    seconds = 0 if begun else POLL
                    found = await bot.get_updates(
                        offset=offset or None, timeout=seconds, allowed_updates=ALLOWED, read_timeout=READ
                    )
                    wait = FIRST_RETRY
                except TelegramError as error:
                    await asyncio.sleep(_wait_after(error, wait))
                    wait = min(2 * wait, LAST_RETRY)
                    continue
                for update in found:
                    if update.update_id not in begun and update.update_id >= offset:
                        begun[update.update_id] = self.take(update)
                if begun:
                    await asyncio.wait(begun.values(), timeout=BESIDE)
                offset = _confirmed(begun, offset)
        finally:
            await self._last_words(bot, begun, offset)

    async def _last_words(self, bot: Bot, begun: "dict[int, asyncio.Task[None]]", offset: int) -> None:
        """Let what is being done end, and confirm it."""
        if begun:
            await asyncio.wait(begun.values(), timeout=LAST_WORDS)
        after = _confirmed(begun, offset)
        if after:
            try:
                await bot.get_updates(
                    offset=after, limit=1, timeout=0, allowed_updates=ALLOWED, read_timeout=LAST_WORDS
                )
            except TelegramError as error:
                log.info("not_confirmed", error=type(error).__name__)
        for task in begun.values():
            task.cancel()

    # Webhook

    def route(
        self, bot: Callable[[], Bot | None], secret: str
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Give what the service's door calls; only who knows the secret is listened to."""

        async def webhook(request: web.Request) -> web.StreamResponse:
            given = request.headers.get(SECRET_HEADER, "")
            if not secrets.compare_digest(given.encode(), secret.encode()):
                raise web.HTTPForbidden
            if (request.content_length or 0) > MOST_BODY:
                raise web.HTTPRequestEntityTooLarge(MOST_BODY, request.content_length or 0)
            ready = bot()
            if ready is None:
                raise web.HTTPServiceUnavailable
            update = _read(await _json(request), ready)
            if update is not None:
                await asyncio.wait({self.take(update)}, timeout=WEBHOOK_WAIT)
            return web.Response()

        return webhook

    async def close(self) -> None:
        """Let what is being done end, for a little while."""
        if self._taking:
            _, late = await asyncio.wait(set(self._taking.values()), timeout=LAST_WORDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _row(update: Update) -> tuple[int, int]:
    """Whose updates go one after the other: one person's in one chat."""
    chat, user = update.effective_chat, update.effective_user
    return (chat.id if chat is not None else 0, user.id if user is not None else 0)


def _confirmed(begun: "dict[int, asyncio.Task[None]]", offset: int) -> int:
    """Take away what is done, up to the first that is not; gives the offset that confirms it."""
    for number in list(begun):
        if not begun[number].done():
            break
        del begun[number]
        offset = number + 1
    return offset


def _wait_after(error: TelegramError, wait: float) -> float:
    """Say in the log what is wrong with a poll, and what to do; gives the seconds until the next one."""
    match error:
        case Flooded():
            return error.seconds
        case Conflict():
            log.error(
                "telegram_second_poller",
                said=error.message[:200],
                hint="another program polls with this token, or a webhook is set: stop it, or give one of them a token "
                "of its own from @BotFather",
            )
            return CONFLICT_WAIT
        case InvalidToken():
            log.error("telegram_token_refused", hint="set ATELIER_TELEGRAM__TOKEN to the bot's own")
            return TOKEN_WAIT
        case _:
            level = log.warning if is_outage(error) else log.error
            level("telegram_not_reached", error=type(error).__name__, retry_in=wait)
            return wait


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise web.HTTPBadRequest from None


def _read(data: Any, bot: Bot) -> Update | None:
    """Read an update; None for what is none: told again, it would be none again."""
    try:
        return Update.de_json(data, bot)
    except (TypeError, KeyError, ValueError, AttributeError):
        log.warning("no_update")
        return None

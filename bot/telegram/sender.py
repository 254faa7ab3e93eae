"""Every call that writes: within the budgets, in the chat's turn; what Telegram answers becomes an error of ours.

A group that became a supergroup has another id; what is sent to the old one follows it.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from telegram import Bot, LinkPreviewOptions, ReplyParameters
from telegram import Message as TelegramMessage
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, TelegramError

from bot.telegram import errors
from bot.telegram.http import Flooded
from bot.telegram.incoming import PRIVATE, kind_of
from bot.telegram.pace import PATIENCE, Pace
from bot.telegram.shown import DOCUMENT, MOST_FILE, PHOTO, Composer, Media, Message, input_media
from engine.errors import ChatGone, DeliveryDelayed, MessageGone
from engine.model import Place

log = structlog.get_logger(__name__)
T = TypeVar("T")
Moved = Callable[[str, str], Awaitable[None]]

OFFLINE_WAIT = 5.0  # seconds
REMEMBERED = 4_096  # messages of which is known that they show a picture
MOST_ALBUM = 10  # messages
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Sender:
    """Writes for one bot."""

    def __init__(self, *, pace: Pace, composer: Composer, moved: Moved) -> None:
        """`moved` is told of a chat's old and new id, before anything goes to the new one."""
        self.bot: Bot | None = None  # once it is connected
        self._pace = pace
        self._composer = composer
        self._moved = moved
        self._followed: dict[str, str] = {}
        self._titles: OrderedDict[str, str] = OrderedDict()
        self._pictured: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def pace(self) -> Pace:
        """The budgets."""
        return self._pace

    def name(self, chat: str, title: str) -> None:
        """Know what people call a chat."""
        self._titles[chat] = title
        while len(self._titles) > REMEMBERED:
            self._titles.popitem(last=False)

    async def follow(self, old: str, new: str) -> None:
        """A group became a supergroup."""
        if self._followed.get(old) != new:
            await self._moved(old, new)
            self._followed[old] = new
            log.info("chat_moved", old=old, new=new)

    def now_at(self, chat: str) -> str:
        """The id that a chat has now."""
        return self._followed.get(chat, chat)

    # Sending

    async def send(
        self,
        place: Place,
        message: Message,
        *,
        silent: bool = False,
        important: bool = True,
        patience: float = PATIENCE,
        **more: Any,
    ) -> str:
        """Send a message; gives its id. `more` goes to Telegram's method. Raises DeliveryError."""
        chat = self.now_at(place.chat)
        spot = {"disable_notification": silent or None, **self._spot(place, chat), **more}
        if message.keyboard is not None:
            spot["reply_markup"] = message.keyboard

        async def work(bot: Bot) -> str:
            sent = await self._sent(bot, int(chat), message, spot)
            return str(sent.message_id)

        try:
            message_id = await self._call(
                chat, work, important=important, patience=patience, size=_size(message.media), retry_migrated=True
            )
        except _Migrated as migrated:
            return await self.send(
                replace(place, chat=migrated.chat, reply_to="", thread=""), message, silent=silent, important=important
            )
        self._remember(chat, message_id, pictured=message.media is not None)
        return message_id

    async def _sent(self, bot: Bot, chat: int, message: Message, spot: dict[str, Any]) -> TelegramMessage:
        media = message.media
        if media is None:
            return await bot.send_message(
                chat, message.html, parse_mode="HTML", link_preview_options=_NO_PREVIEW, **spot
            )
        captioned: dict[str, Any] = {
            "caption": message.html or None,
            "parse_mode": "HTML",
            "filename": media.filename,
            **spot,
        }
        spoiler: dict[str, Any] = {"has_spoiler": True} if media.spoiler else {}
        match media.kind:
            case "photo":
                try:
                    return await bot.send_photo(chat, media.data, **captioned, **spoiler)
                except BadRequest as error:
                    if not errors.takes_no_photo(error):
                        raise
            case "video":
                return await bot.send_video(chat, media.data, supports_streaming=True, **captioned, **spoiler)
            case "animation":
                return await bot.send_animation(chat, media.data, **captioned, **spoiler)
            case "audio":
                return await bot.send_audio(chat, media.data, **captioned)
        return await bot.send_document(chat, media.data, disable_content_type_detection=True, **captioned)

    async def album(self, place: Place, media: Sequence[Media], html: str, *, patience: float = PATIENCE) -> None:
        """Send two to ten files together; the first has the caption. Raises DeliveryError."""
        chat = self.now_at(place.chat)
        items = [input_media(one, html if number == 0 else None) for number, one in enumerate(media)]

        async def work(bot: Bot) -> None:
            await bot.send_media_group(int(chat), items, **self._spot(place, chat))  # type: ignore[arg-type]

        await self._call(
            chat, work, messages=len(items), important=False, patience=patience, size=max(len(m.data) for m in media)
        )

    # Changing

    async def edit(
        self, place: Place, message_id: str, message: Message, *, keep: bool = False, important: bool = True
    ) -> None:
        """Make a message show this instead; twice is harmless. Raises DeliveryError.

        Telegram makes no text of what was a picture: there the words become the caption, and unless the picture is to
        be kept another one takes its place.
        """
        chat, number = self._stays(place, message_id)

        async def work(bot: Bot) -> None:
            spot: dict[str, Any] = {"chat_id": int(chat), "message_id": number, "reply_markup": message.keyboard}
            if message.media is not None:
                await _edit_media(bot, message.media, message.html, spot)
            elif (chat, message_id) in self._pictured:
                await self._edit_pictured(bot, message, spot, keep=keep)
            else:
                try:
                    await bot.edit_message_text(
                        message.html, parse_mode="HTML", link_preview_options=_NO_PREVIEW, **spot
                    )
                except BadRequest as error:
                    if not errors.says(error, errors.NO_TEXT):
                        raise
                    self._remember(chat, message_id, pictured=True)
                    await self._edit_pictured(bot, message, spot, keep=keep)

        await self._call(chat, work, important=important, size=_size(message.media))
        if message.media is not None:
            self._remember(chat, message_id, pictured=True)

    async def _edit_pictured(self, bot: Bot, message: Message, spot: dict[str, Any], *, keep: bool) -> None:
        if keep:
            await bot.edit_message_caption(caption=message.html, parse_mode="HTML", **spot)
            return
        emptied = await self._composer.emptied(message)
        if emptied.media is not None:
            await _edit_media(bot, emptied.media, message.html, spot)

    def is_pictured(self, place: Place, message_id: str) -> bool:
        """Whether a message is known to show a picture."""
        return (self.now_at(place.chat), message_id) in self._pictured

    async def delete(self, place: Place, message_id: str) -> bool:
        """Delete a message; False where Telegram does not let us any more. Raises DeliveryError."""
        chat, number = self._stays(place, message_id)

        async def work(bot: Bot) -> bool:
            try:
                return await bot.delete_message(int(chat), number)
            except BadRequest as error:
                if errors.says(error, "not found"):
                    return True
                log.info("message_not_deleted", said=error.message[:100])
                return False

        return await self._call(chat, work, messages=0)

    async def reach(self, chat: str) -> None:
        """Find out whether we may write to somebody. Raises DeliveryError."""
        await self._call(chat, lambda bot: bot.send_chat_action(int(chat), ChatAction.TYPING), messages=0)

    # How it works

    async def _call(
        self,
        chat: str,
        work: Callable[[Bot], Awaitable[T]],
        *,
        messages: int = 1,
        important: bool = True,
        patience: float = PATIENCE,
        size: int = 0,
        retry_migrated: bool = False,
    ) -> T:
        bot = self.bot
        if bot is None:
            raise DeliveryDelayed("not connected", retry_after=OFFLINE_WAIT)
        _number(chat.removeprefix("-"), ChatGone(chat=""))
        try:
            if not messages:
                return await work(bot)
            async with self._pace.turn(chat, kind_of(chat), messages=messages, important=important, patience=patience):
                try:
                    return await work(bot)
                except Flooded as flooded:
                    self._pace.hold(chat, kind_of(chat), flooded.seconds)
                    raise
        except ChatMigrated as migrated:
            await self.follow(chat, str(migrated.new_chat_id))
            if retry_migrated:
                raise _Migrated(str(migrated.new_chat_id)) from None
            raise MessageGone("the chat is a supergroup now") from migrated
        except BadRequest as error:
            if errors.says(error, errors.NOT_MODIFIED):
                return None  # type: ignore[return-value]  # only edits say so, and they give nothing
            raise self._error(error, chat, size) from error
        except TelegramError as error:
            raise self._error(error, chat, size) from error

    def _stays(self, place: Place, message_id: str) -> tuple[str, int]:
        """Where a message is. Raises MessageGone: what a group had before it became a supergroup nobody can change."""
        if self.now_at(place.chat) != place.chat:
            raise MessageGone("the chat is a supergroup now")
        return place.chat, _number(message_id, MessageGone(message_id))

    def _error(self, error: TelegramError, chat: str, size: int) -> Exception:
        return errors.delivery_error(
            error, self._titles.get(chat, ""), private=kind_of(chat) == PRIVATE, size=size, limit=MOST_FILE
        )

    def _spot(self, place: Place, chat: str) -> dict[str, Any]:
        """The topic and the message that a new one answers."""
        spot: dict[str, Any] = {}
        if chat != place.chat:
            return spot
        if place.thread.isdigit():
            spot["message_thread_id"] = int(place.thread)
        if place.reply_to.isdigit():
            spot["reply_parameters"] = ReplyParameters(int(place.reply_to), allow_sending_without_reply=True)
        return spot

    def _remember(self, chat: str, message_id: str, *, pictured: bool) -> None:
        if pictured:
            self._pictured[chat, message_id] = None
            while len(self._pictured) > REMEMBERED:
                self._pictured.popitem(last=False)


class _Migrated(Exception):
    """A chat has another id now."""

    def __init__(self, chat: str) -> None:
        super().__init__(chat)
        self.chat = chat


async def _edit_media(bot: Bot, media: Media, html: str, spot: dict[str, Any]) -> None:
    """Show media; what Telegram does not take as a photo goes as a document."""
    try:
        await bot.edit_message_media(input_media(media, html), **spot)
    except BadRequest as error:
        if media.kind != PHOTO or not errors.takes_no_photo(error):
            raise
        await bot.edit_message_media(input_media(replace(media, kind=DOCUMENT), html), **spot)


def _size(media: Media | None) -> int:
    return len(media.data) if media is not None else 0


def _number(text: str, error: Exception) -> int:
    """Read an id of Telegram's. Raises the error for what is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise error
    return int(text)

"""A Reply as one Telegram message: a text, or a picture or file with its caption, and the buttons below it."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image
from telegram import (
    InlineKeyboardMarkup,
    InputMedia,
    InputMediaAnimation,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
)

from bot.collage import collage, placeholder
from bot.ladder import File, Form, fit
from bot.replies import Reply, Text, Tone, text
from bot.telegram.keyboards import action_rows, keyboard
from bot.telegram.words import MOST_CAPTION, MOST_TEXT, Words

MB = 1_000_000
MOST_PHOTO = 10 * MB  # bytes of a photo
MOST_FILE = 50 * MB  # bytes of any file
MOST_SIDES = 10_000  # pixels of a photo, width and height together
MOST_RATIO = 20  # of a photo's longer side to its shorter one
PHOTO, DOCUMENT, VIDEO, ANIMATION, AUDIO = "photo", "document", "video", "animation", "audio"
_FLAT = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True, kw_only=True)
class Media:
    """What a message shows besides words."""

    kind: str
    filename: str
    data: bytes = field(repr=False)
    spoiler: bool = False


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as it is sent; the text is the caption where there is media."""

    html: str
    keyboard: InlineKeyboardMarkup | None = None
    media: Media | None = None


class Composer:
    """Makes messages of replies."""

    def __init__(self, words: Words) -> None:
        self._words = words

    async def message(self, reply: Reply, locale: str, *, owner_id: str = "", captioned: bool = False) -> Message:
        """Give the one message of a reply; what does not fit into it Info and Originals have.

        `owner_id`: who is called by name, in chats of several. `captioned`: the message has a picture already.
        """
        media = await asyncio.to_thread(shown_media, reply)
        lines: tuple[Text, ...] = reply.lines
        left_out = len(reply.files) - _shown(reply)
        if media is not None and left_out > 0:
            lines = (*lines, text("files-left-out", count=left_out))
        most = MOST_CAPTION if media is not None or captioned else MOST_TEXT
        foot = reply.job_id if reply.tone is not Tone.WORKING else ""
        html = self._words.fitting(locale, lines, most, owner_id=owner_id, foot=foot)
        return Message(html=html, keyboard=keyboard(action_rows(self._words, locale, reply.buttons)), media=media)

    async def emptied(self, message: Message) -> Message:
        """Give a message whose picture is taken away: Telegram makes no text of what was a picture."""
        data = await asyncio.to_thread(placeholder)
        return replace(message, media=Media(kind=PHOTO, filename="gone.png", data=data))


def _stills(files: Sequence[File]) -> list[File]:
    return [file for file in files if file.mime in _FLAT]


def _shown(reply: Reply) -> int:
    """How many of its files a message shows."""
    stills = _stills(reply.files)
    return len(stills) if stills else min(1, len(reply.files))


def shown_media(reply: Reply) -> Media | None:
    """Give what a message shows: one picture, several as a grid, the first film or file, or a preview.

    Blocks while it draws and encodes.
    """
    stills = _stills(reply.files)
    if len(stills) > 1:
        name = f"{reply.job_id or 'pictures'}.jpg"
        return Media(kind=PHOTO, filename=name, data=collage([f.data for f in stills]), spoiler=reply.spoiler)
    if stills:
        return as_photo(stills[0], spoiler=reply.spoiler)
    if reply.files:
        return as_file(reply.files[0], spoiler=reply.spoiler)
    if reply.preview is not None:
        return Media(kind=PHOTO, filename="preview.jpg", data=reply.preview, spoiler=reply.spoiler)
    return None


def as_photo(file: File, *, spoiler: bool = False) -> Media:
    """Give a picture as a photo, as JPEG where it is too large for one, or else as a document; blocks."""
    if not _fits_photo(file.data):
        return as_document(file)
    if len(file.data) <= MOST_PHOTO:
        return Media(kind=PHOTO, filename=file.filename, data=file.data, spoiler=spoiler)
    smaller = fit(file.data, filename=file.filename, mime=file.mime, ladder=(Form.JPEG,), limit=MOST_PHOTO)
    if smaller is None:
        return as_document(file)
    return Media(kind=PHOTO, filename=smaller.filename, data=smaller.data, spoiler=spoiler)


def as_document(file: File) -> Media:
    """Give a file as it is."""
    return Media(kind=DOCUMENT, filename=file.filename, data=file.data)


def as_file(file: File, *, spoiler: bool = False) -> Media:
    """Give a film, a sound or a file, in the way that Telegram plays it."""
    if file.mime == "image/gif":
        return Media(kind=ANIMATION, filename=file.filename, data=file.data, spoiler=spoiler)
    if file.mime == "video/mp4":
        return Media(kind=VIDEO, filename=file.filename, data=file.data, spoiler=spoiler)
    if file.mime in ("audio/mpeg", "audio/mp4", "audio/x-m4a"):
        return Media(kind=AUDIO, filename=file.filename, data=file.data)
    return as_document(file)


def _fits_photo(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False
    return width + height <= MOST_SIDES and max(width, height) <= MOST_RATIO * min(width, height)


def input_media(media: Media, html: str | None = None) -> InputMedia:
    """Make what Telegram's methods take; None: no caption."""
    caption: dict[str, Any] = {"caption": html, "parse_mode": "HTML"} if html else {}
    name = media.filename
    match media.kind:
        case "photo":
            return InputMediaPhoto(media.data, filename=name, has_spoiler=media.spoiler or None, **caption)
        case "video":
            return InputMediaVideo(
                media.data, filename=name, has_spoiler=media.spoiler or None, supports_streaming=True, **caption
            )
        case "animation":
            return InputMediaAnimation(media.data, filename=name, has_spoiler=media.spoiler or None, **caption)
        case "audio":
            return InputMediaAudio(media.data, filename=name, **caption)
        case _:
            return InputMediaDocument(media.data, filename=name, disable_content_type_detection=True, **caption)

"""A Reply as Discord shows it: one card of Components V2, with its files."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import discord
from discord import ui

from bot.discord.buttons import action_button
from bot.discord.words import MOST_TEXT, Words, pages, shortened
from bot.ladder import File
from bot.replies import Button, Reply, Tone

MOST_FILES = 10  # of one message
MOST_ROWS = 5
FEW_FILES, FEW_ROWS = 4, 3  # more files than that leave room for no more rows: a message has at most 40 components
LONGEST_ALT = 1_024  # characters of what a picture shows, for those who do not see it
PREVIEW = "preview.jpg"
COLOURS = {
    Tone.INFO: 0x5865F2,
    Tone.WORKING: 0xF0B232,
    Tone.ASK: 0xF0B232,
    Tone.DONE: 0x23A55A,
    Tone.CANCELLED: 0x80848E,
    Tone.FAILED: 0xDA373C,
    Tone.BAD_INPUT: 0xF0B232,
    Tone.REFUSED: 0xDA373C,
}
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_SHOWN = ("image/", "video/")


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is sent: a view, and the files that it shows."""

    view: ui.LayoutView
    files: tuple[discord.File, ...] = ()
    size: int = 0  # bytes of the largest file


@dataclass(frozen=True, kw_only=True)
class _Upload:
    """A file on its way."""

    name: str
    file: File


def files_of(reply: Reply) -> tuple[_Upload, ...]:
    """Give the files that one message takes, each with a name that is its own and harmless."""
    uploads: dict[str, _Upload] = {}
    for number, file in enumerate(reply.files[:MOST_FILES], 1):
        path = PurePath(_NAME.sub("-", file.filename).strip(".-") or "file")
        name = f"{reply.job_id}-{number}{path.suffix}" if reply.job_id else path.name[-100:]
        if name in uploads:
            name = f"{number}-{name}"
        uploads[name] = _Upload(name=name, file=file)
    return tuple(uploads.values())


class Cards:
    """Makes cards."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def card(
        self,
        reply: Reply,
        locale: str,
        *,
        owner_id: str = "",
        notes: Sequence[str] = (),
        kept_preview: bool = False,
        rows: Sequence[ui.ActionRow[Any]] = (),
    ) -> Card:
        """Give the one card of a reply; what does not fit into one message is cut, as `all_of` does not.

        `notes` are small lines at the foot. `kept_preview`: the message shows a preview that is to stay.
        """
        lines = self._words.lines(locale, reply.lines, owner_id=owner_id)
        body = pages(lines, MOST_TEXT - 100 - sum(len(note) + 4 for note in notes))[0]
        return self._made(reply, locale, body, notes, kept_preview=kept_preview, rows=rows)

    def all_of(self, reply: Reply, locale: str) -> list[Card]:
        """Give as many cards as the lines of an answer need; the last has its files and buttons."""
        bodies = pages(self._words.lines(locale, reply.lines))
        first = [_plain(body, reply.tone) for body in bodies[:-1]]
        return [*first, self._made(reply, locale, bodies[-1], ())]

    def note(self, text: str, tone: Tone = Tone.INFO) -> Card:
        """Give a card that only says something."""
        return _plain(text, tone)

    def _made(
        self,
        reply: Reply,
        locale: str,
        body: str,
        notes: Sequence[str],
        *,
        kept_preview: bool = False,
        rows: Sequence[ui.ActionRow[Any]] = (),
    ) -> Card:
        uploads = files_of(reply)
        container: ui.Container[Any] = ui.Container(accent_colour=COLOURS[reply.tone])
        if body:
            container.add_item(ui.TextDisplay(body))
        alt = alt_text(reply)
        for item in _media(uploads, alt, spoiler=reply.spoiler):
            container.add_item(item)
        sent = [_sendable(upload.name, upload.file.data, alt) for upload in uploads]
        if reply.preview is not None or kept_preview:
            gallery = discord.MediaGalleryItem(f"attachment://{PREVIEW}", spoiler=reply.spoiler)
            container.add_item(ui.MediaGallery(gallery))
        if reply.preview is not None:
            sent.append(_sendable(PREVIEW, reply.preview, ""))
        room = MOST_ROWS if len(uploads) <= FEW_FILES else FEW_ROWS
        for row in [*self._rows(reply, locale), *rows][:room]:
            container.add_item(row)
        left_out = len(reply.files) - len(uploads)
        told = [self._words.say(locale, "files-left-out", count=left_out)] if left_out else []
        foot = [*notes, *told, *([f"`{reply.job_id}`"] if reply.job_id and reply.tone is not Tone.WORKING else [])]
        if foot:
            container.add_item(ui.TextDisplay("\n".join(f"-# {note}" for note in foot)))
        size = max((len(upload.file.data) for upload in uploads), default=0)
        return Card(view=view_of(container), files=tuple(sent), size=size)

    def _rows(self, reply: Reply, locale: str) -> list[ui.ActionRow[Any]]:
        """The buttons, each once: Discord takes no message that has one twice."""
        seen: set[Button] = set()
        rows: list[ui.ActionRow[Any]] = []
        for row in reply.buttons:
            fresh = [button for button in dict.fromkeys(row) if button not in seen][:5]
            seen.update(fresh)
            if fresh:
                rows.append(ui.ActionRow(*(action_button(button, self._words, locale) for button in fresh)))
        return rows


def _plain(body: str, tone: Tone) -> Card:
    return Card(view=view_of(ui.Container(ui.TextDisplay(body), accent_colour=COLOURS[tone])))


def view_of(container: ui.Container[Any]) -> ui.LayoutView:
    """A view of one container, stopped: presses are found by their pattern, so discord.py need not remember it."""
    view = ui.LayoutView(timeout=None)
    view.add_item(container)
    view.stop()
    return view


def _media(uploads: Sequence[_Upload], alt: str, *, spoiler: bool) -> list[ui.Item[Any]]:
    """Pictures and films in a gallery, other files below it."""
    shown = [upload for upload in uploads if upload.file.mime.startswith(_SHOWN)]
    items: list[ui.Item[Any]] = []
    if shown:
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        for upload in shown:
            gallery.add_item(media=f"attachment://{upload.name}", description=alt or None, spoiler=spoiler)
        items.append(gallery)
    others = [upload for upload in uploads if upload not in shown]
    return items + [ui.File(f"attachment://{upload.name}", spoiler=spoiler) for upload in others]


def alt_text(reply: Reply) -> str:
    """What its pictures show: the prompt, as it was typed."""
    prompts = [str(line.fields["prompt"]) for line in reply.lines if "prompt" in line.fields]
    return shortened(" ".join(prompts[0].split()), LONGEST_ALT) if prompts and len(prompts) == 1 else ""


def _sendable(name: str, data: bytes, alt: str) -> discord.File:
    return discord.File(io.BytesIO(data), filename=name, description=alt or None)

"""Pictures as they are uploaded: each in the form that fits, and what a person should know of those that do not."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bot.ladder import File, Form, fit
from bot.replies import Text, text
from engine.errors import BlobMissing
from engine.model import Picture

LADDER = (Form.ORIGINAL, Form.WEBP, Form.JPEG)


async def uploads(
    pictures: Sequence[Picture],
    read: Callable[[Picture], Awaitable[bytes]],
    *,
    ladder: Sequence[Form] = LADDER,
    limit: int | None,
    plain: bool = False,
) -> tuple[tuple[File, ...], tuple[Text, ...]]:
    """Give the files to upload, each of at most `limit` bytes, and notes on what was changed or left out.

    `read` raises BlobMissing; `plain`: without the workflow that made them.
    """
    files: list[File] = []
    notes: list[Text] = []
    for picture in pictures:
        file, note = await _upload(picture, read, ladder, limit, plain)
        files += [] if file is None else [file]
        notes += [] if note is None or note in notes else [note]
    return tuple(files), tuple(notes)


async def _upload(
    picture: Picture,
    read: Callable[[Picture], Awaitable[bytes]],
    ladder: Sequence[Form],
    limit: int | None,
    plain: bool,
) -> tuple[File | None, Text | None]:
    try:
        data = await read(picture)
    except BlobMissing:
        return None, text("job-picture-gone", name=picture.filename)
    file = await asyncio.to_thread(
        fit, data, filename=picture.filename, mime=picture.mime, ladder=ladder, limit=limit, plain=plain
    )
    most = f"{(limit or 0) / 2**20:.3g}"
    if file is None:
        return None, text("job-smaller", form="none", name=picture.filename, limit=most)
    if file.form is Form.ORIGINAL:
        return file, None
    return file, text("job-smaller", form=str(file.form), name="", limit=most)

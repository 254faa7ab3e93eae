"""A job's result as one platform takes it: its words, and its files in the form that fits."""

import asyncio
from dataclasses import replace

from bot.adapter import Limits
from bot.ladder import File, Form, fit
from bot.replies import Reply, Text, job_reply, text
from engine.errors import BlobMissing, MessageTooLarge
from engine.model import Delivery, JobView, Picture
from engine.ports import Blobs


async def compose_result(view: JobView, delivery: Delivery, blobs: Blobs, limits: Limits) -> Reply:
    """Give the final message with everything to upload; what cannot be sent as it was made is said in it.

    Raises BlobMissing or MessageTooLarge where there are pictures and none of them can be sent.
    """
    reply = job_reply(view, {})
    files, notes = [], []
    for picture in reply.pictures:
        file, note = await _upload(picture, blobs, limits)
        files += [] if file is None else [file]
        notes += [] if note is None or note in notes else [note]
    if reply.pictures and not files:
        gone = notes[0].key == "job-picture-gone"
        raise (
            BlobMissing("no picture of it is there any more")
            if gone
            else MessageTooLarge(size=max(picture.size for picture in reply.pictures), limit=limits.max_upload or 0)
        )
    if delivery.detour:
        notes.insert(0, text("job-elsewhere", reason=delivery.detour))
    return replace(reply, lines=(*reply.lines, *notes), files=tuple(files))


async def _upload(picture: Picture, blobs: Blobs, limits: Limits) -> tuple[File | None, Text | None]:
    """Give the file to upload, and what the person should know of it."""
    try:
        data = await blobs.get(picture.blob)
    except BlobMissing:
        return None, text("job-picture-gone", name=picture.filename)
    file = await asyncio.to_thread(
        fit, data, filename=picture.filename, mime=picture.mime, ladder=limits.ladder, limit=limits.max_upload
    )
    limit = f"{(limits.max_upload or 0) / 2**20:.3g}"
    if file is None:
        return None, text("job-smaller", form="none", name=picture.filename, limit=limit)
    if file.form is Form.ORIGINAL:
        return file, None
    return file, text("job-smaller", form=str(file.form), name="", limit=limit)

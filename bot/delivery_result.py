"""A job's result as one platform takes it: its words, its buttons, and its files in the form that fits."""

from dataclasses import replace

from bot.actions import result_rows
from bot.adapter import Limits
from bot.replies import Reply, job_reply, text
from bot.uploads import uploads
from engine.errors import BlobMissing, MessageTooLarge
from engine.model import Delivery, JobView
from engine.pictures import Pictures


async def compose_result(view: JobView, delivery: Delivery, pictures: Pictures, limits: Limits) -> Reply:
    """Give the final message with everything to upload; what cannot be sent as it was made is said in it.

    Raises BlobMissing or MessageTooLarge where there are pictures and none of them can be sent.
    """
    rows = result_rows(view.job.id, len(view.pictures), pictures.able(view), extra=limits.actions)
    reply = job_reply(view, {}, buttons=rows)
    plain = await pictures.plain(view.job)
    files, notes = await uploads(
        reply.pictures, pictures.read, ladder=limits.ladder, limit=limits.max_upload, plain=plain
    )
    if reply.pictures and not files:
        gone = notes[0].key == "job-picture-gone"
        raise (
            BlobMissing("no picture of it is there any more")
            if gone
            else MessageTooLarge(size=max(picture.size for picture in reply.pictures), limit=limits.max_upload or 0)
        )
    detour = (text("job-elsewhere", reason=delivery.detour),) if delivery.detour else ()
    return replace(reply, lines=(*reply.lines, *detour, *notes), files=files)

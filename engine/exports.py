"""A person's record as a zip: record.json and their pictures."""

import asyncio
import json
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO

from engine.accounts import Record
from engine.errors import BlobMissing

EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What a zip holds of a person's pictures."""

    pictures: int
    left_out: int  # that did not fit
    missing: int  # whose files are not there any more: too old, or damaged


async def pack(
    record: Record, read: Callable[[str], Awaitable[bytes]], into: BinaryIO, *, most: int | None = None
) -> Exported:
    """Write the zip; the newest pictures come first, as long as they take no more than `most` bytes.

    One picture at a time is in memory.
    """
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as archive:
        text = json.dumps(record.data, ensure_ascii=False, indent=2)
        info = zipfile.ZipInfo("record.json", EARLIEST)
        info.compress_type = zipfile.ZIP_DEFLATED
        await asyncio.to_thread(archive.writestr, info, text)
        left, pictures, left_out, missing = most, 0, 0, 0
        for name, blob in reversed(list(record.files.items())):
            if left == 0:
                left_out += 1
                continue
            try:
                data = await read(blob)
            except BlobMissing:
                missing += 1
                continue
            if left is not None and len(data) > left:
                left, left_out = 0, left_out + 1
                continue
            left = None if left is None else left - len(data)
            await asyncio.to_thread(archive.writestr, zipfile.ZipInfo(name, EARLIEST), data)
            pictures += 1
    return Exported(pictures=pictures, left_out=left_out, missing=missing)

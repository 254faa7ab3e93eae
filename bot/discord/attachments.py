"""Files that people attach: fetched from Discord's own CDN, and from nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.downloads import TYPES, Downloads, RemoteFile
from engine.images import ImageLimits

__all__ = ["TYPES", "Attachment", "Attachments"]


@dataclass(frozen=True, kw_only=True)
class Attachment(RemoteFile):
    """An attachment, as Discord describes it."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Attachment":
        """Read what an interaction or a message says of an attachment."""
        return cls(
            filename=str(data.get("filename", "")),
            size=int(data.get("size") or 0),
            url=str(data.get("url", "")),
            content_type=str(data.get("content_type") or "").partition(";")[0].strip().lower(),
            width=int(data.get("width") or 0),
            height=int(data.get("height") or 0),
        )


class Attachments(Downloads):
    """Fetches attachments."""

    def __init__(self, *, cdn_base: str, limits: ImageLimits) -> None:
        super().__init__(base=cdn_base, limits=limits)

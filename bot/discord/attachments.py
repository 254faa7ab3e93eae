"""Files that people attach: judged by what Discord says of them, fetched from its own CDN, and from nowhere else."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from engine.errors import ImageRejected
from engine.images import FORMATS, ImageLimits, check_size

log = structlog.get_logger(__name__)

TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
_CHUNK = 64 * 2**10  # bytes
_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """An attachment, as Discord describes it; nothing of that is sure but where it lies."""

    filename: str
    size: int  # bytes
    url: str
    content_type: str = ""
    width: int = 0  # pixels; 0 where Discord sees no picture
    height: int = 0

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


class Attachments:
    """Fetches attachments."""

    def __init__(self, *, cdn_base: str, limits: ImageLimits) -> None:
        self._base = urlsplit(cdn_base)
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, attachment: Attachment, *, name: str) -> bytes:
        """Give the file's bytes; `name` is the slot that it goes to. Raises ImageRejected.

        Its size is counted while it comes, so that what was declared smaller than it is costs no more than that.
        """
        self._judge(attachment, name)
        try:
            async with asyncio.timeout(TIMEOUT.total):
                data = await self._read(attachment.url, name)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("attachment_not_fetched", error=type(error).__name__)
            raise ImageRejected(type(error).__name__, name=name, reason="not-fetched", limit="") from error
        if not data.startswith(_HEADS):
            raise ImageRejected(name=name, reason="format", limit=", ".join(FORMATS))
        return data

    def _judge(self, attachment: Attachment, name: str) -> None:
        """Refuse by what is declared, before anything is fetched."""
        limits = self._limits
        if not self._is_cdn(attachment.url):
            raise ImageRejected("not from the CDN", name=name, reason="not-fetched", limit="")
        if attachment.content_type not in TYPES:
            raise ImageRejected(name=name, reason="format", limit=", ".join(FORMATS))
        if attachment.size > limits.max_bytes:
            raise self._too_large(name)
        check_size(attachment.width, attachment.height, limits, name)

    def _is_cdn(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            same = (parts.scheme, parts.hostname, parts.port) == (
                self._base.scheme,
                self._base.hostname,
                self._base.port,
            )
        except ValueError:
            return False
        below = parts.path.startswith(self._base.path.rstrip("/") + "/") and ".." not in parts.path
        return same and below and parts.username is None and parts.password is None

    def _too_large(self, name: str) -> ImageRejected:
        return ImageRejected(name=name, reason="bytes", limit=f"{self._limits.max_bytes / 2**20:.3g} MiB")

    async def _read(self, url: str, name: str) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        async with self._session.get(url, allow_redirects=False) as reply:
            if reply.status != 200:
                raise ImageRejected(f"{reply.status}", name=name, reason="not-fetched", limit="")
            data = bytearray()
            async for chunk in reply.content.iter_chunked(_CHUNK):
                data += chunk
                if len(data) > self._limits.max_bytes:
                    raise self._too_large(name)
            return bytes(data)

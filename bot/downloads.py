"""Files that people send on a platform: judged by what is said of them, fetched from one address, and no other."""

import asyncio
from dataclasses import dataclass, field
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
class RemoteFile:
    """A file, as its platform describes it; nothing of that is sure but where it lies."""

    filename: str
    size: int  # bytes
    url: str = field(default="", repr=False)  # may hold a key
    content_type: str = ""
    width: int = 0  # pixels; 0 where the platform sees no picture
    height: int = 0


class Downloads:
    """Fetches files that lie below one address."""

    def __init__(self, *, base: str, limits: ImageLimits) -> None:
        self._base = urlsplit(base)
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, file: RemoteFile, *, name: str) -> bytes:
        """Give the file's bytes; `name` is the slot that it goes to. Raises ImageRejected.

        Its size is counted while it comes, so that what was declared smaller than it is costs no more than that.
        """
        self.judge(file, name)
        if not self._is_below(file.url):
            raise ImageRejected("not from the platform's own files", name=name, reason="not-fetched", limit="")
        try:
            async with asyncio.timeout(TIMEOUT.total):
                data = await self._read(file.url, name)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("file_not_fetched", error=type(error).__name__)
            raise ImageRejected(type(error).__name__, name=name, reason="not-fetched", limit="") from error
        if not data.startswith(_HEADS):
            raise ImageRejected(name=name, reason="format", limit=", ".join(FORMATS))
        return data

    def judge(self, file: RemoteFile, name: str) -> None:
        """Refuse by what is declared, before anything is fetched. Raises ImageRejected."""
        limits = self._limits
        if file.content_type not in TYPES:
            raise ImageRejected(name=name, reason="format", limit=", ".join(FORMATS))
        if file.size > limits.max_bytes:
            raise self._too_large(name)
        check_size(file.width, file.height, limits, name)

    def _is_below(self, url: str) -> bool:
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

"""How the gateway's frames travel: as text, or as one stream that is compressed over all of them.

discord.py asks for zlib-stream; for zstd-stream only where the package `zstandard` is installed, which is none of ours.
"""

import zlib
from typing import Protocol


class Stream(Protocol):
    """Turns each text into the bytes of one frame."""

    def pack(self, text: str) -> bytes:
        """The frame's bytes, complete at once."""


class ZlibStream:
    """`compress=zlib-stream`: one deflate stream, flushed after each message."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj()

    def pack(self, text: str) -> bytes:
        """The frame's bytes; they end in 00 00 FF FF."""
        return self._stream.compress(text.encode()) + self._stream.flush(zlib.Z_SYNC_FLUSH)


STREAMS: dict[str, type[Stream]] = {"zlib-stream": ZlibStream}

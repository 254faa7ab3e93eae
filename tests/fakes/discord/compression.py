"""How the gateway's frames travel: as text, or as one stream that is compressed over all of them."""

import struct
import zlib
from typing import Protocol

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_BLOCK = 100_000  # bytes; a block may have 128 KiB


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


class ZstdStream:
    """`compress=zstd-stream`: one zstd frame of raw blocks, which every zstd reader takes (RFC 8878)."""

    def __init__(self) -> None:
        # Neither content size nor checksum; a window of 1 MiB: exponent 10, mantissa 0.
        self._head = ZSTD_MAGIC + bytes((0, 10 << 3))

    def pack(self, text: str) -> bytes:
        """The frame's bytes: raw blocks that are not the last of the stream."""
        data, packed = text.encode(), self._head
        self._head = b""
        for start in range(0, len(data), ZSTD_BLOCK):
            block = data[start : start + ZSTD_BLOCK]
            packed += struct.pack("<I", len(block) << 3)[:3] + block
        return packed


STREAMS: dict[str, type[Stream]] = {"zlib-stream": ZlibStream, "zstd-stream": ZstdStream}

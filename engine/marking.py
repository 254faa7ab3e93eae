"""The mark of AI-made pictures: an XMP packet with IPTC's source type trainedAlgorithmicMedia, in PNG, JPEG and WebP.

Written into the file's container; the picture itself is not decoded or encoded again. Formats:
IPTC https://cv.iptc.org/newscodes/digitalsourcetype/, XMP specification part 3 (where packets lie in each format).
"""

import struct
import zlib
from collections.abc import Iterator, Sequence

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_DESCRIPTION = (
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/>'
)
AI_MADE = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'{_DESCRIPTION}</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
"""A whole packet that says nothing else."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEYWORD = b"XML:com.adobe.xmp\0"
_JPEG = b"\xff\xd8"
_JPEG_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
_LONGEST_SEGMENT = 65_533  # bytes of a JPEG segment's content
_WEBP_XMP_FLAG, _WEBP_EXIF_FLAG, _WEBP_ALPHA_FLAG = 0x04, 0x08, 0x10
_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_WORKFLOW_KEYWORDS = frozenset({b"prompt", b"workflow", b"parameters"})  # ComfyUI's two, and Stable Diffusion WebUI's


class _Broken(ValueError):
    """The container is not as it should be; the file is left as it is."""


def mark(data: bytes) -> bytes:
    """Give the file with the mark in it; of another format, or broken, it stays as it is. Harmless when repeated."""
    try:
        if data.startswith(_PNG):
            return _mark_png(data)
        if data.startswith(_JPEG):
            return _mark_jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _mark_webp(data)
    except (_Broken, struct.error, IndexError, zlib.error):
        pass
    return data


def without_workflow(data: bytes) -> bytes:
    """Give the file without the prompt and the workflow that ComfyUI writes into it: PNG text, and the EXIF of WebP.

    Of another format, or broken, it stays as it is.
    """
    try:
        if data.startswith(_PNG):
            kept = [(kind, body) for kind, body in _png_chunks(data) if not _is_workflow(kind, body)]
            return _PNG + b"".join(_png_chunk(kind, body) for kind, body in kept)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_without_exif(data)
    except (_Broken, struct.error, IndexError):
        pass
    return data


def _is_workflow(kind: bytes, body: bytes) -> bool:
    return kind in _PNG_TEXTS and body.split(b"\0", 1)[0] in _WORKFLOW_KEYWORDS


def _webp_without_exif(data: bytes) -> bytes:
    chunks = list(_webp_chunks(data))
    kept = [(kind, body) for kind, body in chunks if kind != b"EXIF"]
    if len(kept) == len(chunks):
        return data
    first, header = kept[0]
    kept[0] = (first, bytes([header[0] & ~_WEBP_EXIF_FLAG & 0xFF]) + header[1:])
    return _webp_file(kept)


def _packet(present: bytes | None) -> bytes | None:
    """Give the packet to write; None if the present one has the mark already."""
    if present is None:
        return AI_MADE.encode()
    if SOURCE_TYPE.encode() in present:
        return None
    before, end, after = present.rpartition(b"</rdf:RDF>")
    return before + _DESCRIPTION.encode() + end + after if end else AI_MADE.encode()


def _mark_png(data: bytes) -> bytes:
    chunks = list(_png_chunks(data))
    present = next((body for kind, body in chunks if kind == b"iTXt" and body.startswith(_PNG_KEYWORD)), None)
    packet = _packet(None if present is None else _png_text(present))
    if packet is None:
        return data
    ours = (b"iTXt", _PNG_KEYWORD + b"\0\0\0\0" + packet)
    kept = [(kind, body) for kind, body in chunks if body is not present]
    return _PNG + b"".join(_png_chunk(kind, body) for kind, body in [kept[0], ours, *kept[1:]])


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            raise _Broken
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_text(body: bytes) -> bytes:
    """Give the text of an iTXt chunk: after keyword, compression flag and method, language and translated keyword."""
    compressed = body[len(_PNG_KEYWORD)]
    text = body[len(_PNG_KEYWORD) + 2 :].split(b"\0", 2)[2]
    return zlib.decompress(text) if compressed else text


def _mark_jpeg(data: bytes) -> bytes:
    at, insert_at, present = 2, 2, None
    while data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        (length,) = struct.unpack_from(">H", data, at + 2)
        content = data[at + 4 : at + 2 + length]
        if data[at + 1] == 0xE1 and content.startswith(_JPEG_NAMESPACE):
            present = (at, at + 2 + length)
            break
        at += 2 + length
        if data[at - 2 - length + 1] == 0xE0:  # JFIF's own segment stays the first
            insert_at = at
    packet = _packet(None if present is None else data[present[0] + 4 + len(_JPEG_NAMESPACE) : present[1]])
    if packet is None:
        return data
    if len(_JPEG_NAMESPACE) + len(packet) > _LONGEST_SEGMENT:
        packet = AI_MADE.encode()
    content = _JPEG_NAMESPACE + packet
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    if present is not None:
        return data[: present[0]] + segment + data[present[1] :]
    return data[:insert_at] + segment + data[insert_at:]


def _mark_webp(data: bytes) -> bytes:
    chunks = list(_webp_chunks(data))
    packet = _packet(next((body for kind, body in chunks if kind == b"XMP "), None))
    if packet is None:
        return data
    chunks = [(kind, body) for kind, body in chunks if kind != b"XMP "]
    if chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _webp_header(*chunks[0])))
    flags, rest = chunks[0][1][0], chunks[0][1][1:]
    chunks[0] = (b"VP8X", bytes([flags | _WEBP_XMP_FLAG]) + rest)
    return _webp_file([*chunks, (b"XMP ", packet)])


def _webp_file(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = b"WEBP" + b"".join(_webp_chunk(kind, content) for kind, content in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        if at + 8 + length > len(data):
            raise _Broken
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _webp_header(kind: bytes, body: bytes) -> bytes:
    """Make the extended header of a simple file from its only chunk, lossless or lossy."""
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1
    elif kind == b"VP8 ":
        width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", body, 6))
        alpha = 0
    else:
        raise _Broken
    sizes = int(width - 1).to_bytes(3, "little") + int(height - 1).to_bytes(3, "little")
    return bytes([_WEBP_ALPHA_FLAG if alpha else 0, 0, 0, 0]) + sizes

"""What kind of file some bytes are: by their first bytes, then by their name (pure)."""

import mimetypes
from pathlib import PurePosixPath

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"glTF", "model/gltf-binary"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_ISO_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"M4A ": "audio/mp4"}
_NAMES = {".opus": "audio/ogg", ".mkv": "video/x-matroska", ".glb": "model/gltf-binary", ".webp": "image/webp"}


def guess_mime(data: bytes, filename: str) -> str:
    """Guess a MIME type; `application/octet-stream` if neither bytes nor name tell.

    Matroska and WebM begin alike, as do BMP and plain text with those letters: there the name decides.
    """
    suffix = PurePosixPath(filename.lower()).suffix
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    if data[4:8] == b"ftyp":
        return _ISO_BRANDS.get(data[8:12], "video/quicktime" if data[8:12] == b"qt  " else "video/mp4")
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            if (mime == "video/webm" and suffix == ".mkv") or (mime == "image/bmp" and suffix != ".bmp"):
                break
            return mime
    if suffix in _NAMES:
        return _NAMES[suffix]
    return mimetypes.guess_type(f"file{suffix}", strict=False)[0] or "application/octet-stream"

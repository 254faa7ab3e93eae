"""Pictures, re-encoded for `/view` and joined with masks for `/upload/mask`; pure, from bytes to bytes."""

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_PIXELS = 80_000_000  # a decoded picture of this size takes 320 MB; Pillow warns at 89 million
_DEFAULT_QUALITY = 90

Channel = Literal["rgb", "a"]


class NoPicture(ValueError):
    """The bytes are no picture that we can decode, or one too large to decode or to encode as asked."""


def preview(data: bytes, wanted: str) -> tuple[bytes, str]:
    """Encode a picture as `webp;50` or `jpeg;90` asks (quality 1 to 100); give the bytes and their media type."""
    name, _, quality_text = wanted.partition(";")
    quality = min(100, max(1, int(quality_text))) if quality_text.isdecimal() else _DEFAULT_QUALITY
    picture = _open(data)
    if name.strip().lower() == "jpeg":
        return _encoded(picture.convert("RGB"), "JPEG", quality=quality), "image/jpeg"
    if picture.mode not in ("RGB", "RGBA"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return _encoded(picture, "WEBP", quality=quality), "image/webp"


def channel(data: bytes, wanted: Channel) -> bytes:
    """Give a PNG of the colours alone, or of the alpha alone (black under it, as ComfyUI does)."""
    from PIL import Image

    picture = _open(data)
    if wanted == "rgb":
        return _encoded(picture.convert("RGB"), "PNG")
    alpha = picture.convert("RGBA").getchannel("A")
    only_alpha = Image.new("RGBA", picture.size)
    only_alpha.putalpha(alpha)
    return _encoded(only_alpha, "PNG")


def with_mask(original: bytes, mask: bytes) -> bytes:
    """Give the original as a PNG with the alpha of the mask (scaled to fit) as its alpha; its text chunks stay."""
    from PIL.PngImagePlugin import PngInfo

    picture = _open(original)
    texts = PngInfo()
    for key, text in getattr(picture, "text", {}).items():
        texts.add_text(key, text)
    alpha = _open(mask).convert("RGBA").getchannel("A")
    if alpha.size != picture.size:
        alpha = alpha.resize(picture.size)
    painted = picture.convert("RGBA")
    painted.putalpha(alpha)
    file = io.BytesIO()
    painted.save(file, "PNG", compress_level=4, pnginfo=texts)
    return file.getvalue()


def _open(data: bytes) -> "Image":
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > _MOST_PIXELS:
            raise NoPicture("the picture has too many pixels")
        picture.load()
    except NoPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPicture("the picture has too many pixels") from error
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError) as error:
        raise NoPicture("the file is no picture") from error
    return picture


def _encoded(picture: "Image", kind: str, quality: int | None = None) -> bytes:
    file = io.BytesIO()
    options = {} if quality is None else {"quality": quality}
    try:
        picture.save(file, kind, **options)
    except (OSError, ValueError) as error:  # e.g. more than 16,383 pixels a side in WebP
        raise NoPicture(f"the picture cannot be written as {kind}") from error
    return file.getvalue()

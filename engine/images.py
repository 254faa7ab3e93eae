"""Pictures that people send: checked before a byte of them reaches an endpoint."""

import io
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import ImageRejected

FORMATS = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True, kw_only=True)
class KeptImage:
    """A picture that somebody sent, checked and kept."""

    blob: str
    width: int  # pixels
    height: int

    def aspect_within(self, widest: int) -> tuple[int, int]:
        """The picture's ratio, drawn in to at most `widest`:1 either way."""
        return min(self.width, widest * self.height), min(self.height, widest * self.width)


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """How large an input may be."""

    max_bytes: int
    max_pixels: int  # width x height
    max_side: int  # pixels


def clean_image(data: bytes, limits: ImageLimits, *, name: str = "image") -> bytes:
    """Give the picture anew as PNG: upright, without metadata, RGB or RGBA.

    The size is checked from the header, before anything is decoded, so that a bomb costs nothing. Blocks for as long
    as decoding takes: call it off the event loop. Raises ImageRejected (name, reason, limit).
    """
    if len(data) > limits.max_bytes:
        raise ImageRejected(name=name, reason="bytes", limit=f"{limits.max_bytes / 2**20:.3g} MiB")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(image.width, image.height, limits, name)
            upright = ImageOps.exif_transpose(image)
            clean = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except Image.DecompressionBombError as error:
        raise ImageRejected(str(error), name=name, reason="pixels", limit=_megapixels(limits)) from None
    except UnidentifiedImageError:
        raise ImageRejected(name=name, reason="format", limit=", ".join(FORMATS)) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageRejected(str(type(error).__name__), name=name, reason="broken", limit=", ".join(FORMATS)) from None
    buffer = io.BytesIO()
    clean.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def transparent_part(clean: bytes) -> bytes | None:
    """Give the mask of a picture that `clean_image` made: white where it is transparent; None if it is nowhere."""
    with Image.open(io.BytesIO(clean)) as image:
        if "A" not in image.getbands():
            return None
        mask = ImageOps.invert(image.getchannel("A"))
    if mask.getbbox() is None:
        return None
    buffer = io.BytesIO()
    mask.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def check_size(width: int, height: int, limits: ImageLimits, name: str) -> None:
    """Refuse a picture that is too large by what is said of it. Raises ImageRejected."""
    if max(width, height) > limits.max_side:
        raise ImageRejected(name=name, reason="side", limit=f"{limits.max_side} px", size=f"{width}x{height}")
    if width * height > limits.max_pixels:
        raise ImageRejected(name=name, reason="pixels", limit=_megapixels(limits), size=f"{width}x{height}")


def _megapixels(limits: ImageLimits) -> str:
    return f"{limits.max_pixels / 1e6:.1f} MP"


def picture_size(data: bytes) -> tuple[int, int]:
    """Read width and height in pixels from a result's header; (0, 0) if it is no picture that Pillow knows."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.width, image.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0, 0

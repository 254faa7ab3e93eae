"""The form in which a picture fits into a platform's upload limit: as it is, smaller without loss, or with."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from PIL import Image

from engine.marking import mark, without_workflow

_QUALITIES = (95, 90, 80, 65, 50)  # of JPEG; under 50 blocks are seen at once
_SUBSAMPLED_BELOW = 90  # quality from which colours keep their full resolution
WEBP_MAX_DIMENSION = 16_383  # pixels a side
_MOST_PIXELS = 80_000_000  # decoded at once; as large as an endpoint's picture may be


class Form(StrEnum):
    """What became of a picture."""

    ORIGINAL = "original"
    WEBP = "webp"  # without loss
    JPEG = "jpeg"


@dataclass(frozen=True, kw_only=True)
class File:
    """A file as it is uploaded."""

    filename: str
    mime: str
    form: Form
    data: bytes = field(repr=False)


def fit(
    data: bytes, *, filename: str, mime: str, ladder: Sequence[Form], limit: int | None, plain: bool = False
) -> File | None:
    """Give the first form of the ladder that is at most `limit` bytes; None if none is.

    `plain`: without the workflow and the prompt that made it. Every form carries the AI-made mark. Files that are no
    still picture are not converted. Blocks while it encodes: call it off the event loop.
    """
    data = without_workflow(data) if plain else data
    for form in ladder:
        for candidate in [mark(data)] if form is Form.ORIGINAL else _encoded(data, mime, form):
            if limit is None or len(candidate) <= limit:
                return _file(candidate, filename, mime, form)
    return None


def _file(data: bytes, filename: str, mime: str, form: Form) -> File:
    if form is Form.ORIGINAL:
        return File(filename=filename, mime=mime, form=form, data=data)
    suffix = {Form.WEBP: ".webp", Form.JPEG: ".jpg"}[form]
    return File(filename=PurePath(filename).stem + suffix, mime=f"image/{form}", form=form, data=data)


def _encoded(data: bytes, mime: str, form: Form) -> Iterator[bytes]:
    """Give the encodings of a form to try, largest first, each made when it is asked for."""
    picture = _opened(data) if mime.startswith("image/") else None
    if picture is None:
        return
    if form is Form.JPEG:
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
        for quality in _QUALITIES:
            subsampling = "4:2:0" if quality < _SUBSAMPLED_BELOW else "4:4:4"
            yield _saved(flat, "JPEG", quality=quality, subsampling=subsampling)
    elif max(picture.size) <= WEBP_MAX_DIMENSION:
        yield _saved(picture, "WEBP", lossless=True, exact=True, method=4)


def _opened(data: bytes) -> Image.Image | None:
    """Decode a still picture; None for anything else."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > _MOST_PIXELS or getattr(opened, "is_animated", False):
                return None
            return opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def _saved(picture: Image.Image, kind: str, **options: str | int | bool) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return mark(buffer.getvalue())

"""Several pictures as one: a grid, for platforms whose message shows one. Pure; blocks while it draws."""

import io
from collections.abc import Sequence
from math import ceil, sqrt

from PIL import Image, ImageDraw

from engine.marking import mark

CELL = 1_024  # pixels of a cell's longer side, at most
GAP = 1 / 96  # between cells, of a cell's longer side
_QUALITY = 92
_GROUND = (24, 26, 30)
_SHADOW = (70, 74, 82)
_MOST_PIXELS = 80_000_000  # decoded at once; as large as an endpoint's picture may be


def collage(pictures: Sequence[bytes]) -> bytes:
    """Draw pictures side by side and below each other, in reading order, as a JPEG that says it is AI-made.

    Every picture keeps its shape, in a cell as large as the largest. Raises ValueError for what is no picture.
    """
    shown = [_opened(data) for data in pictures]
    if not shown:
        raise ValueError("no pictures")
    width, height = max(one.width for one in shown), max(one.height for one in shown)
    columns = columns_of(len(shown), width / height)
    rows, gap = ceil(len(shown) / columns), max(2, round(max(width, height) * GAP))
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), _GROUND)
    for number, one in enumerate(shown):
        row, column = divmod(number, columns)
        left = column * (width + gap) + (width - one.width) // 2
        top = row * (height + gap) + (height - one.height) // 2
        sheet.paste(one, (left, top))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=_QUALITY, subsampling="4:4:4")
    return mark(buffer.getvalue())


def columns_of(count: int, aspect: float) -> int:
    """Give the number of columns: two stand so that the whole is nearest to a square, others in a square."""
    if count == 2:
        return 1 if aspect > 1 else 2
    return ceil(sqrt(count))


def placeholder(width: int = 640, height: int = 360) -> bytes:
    """Draw the picture that stands where one was taken away."""
    image = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = width // 4, height // 4, 3 * width // 4, 3 * height // 4
    for line in ((left, top, right, bottom), (left, bottom, right, top)):
        draw.line(line, fill=_SHADOW, width=12)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _opened(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise ValueError("too large")
            opened.draft("RGB", (CELL, CELL))
            image = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(str(error)) from error
    image.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A"))
        return flat
    return image

"""Picture sizes: an aspect ratio at a model's native area, or an exact size."""

import math

from engine.errors import BadValue

GRID = 8  # pixels a side of one latent pixel
WIDEST = 4  # the longer side is at most so many times the shorter
_RATIO = f"1:{WIDEST}–{WIDEST}:1"


def size_for(
    *,
    native: tuple[int, int],
    aspect: tuple[int, int] | None = None,
    exact: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """Give width and height in pixels, both multiples of 8.

    `aspect` keeps the native area as nearly as multiples of 8 can: 3:2 at 128x128 is 160x104. `exact` is taken as it
    is. With neither it is the native size. Raises BadValue (flag `ar` or `size`) beyond 1:4 and 4:1 and for a side that
    is no multiple of 8, naming the nearest that is right.
    """
    if exact is not None:
        return _exact(*exact)
    width, height = native
    if aspect is None:
        return width, height
    across, down = aspect
    if across < 1 or down < 1:
        raise BadValue(flag="ar", value=f"{across}:{down}", expected=_RATIO, nearest="1:1")
    if max(across, down) > WIDEST * min(across, down):
        near = f"{WIDEST}:1" if across > down else f"1:{WIDEST}"
        raise BadValue(flag="ar", value=f"{across}:{down}", expected=_RATIO, nearest=near)
    area = width * height
    return on_grid(math.sqrt(area * across / down)), on_grid(math.sqrt(area * down / across))


def on_grid(pixels: float) -> int:
    """Give the nearest multiple of 8, at least 8."""
    return max(GRID, GRID * math.floor(pixels / GRID + 0.5))


def _exact(width: int, height: int) -> tuple[int, int]:
    near_width, near_height = on_grid(width), on_grid(height)
    near_width, near_height = min(near_width, WIDEST * near_height), min(near_height, WIDEST * near_width)
    if (width, height) != (near_width, near_height):
        raise BadValue(
            flag="size",
            value=f"{width}x{height}",
            expected=f"{GRID}n x {GRID}n, {_RATIO}",
            nearest=f"{near_width}x{near_height}",
        )
    return width, height

"""Colours and an antialiased brush: what every drawing of the training pictures is made with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

SUPERSAMPLE: Final = 3
"""Canvas pixels per picture pixel along each side, averaged away at the end."""

PALETTE: Final[dict[str, Colour]] = {
    "red": (218, 44, 44),
    "orange": (244, 134, 28),
    "yellow": (250, 214, 48),
    "green": (58, 160, 70),
    "blue": (48, 104, 216),
    "purple": (132, 62, 178),
    "pink": (246, 138, 182),
    "brown": (134, 84, 46),
    "white": (248, 248, 244),
    "black": (38, 36, 42),
    "gray": (142, 144, 150),
}
INK: Final[Colour] = (44, 32, 40)
WHITE: Final[Colour] = (255, 255, 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies `share` (0 to 1) of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def tint(name: str, random: Random, spread: int = 9) -> Colour:
    """A named colour, each channel off by at most `spread` of 255, so that no two pictures are quite alike."""
    reach = 3 if name in ("white", "gray", "black") else spread
    red, green, blue = (min(255, max(0, channel + random.randint(-reach, reach))) for channel in PALETTE[name])
    return red, green, blue


@dataclass(frozen=True, kw_only=True)
class Tones:
    """One colour in the four strengths that a drawing needs."""

    main: Colour
    light: Colour
    dark: Colour
    line: Colour

    @classmethod
    def of(cls, main: Colour) -> Tones:
        """Lighter, darker and outline tones of a colour; a near-black colour is lit from a little higher."""
        dim = sum(main) < 180
        return cls(
            main=main,
            light=mix(main, WHITE, 0.22 if dim else 0.34),
            dark=mix(main, INK, 0.5 if dim else 0.24),
            line=mix(main, INK, 0.9 if dim else 0.62),
        )


class Brush:
    """Draws in a thing's own units: x and y from -1 to 1, y downwards, mapped on a centre and a half size in pixels."""

    def __init__(self, image: Image.Image, *, centre: Point, half: float, flip: bool = False) -> None:
        self._draw = ImageDraw.Draw(image)
        self._x, self._y = centre[0] * SUPERSAMPLE, centre[1] * SUPERSAMPLE
        self._half = half * SUPERSAMPLE
        self._sign = -1.0 if flip else 1.0
        self.width = max(SUPERSAMPLE, round(0.055 * self._half))
        """Outline thickness in canvas pixels."""

    def place(self, point: Point) -> Point:
        """Canvas pixels of a point in the thing's units."""
        return self._x + self._sign * point[0] * self._half, self._y + point[1] * self._half

    def polygon(self, points: Sequence[Point], fill: Colour, line: Colour | None = None) -> None:
        """A filled polygon, outlined with round joints where a line colour is given."""
        places = [self.place(point) for point in points]
        self._draw.polygon(places, fill=fill)
        if line is not None:
            self._draw.line([*places, places[0], places[1]], fill=line, width=self.width, joint="curve")

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, line: Colour | None = None
    ) -> None:
        """An upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill, line)

    def ellipse(self, centre: Point, rx: float, ry: float, fill: Colour, line: Colour | None = None) -> None:
        """An upright ellipse of the given half widths."""
        x, y = self.place(centre)
        wide, high = rx * self._half, ry * self._half
        self._draw.ellipse(
            (x - wide, y - high, x + wide, y + high), fill=fill, outline=line, width=self.width if line else 0
        )

    def blob(self, circles: Sequence[tuple[float, float, float]], fill: Colour, line: Colour) -> None:
        """Circles (x, y, radius) melted into one outlined shape."""
        rim = self.width / self._half
        for x, y, radius in circles:
            self.ellipse((x, y), radius, radius, line)
        for x, y, radius in circles:
            self.ellipse((x, y), radius - rim, radius - rim, fill)

    def stroke(self, points: Sequence[Point], colour: Colour, thickness: float) -> None:
        """An open line of the given thickness in the thing's units, with round ends."""
        width = max(1, round(thickness * self._half))
        places = [self.place(point) for point in points]
        self._draw.line(places, fill=colour, width=width, joint="curve")
        for x, y in (places[0], places[-1]):
            self._draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def ring(centre: Point, radius: float, count: int, turn: float = 0.0) -> list[Point]:
    """`count` points evenly round a circle, the first straight up when `turn` (radians) is 0."""
    angles = (turn + 2 * math.pi * index / count - math.pi / 2 for index in range(count))
    return [(centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)) for angle in angles]


def arc(centre: Point, rx: float, ry: float, start: float, stop: float, count: int = 18) -> list[Point]:
    """Points along an ellipse between two angles in degrees, clockwise on the screen from the right."""
    steps = (math.radians(start + (stop - start) * index / (count - 1)) for index in range(count))
    return [(centre[0] + rx * math.cos(angle), centre[1] + ry * math.sin(angle)) for angle in steps]

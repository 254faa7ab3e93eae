"""How each thing is drawn, in the manner of a picture book: its main area in its colour, a soft light, a dark outline.

Every function takes a brush whose units run from -1 to 1 around the thing's centre, the thing's tones and a random
source for small differences between two of a kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Final

from tools.tiny.brush import INK, PALETTE, WHITE, Brush, Tones, arc, mix, ring

Drawing = Callable[[Brush, Tones, Random], None]
WINDOW: Final = (255, 236, 150)
LEAF: Final = Tones.of((62, 150, 66))
BARK: Final = Tones.of((122, 78, 44))


def draw_house(brush: Brush, tones: Tones, random: Random) -> None:
    """A cottage with a gable roof, a door and windows."""
    wide = random.uniform(0.68, 0.82)
    if random.random() < 0.7:
        brush.box(0.28, -0.9, 0.5, -0.3, tones.dark, tones.line)
    brush.box(-wide, -0.12, wide, 0.95, tones.main, tones.line)
    brush.box(-wide + 0.06, -0.06, -wide + 0.24, 0.89, tones.light)
    roof = mix(tones.dark, tones.line, 0.25)
    brush.polygon([(-wide - 0.18, -0.08), (0, -0.95), (wide + 0.18, -0.08)], roof, tones.line)
    door = random.choice((-0.36, 0.0, 0.3))
    brush.box(door - 0.16, 0.4, door + 0.16, 0.93, BARK.main, BARK.line)
    for x in (-0.42, 0.42) if door == 0.0 else (-door,):
        brush.box(x - 0.17, 0.14, x + 0.17, 0.48, WINDOW, tones.line)
        brush.stroke([(x, 0.16), (x, 0.46)], tones.line, 0.04)


def draw_tree(brush: Brush, tones: Tones, random: Random) -> None:
    """A tree with a round crown, or a fir."""
    if random.random() < 0.65:
        brush.box(-0.12, 0.2, 0.12, 0.96, BARK.main, BARK.line)
        lean = random.uniform(-0.08, 0.08)
        crown = [(-0.38, -0.02, 0.4), (0.38, -0.02, 0.4), (lean, -0.48, 0.46), (lean, 0.02, 0.44)]
        brush.blob(crown, tones.main, tones.line)
        brush.ellipse((lean - 0.16, -0.55), 0.2, 0.18, tones.light)
        brush.ellipse((-0.44, -0.1), 0.14, 0.13, tones.light)
        return
    brush.box(-0.1, 0.6, 0.1, 0.96, BARK.main, BARK.line)
    for top, bottom, wide in ((-0.05, 0.7, 0.72), (-0.5, 0.26, 0.58), (-0.96, -0.18, 0.42)):
        brush.polygon([(-wide, bottom), (0, top), (wide, bottom)], tones.main, tones.line)
        brush.polygon([(-wide * 0.7, bottom - 0.07), (-0.04, top + 0.2), (-wide * 0.2, bottom - 0.07)], tones.light)


def draw_sun(brush: Brush, tones: Tones, random: Random) -> None:
    """A disc with rays."""
    turn, count = random.uniform(0, 0.5), random.choice((8, 10, 12))
    inner, outer = ring((0, 0), 0.7, count, turn), ring((0, 0), 0.98, count, turn)
    for near, far in zip(inner, outer, strict=True):
        brush.stroke([near, far], tones.line, 0.17)
        brush.stroke([near, far], tones.main, 0.1)
    brush.ellipse((0, 0), 0.6, 0.6, tones.main, tones.line)
    brush.ellipse((-0.15, -0.17), 0.26, 0.24, tones.light)


def draw_moon(brush: Brush, tones: Tones, random: Random) -> None:
    """A crescent."""
    depth = random.uniform(0.15, 0.4)
    outer = arc((0, 0), 0.85, 0.85, 60, 300, 30)
    inner = arc((0.42, 0), 0.85 - depth, 0.736, 270, 90, 24)
    brush.polygon([*outer, *inner], tones.main, tones.line)
    brush.ellipse((-0.55, -0.2), 0.11, 0.14, tones.light)
    brush.ellipse((-0.45, 0.3), 0.08, 0.08, tones.dark)


def draw_star(brush: Brush, tones: Tones, random: Random) -> None:
    """A five-pointed star."""
    turn = random.uniform(-0.15, 0.15)
    tips, dents = ring((0, 0.05), 0.98, 5, turn), ring((0, 0.05), 0.46, 5, turn + math.pi / 5)
    brush.polygon([point for pair in zip(tips, dents, strict=True) for point in pair], tones.main, tones.line)
    brush.ellipse((-0.1, -0.14), 0.18, 0.18, tones.light)


def draw_flower(brush: Brush, tones: Tones, random: Random) -> None:
    """A blossom with round petals on a stem with two leaves."""
    brush.stroke([(0, -0.2), (0.04, 0.95)], LEAF.line, 0.15)
    brush.stroke([(0, -0.2), (0.04, 0.95)], LEAF.main, 0.08)
    for side in (-1, 1):
        brush.polygon([(0.02, 0.72), (side * 0.3, 0.36), (side * 0.56, 0.4), (side * 0.4, 0.66)], LEAF.main, LEAF.line)
    count = random.choice((5, 6))
    petals = [(x, y, 0.32) for x, y in ring((0, -0.35), 0.34, count, random.uniform(0, 1))]
    for x, y, radius in petals:
        brush.ellipse((x, y), radius, radius, tones.main, tones.line)
    for x, y, _ in petals[:3]:
        brush.ellipse((x * 1.1, y - 0.04), 0.1, 0.1, tones.light)
    heart = (
        PALETTE["orange"]
        if sum(abs(a - b) for a, b in zip(tones.main, PALETTE["yellow"], strict=True)) < 90
        else WINDOW
    )
    brush.ellipse((0, -0.35), 0.2, 0.2, heart, tones.line)


def draw_cat(brush: Brush, tones: Tones, random: Random) -> None:
    """A sitting cat that looks out of the picture."""
    tail = arc((0.5, 0.45), 0.36, 0.42, 90, -70)
    brush.stroke(tail, tones.line, 0.22)
    brush.stroke(tail, tones.main, 0.13)
    brush.ellipse((0, 0.45), 0.5, 0.52, tones.main, tones.line)
    brush.ellipse((0, 0.58), 0.24, 0.3, tones.light)
    for side in (-1, 1):
        ear = [(side * 0.44, -0.35), (side * 0.42, -0.96), (side * 0.06, -0.66)]
        brush.polygon(ear, tones.main, tones.line)
    brush.ellipse((0, -0.32), 0.5, 0.42, tones.main, tones.line)
    eye = random.choice(((140, 220, 110), (250, 220, 90), (150, 210, 240)))
    for side in (-1, 1):
        brush.ellipse((side * 0.2, -0.36), 0.12, 0.13, eye, INK)
        brush.ellipse((side * 0.2, -0.36), 0.04, 0.1, INK)
        brush.ellipse((side * 0.2, 0.9), 0.18, 0.1, tones.light, tones.line)
    brush.polygon([(-0.07, -0.18), (0.07, -0.18), (0, -0.1)], (240, 140, 150))


def draw_fish(brush: Brush, tones: Tones, random: Random) -> None:
    """A round fish with fins, seen from the side."""
    lift = random.uniform(-0.06, 0.06)
    brush.polygon([(0.42, lift), (0.96, -0.45), (0.84, lift), (0.96, 0.45)], tones.dark, tones.line)
    brush.polygon([(-0.2, -0.4), (0.1, -0.75), (0.36, -0.3)], tones.dark, tones.line)
    brush.ellipse((-0.2, 0), 0.74, 0.48, tones.main, tones.line)
    brush.ellipse((-0.2, 0.22), 0.5, 0.16, tones.light)
    brush.polygon([(0.0, 0.02), (0.3, -0.12), (0.26, 0.22)], tones.dark, tones.line)
    brush.ellipse((-0.56, -0.12), 0.13, 0.13, WHITE, INK)
    brush.ellipse((-0.58, -0.12), 0.06, 0.06, INK)


def draw_cloud(brush: Brush, tones: Tones, random: Random) -> None:
    """A heap of round puffs with a flat foot."""
    tops = [(-0.62, 0.16, 0.36), (-0.22, -0.16, 0.46), (0.3, -0.08, 0.42), (0.66, 0.18, 0.34), (0.05, 0.16, 0.4)]
    puffs = [(x + random.uniform(-0.04, 0.04), y + random.uniform(-0.05, 0.05), r) for x, y, r in tops]
    brush.blob(puffs, tones.main, tones.line)
    brush.ellipse((-0.22, -0.28), 0.24, 0.18, tones.light)
    brush.ellipse((0.34, -0.16), 0.18, 0.14, tones.light)


def draw_boat(brush: Brush, tones: Tones, random: Random) -> None:
    """A sailing boat with a hull in its colour and a tinted sail."""
    sail = mix(tones.main, WHITE, 0.72)
    brush.stroke([(0, 0.45), (0, -0.95)], BARK.line, 0.09)
    high = random.uniform(-0.92, -0.8)
    brush.polygon([(0.08, high), (0.72, 0.28), (0.08, 0.28)], sail, tones.line)
    brush.polygon([(-0.08, high + 0.2), (-0.55, 0.28), (-0.08, 0.28)], tones.light, tones.line)
    brush.polygon([(-0.95, 0.36), (0.95, 0.36), (0.62, 0.88), (-0.6, 0.88)], tones.main, tones.line)
    brush.polygon([(-0.84, 0.44), (0.84, 0.44), (0.8, 0.54), (-0.78, 0.54)], tones.light)


def draw_lighthouse(brush: Brush, tones: Tones, random: Random) -> None:
    """A tapering tower with one pale band, a lamp room that shines and a cap."""
    brush.polygon([(-0.28, -0.42), (0.28, -0.42), (0.44, 0.95), (-0.44, 0.95)], tones.main, tones.line)
    brush.polygon([(-0.22, -0.36), (-0.1, -0.36), (-0.18, 0.9), (-0.36, 0.9)], tones.light)
    top = random.uniform(0.1, 0.25)
    pale = mix(tones.main, WHITE, 0.85) if sum(tones.main) < 660 else PALETTE["gray"]
    brush.polygon([(-0.35, top), (0.35, top), (0.38, top + 0.24), (-0.38, top + 0.24)], pale, tones.line)
    brush.box(-0.36, -0.5, 0.36, -0.38, tones.dark, tones.line)
    brush.box(-0.19, -0.74, 0.19, -0.5, WINDOW, tones.line)
    brush.polygon([(-0.3, -0.72), (0, -0.98), (0.3, -0.72)], tones.dark, tones.line)
    brush.box(-0.1, 0.66, 0.1, 0.93, BARK.main, BARK.line)


def draw_mountain(brush: Brush, tones: Tones, random: Random) -> None:
    """A peak with a snow cap and a lower shoulder."""
    lean = random.uniform(-0.12, 0.12)
    brush.polygon([(0.0, 0.92), (0.55, -0.2), (1.15, 0.92)], tones.dark, tones.line)
    brush.polygon([(-1.1, 0.92), (lean - 0.1, -0.92), (0.85, 0.92)], tones.main, tones.line)
    brush.polygon([(-0.85, 0.84), (lean - 0.14, -0.66), (-0.3, 0.84)], tones.light)
    x = lean - 0.1
    cap = [(x - 0.3, -0.38), (x, -0.92), (x + 0.28, -0.38), (x + 0.12, -0.5), (x, -0.34), (x - 0.14, -0.5)]
    brush.polygon(cap, WHITE, tones.line)


def draw_hill(brush: Brush, tones: Tones, random: Random) -> None:
    """A wide grassy mound; its lower half leaves the picture."""
    brush.ellipse((0, 1.0), 2.0, 1.25, tones.main, tones.line)
    brush.ellipse((random.uniform(-0.5, 0.1), 0.22), 0.7, 0.22, tones.light)
    for x in (-0.9, -0.3, 0.4, 1.0):
        y = 0.62 + random.uniform(-0.12, 0.15)
        brush.stroke([(x - 0.06, y - 0.1), (x, y), (x + 0.07, y - 0.1)], tones.dark, 0.05)


def draw_sea(brush: Brush, tones: Tones, random: Random) -> None:
    """Water from edge to edge with rows of waves; its foot leaves the picture."""
    shift = random.uniform(0, 0.5)
    crest = [(-3 + index * 0.1, 0.05 * math.sin(index * 1.1 + shift * 9)) for index in range(61)]
    brush.polygon([*crest, (3, 3), (-3, 3)], tones.main, tones.line)
    for row in range(4):
        y = 0.3 + row * 0.36
        for index in range(-4, 5):
            x = index * 0.75 + shift + (row % 2) * 0.37
            wave = [(x - 0.2, y), (x - 0.1, y - 0.07), (x, y), (x + 0.1, y - 0.07), (x + 0.2, y)]
            brush.stroke(wave, tones.light if row % 2 == 0 else tones.dark, 0.06)


DRAWINGS: Final[dict[str, Drawing]] = {
    "house": draw_house,
    "tree": draw_tree,
    "sun": draw_sun,
    "moon": draw_moon,
    "hill": draw_hill,
    "sea": draw_sea,
    "boat": draw_boat,
    "star": draw_star,
    "flower": draw_flower,
    "cat": draw_cat,
    "fish": draw_fish,
    "cloud": draw_cloud,
    "mountain": draw_mountain,
    "lighthouse": draw_lighthouse,
}

"""What the training pictures show: random scenes as plain data, and how a scene becomes a picture.

Everything random comes from one seed, so a scene and its picture can be made again at any time.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from PIL import Image

from tools.tiny import brush as paint
from tools.tiny.brush import SUPERSAMPLE, Brush, Colour, Tones, mix, tint
from tools.tiny.drawings import DRAWINGS

Time = Literal["day", "night", "sunset", "snow"]
Ground = Literal["grass", "sea", "snow"]
Relation = Literal["left", "right", "over", "under", "next", "and", "on"]

SIZES: Final[dict[tuple[int, int], float]] = {
    (128, 128): 0.34,
    (160, 104): 0.24,
    (104, 160): 0.08,
    (144, 112): 0.07,
    (112, 144): 0.07,
    (96, 96): 0.08,
    (176, 96): 0.03,
    (192, 128): 0.05,
    (128, 192): 0.02,
    (192, 192): 0.02,
}
"""Width and height in pixels of the picture shapes, all multiples of 8, and the share of the training that each has."""
COLOURS: Final = tuple(paint.PALETTE)
THINGS: Final = tuple(DRAWINGS)
HIGH: Final = ("sun", "moon", "star", "cloud")
WIDE: Final = ("hill", "sea")
AFLOAT: Final = ("boat", "fish")
LOW: Final = tuple(thing for thing in THINGS if thing not in HIGH and thing not in WIDE)
USUAL: Final[dict[str, tuple[str, ...]]] = {
    "house": ("red", "brown", "white", "orange"),
    "tree": ("green",),
    "sun": ("yellow",),
    "moon": ("yellow", "white"),
    "hill": ("green",),
    "sea": ("blue",),
    "boat": ("red", "brown", "white"),
    "star": ("yellow",),
    "flower": ("red", "pink", "yellow"),
    "cat": ("orange", "gray", "black"),
    "fish": ("orange", "blue"),
    "cloud": ("white",),
    "mountain": ("gray", "brown"),
    "lighthouse": ("red", "white"),
}
BIG: Final = 0.37
SMALL: Final = 0.24
"""From which half size on, and up to which, in shares of the picture's short side, one thing alone is big or small."""
TIMES: Final[tuple[Time, ...]] = ("day", "night", "sunset", "snow")
SKIES: Final[dict[Time, tuple[Colour, Colour]]] = {
    "day": ((112, 186, 240), (206, 234, 250)),
    "night": ((16, 22, 62), (58, 66, 124)),
    "sunset": ((118, 70, 140), (252, 166, 92)),
    "snow": ((176, 194, 214), (226, 234, 242)),
}
GROUNDS: Final[dict[Ground, Colour]] = {"grass": (116, 184, 86), "sea": (58, 128, 196), "snow": (240, 245, 250)}
DIM: Final[dict[Time, float]] = {"day": 0.0, "night": 0.5, "sunset": 0.22, "snow": 0.0}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One kind of thing in a scene and where its copies stand."""

    thing: str
    colour: str
    named: bool
    """Whether captions may name the colour; always true unless the colour is the usual one."""
    spots: tuple[tuple[float, float, float], ...]
    """For each copy: centre x, centre y and half size, in pixels."""
    flip: bool
    adjective: Literal["big", "small"] | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that a picture shows; later items are drawn over earlier ones."""

    width: int
    height: int
    seed: int
    items: tuple[Item, ...]
    relation: Relation | None
    """How the first item stands to the second, where there are two."""
    backdrop: str | None
    """The colour of a plain background, or None for a landscape."""
    time: Time
    ground: Ground


def random_scene(seed: int, size: tuple[int, int]) -> Scene:
    """A scene from the training mixture: 45 % one kind of thing, 37 % two with a relation, 18 % richer."""
    random = Random(seed)
    roll = random.random()
    if roll < 0.45:
        return _single(random, seed, size)
    return _pair(random, seed, size) if roll < 0.82 else _rich(random, seed, size)


def held_out(thing: str, colour: str, backdrop: str) -> bool:
    """Whether "a COLOUR THING on a COLOUR background" is kept out of the training, to measure with: one in seven."""
    return zlib.crc32(f"{colour} {thing} {backdrop}".encode()) % 7 == 0


def _colour(random: Random, thing: str, usual: float = 0.12, avoid: str | None = None) -> tuple[str, bool]:
    """A colour for a thing and whether it must be named: mostly any colour, sometimes a usual one."""
    if random.random() < usual:
        return random.choice(USUAL[thing]), random.random() < 0.4
    return random.choice([name for name in COLOURS if name != avoid]), True


def _backdrop(random: Random, plain: float, taken: set[str]) -> str | None:
    """A plain background's colour, none of those taken, or None for a landscape."""
    if random.random() >= plain:
        return None
    free = [name for name in (*COLOURS, "white", "blue") if name not in taken]
    return random.choice(free)


def _world(random: Random, things: list[str]) -> tuple[Time, Ground]:
    """A time of day and a ground that suit the things."""
    odds = [6, 2, 2, 1.5]
    if "moon" in things or "star" in things:
        odds[1] += 5
    if "sun" in things:
        odds[1] = 0.4
    time = random.choices(TIMES, odds)[0]
    if any(thing in AFLOAT for thing in things):
        return time, "sea"
    if "lighthouse" in things and random.random() < 0.4:
        return time, "sea"
    return time, "snow" if time == "snow" else "grass"


def _single(random: Random, seed: int, size: tuple[int, int]) -> Scene:
    """One kind of thing, one to three copies."""
    thing = random.choice(THINGS)
    colour, named = _colour(random, thing)
    count = 1 if thing in WIDE else random.choices((1, 2, 3), (7, 1.6, 1.4))[0]
    kept_out = (name for name in COLOURS if held_out(thing, colour, name))
    backdrop = _backdrop(random, 0.55, {colour, *kept_out})
    return single(random, seed, size, thing=thing, colour=colour, named=named, count=count, backdrop=backdrop)


def single(
    random: Random,
    seed: int,
    size: tuple[int, int],
    *,
    thing: str,
    colour: str,
    named: bool = True,
    count: int = 1,
    backdrop: str | None,
) -> Scene:
    """One to three copies of one thing, on a plain background or in a landscape; places and sizes are random."""
    width, height = size
    time, ground = _world(random, [thing])
    side = min(width, height)
    share = (
        random.uniform(0.2, 0.42) if count == 1 else random.uniform(0.8, 1.0) * min(0.3, width / side * 0.46 / count)
    )
    half = side * share
    adjective: Literal["big", "small"] | None = None
    if count == 1 and thing not in WIDE:
        adjective = "big" if share > BIG else "small" if share < SMALL else None
    spots = []
    for index in range(count):
        x = width * (index + 0.5) / count if count > 1 else width * random.uniform(0.42, 0.58)
        y = height * (0.5 if backdrop else 0.36 if thing in HIGH else 0.58) + random.uniform(-0.05, 0.05) * side
        spots.append((x, min(height - half, max(half, y)), half))
    if thing in WIDE:
        spots = [(width * random.uniform(0.4, 0.6), height * random.uniform(0.55, 0.68), side * 0.42)]
    item = Item(
        thing=thing,
        colour=colour,
        named=named,
        spots=tuple(spots),
        flip=random.random() < 0.5,
        adjective=adjective,
    )
    return Scene(
        width=width, height=height, seed=seed, items=(item,), relation=None, backdrop=backdrop, time=time, ground=ground
    )


def _relation(random: Random, first: str, second: str) -> Relation:
    """A relation that the two things can stand in, the natural one most of the time."""
    if second in WIDE:
        return "on" if first in LOW else "over"
    if first in HIGH and second not in HIGH:
        return random.choices(("over", "and", "left", "right", "next"), (5, 3, 1, 1, 0.5))[0]
    if second in HIGH and first not in HIGH:
        return random.choices(("under", "and", "left", "right", "next"), (6, 3, 1, 1, 0.5))[0]
    return random.choices(("left", "right", "next", "and", "over", "under"), (3, 3, 2, 3, 1, 1))[0]


def _pair(random: Random, seed: int, size: tuple[int, int]) -> Scene:
    """Two coloured things with a relation, most often something that stands under something in the sky."""
    if random.random() < 0.5:
        names = [
            random.choice(("house", "tree", "boat", "lighthouse", "mountain", "cat", "flower", "house")),
            random.choice(HIGH),
        ]
        if random.random() < 0.35:
            names.reverse()
    else:
        names = [random.choice([thing for thing in THINGS if thing not in WIDE]), random.choice(THINGS)]
    first, second = names
    relation = _relation(random, first, second)
    one, one_named = _colour(random, first)
    two, two_named = _colour(random, second, avoid=one if first == second else None)
    backdrop = None if relation == "on" else _backdrop(random, 0.3, {one, two})
    time, ground = _world(random, names)
    places = _places(random, size, first, second, relation)
    items = (
        Item(thing=first, colour=one, named=one_named, spots=(places[0],), flip=random.random() < 0.5),
        Item(thing=second, colour=two, named=two_named, spots=(places[1],), flip=random.random() < 0.5),
    )
    return Scene(
        width=size[0],
        height=size[1],
        seed=seed,
        items=items,
        relation=relation,
        backdrop=backdrop,
        time=time,
        ground=ground,
    )


def _places(
    random: Random, size: tuple[int, int], first: str, second: str, relation: Relation
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Centre and half size in pixels of two things that stand in a relation."""
    width, height = size
    side = min(width, height)
    near = random.uniform(0.9, 1.06)
    if second in WIDE:
        half = side * 0.25 * near
        y = height * random.uniform(0.6, 0.7)
        lift = -0.55 * half if relation == "on" else -height * 0.33
        foot = y - 0.25 * side * 0.42 if second == "hill" else y
        return (width * random.uniform(0.38, 0.62), max(half, foot + lift), half), (width / 2, y, side * 0.42)
    high_low = (first in HIGH) != (second in HIGH)
    if relation in ("over", "under") or (high_low and relation in ("and", "next")):
        top_first = relation == "over" or (relation in ("and", "next") and first in HIGH)
        slack = 0.26 if relation in ("and", "next") else 0.15
        top = (
            width * (0.5 + random.uniform(-slack, slack)),
            height * random.uniform(0.21, 0.25),
            min(side * 0.21, height * 0.215) * near,
        )
        low = (
            width * (0.5 + random.uniform(-0.12, 0.12)),
            height * random.uniform(0.69, 0.72),
            min(side * 0.3, height * 0.265) * near,
        )
        return (top, low) if top_first else (low, top)
    half = min(side * 0.3, width * 0.22) * near
    left_first = relation == "left" or (relation != "right" and random.random() < 0.5)
    spots = []
    for thing, x in ((first, 0.26), (second, 0.74)) if left_first else ((first, 0.74), (second, 0.26)):
        y = 0.32 if thing in HIGH and high_low else 0.55
        spots.append((width * (x + random.uniform(-0.02, 0.02)), height * (y + random.uniform(-0.04, 0.04)), half))
    return spots[0], spots[1]


def _rich(random: Random, seed: int, size: tuple[int, int]) -> Scene:
    """A landscape with two or three standing things side by side and one or two in the sky."""
    width, height = size
    below = random.sample(LOW, random.choice((1, 2, 2, 3 if width > 130 else 2)))
    above = random.sample(HIGH, random.choice((1, 1, 2)))
    time, ground = _world(random, [*below, *above])
    items = []
    for row, y, half in ((above, 0.2, 0.17), (below, 0.68, 0.27)):
        for index, thing in enumerate(row):
            colour, named = _colour(random, thing, usual=0.35)
            x = width * ((index + 0.5) / len(row) + random.uniform(-0.06, 0.06))
            size_ = min(height * half, width * 0.44 / len(row)) * random.uniform(0.85, 1.05)
            spot = (x, height * (y + random.uniform(-0.03, 0.03)), size_)
            items.append(Item(thing=thing, colour=colour, named=named, spots=(spot,), flip=random.random() < 0.5))
    return Scene(
        width=width,
        height=height,
        seed=seed,
        items=tuple(items),
        relation=None,
        backdrop=None,
        time=time,
        ground=ground,
    )


def render(scene: Scene) -> Image.Image:
    """The scene's picture: RGB, antialiased, of the scene's width and height."""
    random = Random(scene.seed ^ 0x5EED)
    image = _background(scene, random)
    order = sorted(scene.items, key=lambda item: (item.thing not in WIDE, item.thing not in HIGH))
    for item in order:
        tones = Tones.of(tint(item.colour, random))
        for x, y, half in item.spots:
            DRAWINGS[item.thing](Brush(image, centre=(x, y), half=half, flip=item.flip), tones, random)
    return image.reduce(SUPERSAMPLE)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """A vertical gradient."""
    strip = Image.new("RGB", (1, 2))
    strip.putpixel((0, 0), top)
    strip.putpixel((0, 1), bottom)
    return strip.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size)


def _background(scene: Scene, random: Random) -> Image.Image:
    """The canvas before any item is drawn, at the supersampled size."""
    size = scene.width * SUPERSAMPLE, scene.height * SUPERSAMPLE
    if scene.backdrop is not None:
        base = tint(scene.backdrop, random)
        return _gradient(size, mix(base, paint.WHITE, 0.06), mix(base, paint.INK, 0.05))
    top, bottom = SKIES[scene.time]
    image = _gradient(size, top, bottom)
    side = min(scene.width, scene.height)
    if scene.time in ("night", "snow"):
        for _ in range(16 if scene.time == "night" else 26):
            spot = (
                random.uniform(0, scene.width),
                random.uniform(0, scene.height * (0.55 if scene.time == "night" else 1)),
            )
            Brush(image, centre=spot, half=side * random.uniform(0.008, 0.014)).ellipse((0, 0), 1, 1, (250, 248, 226))
    if all(item.thing not in WIDE for item in scene.items):
        _ground(image, scene, random)
    return image


def _ground(image: Image.Image, scene: Scene, random: Random) -> None:
    """Grass, snow or water along the foot of a landscape."""
    lowest = scene.height * random.uniform(0.66, 0.76)
    tones = Tones.of(mix(GROUNDS[scene.ground], (20, 24, 60), DIM[scene.time]))
    side = min(scene.width, scene.height)
    brush = Brush(image, centre=(scene.width / 2, lowest), half=side)
    swing, bend = random.uniform(0.01, 0.035), random.uniform(0, math.tau)
    if scene.ground == "sea":
        swing = 0.004
    edge = [(-1 + index / 12, swing * math.sin(index * 0.3 + bend)) for index in range(25)]
    brush.polygon([*edge, (1, 1), (-1, 1)], tones.main)
    brush.stroke(edge, tones.light if scene.ground != "snow" else tones.dark, 0.012)
    for _ in range(7):
        x, y = random.uniform(-0.75, 0.75), random.uniform(0.06, 0.3)
        brush.stroke(
            [(x - 0.03, y), (x, y - 0.02), (x + 0.03, y)], tones.light if scene.ground == "sea" else tones.dark, 0.014
        )

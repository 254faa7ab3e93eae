"""Reads a picture-book picture by simple image analysis: which thing, which colours, which time of day.

A thing is told by its outline: everything that differs from the plain background, holes filled, brought to one size and
compared with the outlines of drawings (nearest neighbours). Colours are told by the nearest colour of the palette.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from tools.tiny import scenes
from tools.tiny.brush import PALETTE, Tones

NAMES: Final = tuple(PALETTE)
RIM: Final = 4
"""Pixels at the picture's edge that show the background."""
CONTRAST: Final = 42.0
"""Distance in RGB from which on a pixel is no longer background."""
OUTSIDE: Final = 128
"""The gray that marks background while a mask is made."""
SIDE: Final = 32
"""Side of an outline's canvas."""
NEIGHBOURS: Final = 5

Mask = npt.NDArray[np.bool_]
Outline = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a plain picture shows."""

    thing: str
    colour: str
    """The colour of most of the thing's area."""
    background: str


def nearest_colours(image: Image.Image) -> npt.NDArray[np.int64]:
    """For every pixel the index in `NAMES` of the colour with the nearest tone, light and shade included: (H, W)."""
    tones = [Tones.of(PALETTE[name]) for name in NAMES]
    table = np.array([(tone.main, tone.light, tone.dark) for tone in tones], dtype=np.float32).reshape(-1, 3)
    pixels = np.asarray(image, dtype=np.float32)[:, :, None, :]
    nearest: npt.NDArray[np.int64] = ((pixels - table) ** 2).sum(axis=-1).argmin(axis=-1) // 3
    return nearest


def thing_mask(image: Image.Image) -> Mask:
    """The pixels of whatever stands before a plain background: (H, W).

    The background is the colour of the topmost rows, where no thing of ours reaches.
    """
    pixels = np.asarray(image, dtype=np.float32)
    background = np.median(pixels[:RIM].reshape(-1, 3), axis=0)
    differs = np.sqrt(((pixels - background) ** 2).sum(axis=-1)) > CONTRAST
    canvas = Image.new("L", (image.width + 2, image.height + 2))
    canvas.paste(Image.fromarray(differs.astype(np.uint8) * 255).filter(ImageFilter.MedianFilter(3)), (1, 1))
    ImageDraw.floodfill(canvas, (0, 0), OUTSIDE)  # what stays black is background that the thing encloses: a hole
    filled: Mask = np.asarray(canvas)[1:-1, 1:-1] != OUTSIDE
    return filled


def outline_of(mask: Mask) -> Outline:
    """The mask's bounding box scaled to fit a square canvas, in its proportions, centred: (SIDE, SIDE) in 0 to 1."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), dtype=np.float32)
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = SIDE / max(part.shape)
    width, height = (max(1, round(side * scale)) for side in (part.shape[1], part.shape[0]))
    small = Image.fromarray(part.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
    canvas = Image.new("L", (SIDE, SIDE))
    canvas.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    outline: Outline = (np.asarray(canvas, dtype=np.float32) / 255).astype(np.float32)
    return outline


class Reader:
    """Knows the outlines of the drawings."""

    def __init__(self, *, seed: int = 10**9, variants: int = 80) -> None:
        """Draws `variants` pictures of each thing, from `seed` on, and remembers their outlines."""
        self._things = [thing for thing in scenes.THINGS for _ in range(variants)]
        drawn = [plain_scene(thing, "red", "white", seed + index) for index, thing in enumerate(self._things)]
        self._outlines = np.stack([outline_of(thing_mask(scenes.render(scene))).ravel() for scene in drawn])

    def read(self, image: Image.Image) -> Reading:
        """Read a picture of one thing on a plain background."""
        mask, colours = thing_mask(image), nearest_colours(image)
        rim = np.concatenate([colours[:RIM].ravel(), colours[:, :RIM].ravel(), colours[:, -RIM:].ravel()])
        edge = np.concatenate([mask[:RIM].ravel(), mask[:, :RIM].ravel(), mask[:, -RIM:].ravel()])
        inside = colours[mask]
        return Reading(
            thing=self._thing(mask),
            colour=NAMES[int(np.bincount(inside).argmax())] if len(inside) else "",
            background=NAMES[int(np.bincount(rim[~edge]).argmax())] if not edge.all() else "",
        )

    def _thing(self, mask: Mask) -> str:
        distances = ((self._outlines - outline_of(mask).ravel()) ** 2).sum(axis=1)
        near = np.argsort(distances, kind="stable")[:NEIGHBOURS]
        names: Counter[str] = Counter(self._things[index] for index in near)
        return names.most_common(1)[0][0]


def read_time(image: Image.Image) -> scenes.Time:
    """The time of day of a landscape, by the colour of the sky along the picture's upper edge."""
    strip = np.asarray(image, dtype=np.float32)[: max(2, image.height // 16)]
    sky = np.median(strip.reshape(-1, 3), axis=0)
    return min(scenes.TIMES, key=lambda time: float(((sky - np.array(scenes.SKIES[time][0])) ** 2).sum()))


def plain_scene(thing: str, colour: str, backdrop: str, seed: int) -> scenes.Scene:
    """A scene of one thing on a plain background as the training draws them, with everything else left to the seed."""
    return scenes.single(Random(seed), seed, (128, 128), thing=thing, colour=colour, backdrop=backdrop)

"""Measures how well finished weights obey prompts: the background and the main colour of a plain picture.

The check is made for flat pictures: every pixel counts for the palette colour it is nearest to. The background is the
most frequent colour along the rim, the thing's colour the most frequent one among the other pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
from PIL import Image

from tools.tiny import scenes
from tools.tiny.brush import PALETTE
from tools.tiny.sample import Model, sample

NAMES: Final = tuple(PALETTE)


@dataclass(frozen=True, kw_only=True)
class Score:
    """How many of the checked pictures were right."""

    pictures: int
    thing: int
    """Pictures whose thing has the colour asked for."""
    background: int
    """Pictures whose background has the colour asked for."""


def nearest_colours(image: Image.Image) -> np.ndarray:
    """For every pixel the index in `NAMES` of the nearest palette colour: (H, W)."""
    pixels = np.asarray(image, dtype=np.float32)[:, :, None, :]
    table = np.array([PALETTE[name] for name in NAMES], dtype=np.float32)
    nearest: np.ndarray = ((pixels - table) ** 2).sum(axis=-1).argmin(axis=-1)
    return nearest


def read_colours(image: Image.Image) -> tuple[str, str]:
    """The thing's and the background's colour names of a plain picture."""
    found = nearest_colours(image)
    rim = np.concatenate([found[:4].ravel(), found[-4:].ravel(), found[:, :4].ravel(), found[:, -4:].ravel()])
    background = int(np.bincount(rim, minlength=len(NAMES)).argmax())
    counts = np.bincount(found.ravel(), minlength=len(NAMES))
    counts[background] = 0
    return NAMES[int(counts.argmax())], NAMES[background]


def check_colours(model: Model, *, count: int, seed: int) -> Score:
    """Draws `count` prompts "a COLOUR THING on a COLOUR background" at 128x128 and counts what is right."""
    random = Random(seed)
    things = [thing for thing in scenes.THINGS if thing not in scenes.WIDE]
    asked = [(random.sample(scenes.COLOURS, 2), random.choice(things)) for _ in range(count)]
    right = rear = 0
    for at in range(0, count, 8):
        part = asked[at : at + 8]
        prompts = [f"a {one} {thing} on a {two} background" for (one, two), thing in part]
        for ((one, two), _), image in zip(
            part, sample(model, prompts, width=128, height=128, seed=seed + at), strict=True
        ):
            thing_colour, background = read_colours(image)
            right += thing_colour == one
            rear += background == two
    return Score(pictures=count, thing=right, background=rear)

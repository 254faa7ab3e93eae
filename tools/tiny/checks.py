"""Measures how well finished weights obey prompts that the training never saw, and how well the measuring itself works.

Plain prompts are combinations that `scenes.held_out` keeps out of the training; scene prompts name a time of day. The
reader's own accuracy is measured on drawings of the same prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Final

from PIL import Image

from tools.tiny import captions, scenes
from tools.tiny.reading import Reader, Reading, plain_scene, read_time

HELD_OUT_SEED: Final = 10**12
PLAIN: Final = (128, 128)
SCENE: Final = (160, 104)
READER_BAR: Final = 0.98
COLOUR_BAR: Final = 0.9
THING_BAR: Final = 0.8
TIME_BAR: Final = 0.9

Draw = Callable[[list[str], tuple[int, int], int], list[Image.Image]]
"""Prompts, size in pixels and the first seed -> a picture for each prompt, the i-th from seed + i."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of how many were right, and how many should be."""

    name: str
    right: int
    of: int
    bar: float

    @property
    def passed(self) -> bool:
        """Whether it reaches its bar."""
        return self.right >= self.bar * self.of

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "BELOW THE BAR"
        counts = f"{self.right:>3} of {self.of:<3}  {self.right / self.of:6.1%}"
        return f"{self.name:<40} {counts}  bar {self.bar:.0%}  {verdict}"


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A prompt of the plain kind: "a COLOUR THING on a COLOUR background"."""

    thing: str
    colour: str
    background: str

    @property
    def prompt(self) -> str:
        """The prompt in words."""
        first, second = captions.with_article(self.colour), captions.with_article(self.background)
        return f"{first} {self.thing} on {second} background"


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """A prompt that names a time of day, and a scene that fits it."""

    prompt: str
    scene: scenes.Scene


def plain_prompts(count: int, seed: int) -> list[Plain]:
    """Draws lots among the held-out combinations, without repeats; all things come up about equally often."""
    random = Random(seed)
    decks = []
    for thing in scenes.THINGS:
        pairs = product(scenes.COLOURS, scenes.COLOURS)
        deck = [Plain(thing=thing, colour=one, background=two) for one, two in pairs if one != two]
        deck = [plain for plain in deck if scenes.held_out(plain.thing, plain.colour, plain.background)]
        random.shuffle(deck)
        decks.append(deck)
    rounds = range(max(map(len, decks)))
    return [deck[turn] for turn in rounds for deck in decks if turn < len(deck)][:count]


def landscape_prompts(count: int, seed: int) -> list[Landscape]:
    """Landscapes from held-out seeds, a quarter for each time of day, with the time named in varied words."""
    random = Random(seed)
    found: dict[scenes.Time, list[Landscape]] = {time: [] for time in scenes.TIMES}
    at = HELD_OUT_SEED + seed
    while any(len(part) < count / len(found) for part in found.values()):
        scene, at = scenes.random_scene(at, SCENE), at + 1
        if scene.backdrop is None and len(found[scene.time]) < count / len(found):
            words = captions.things(scene, random)
            time = random.choice(captions.TIME_WORDS[scene.time])
            found[scene.time].append(Landscape(prompt=f"{words} {time}", scene=scene))
    return [landscape for part in found.values() for landscape in part][:count]


def check_reader(reader: Reader, plain: Sequence[Plain], landscapes: Sequence[Landscape]) -> list[Share]:
    """How often the reader is right about drawings of these prompts."""
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + len(plain))
    drawn = [
        scenes.render(plain_scene(asked.thing, asked.colour, asked.background, seed))
        for asked, seed in zip(plain, seeds, strict=True)
    ]
    skies = [scenes.render(landscape.scene) for landscape in landscapes]
    return _shares(
        "the reader on drawings", READER_BAR, READER_BAR, READER_BAR, reader, plain, drawn, landscapes, skies
    )


def check_model(
    reader: Reader, plain: Sequence[Plain], landscapes: Sequence[Landscape], draw: Draw, seed: int
) -> list[Share]:
    """How often pictures that `draw` makes of these prompts show what was asked."""
    made = draw([asked.prompt for asked in plain], PLAIN, seed)
    skies = draw([landscape.prompt for landscape in landscapes], SCENE, seed)
    return _shares("the model", COLOUR_BAR, THING_BAR, TIME_BAR, reader, plain, made, landscapes, skies)


def _shares(
    who: str,
    colour_bar: float,
    thing_bar: float,
    time_bar: float,
    reader: Reader,
    plain: Sequence[Plain],
    pictures: Sequence[Image.Image],
    landscapes: Sequence[Landscape],
    skies: Sequence[Image.Image],
) -> list[Share]:
    read = [reader.read(picture) for picture in pictures]
    pairs = list(zip(plain, read, strict=True))
    times = [read_time(sky) == landscape.scene.time for sky, landscape in zip(skies, landscapes, strict=True)]
    return [
        Share(name=f"{who}: both colours", right=sum(map(_colours_agree, plain, read)), of=len(pairs), bar=colour_bar),
        Share(
            name=f"{who}: the thing",
            right=sum(one.thing == two.thing for one, two in pairs),
            of=len(pairs),
            bar=thing_bar,
        ),
        Share(name=f"{who}: the time of day", right=sum(times), of=len(times), bar=time_bar),
    ]


def _colours_agree(asked: Plain, read: Reading) -> bool:
    return (read.colour, read.background) == (asked.colour, asked.background)

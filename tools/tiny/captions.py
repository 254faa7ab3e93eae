"""Sentences that say what a scene shows, in many wordings and with words left out at random.

A caption never says what is not in the picture; it may say less.
"""

from __future__ import annotations

from random import Random
from typing import Final

from tools.tiny import vocabulary
from tools.tiny.scenes import USUAL, Item, Scene

SYNONYMS: Final[dict[str, tuple[str, ...]]] = {group.split()[0]: tuple(group.split()) for group in vocabulary.GROUPS}
NUMBERS: Final = {2: ("two", "2", "a pair of"), 3: ("three", "3")}
TIME_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "day": ("by day", "in the daytime", "under the day sky", "on a sunny day", "day"),
    "night": ("at night", "by night", "in the night", "under the night sky", "night", "on a starry night"),
    "sunset": ("at sunset", "at dusk", "in the sunset", "in the evening", "sunset"),
    "snow": ("in the snow", "in winter", "on a snowy day", "with snow", "snow"),
}
OPENINGS: Final = (
    "",
    "",
    "",
    "",
    "a picture of ",
    "a drawing of ",
    "picture-book ",
    "an illustration of ",
    "there is ",
)


def caption(scene: Scene, random: Random) -> str:
    """One sentence for the scene; the same random state gives the same sentence."""
    text = things(scene, random)
    text = random.choice(OPENINGS) + text + _surroundings(scene, random)
    return text[:1].upper() + text[1:] if random.random() < 0.2 else text


def things(scene: Scene, random: Random) -> str:
    """The things of the scene, with how they stand to one another and nothing of where they are."""
    if len(scene.items) == 1:
        return noun(scene.items[0], random)
    if scene.relation is not None and random.random() < 0.9:
        return _related(scene, random)
    return _listed(scene, random)


def noun(item: Item, random: Random) -> str:
    """The thing with its article or number and, mostly, its colour."""
    count = len(item.spots)
    singles = [word for word in SYNONYMS[item.thing] if not word.endswith("s")]
    single = item.thing if random.random() < 0.8 else random.choice(singles)
    name = _plural(item.thing) if count > 1 else single
    colour = ""
    if item.named or item.colour not in USUAL[item.thing] or random.random() < 0.3:
        known = SYNONYMS[item.colour]
        colour = (known[0] if random.random() < 0.85 else random.choice(known)) + " "
    if count > 1:
        return f"{random.choice(NUMBERS[count])} {colour}{name}"
    if item.adjective is not None and random.random() < 0.5:
        known = SYNONYMS[item.adjective]
        colour = (known[0] if random.random() < 0.6 else random.choice(known)) + " " + colour
    one = "one " if random.random() < 0.06 else ""
    return f"{one}{colour}{name}" if random.random() < 0.25 or one else with_article(f"{colour}{name}")


def _plural(thing: str) -> str:
    return "fish" if thing == "fish" else thing + "s"


def with_article(words: str) -> str:
    """The words after "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _related(scene: Scene, random: Random) -> str:
    """The first two items joined by the words of their relation, told from either side."""
    first, second = noun(scene.items[0], random), noun(scene.items[1], random)
    swapped = random.random() < 0.4
    match scene.relation:
        case "left" | "right" as side:
            if swapped:
                first, second, side = second, first, "right" if side == "left" else "left"
            return f"{first} {random.choice((f'to the {side} of', f'{side} of', f'on the {side} of'))} {second}"
        case "over" | "under" as side:
            if swapped:
                first, second, side = second, first, "under" if side == "over" else "over"
            return f"{first} {random.choice(SYNONYMS[side])} {second}"
        case "next":
            words = ("next to", "next to", "beside", "near", "by")
            return f"{second} {random.choice(words)} {first}" if swapped else f"{first} {random.choice(words)} {second}"
        case "on":
            return f"{first} {random.choice(('on', 'on', 'on top of'))} {second}"
        case _:
            word = random.choice(("and", "and", "and", "with"))
            return f"{second} {word} {first}" if swapped else f"{first} {word} {second}"


def _listed(scene: Scene, random: Random) -> str:
    """All items in random order, or all but one when there are more than two."""
    items = list(scene.items)
    random.shuffle(items)
    if len(items) > 2 and random.random() < 0.2:
        items.pop()
    names = [noun(item, random) for item in items]
    if len(names) == 1:
        return names[0]
    return ", ".join(names[:-1]) + random.choice((" and ", " and ", " with ", ", ")) + names[-1]


def _surroundings(scene: Scene, random: Random) -> str:
    """The background, named most of the time where it is special."""
    if scene.backdrop is not None:
        spelling = random.choice(SYNONYMS[scene.backdrop]) if random.random() < 0.15 else scene.backdrop
        if random.random() < (0.55 if scene.backdrop == "white" else 0.9):
            plain = "plain " if random.random() < 0.1 else ""
            word = random.choice(("background", "background", "backdrop"))
            return f" on {with_article(f'{plain}{spelling}')} {word}"
        return ""
    if scene.ground == "grass" and random.random() < 0.08:
        ground = random.choice(("on the grass", "in a meadow", "on a lawn", "in a field"))
        return f" {ground}" if scene.time == "day" else f" {ground} {TIME_WORDS[scene.time][0]}"
    if random.random() < {"day": 0.2, "night": 0.85, "sunset": 0.9, "snow": 0.9}[scene.time]:
        return random.choice((" ", ", ", " ")) + random.choice(TIME_WORDS[scene.time])
    return ""

"""The words that the built-in model knows, and the rule that turns a prompt into ids.

Spellings that mean the same (plurals, synonyms, digits) share one id. A word that is not listed is passed over, so
articles and filler words cost nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

START: Final = "<start>"
END: Final = "<end>"
MAX_TOKENS: Final = 24
TABLE_SIZE: Final = 128
"""Rows of the embedding table: more than there are words today, so that later words need no new layout."""

GROUPS: Final[tuple[str, ...]] = (
    # things
    "house houses home homes cottage cottages hut huts cabin cabins",
    "tree trees oak oaks",
    "sun suns",
    "moon moons",
    "hill hills",
    "sea seas ocean oceans lake lakes water",
    "boat boats ship ships sailboat sailboats",
    "star stars",
    "flower flowers blossom blossoms tulip tulips daisy daisies",
    "cat cats kitten kittens kitty",
    "fish fishes",
    "cloud clouds",
    "mountain mountains peak peaks",
    "lighthouse lighthouses",
    # colours
    "red crimson scarlet",
    "orange",
    "yellow gold golden",
    "green",
    "blue azure",
    "purple violet lilac",
    "pink",
    "brown",
    "white",
    "black",
    "gray grey silver",
    # relations
    "left",
    "right",
    "over above",
    "under below beneath underneath",
    "next beside near by alongside",
    "and with",
    "on onto",
    "in inside",
    # counts
    "one 1 single",
    "two 2 pair",
    "three 3",
    # times and places
    "day daytime noon daylight",
    "night midnight nighttime",
    "sunset dusk evening sunrise dawn",
    "snow snowy winter",
    "sky",
    "background backdrop",
    "grass meadow field lawn grassy",
    "starry",
    "plain simple",
    # sizes
    "big large huge giant",
    "small little tiny",
)


def build_vocabulary() -> dict[str, int]:
    """Every known spelling with its id; `<start>` is 0, `<end>` (also the padding) is 1, groups follow from 2."""
    table = {START: 0, END: 1}
    for number, group in enumerate(GROUPS, start=2):
        for word in group.split():
            if word in table:
                raise ValueError(f"the word {word!r} is in two groups")
            table[word] = number
    return table


def words_of(prompt: str) -> list[str]:
    """The prompt's words in order: NFKC, lower case, runs of a-z or of 0-9."""
    return re.findall(r"[a-z]+|[0-9]+", unicodedata.normalize("NFKC", prompt).lower())


def encode(prompt: str, table: dict[str, int], length: int = MAX_TOKENS) -> list[int]:
    """Ids of a prompt: start, known words, end, then padded with end; always `length` ids, extra words cut."""
    known = [table[word] for word in words_of(prompt) if word in table][: length - 2]
    ids = [table[START], *known, table[END]]
    return ids + [table[END]] * (length - len(ids))

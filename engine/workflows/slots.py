"""Slots: the only openings of a graph. Each has a type and a range, and checks every value that would go through it."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath, PureWindowsPath
from typing import Never

from engine.errors import BadValue
from engine.ids import SEED_LIMIT
from engine.model import OptionValue
from engine.workflows.loras import read_loras
from engine.workflows.nearest import nearest
from engine.workflows.ranges import Number, nearest_number, plain, range_text

LONGEST_TEXT = 4_000  # characters, where a slot sets no `max`
LONGEST_NAME = 255  # characters: the longest file name of common file systems
_BLOB = re.compile(r"[0-9a-f]{64}")
_SHOWN = 60  # characters of a wrong value that an error repeats


class SlotType(StrEnum):
    """What goes through a slot."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    CHOICE = "choice"  # of `choices`; without them, of what the endpoint lists for the input
    IMAGE = "image"  # a blob's name
    MASK = "mask"  # a blob's name
    SEED = "seed"
    MODEL = "model"  # a model file, as the endpoint lists it
    LORAS = "loras"  # LoRAs and their weights: nodes are put in behind the slot's node, a model loader


NUMBERS = frozenset({SlotType.INT, SlotType.FLOAT, SlotType.SEED})
FILES = frozenset({SlotType.IMAGE, SlotType.MASK})


@dataclass(frozen=True, kw_only=True)
class Target:
    """An input of a node, found by the node's title."""

    node: str
    input: str


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One opening of a graph."""

    name: str
    node: str  # the node's title
    input: str  # empty for LoRAs, which go into no input
    type: SlotType
    also: tuple[Target, ...] = ()  # further inputs that get the same value
    required: bool = False
    default: OptionValue | None = None  # None: required, or left to the request (images, seeds)
    min: Number | None = None
    max: Number | None = None  # for text the most characters
    step: Number | None = None  # whole steps count from `min`; others only guide a form's slider
    choices: tuple[str, ...] = ()
    help: str = ""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every input that gets the value."""
        return (Target(node=self.node, input=self.input), *self.also) if self.input else ()

    @property
    def expected(self) -> str:
        """The range, in signs that every language reads."""
        match self.type:
            case SlotType.SEED:
                return range_text(0, self.seed_limit - 1)
            case SlotType.INT | SlotType.FLOAT:
                return range_text(self.min, self.max, self.step) or (
                    "1, 2, 3 …" if self.type is SlotType.INT else "0.5"
                )
            case SlotType.BOOL:
                return "on | off"
            case SlotType.TEXT:
                return f"≤ {self.text_limit}"
            case SlotType.CHOICE if self.choices:
                return " | ".join(self.choices)
            case SlotType.LORAS:
                return "name:0.8"
            case _:
                return ""

    @property
    def seed_limit(self) -> int:
        """Seeds are below this."""
        return SEED_LIMIT if self.max is None else int(self.max) + 1

    @property
    def text_limit(self) -> int:
        """The most characters of a text."""
        return LONGEST_TEXT if self.max is None else int(self.max)

    def check(self, value: OptionValue) -> OptionValue:
        """Give the value in the slot's type, or raise BadValue with the range and the nearest right value."""
        match self.type:
            case SlotType.BOOL:
                return value if isinstance(value, bool) else self._refuse(value)
            case SlotType.INT | SlotType.FLOAT | SlotType.SEED:
                return self._check_number(value)
            case SlotType.TEXT:
                return value if is_text(value, self.text_limit) else self._refuse(value)
            case SlotType.CHOICE if self.choices:
                return value if value in self.choices else self._refuse(value, nearest(str(value), self.choices))
            case SlotType.CHOICE | SlotType.MODEL:
                return value if is_name(value) else self._refuse(value)
            case SlotType.LORAS:
                return value if are_loras(value) else self._refuse(value)
            case SlotType.IMAGE | SlotType.MASK:
                return value if isinstance(value, str) and _BLOB.fullmatch(value) else self._refuse(value)

    def _check_number(self, value: OptionValue) -> OptionValue:
        whole = self.type is not SlotType.FLOAT
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not math.isfinite(value):
            self._refuse(value)
        low, high = (0, self.seed_limit - 1) if self.type is SlotType.SEED else (self.min, self.max)
        near = nearest_number(value, low, high, self.step)
        if near != value:
            self._refuse(value, plain(near))
        return value if whole else float(value)

    def _refuse(self, value: OptionValue, near: str = "") -> Never:
        shown = plain(value) if isinstance(value, int | float) and math.isfinite(value) else str(value)
        raise BadValue(flag=self.name, value=shorten(shown), expected=self.expected, nearest=near)


def is_text(value: OptionValue, limit: int) -> bool:
    """Whether it is text of at most `limit` characters that can be written as UTF-8, without NUL."""
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def is_name(value: OptionValue) -> bool:
    """Whether it can name a file in a models folder, or below it, or a choice: printable, and it leaves no folder."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        return False
    if PurePosixPath(value).is_absolute() or PureWindowsPath(value).anchor:
        return False
    return ".." not in PureWindowsPath(value).parts


def are_loras(value: OptionValue) -> bool:
    """Whether it is a text of LoRAs whose names can name files."""
    try:
        return isinstance(value, str) and all(is_name(lora.name) for lora in read_loras(value))
    except ValueError:
        return False


def shorten(text: str) -> str:
    """Cut a wrong value to what an error may repeat."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

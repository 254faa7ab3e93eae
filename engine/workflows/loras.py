"""LoRAs as one option holds them: `name:0.8, other:1`; names have no comma and no colon."""

import math
from dataclasses import dataclass

from engine.workflows.ranges import plain

BETWEEN = ", "
LOADER = "LoraLoader"
"""The node class that puts one LoRA on a model and its text encoder."""


@dataclass(frozen=True, kw_only=True)
class Lora:
    """One LoRA and how strongly it acts; 1 is as it was trained."""

    name: str
    weight: float


def read_loras(text: str) -> tuple[Lora, ...]:
    """Read an option's LoRAs, in order; none of an empty text. Raises ValueError."""
    return tuple(_read(part) for part in text.split(BETWEEN)) if text.strip() else ()


def write_loras(loras: tuple[Lora, ...]) -> str:
    """Write them as `read_loras` reads them."""
    return BETWEEN.join(f"{lora.name}:{plain(lora.weight)}" for lora in loras)


def _read(part: str) -> Lora:
    name, colon, number = part.partition(":")
    weight = float(number) if colon else 1.0
    if not name.strip() or not math.isfinite(weight):
        raise ValueError(part)
    return Lora(name=name.strip(), weight=weight)

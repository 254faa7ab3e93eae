"""Guidance: which prompts are evaluated, and what becomes of their denoised latents."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from torch import Tensor

from engine.sampler.sampling.conditions import Condition

Conditions = tuple[Condition, ...]


class Role(StrEnum):
    """What a prompt is for."""

    POSITIVE = "positive"
    MIDDLE = "middle"
    NEGATIVE = "negative"


class Guider(Protocol):
    """A way to make one denoised latent of several prompts'."""

    @property
    def prompts(self) -> Mapping[Role, Conditions]:
        """All prompts that it was given, evaluated or not."""

    def evaluated(self, *, always_negative: bool) -> frozenset[Role]:
        """Give the prompts whose latents it needs; some samplers read the negative one's in any case."""

    def combine(self, denoised: Mapping[Role, Tensor]) -> Tensor:
        """Make one latent of those that were evaluated."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guidance:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), on denoised latents.

    At a scale of 1, or without a negative prompt, only the positive one counts.
    """

    positive: Conditions
    negative: Conditions | None = None
    scale: float = 1.0

    @property
    def prompts(self) -> Mapping[Role, Conditions]:
        """All prompts."""
        given = {Role.POSITIVE: self.positive}
        return given if self.negative is None else {**given, Role.NEGATIVE: self.negative}

    def evaluated(self, *, always_negative: bool) -> frozenset[Role]:
        """The negative prompt is skipped where it has no say."""
        if self.negative is None or not (always_negative or needs_negative(self.scale)):
            return frozenset({Role.POSITIVE})
        return frozenset({Role.POSITIVE, Role.NEGATIVE})

    def combine(self, denoised: Mapping[Role, Tensor]) -> Tensor:
        """Go from the negative latent through the positive one, `scale` times the way."""
        positive = denoised[Role.POSITIVE]
        if Role.NEGATIVE not in denoised or not needs_negative(self.scale):
            return positive
        negative = denoised[Role.NEGATIVE]
        return negative + (positive - negative) * self.scale


def needs_negative(scale: float) -> bool:
    """Tell whether guidance of this scale looks at the negative prompt at all."""
    return not math.isclose(scale, 1.0, rel_tol=1e-9)

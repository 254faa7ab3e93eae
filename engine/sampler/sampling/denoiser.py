"""What sampling asks of a network, and what it hands to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.sampler.sampling.conditions import Condition
from engine.sampler.sampling.kinds import LatentSpace, ModelKind

_MOST_REPEATS = 4  # of the shortest prompt in a pass, to be as long as the longest


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The run for which a condition is made ready; tensors are in the network's space, on its device."""

    latent: Tensor  # [batch, C, h, w]: the picture that the run starts from, or zeros
    noise: Tensor  # [batch, C, h, w]
    mask: Tensor | None  # [batch, 1, h, w]; 1 where the picture is redrawn
    negative: bool  # what the picture should not show


@dataclass(frozen=True, kw_only=True, eq=False)
class Extras:
    """What a network reads besides the noisy latent and the words, on its device."""

    vector: Tensor | None = None  # [1 or batch, n], e.g. SDXL's pooled words and sizes
    channels: Tensor | None = None  # [batch, k, h, w], laid behind the latent's own channels, e.g. for inpainting


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One or more latents as the network takes them."""

    x: Tensor  # [rows, C + k, h, w], scaled
    timesteps: Tensor  # [rows]
    context: Tensor  # [rows, tokens, width]
    vector: Tensor | None = None  # [rows, n]

    def __len__(self) -> int:
        return self.x.shape[0]

    @property
    def layout(self) -> tuple[object, ...]:
        """Give what must be equal for rows to go through the network together; tokens may differ within bounds."""
        return (*self.x.shape[1:], self.context.shape[-1], None if self.vector is None else self.vector.shape[-1])

    def picked(self, rows: slice | Tensor) -> "Rows":
        """Give some of the rows, by a slice or by their numbers."""
        vector = None if self.vector is None else self.vector[rows]
        return Rows(self.x[rows], self.timesteps[rows], self.context[rows], vector)


def stacked(contexts: Sequence[Tensor]) -> Tensor:
    """Stack contexts [rows, tokens, width] whose numbers of tokens may differ.

    Attention over tokens that are repeated as a whole gives what it gives over them once, up to rounding.
    """
    tokens = math.lcm(*(context.shape[1] for context in contexts))
    return torch.cat([context.repeat(1, tokens // context.shape[1], 1) for context in contexts])


def lengths_fit(tokens: Sequence[int]) -> bool:
    """Whether prompts of these lengths can be repeated to one length without much waste."""
    return math.lcm(*tokens) <= _MOST_REPEATS * min(tokens)


class Denoiser(Protocol):
    """A network that can be batched; one object per set of weights."""

    @property
    def kind(self) -> ModelKind:
        """What its predictions mean."""

    @property
    def space(self) -> LatentSpace:
        """Where its latents live."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    def extras(self, condition: Condition, scene: Scene) -> Extras:
        """Give what it reads besides the words; called once per run and condition, in the run's own thread."""

    def predict(self, rows: Rows) -> Tensor:
        """Run the network once; give [rows, C, h, w], float32. Only the batcher's thread calls it."""

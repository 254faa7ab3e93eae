"""What goes from node to node.

Models are named, not held: a value says which file and what is done with it, and the runtime gives the networks when
they are used. So a kept MODEL costs nothing, and a checkpoint can leave memory while workflows that name it live on.

IMAGE is a tensor [batch, height, width, 3] in 0..1, MASK [batch, height, width] in 0..1, SIGMAS [steps + 1]; all are
float32 on the CPU.
`nbytes` is what the executor's cache counts.
"""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from engine.sampler.models.diffusion import Meaning
from engine.sampler.models.files import ModelFile
from engine.sampler.models.lora import LoraUse
from engine.sampler.sampling.conditions import Condition


@dataclass(frozen=True, kw_only=True)
class Model:
    """MODEL: the diffusion network of a checkpoint, perhaps changed by LoRAs."""

    file: ModelFile
    loras: tuple[LoraUse, ...] = ()
    meaning: Meaning | None = None  # of what it predicts, where that is not as its file tells


@dataclass(frozen=True, kw_only=True)
class Clip:
    """CLIP: the text encoder of a checkpoint, perhaps changed by LoRAs."""

    file: ModelFile
    layer: int | None = None  # where it is read out, counted from the end; None: where its family usually is
    loras: tuple[LoraUse, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Vae:
    """VAE: an autoencoder."""

    file: ModelFile
    alone: bool = False  # it has a file of its own; else it is a checkpoint's


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditioning:
    """CONDITIONING: one or more encoded prompts, each perhaps with an area, a mask, a time."""

    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, embeddings: Tensor, pooled: Tensor | None = None) -> Self:
        """Make it of one encoded prompt that counts everywhere and always."""
        return cls(conditions=(Condition(embeddings=embeddings, pooled=pooled),))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(condition.nbytes for condition in self.conditions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Latent:
    """LATENT: pictures in the autoencoder's space, unscaled."""

    samples: Tensor  # [batch, C, height/8, width/8]
    noise_mask: Tensor | None = None  # [n, height, width] of any size; 1 where a sampler may draw
    places: tuple[int, ...] = ()  # of these latents in the batch they were cut from; empty: 0, 1, 2, ...

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.samples.nbytes + (0 if self.noise_mask is None else self.noise_mask.nbytes)


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """SAMPLER: how steps are made, by ComfyUI's name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Noise:
    """NOISE: what a run starts from; the seed also makes what stochastic samplers add."""

    seed: int
    none: bool = False  # nothing is added to the latents


@dataclass(frozen=True, kw_only=True, eq=False)
class Guider:
    """GUIDER: a network with the prompts that guide it; without a negative one, the positive is followed as it is."""

    model: Model
    positive: Conditioning
    negative: Conditioning | None = None
    cfg: float = 1.0

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.positive.nbytes + (0 if self.negative is None else self.negative.nbytes)

"""The toy model family of the parity records: tiny latents and a network that is one line of arithmetic."""

import json
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from torch import Tensor

from engine.sampler.sampling.conditions import Condition
from engine.sampler.sampling.denoiser import Extras, Rows, Scene
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.kinds import (
    FLUX_SPACE,
    SD1_SPACE,
    SD3_SPACE,
    Discrete,
    Flow,
    FlowFamily,
    LatentSpace,
    ModelKind,
    Prediction,
)

RECORDS = Path(__file__).parents[4] / "data" / "parity" / "samplers.json"
KINDS: dict[str, ModelKind] = {
    "sd15": Discrete(),
    "sd2v": Discrete(prediction=Prediction.V),
    "sd3": Flow(),
    "flux": Flow(family=FlowFamily.FLUX, shift=1.15),
}
SPACES = {"sd15": SD1_SPACE, "sd2v": SD1_SPACE, "sd3": SD3_SPACE, "flux": FLUX_SPACE}


class Advanced(TypedDict, total=False):
    """KSamplerAdvanced's settings in a record."""

    start_step: int
    last_step: int
    disable_noise: bool
    force_full_denoise: bool


class Record(TypedDict, total=False):
    """A line of samplers.json."""

    model: str
    sampler: str
    scheduler: str
    steps: int
    denoise: float
    sigmas: list[float]
    cfg: float
    seed: int
    batch: int
    latent: str
    mask: str
    advanced: Advanced
    out: list[float]


class Records(TypedDict):
    """samplers.json."""

    models: dict[str, dict[str, float]]
    schedules: list[Record]
    samples: list[Record]


def records() -> Records:
    """Read the parity records."""
    return cast(Records, json.loads(RECORDS.read_text(encoding="utf-8")))


class Toy:
    """A denoiser whose conditioning is one number: the mean of the context."""

    def __init__(self, model: str = "sd15") -> None:
        self.kind = KINDS[model]
        self.space: LatentSpace = SPACES[model]
        self.device = torch.device("cpu")
        self.calls: list[int] = []  # rows of each pass

    def extras(self, condition: Condition, scene: Scene) -> Extras:
        """The toy reads nothing but the words."""
        return Extras()

    def predict(self, rows: Rows) -> Tensor:
        """Compute what the records' toy network computes."""
        self.calls.append(len(rows))
        mean = rows.context.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)
        wave = torch.sin(rows.timesteps.reshape(-1, 1, 1, 1) / 125)
        return torch.tanh(0.7 * rows.x + 0.2 * rows.x.roll(1, dims=-1) + mean + 0.3 * wave)


def words(value: float, tokens: int = 3, **more: Any) -> Condition:
    """Give a condition whose words' mean is `value`."""
    return Condition(embeddings=torch.full((1, tokens, 2), value), **more)


def guidance(scale: float, positive: float = 0.25, negative: float = -0.1) -> Guidance:
    """Give the records' prompts with guidance of this scale."""
    return Guidance(positive=(words(positive),), negative=(words(negative),), scale=scale)

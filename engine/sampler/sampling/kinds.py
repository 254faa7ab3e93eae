"""What a network's prediction means: the kinds of diffusion model, their noise levels and their arithmetic.

Sigmas are float32 scalar tensors on the CPU; latents are [batch, channels, height, width] in the network's space
(scaled as it was trained). Formulas: Karras et al. 2022 (arXiv 2206.00364) for eps and v, Esser et al. 2024
(arXiv 2403.03206) for flow models.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor

_BEFORE_EVERYTHING = 999999999.9  # the sigma that stands for "from the very start" in percentages
_RELATIVE = 1e-5  # how near to sigma_max counts as full noise


class Prediction(StrEnum):
    """What a network's output stands for: the noise, a mix of noise and picture, or the picture."""

    EPS = "eps"
    V = "v"
    X0 = "x0"


class ModelKind(Protocol):
    """How sigmas, timesteps, network inputs and outputs hang together for one kind of model."""

    @property
    def flow(self) -> bool:
        """Whether noise and latent are mixed linearly (rectified flow) rather than added."""

    @property
    def table(self) -> Tensor:
        """All noise levels that the model was trained on, float32 [T], ascending."""

    @property
    def sigma_min(self) -> float:
        """The least noise level."""

    @property
    def sigma_max(self) -> float:
        """The greatest noise level."""

    def timestep(self, sigma: Tensor) -> Tensor:
        """Give the time that the network is told, float32 scalar."""

    def sigma_at(self, timestep: Tensor) -> Tensor:
        """Give the noise level of timesteps, float32, same shape."""

    def sigma_at_fraction(self, fraction: float) -> float:
        """Give the noise level after `fraction` (0..1) of the way from noise to picture."""

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        """Give λ = ln(signal/noise)."""

    def sigma_of_half_log_snr(self, half_log_snr: Tensor) -> Tensor:
        """Give the noise level of a λ."""

    def signal(self, sigma: Tensor) -> Tensor:
        """Give α, how much of the picture is left at a noise level."""

    def network_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Scale a noisy latent as the network expects it."""

    def denoised(self, x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
        """Turn the network's output into the denoised latent."""

    def start(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        """Give the noisy latent that a run starts from at its first sigma."""

    def noised(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        """Give what `latent` looks like at a noise level, for keeping the unmasked part of a picture in step."""

    def finish(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Undo the scale that a run has at its last sigma."""


def scaled_linear_table(
    *, beta_start: float = 0.00085, beta_end: float = 0.012, steps: int = 1000, zero_terminal_snr: bool = False
) -> Tensor:
    """Give Stable Diffusion's noise levels √((1−ᾱ)/ᾱ), float32 [steps].

    With `zero_terminal_snr` the last level is (nearly) pure noise: Lin et al. 2023, arXiv 2305.08891.
    """
    betas = torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float64) ** 2
    kept = torch.cumprod(1.0 - betas, dim=0)
    if zero_terminal_snr:
        root = kept.sqrt()
        kept = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
        kept[-1] = 4.8973451890853435e-08
    return ((1.0 - kept) / kept).sqrt().float()


@dataclass(frozen=True, kw_only=True, eq=False)
class Discrete:
    """Models trained on a table of noise levels that is added to the latent: SD 1.x, 2.x, SDXL."""

    prediction: Prediction = Prediction.EPS
    table: Tensor = field(default_factory=scaled_linear_table)
    logs: Tensor = field(init=False, repr=False)  # ln table

    def __post_init__(self) -> None:
        object.__setattr__(self, "logs", self.table.log())

    @property
    def flow(self) -> bool:
        return False

    @property
    def sigma_min(self) -> float:
        return float(self.table[0])

    @property
    def sigma_max(self) -> float:
        return float(self.table[-1])

    def timestep(self, sigma: Tensor) -> Tensor:
        """Give the index of the nearest table entry by logarithm, the first one on a tie; never interpolated."""
        wanted = sigma.log()
        above = min(max(int(torch.searchsorted(self.logs, wanted)), 1), len(self.logs) - 1)
        nearer = (wanted - self.logs[above]).abs() < (wanted - self.logs[above - 1]).abs()
        return torch.tensor(float(above if nearer else above - 1))

    def sigma_at(self, timestep: Tensor) -> Tensor:
        time = timestep.float().clamp(0, len(self.table) - 1)
        low, high, share = time.floor().long(), time.ceil().long(), time.frac()
        return ((1 - share) * self.logs[low] + share * self.logs[high]).exp()

    def sigma_at_fraction(self, fraction: float) -> float:
        if fraction <= 0:
            return _BEFORE_EVERYTHING
        if fraction >= 1:
            return 0.0
        return float(self.sigma_at(torch.tensor((len(self.table) - 1) * (1.0 - fraction))))

    def network_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x / (sigma**2 + 1).sqrt()

    def denoised(self, x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
        if self.prediction is Prediction.X0:
            return output
        if self.prediction is Prediction.EPS:
            return x - output * sigma
        return x / (sigma**2 + 1) - output * sigma / (sigma**2 + 1).sqrt()

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        return -sigma.log()

    def sigma_of_half_log_snr(self, half_log_snr: Tensor) -> Tensor:
        return (-half_log_snr).exp()

    def signal(self, sigma: Tensor) -> Tensor:
        return torch.ones_like(sigma)

    def start(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        full = float(sigma) > self.sigma_max or math.isclose(float(sigma), self.sigma_max, rel_tol=_RELATIVE)
        return latent + noise * ((1.0 + sigma**2).sqrt() if full else sigma)

    def noised(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return latent + noise * sigma

    def finish(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x


class FlowFamily(StrEnum):
    """The two parametrisations of the shift."""

    SD3 = "sd3"
    FLUX = "flux"


@dataclass(frozen=True, kw_only=True, eq=False)
class Flow:
    """Rectified-flow models: SD3 (shift S, told 1000·σ) and Flux (shift e^μ, told σ)."""

    family: FlowFamily = FlowFamily.SD3
    shift: float = 3.0  # S for SD3, μ for Flux
    table: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        steps = 1000 if self.family is FlowFamily.SD3 else 10000
        shares = torch.arange(1, steps + 1, dtype=torch.float32) / steps
        object.__setattr__(self, "table", self._shifted(shares))

    @property
    def flow(self) -> bool:
        return True

    @property
    def sigma_min(self) -> float:
        return float(self.table[0])

    @property
    def sigma_max(self) -> float:
        return float(self.table[-1])

    @property
    def _multiplier(self) -> float:
        return 1000.0 if self.family is FlowFamily.SD3 else 1.0

    def _shifted(self, share: Tensor) -> Tensor:
        if self.family is FlowFamily.SD3:
            return self.shift * share / (1 + (self.shift - 1) * share)
        return math.exp(self.shift) / (math.exp(self.shift) + (1 / share - 1))

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma * self._multiplier

    def sigma_at(self, timestep: Tensor) -> Tensor:
        return self._shifted(timestep / self._multiplier)

    def sigma_at_fraction(self, fraction: float) -> float:
        if fraction <= 0:
            return 1.0
        if fraction >= 1:
            return 0.0
        return float(self._shifted(torch.tensor(1.0 - fraction)))

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        return ((1 - sigma) / sigma).log()

    def sigma_of_half_log_snr(self, half_log_snr: Tensor) -> Tensor:
        return 1 / (1 + half_log_snr.exp())

    def signal(self, sigma: Tensor) -> Tensor:
        return 1 - sigma

    def network_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x

    def denoised(self, x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
        return x - output * sigma

    def start(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return self.noised(latent, noise, sigma)

    def noised(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return sigma * noise + (1.0 - sigma) * latent

    def finish(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x / (1.0 - sigma)


@dataclass(frozen=True, kw_only=True)
class LatentSpace:
    """Where a family's latents live: `network = (node - shift) * scale`, `node` being what nodes pass around."""

    channels: int = 4
    scale: float = 0.18215
    shift: float = 0.0

    def enter(self, latent: Tensor) -> Tensor:
        """Go into the network's space; an all-zero latent means "no picture" and stays zero."""
        return (latent - self.shift) * self.scale if bool(latent.any()) else latent

    def leave(self, latent: Tensor) -> Tensor:
        """Come back to the space that nodes pass around."""
        return latent / self.scale + self.shift


SD1_SPACE = LatentSpace()
SD3_SPACE = LatentSpace(channels=16, scale=1.5305, shift=0.0609)
FLUX_SPACE = LatentSpace(channels=16, scale=0.3611, shift=0.1159)

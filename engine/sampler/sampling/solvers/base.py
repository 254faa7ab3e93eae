"""What every sampler is made of.

A sampler is a generator: it yields what it wants denoised and is sent the denoised latent; it never sees a network. So
one loop can drive any number of them side by side. `x` is [batch, channels, height, width] in float32; sigmas are
float32 scalars on the CPU, and so is all arithmetic on them, because ComfyUI's numbers depend on its rounding: a
mid-point that falls between two timesteps, or a time in a Brownian tree, moves with the last bit.

Letters: λ is the half log-SNR, α the signal scale (`engine.sampler.sampling.kinds`), ρ = σ/α = e^-λ, η the share of
noise that is new in each step, D the denoised latent, d = (x - D)/σ the slope of the probability-flow ODE.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from engine.sampler.sampling.kinds import ModelKind
from engine.sampler.sampling.noise import NoiseSource

_START = 1e-4  # the share of the way where samplers that need a finite λ begin on flow models


@dataclass(frozen=True, slots=True, eq=False)
class Evaluate:
    """Ask for the denoised latent of `x` at noise level `sigma`."""

    x: Tensor
    sigma: Tensor
    look: bool = False  # a look ahead in the middle of a step, not its beginning


Sampling: TypeAlias = Generator[Evaluate, Tensor, Tensor]
Solver: TypeAlias = "Callable[[Tensor, Tensor, Surroundings], Sampling]"


@dataclass(kw_only=True, eq=False)
class Surroundings:
    """What some samplers need besides the sigmas; whoever drives the run keeps it up to date."""

    kind: ModelKind
    seed: int  # of the run; also of the noise that steps add
    unconditional: Tensor  # the negative prompt's denoised latent of the latest evaluation, unguided


def slope(x: Tensor, denoised: Tensor, sigma: Tensor) -> Tensor:
    """Give d = (x - D)/σ."""
    return (x - denoised) / sigma


def lerp(x: Tensor, denoised: Tensor, ratio: Tensor) -> Tensor:
    """Give ratio·x + (1 - ratio)·D: a step to `ratio` times the noise level."""
    return ratio * x + (1 - ratio) * denoised


def middle(first: Tensor, second: Tensor) -> Tensor:
    """Give the geometric mean of two sigmas; of float32 logarithms in this order, on which the last bit depends."""
    start, end = first.log(), second.log()
    return (start + 0.5 * (end - start)).exp()


def ancestral_split(sigma: Tensor, sigma_next: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """Split a step into (down, up): go deterministically down to `down`, then add `up` of noise (k-diffusion).

    `down² + up² = sigma_next²`. From infinite noise the limit is taken.
    """
    if bool(sigma.isinf()):
        up = eta * sigma_next
    else:
        up = eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2).sqrt()
    up = torch.minimum(sigma_next, up)
    return (sigma_next**2 - up**2).sqrt(), up


def flow_down(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Give the noise level that an ancestral step on a flow model goes down to before noise is added again."""
    return sigma_next * (sigma_next / sigma)


def renoise_flow(x: Tensor, down: Tensor, sigma_next: Tensor, noise: NoiseSource) -> Tensor:
    """Bring a flow latent from noise level `down` up to `sigma_next`: signal scale 1 - σ, noise level σ."""
    scale = (1 - sigma_next) / (1 - down)
    return scale * x + noise() * (sigma_next**2 - down**2 * scale**2).sqrt()


def finite_start(sigmas: Tensor, kind: ModelKind) -> Tensor:
    """Replace a flow model's first sigma of 1, whose λ is infinite, by one a ten-thousandth of the way on."""
    if not kind.flow or len(sigmas) < 2 or sigmas[0] < 1:
        return sigmas
    sigmas = sigmas.clone()
    sigmas[0] = kind.sigma_at_fraction(_START)
    return sigmas


def rho_of(kind: ModelKind, sigma: Tensor) -> Tensor:
    """Give ρ = e^-λ, noise to signal; infinite where there is no signal."""
    return (-kind.half_log_snr(sigma)).exp()

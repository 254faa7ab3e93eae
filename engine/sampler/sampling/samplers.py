"""Samplers as generators: each yields what it wants denoised and is sent the denoised latent; it never sees a network.

So one loop can drive any number of them side by side. `x` is [batch, channels, height, width] in float32, sigmas are
float32 scalars. Where the last sigma is 0 a run ends with the denoised latent itself.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor

from engine.sampler.sampling.kinds import ModelKind
from engine.sampler.sampling.noise import NoiseSource, step_noise


@dataclass(frozen=True, slots=True, eq=False)
class Evaluate:
    """Ask for the denoised latent of `x` at noise level `sigma`."""

    x: Tensor
    sigma: Tensor


Sampling: TypeAlias = Generator[Evaluate, Tensor, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Surroundings:
    """What some samplers need besides the sigmas."""

    kind: ModelKind
    seed: int  # of the run; also of the noise that steps add
    unconditional: Callable[[], Tensor]  # the negative prompt's denoised latent of the latest evaluation, unguided


@dataclass(frozen=True, kw_only=True)
class SamplerSpec:
    """A sampler and its traits."""

    run: Callable[[Tensor, Tensor, Surroundings], Sampling]
    drop_penultimate: bool = False  # its schedule leaves out the smallest non-zero sigma
    always_negative: bool = False  # it reads `unconditional`, so the negative prompt is evaluated at any guidance


def euler(x: Tensor, sigmas: Tensor) -> Sampling:
    """Follow the slope (Karras et al. 2022, arXiv 2206.00364, without churn)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        x = x + (x - denoised) / sigma * (sigma_next - sigma)
    return x


def euler_ancestral(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """Step below the next noise level and add noise back up to it (k-diffusion)."""
    advance = _flow_ancestral_step if surroundings.kind.flow else _ancestral_step
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        x = advance(x, denoised, sigma, sigma_next, noise) if sigma_next > 0 else denoised
    return x


def dpmpp_2m(x: Tensor, sigmas: Tensor) -> Sampling:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095): steps in ln σ that reuse the previous denoised latent."""
    previous: tuple[Tensor, Tensor] | None = None  # the step before: its denoised latent and its size in ln σ
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        step = (sigma / sigma_next).log()  # infinite in the last step to 0, where it is not used
        target = denoised
        if previous is not None and sigma_next > 0:
            ratio = previous[1] / step
            target = (1 + 1 / (2 * ratio)) * denoised - previous[0] / (2 * ratio)
        x = (sigma_next / sigma) * x + (1 - sigma_next / sigma) * target
        previous = denoised, step
    return x


def ancestral_split(sigma: Tensor, sigma_next: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """Split a step into (down, up): go deterministically down to `down`, then add `up` of noise (k-diffusion).

    `down² + up² = sigma_next²`.
    """
    up = eta * (sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2).sqrt()
    up = torch.minimum(sigma_next, up)
    return (sigma_next**2 - up**2).sqrt(), up


def _ancestral_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, noise: NoiseSource) -> Tensor:
    down, up = ancestral_split(sigma, sigma_next)
    return x + (x - denoised) / sigma * (down - sigma) + noise() * up


def _flow_ancestral_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, noise: NoiseSource) -> Tensor:
    down = sigma_next * (sigma_next / sigma)
    ratio = down / sigma
    return renoise_flow(ratio * x + (1 - ratio) * denoised, down, sigma_next, noise)


def renoise_flow(x: Tensor, down: Tensor, sigma_next: Tensor, noise: NoiseSource) -> Tensor:
    """Bring a flow latent from noise level `down` up to `sigma_next`: signal scale 1 − σ, noise level σ."""
    scale = (1 - sigma_next) / (1 - down)
    return scale * x + noise() * (sigma_next**2 - down**2 * scale**2).sqrt()


def _plain(function: Callable[[Tensor, Tensor], Sampling]) -> SamplerSpec:
    return SamplerSpec(run=lambda x, sigmas, _: function(x, sigmas))


SAMPLERS: Mapping[str, SamplerSpec] = {
    "euler": _plain(euler),
    "euler_ancestral": SamplerSpec(run=euler_ancestral),
    "dpmpp_2m": _plain(dpmpp_2m),
}
"""By ComfyUI's name; the first is what an unknown name falls back to."""


def sampler_named(name: str) -> SamplerSpec:
    """Give a sampler by ComfyUI's name; an unknown name gives the first, as ComfyUI does."""
    return SAMPLERS.get(name, next(iter(SAMPLERS.values())))

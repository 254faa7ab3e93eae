"""One slope a step: Euler, its ancestral and CFG++ relatives, DDPM, LCM and gradient estimation."""

from itertools import pairwise

from torch import Tensor

from engine.sampler.sampling.noise import NoiseSource, step_noise
from engine.sampler.sampling.solvers.base import (
    Evaluate,
    Sampling,
    Solver,
    Surroundings,
    ancestral_split,
    flow_down,
    lerp,
    renoise_flow,
    rho_of,
    slope,
)

_OVERSHOOT = 2.0  # γ of gradient estimation


def euler(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Follow the slope (Karras et al. 2022, arXiv 2206.00364, without churn)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        x = x + slope(x, denoised, sigma) * (sigma_next - sigma)
    return x


def euler_ancestral(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """Step below the next noise level and add noise back up to it (k-diffusion)."""
    advance = _flow_ancestral_step if surroundings.kind.flow else _ancestral_step
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        x = advance(x, denoised, sigma, sigma_next, noise) if sigma_next > 0 else denoised
    return x


def euler_cfg_pp(*, ancestral: bool) -> Solver:
    """CFG++ (Chung et al. 2024, arXiv 2406.08070): noise is kept along the unguided slope; perhaps renewed."""

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        kind = surroundings.kind
        noise = step_noise(x, surroundings.seed)
        for sigma, sigma_next in pairwise(sigmas):
            denoised = yield Evaluate(x, sigma)
            if sigma_next == 0:
                x = denoised
                continue
            rho, rho_next, signal = rho_of(kind, sigma), rho_of(kind, sigma_next), kind.signal(sigma_next)
            down, up = ancestral_split(rho, rho_next, 1.0 if ancestral else 0.0)
            unguided = slope(x, kind.signal(sigma) * surroundings.unconditional, sigma)
            x = signal * denoised + signal * down * unguided
            if ancestral:
                x = x + signal * up * noise()
        return x

    return run


def lcm(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """Denoise in one go and add fresh noise (Luo et al. 2023, arXiv 2310.04378)."""
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        x = yield Evaluate(x, sigma)
        if sigma_next > 0:
            x = surroundings.kind.noised(x, noise(), sigma_next)
    return x


def ddpm(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """Step as the original diffusion does (Ho et al. 2020, arXiv 2006.11239), the same for every kind of model."""
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        kept, kept_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        ratio = kept / kept_next
        x = x / (1 + sigma**2).sqrt() - (1 - ratio) * slope(x, denoised, sigma) / (1 - kept).sqrt()
        x = x / ratio.sqrt()
        if sigma_next > 0:
            x = x + ((1 - ratio) * (1 - kept_next) / (1 - kept)).sqrt() * noise()
            x = x * (1 + sigma_next**2).sqrt()
    return x


def gradient_estimation(*, cfg_pp: bool) -> Solver:
    """Correct each slope by its change since the last one (Permenter and Yuan 2023, arXiv 2306.04848)."""

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        previous: Tensor | None = None
        for sigma, sigma_next in pairwise(sigmas):
            denoised = yield Evaluate(x, sigma)
            d = slope(x, surroundings.unconditional if cfg_pp else denoised, sigma)
            if sigma_next == 0:
                x = denoised
                continue
            x = denoised + d * sigma_next if cfg_pp else x + d * (sigma_next - sigma)
            if previous is not None:
                x = x + (_OVERSHOOT - 1) * (d - previous) * (sigma_next - sigma)
            previous = d
        return x

    return run


def _ancestral_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, noise: NoiseSource) -> Tensor:
    down, up = ancestral_split(sigma, sigma_next)
    return x + slope(x, denoised, sigma) * (down - sigma) + noise() * up


def _flow_ancestral_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, noise: NoiseSource) -> Tensor:
    down = flow_down(sigma, sigma_next)
    return renoise_flow(lerp(x, denoised, down / sigma), down, sigma_next, noise)

"""Exponential solvers of the reverse SDE: ER-SDE and SEEDS."""

from itertools import pairwise

import torch
from torch import Tensor

from engine.sampler.sampling.noise import step_noise
from engine.sampler.sampling.solvers.base import Evaluate, Sampling, Surroundings, finite_start, rho_of

_POINTS = 200  # of the integrals over a step


def er_sde(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """ER-SDE-Solver-3 (Cui et al. 2023, arXiv 2309.06169; ER-SDE-Solver, MIT)."""
    kind = surroundings.kind
    noise = step_noise(x, surroundings.seed)
    past: list[tuple[Tensor, Tensor]] = []  # newest first: ρ, and the denoised latent
    slope_before: Tensor | None = None
    for sigma, sigma_next in pairwise(finite_start(sigmas, kind)):
        denoised = yield Evaluate(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        rho, rho_next, signal = rho_of(kind, sigma), rho_of(kind, sigma_next), kind.signal(sigma_next)
        ratio = _scaling(rho_next) / _scaling(rho)
        x = signal / kind.signal(sigma) * ratio * x + signal * (1 - ratio) * denoised
        if past:
            change = rho_next - rho
            width = -change / _POINTS
            points = rho_next + torch.arange(_POINTS, dtype=torch.float32) * width
            integral = (1 / _scaling(points)).sum() * width
            first = (denoised - past[0][1]) / (rho - past[0][0])
            x = x + signal * (change + integral * _scaling(rho_next)) * first
            if slope_before is not None:
                moment = ((points - rho) / _scaling(points)).sum() * width
                second = (first - slope_before) / ((rho - past[1][0]) / 2)
                x = x + signal * (change**2 / 2 + moment * _scaling(rho_next)) * second
            slope_before = first
        x = x + signal * (rho_next**2 - rho**2 * ratio**2).sqrt().nan_to_num(0.0) * noise()
        past = [(rho, denoised), *past[:1]]
    return x


def seeds_2(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """SEEDS-2 (Gonzalez et al. 2023, arXiv 2305.14267): two stages a step that share their noise."""
    kind = surroundings.kind
    draw = step_noise(x, surroundings.seed)
    share = 0.5
    for sigma, sigma_next in pairwise(finite_start(sigmas, kind)):
        denoised = yield Evaluate(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        start = kind.half_log_snr(sigma)
        step = kind.half_log_snr(sigma_next) - start
        between = kind.sigma_of_half_log_snr(start + share * step)
        noise = _fresh(share * step) * draw()
        looked = (
            between / sigma * (-share * step).exp() * x
            - kind.signal(between) * torch.expm1(-2 * share * step) * denoised
            + between * noise
        )
        second = yield Evaluate(looked, between, look=True)
        noise = _continued(noise, (1 - share) * step, draw())
        mixed = denoised + (second - denoised) / (2 * share)
        x = (
            sigma_next / sigma * (-step).exp() * x
            - kind.signal(sigma_next) * torch.expm1(-2 * step) * mixed
            + sigma_next * noise
        )
    return x


def seeds_3(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """SEEDS-3 (arXiv 2305.14267): three stages a step."""
    kind = surroundings.kind
    draw = step_noise(x, surroundings.seed)
    near, far = 1 / 3, 2 / 3
    for sigma, sigma_next in pairwise(finite_start(sigmas, kind)):
        denoised = yield Evaluate(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        start = kind.half_log_snr(sigma)
        step = kind.half_log_snr(sigma_next) - start
        sigma_1 = kind.sigma_of_half_log_snr(start + near * step)
        sigma_2 = kind.sigma_of_half_log_snr(start + far * step)
        noise = _fresh(near * step) * draw()
        looked = (
            sigma_1 / sigma * (-near * step).exp() * x
            - kind.signal(sigma_1) * torch.expm1(-2 * near * step) * denoised
            + sigma_1 * noise
        )
        second = yield Evaluate(looked, sigma_1, look=True)
        noise = _continued(noise, (far - near) * step, draw())
        weight = far / near * _remainder(-2 * far * step)
        mixed = (torch.expm1(-2 * far * step) - weight) * denoised + weight * second
        looked = sigma_2 / sigma * (-far * step).exp() * x - kind.signal(sigma_2) * mixed + sigma_2 * noise
        third = yield Evaluate(looked, sigma_2, look=True)
        noise = _continued(noise, (1 - far) * step, draw())
        weight = _remainder(-2 * step) / far
        mixed = (torch.expm1(-2 * step) - weight) * denoised + weight * third
        x = sigma_next / sigma * (-step).exp() * x - kind.signal(sigma_next) * mixed + sigma_next * noise
    return x


def _scaling(rho: Tensor) -> Tensor:
    """Give N(ρ) = ρ(e^ρ^0.3 + 10), ER-SDE's noise scaling."""
    return rho * ((rho**0.3).exp() + 10)


def _fresh(step: Tensor) -> Tensor:
    """Give the scale of the noise that appears over a step in λ."""
    return (-torch.expm1(-2 * step)).sqrt()


def _continued(noise: Tensor, step: Tensor, fresh: Tensor) -> Tensor:
    """Let a step's noise decay and be renewed over a further step in λ."""
    return (-step).exp() * noise + _fresh(step) * fresh


def _remainder(z: Tensor) -> Tensor:
    """Give (e^z - 1 - z)/z."""
    return (torch.expm1(z) - z) / z

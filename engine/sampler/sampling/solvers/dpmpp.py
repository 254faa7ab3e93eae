"""DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095), deterministic, ancestral and stochastic, as in k-diffusion."""

from itertools import pairwise

import torch
from torch import Tensor

from engine.sampler.sampling.kinds import ModelKind
from engine.sampler.sampling.noise import BrownianNoise, step_noise
from engine.sampler.sampling.solvers.base import (
    Evaluate,
    Sampling,
    Solver,
    Surroundings,
    ancestral_split,
    finite_start,
    flow_down,
    lerp,
    middle,
    renoise_flow,
    rho_of,
)

_NEARLY_ONE = 0.9999  # the mid-point of a flow step that starts from pure noise


def dpmpp_2s_ancestral(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """Look at the mid-point (in λ), step below the next noise level, add noise back up to it."""
    kind = surroundings.kind
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        if kind.flow:
            down, up = flow_down(sigma, sigma_next), sigma_next
            halfway = 0.5 * (kind.half_log_snr(sigma) + kind.half_log_snr(down))
            between = torch.tensor(_NEARLY_ONE) if sigma == 1 else kind.sigma_of_half_log_snr(halfway)
        else:
            down, up = ancestral_split(sigma, sigma_next)
            between = middle(sigma, down)
        looked = lerp(x, denoised, between / sigma)
        x = lerp(x, (yield Evaluate(looked, between, look=True)), down / sigma)
        x = renoise_flow(x, down, sigma_next, noise) if kind.flow else x + noise() * up
    return x


def dpmpp_2s_ancestral_cfg_pp(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """CFG++ form of dpmpp_2s_ancestral; the same arithmetic for every kind of model.

    Quirk, kept for parity: the step ends with the first evaluation's D and the second one's unguided latent.
    """
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        down, up = ancestral_split(sigma, sigma_next)
        between = middle(sigma, down)
        looked = lerp(x + denoised - surroundings.unconditional, denoised, between / sigma)
        second = yield Evaluate(looked, between, look=True)
        x = lerp(x + denoised - surroundings.unconditional, second, down / sigma) + noise() * up
    return x


def dpmpp_2m(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Steps in ln σ that reuse the previous denoised latent."""
    previous: tuple[Tensor, Tensor] | None = None  # the step before: its denoised latent and its size in ln σ
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        step = (sigma / sigma_next).log()  # infinite in the last step to 0, where it is not used
        target = denoised
        if previous is not None and sigma_next > 0:
            ratio = previous[1] / step
            target = (1 + 1 / (2 * ratio)) * denoised - previous[0] / (2 * ratio)
        x = lerp(x, target, sigma_next / sigma)
        previous = denoised, step
    return x


def dpmpp_2m_cfg_pp(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """CFG++ form of dpmpp_2m. Quirk, kept for parity: the correction subtracts the previous unguided latent from D."""
    previous: tuple[Tensor, Tensor] | None = None  # the step before: its unguided latent and its size in ln σ
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        unguided = surroundings.unconditional
        step = (sigma / sigma_next).log()
        shrunk = sigma_next / sigma
        moved = denoised + shrunk * (x - unguided)
        if previous is not None and sigma_next > 0:
            moved = moved + (1 - shrunk) * (denoised - previous[0]) / (2 * previous[1] / step)
        x = moved
        previous = unguided, step
    return x


def dpmpp_sde(*, on_device: bool) -> Solver:
    """Two stages a step, each with Brownian noise from the step's start."""

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        kind = surroundings.kind
        shifted = finite_start(sigmas, kind)
        steps = [
            (sigma, _halfway(sigma, sigma_next, kind), sigma_next)
            for sigma, sigma_next in pairwise(shifted)
            if sigma_next > 0
        ]
        times = torch.stack([time for step in steps for time in step]) if steps else shifted
        noise = BrownianNoise(x, sigmas, surroundings.seed, times=times, on_device=on_device)
        for sigma, between, sigma_next in steps:
            denoised = yield Evaluate(x, sigma)
            looked = _sde_stage(x, denoised, sigma, between, kind, noise)
            second = yield Evaluate(looked, between, look=True)
            x = _sde_stage(x, second, sigma, sigma_next, kind, noise)
        if len(sigmas) > 1 and sigmas[-1] == 0:
            x = yield Evaluate(x, shifted[-2])
        return x

    return run


def dpmpp_2m_sde(*, on_device: bool, heun: bool = False) -> Solver:
    """Two-step multistep with Brownian noise; the correction is the mid-point's or Heun's."""

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        kind = surroundings.kind
        shifted = finite_start(sigmas, kind)
        noise = BrownianNoise(x, sigmas, surroundings.seed, times=shifted, on_device=on_device)
        previous: tuple[Tensor, Tensor] | None = None  # the step before: its denoised latent and its size in λ
        for sigma, sigma_next in pairwise(shifted):
            denoised = yield Evaluate(x, sigma)
            if sigma_next == 0:
                x = denoised
                continue
            step, signal = kind.half_log_snr(sigma_next) - kind.half_log_snr(sigma), kind.signal(sigma_next)
            grown = -torch.expm1(-2 * step)
            x = _drift(x, denoised, sigma, sigma_next, step, signal)
            if previous is not None:
                share = 1 - grown / (2 * step) if heun else 0.5 * grown
                x = x + signal * share * (denoised - previous[0]) / (previous[1] / step)
            x = x + sigma_next * grown.sqrt() * noise(sigma, sigma_next)
            previous = denoised, step
        return x

    return run


def dpmpp_3m_sde(*, on_device: bool) -> Solver:
    """Three-step multistep with Brownian noise."""

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        kind = surroundings.kind
        shifted = finite_start(sigmas, kind)
        noise = BrownianNoise(x, sigmas, surroundings.seed, times=shifted, on_device=on_device)
        past: list[tuple[Tensor, Tensor]] = []  # the last two steps, newest first: denoised latent and size in λ
        for sigma, sigma_next in pairwise(shifted):
            denoised = yield Evaluate(x, sigma)
            if sigma_next == 0:
                x = denoised
                continue
            step, signal = kind.half_log_snr(sigma_next) - kind.half_log_snr(sigma), kind.signal(sigma_next)
            x = _drift(x, denoised, sigma, sigma_next, step, signal) + _third_order(denoised, past, step, signal)
            x = x + sigma_next * (-torch.expm1(-2 * step)).sqrt() * noise(sigma, sigma_next)
            past = [(denoised, step), *past[:1]]
        return x

    return run


def _halfway(sigma: Tensor, sigma_next: Tensor, kind: ModelKind) -> Tensor:
    first, last = kind.half_log_snr(sigma), kind.half_log_snr(sigma_next)
    return kind.sigma_of_half_log_snr(first + 0.5 * (last - first))


def _sde_stage(
    x: Tensor, denoised: Tensor, sigma: Tensor, target: Tensor, kind: ModelKind, noise: BrownianNoise
) -> Tensor:
    """Step from `sigma` to `target` in ρ, ancestrally."""
    rho, signal = rho_of(kind, sigma), kind.signal(target)
    down, up = ancestral_split(rho, rho_of(kind, target))
    share = down / rho
    x = signal / kind.signal(sigma) * share * x + signal * (1 - share) * denoised
    return x + signal * up * noise(sigma, target)


def _drift(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, step: Tensor, signal: Tensor) -> Tensor:
    """Give the first-order part of a stochastic step with η = 1."""
    return sigma_next / sigma * (-step).exp() * x + signal * -torch.expm1(-2 * step) * denoised


def _third_order(denoised: Tensor, past: list[tuple[Tensor, Tensor]], step: Tensor, signal: Tensor) -> Tensor | float:
    """Give the correction from the last one or two steps."""
    if not past:
        return 0.0
    twice = 2 * step
    second = 1 + torch.expm1(-twice) / twice
    (before, before_step), *older = past
    near = before_step / step
    first = (denoised - before) / near
    if not older:
        return signal * second * first
    far = older[0][1] / step
    change = first - (before - older[0][0]) / far
    return signal * second * (first + change * near / (near + far)) - signal * (second / twice - 0.5) * (
        change / (near + far)
    )

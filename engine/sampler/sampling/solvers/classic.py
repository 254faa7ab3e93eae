"""Solvers of the probability-flow ODE in σ: Heun, DPM-Solver-2, linear multistep and Adams-Bashforth kin."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from engine.sampler.sampling.noise import step_noise
from engine.sampler.sampling.solvers.base import (
    Evaluate,
    Sampling,
    Surroundings,
    ancestral_split,
    flow_down,
    middle,
    renoise_flow,
    slope,
)

_LMS_ORDER = 4
_ADAMS = ((1,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
_DEIS_ORDER = 3
_DEIS_POINTS = 10000
# DEIS integrates in the time of a VP process with these ends, whatever the model (diff-sampler).
_VP_EPS = 0.001
_VP_LEAST, _VP_MOST = 0.002, 80.0


def heun(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Average the slopes at both ends of a step (Karras et al. 2022, algorithm 2)."""
    for sigma, sigma_next in pairwise(sigmas):
        d = slope(x, (yield Evaluate(x, sigma)), sigma)
        if sigma_next > 0:
            ahead = x + d * (sigma_next - sigma)
            d = (d + slope(ahead, (yield Evaluate(ahead, sigma_next, look=True)), sigma_next)) / 2
        x = x + d * (sigma_next - sigma)
    return x


def heunpp2(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Heun with up to two looks ahead, weighted by their noise levels (sd-webui-samplers-scheduler's Heun++ 2)."""
    first, end = sigmas[0], sigmas[-1]
    for place, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        d = slope(x, (yield Evaluate(x, sigma)), sigma)
        if sigma_next != end:
            ahead = x + d * (sigma_next - sigma)
            second = slope(ahead, (yield Evaluate(ahead, sigma_next, look=True)), sigma_next)
            beyond = sigmas[place + 2]
            if beyond == end:
                share = sigma_next / (2 * first)
                d = (1 - share) * d + share * second
            else:
                further = ahead + second * (beyond - sigma_next)
                third = slope(further, (yield Evaluate(further, beyond, look=True)), beyond)
                near, far = sigma_next / (3 * first), beyond / (3 * first)
                d = (1 - near - far) * d + near * second + far * third
        x = x + d * (sigma_next - sigma)
    return x


def dpm_2(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Take the slope at the (geometric) mid-point: DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927; k-diffusion)."""
    for sigma, sigma_next in pairwise(sigmas):
        d = slope(x, (yield Evaluate(x, sigma)), sigma)
        if sigma_next > 0:
            between = middle(sigma, sigma_next)
            halfway = x + d * (between - sigma)
            d = slope(halfway, (yield Evaluate(halfway, between, look=True)), between)
        x = x + d * (sigma_next - sigma)
    return x


def dpm_2_ancestral(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
    """DPM-Solver-2 below the next noise level, and noise back up to it (k-diffusion)."""
    flow = surroundings.kind.flow
    noise = step_noise(x, surroundings.seed)
    for sigma, sigma_next in pairwise(sigmas):
        d = slope(x, (yield Evaluate(x, sigma)), sigma)
        if sigma_next == 0:
            x = x + d * (sigma_next - sigma)
            continue
        down, up = (flow_down(sigma, sigma_next), sigma_next) if flow else ancestral_split(sigma, sigma_next)
        between = middle(sigma, down)
        halfway = x + d * (between - sigma)
        x = x + slope(halfway, (yield Evaluate(halfway, between, look=True)), between) * (down - sigma)
        x = renoise_flow(x, down, sigma_next, noise) if flow else x + noise() * up
    return x


def lms(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Integrate the polynomial through the last four slopes (linear multistep; k-diffusion)."""
    slopes: list[Tensor] = []  # newest first
    for place, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Evaluate(x, sigma)
        slopes = [slope(x, denoised, sigma), *slopes[: _LMS_ORDER - 1]]
        if sigma_next == 0:
            x = denoised
            continue
        nodes = [float(sigmas[place - back]) for back in range(len(slopes))]
        x = x + _mixed(slopes, lagrange_integrals(nodes, float(sigma), float(sigma_next)))
    return x


def ipndm(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Adams-Bashforth with the weights of equal steps (Zhang and Chen 2022, arXiv 2204.13902; diff-sampler)."""
    slopes: list[Tensor] = []  # newest first
    for sigma, sigma_next in pairwise(sigmas):
        denoised = yield Evaluate(x, sigma)
        slopes = [slope(x, denoised, sigma), *slopes[: len(_ADAMS) - 1]]
        weights = _ADAMS[len(slopes) - 1]
        x = x + (sigma_next - sigma) * _mixed(slopes, weights) if sigma_next > 0 else denoised
    return x


def ipndm_v(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Adams-Bashforth with weights that follow the step sizes (diff-sampler)."""
    slopes: list[Tensor] = []  # newest first
    for place, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Evaluate(x, sigma)
        slopes = [slope(x, denoised, sigma), *slopes[: len(_ADAMS) - 1]]
        if sigma_next == 0:
            x = denoised
            continue
        steps = [float(sigmas[place + 1 - back] - sigmas[place - back]) for back in range(len(slopes))]
        x = x + (sigma_next - sigma) * _mixed(slopes, _adams_weights(steps))
    return x


def deis(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Integrate the polynomial through the last three slopes exponentially (arXiv 2204.13902, tab; diff-sampler)."""
    slopes: list[Tensor] = []  # newest first
    for place, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Evaluate(x, sigma)
        slopes = [slope(x, denoised, sigma), *slopes[: _DEIS_ORDER - 1]]
        if len(slopes) == 1 or sigma_next <= 0:
            x = x + slopes[0] * (sigma_next - sigma)
            continue
        nodes = [float(sigmas[place - back]) for back in range(len(slopes))]
        x = x + _mixed(slopes, _deis_weights(nodes, float(sigma_next)))
    return x


def lagrange_integrals(nodes: list[float], start: float, end: float) -> list[float]:
    """Integrate each Lagrange basis polynomial on `nodes` from `start` to `end`."""
    integrals = []
    for chosen in nodes:
        others = [node - start for node in nodes if node != chosen]
        basis = np.poly1d([1.0])
        for other in others:
            basis = basis * np.poly1d([1.0, -other]) / (chosen - start - other)
        integrals.append(float(np.polyint(basis)(end - start)))
    return integrals


def _mixed(slopes: list[Tensor], weights: tuple[float, ...] | list[float]) -> Tensor:
    mixed = slopes[0] * weights[0]
    for d, weight in zip(slopes[1:], weights[1:], strict=True):
        mixed = mixed + d * weight
    return mixed


def _adams_weights(steps: list[float]) -> list[float]:
    """Weights of the slopes, newest first, for steps h0 (the coming one), h1, h2, h3 (past ones).

    Quirk, kept for parity: T is not the true weight of a variable step.
    """
    if len(steps) == 1:
        return [1.0]
    h0, h1, h2, h3 = (*steps, 0.0, 0.0)[:4]
    second = h0 / (2 * h1)
    if len(steps) == 2:
        return [1 + second, -second]
    t = 0.5 * (1 - h0**2 / (3 * h1 * (h1 + h2)))
    weights = [1 + second + t, -second - (1 + h1 / h2) * t, t * h1 / h2]
    if len(steps) == 3:
        return weights
    v = 0.5 * (1 - h0 / (3 * (h0 + h1))) + (1 - h0 / (2 * (h0 + h1))) * h0 / (6 * (h0 + h1 + h2))
    v *= h0 * (h0 + h1) * (h0 + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
    w = h1 * (h1 + h2) / (h2 * (h2 + h3))
    more = [v, -(1 + h1 / h2 + w) * v, (h1 / h2 + w * (1 + h2 / h3)) * v, -v * w * h1 / h2]
    return [old + new for old, new in zip([*weights, 0.0], more, strict=True)]


def _deis_weights(nodes: list[float], sigma_next: float) -> list[float]:
    """∫ g(τ) ℓ_j(τ) dτ by a sum over points of the VP time between the newest node and `sigma_next`."""
    high = math.log(1 + _VP_MOST**2)
    slope_of_beta = 2 * (math.log(1 + _VP_LEAST**2) / _VP_EPS - high) / (_VP_EPS - 1)
    beta = high - slope_of_beta / 2

    def time_of(sigma: float) -> float:
        return (math.sqrt(beta**2 + 2 * slope_of_beta * math.log(1 + sigma**2)) - beta) / slope_of_beta

    times = [time_of(sigma) for sigma in nodes]
    start, end = times[0], time_of(sigma_next)
    points = torch.linspace(start, end, _DEIS_POINTS, dtype=torch.float64)
    kept = (-0.5 * slope_of_beta * points**2 - beta * points).exp()
    weight = 0.5 * (slope_of_beta * points + beta) / (kept * (1 - kept)).sqrt()
    integrals = []
    for chosen in times:
        basis = torch.ones_like(points)
        for other in times:
            if other != chosen:
                basis = basis * (points - other) / (chosen - other)
        integrals.append(float((weight * basis).sum() * (end - start) / _DEIS_POINTS))
    return integrals

"""Exponential multistep solvers: RES (Zhang et al. 2023, arXiv 2308.02157; NVIDIA Cosmos) and its CFG++ forms."""

from itertools import pairwise

import torch
from torch import Tensor

from engine.sampler.sampling.noise import step_noise
from engine.sampler.sampling.solvers.base import (
    Evaluate,
    Sampling,
    Solver,
    Surroundings,
    ancestral_split,
    slope,
)


def res_multistep(*, ancestral: bool, cfg_pp: bool) -> Solver:
    """Second order in -ln σ, for every kind of model; with `ancestral` noise is renewed in each step."""

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        noise = step_noise(x, surroundings.seed)
        previous: Tensor | None = None  # the last step's denoised latent; with CFG++ the unguided one
        down_before = torch.zeros(())
        for place, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
            denoised = yield Evaluate(x, sigma)
            known = surroundings.unconditional if cfg_pp else denoised
            down, up = ancestral_split(sigma, sigma_next, 1.0 if ancestral else 0.0)
            if previous is None or down == 0:
                d = slope(x, known, sigma)
                x = denoised + d * down if cfg_pp else x + d * (down - sigma)
            else:
                now, then = _weights(sigmas[place - 1], down_before, sigma, down)
                shrunk = down / sigma
                base = shrunk * (x + denoised - known) if cfg_pp else shrunk * x
                x = base + (sigma / down).log() * (now * known + then * previous)
            if ancestral and sigma_next > 0:
                x = x + noise() * up
            previous, down_before = known, down
        return x

    return run


def _weights(sigma_before: Tensor, down_before: Tensor, sigma: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the latest and the previous denoised latent."""
    step = (sigma / down).log()
    place = -(sigma_before / down_before).log() / step
    first = torch.expm1(-step) / -step
    second = (first - 1) / -step
    return (first - second / place).nan_to_num(0.0), (second / place).nan_to_num(0.0)

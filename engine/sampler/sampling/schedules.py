"""Schedulers: which noise levels a run visits, from a node's settings to the list of sigmas.

A sigma list is float32 [N+1] on the CPU, descending, normally ending in 0; an empty one means "leave the latent alone".
The order of float32 operations is kept as stated, because samplers with Brownian noise depend on the last bit.
"""

import math
from collections.abc import Callable, Mapping

import torch
from scipy.special import betaincinv
from torch import Tensor

from engine.sampler.sampling.kinds import ModelKind

Scheduler = Callable[[ModelKind, int], Tensor]
_FULL_DENOISE = 0.9999  # above it, denoise counts as 1
_RHO = 7.0  # of Karras' schedule
_BETA = 0.6  # both parameters of the beta schedule
_THRESHOLD = 0.025  # how far the linear half of linear_quadratic goes


def simple(kind: ModelKind, steps: int) -> Tensor:
    """Pick evenly spaced table entries from the noisy end, then 0."""
    count = len(kind.table)
    stride = count / steps
    return _ended(torch.stack([kind.table[count - 1 - int(index * stride)] for index in range(steps)]))


def normal(kind: ModelKind, steps: int) -> Tensor:
    """Space timesteps evenly between those of sigma_max and sigma_min, both included, then 0."""
    return _ended(kind.sigma_at(torch.linspace(*_ends(kind), steps)))


def sgm_uniform(kind: ModelKind, steps: int) -> Tensor:
    """Space timesteps as `normal` does with one step more, and leave out the last, then 0."""
    return _ended(kind.sigma_at(torch.linspace(*_ends(kind), steps + 1)[:-1]))


def karras(kind: ModelKind, steps: int) -> Tensor:
    """Space σ^(1/7) evenly between sigma_max and sigma_min, then 0 (Karras et al. 2022, eq. 5)."""
    return karras_between(kind.sigma_max, kind.sigma_min, steps)


def karras_between(highest: float, lowest: float, steps: int, rho: float = _RHO) -> Tensor:
    """Space σ^(1/rho) evenly between two sigmas, then 0."""
    first, last = highest ** (1 / rho), lowest ** (1 / rho)
    return _ended((first + torch.linspace(0, 1, steps) * (last - first)) ** rho)


def exponential(kind: ModelKind, steps: int) -> Tensor:
    """Space ln σ evenly between sigma_max and sigma_min, then 0 (k-diffusion)."""
    return exponential_between(kind.sigma_max, kind.sigma_min, steps)


def exponential_between(highest: float, lowest: float, steps: int) -> Tensor:
    """Space ln σ evenly between two sigmas, then 0."""
    return _ended(torch.linspace(math.log(highest), math.log(lowest), steps).exp())


def ddim_uniform(kind: ModelKind, steps: int) -> Tensor:
    """Take every so manieth table entry from the second on, then 0.

    Quirk, kept for parity: there may be one step more than asked for, and sigma_max is left out.
    """
    stride = max(len(kind.table) // steps, 1)
    return _ended(kind.table[1::stride].flip(0))


def beta(kind: ModelKind, steps: int) -> Tensor:
    """Pick table entries at quantiles of a beta distribution (Lee et al. 2024, arXiv 2407.12173), each once, then 0."""
    last = len(kind.table) - 1
    places = [round(float(betaincinv(_BETA, _BETA, 1 - index / steps)) * last) for index in range(steps)]
    kept = [place for number, place in enumerate(places) if number == 0 or place != places[number - 1]]
    return _ended(kind.table[torch.tensor(kept)])


def linear_quadratic(kind: ModelKind, steps: int) -> Tensor:
    """Go a fortieth of the way in half of the steps, evenly, and the rest ever faster (Mochi)."""
    highest = torch.tensor(kind.sigma_max)
    if steps == 1:
        return _ended(highest[None])
    linear = steps // 2
    quadratic = steps - linear
    gap = linear - _THRESHOLD * steps
    a = gap / (linear * quadratic**2)
    b = _THRESHOLD / linear - 2 * gap / quadratic**2
    c = a * linear**2
    shares = [_THRESHOLD * j / linear for j in range(linear)] + [a * j**2 + b * j + c for j in range(linear, steps)]
    return _ended(torch.tensor([1.0 - share for share in shares]) * highest)


def kl_optimal(kind: ModelKind, steps: int) -> Tensor:
    """Space arctan σ evenly between sigma_max and sigma_min, then 0 (Sabour et al. 2024, arXiv 2404.14507).

    One step starts at sigma_max, where ComfyUI divides 0 by 0.
    """
    if steps == 1:
        return _ended(torch.tensor([kind.sigma_max]))
    shares = torch.arange(steps, dtype=torch.float32) / (steps - 1)
    return _ended((shares * math.atan(kind.sigma_min) + (1 - shares) * math.atan(kind.sigma_max)).tan())


def turbo(kind: ModelKind, steps: int, denoise: float) -> Tensor:
    """Take some of the ten timesteps 999, 899, ... that SD Turbo was trained for, after a share of 1 - denoise, then 0.

    Sauer et al. 2023, arXiv 2311.17042.
    """
    skipped = 10 - int(10 * denoise)
    times = torch.arange(999, 0, -100)[skipped : skipped + steps]
    return _ended(kind.sigma_at(times))


SCHEDULERS: Mapping[str, Scheduler] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": karras,
    "exponential": exponential,
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": kl_optimal,
}
"""By ComfyUI's name, in its order; the first is what an unknown name falls back to."""


def sigmas_for(
    kind: ModelKind, *, scheduler: str, steps: int, denoise: float = 1.0, drop_penultimate: bool = False
) -> Tensor:
    """Give the sigmas of a KSampler run.

    `denoise` below 1 keeps the last `steps` of a longer schedule. `drop_penultimate` is a trait of some samplers: they
    ask for one step more and leave out the smallest non-zero sigma.
    """
    if denoise <= 0:
        return torch.empty(0)
    total = steps if denoise > _FULL_DENOISE else int(steps / denoise)
    schedule = SCHEDULERS.get(scheduler, next(iter(SCHEDULERS.values())))
    sigmas = schedule(kind, total + drop_penultimate)
    if drop_penultimate:
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    return sigmas[-(steps + 1) :] if total != steps else sigmas


def window(sigmas: Tensor, *, start: int, end: int, leftover_noise: bool) -> Tensor:
    """Cut the part of a run that KSamplerAdvanced asks for; empty if nothing of it is left.

    `end` is applied before `start`. Without `leftover_noise` a cut run still goes down to 0 in its last step.
    """
    if end < len(sigmas) - 1:
        sigmas = sigmas[: end + 1].clone()
        if not leftover_noise:
            sigmas[-1] = 0.0
    return sigmas[start:] if start < len(sigmas) - 1 else torch.empty(0)


def _ends(kind: ModelKind) -> tuple[float, float]:
    """Timesteps of sigma_max and sigma_min."""
    return float(kind.timestep(torch.tensor(kind.sigma_max))), float(kind.timestep(torch.tensor(kind.sigma_min)))


def _ended(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])

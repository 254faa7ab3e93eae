"""Schedulers: which noise levels a run visits, from a node's settings to the list of sigmas.

A sigma list is float32 [N+1] on the CPU, descending, normally ending in 0; an empty one means "leave the latent alone".
The order of float32 operations is kept as stated, because samplers with Brownian noise depend on the last bit.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from engine.sampler.sampling.kinds import ModelKind

Scheduler = Callable[[ModelKind, int], Tensor]
_FULL_DENOISE = 0.9999  # above it, denoise counts as 1


def simple(kind: ModelKind, steps: int) -> Tensor:
    """Pick evenly spaced table entries from the noisy end, then 0."""
    count = len(kind.table)
    stride = count / steps
    return _ended(torch.stack([kind.table[count - 1 - int(index * stride)] for index in range(steps)]))


def normal(kind: ModelKind, steps: int) -> Tensor:
    """Space timesteps evenly between those of sigma_max and sigma_min, both included, then 0."""
    first = float(kind.timestep(torch.tensor(kind.sigma_max)))
    last = float(kind.timestep(torch.tensor(kind.sigma_min)))
    return _ended(kind.sigma_at(torch.linspace(first, last, steps)))


def karras(kind: ModelKind, steps: int) -> Tensor:
    """Space σ^(1/7) evenly between sigma_max and sigma_min, then 0 (Karras et al. 2022, eq. 5)."""
    rho = 7.0
    first, last = kind.sigma_max ** (1 / rho), kind.sigma_min ** (1 / rho)
    return _ended((first + torch.linspace(0, 1, steps) * (last - first)) ** rho)


SCHEDULERS: Mapping[str, Scheduler] = {"simple": simple, "karras": karras, "normal": normal}
"""By ComfyUI's name; the first is what an unknown name falls back to."""


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


def _ended(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])

"""DPM-Solver (Lu et al. 2022, arXiv 2206.00927) in the time t = -ln σ: dpm_fast and dpm_adaptive, as in k-diffusion.

Both go from the first sigma to the last one that is not 0 and stop there; the sigmas between are not visited. Each
step is a generator that yields evaluations and returns the latent, so that a whole run remains one generator.
"""

import math
from collections.abc import Generator

import torch
from torch import Tensor

from engine.sampler.sampling.solvers.base import Evaluate, Sampling, Surroundings, slope

_RELATIVE, _ABSOLUTE = 0.05, 0.0078  # tolerances of the adaptive step
_FIRST_STEP = 0.05  # in t
_NEAR = 1e-5  # in t: so near to the end counts as there
_ACCEPTED = 0.81
_THIRD = 1 / 3

_Step = Generator[Evaluate, Tensor, Tensor]
_Pair = Generator[Evaluate, Tensor, tuple[Tensor, Tensor]]


def dpm_fast(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Spend one evaluation for each step of the schedule, on steps of order three and a rest of order two and one."""
    evaluations = len(sigmas) - 1
    start, end = _ends(sigmas)
    if evaluations < 1 or end <= start:
        return x
    count = evaluations // 3 + 1
    rest = [2, 1] if evaluations % 3 == 0 else [evaluations % 3]
    orders = [3] * (count - len(rest)) + rest
    times = torch.linspace(float(start), float(end), count + 1)
    for order, time, time_next in zip(orders, times[:-1], times[1:], strict=True):
        step = time_next - time
        e = slope(x, (yield Evaluate(x, _sigma(time))), _sigma(time))
        if order == 1:
            x = x - _sigma(time_next) * torch.expm1(step) * e
        elif order == 2:
            x, _unused = yield from _second_order(x, e, time, step, 0.5)
        else:
            x = yield from _third_order(x, e, time, step)
    return x


def dpm_adaptive(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
    """Choose each step's size by comparing orders two and three; the sigmas only say from where to where."""
    time, end = _ends(sigmas)
    step = torch.tensor(_FIRST_STEP)
    previous = x
    while time < end - _NEAR:
        time_next = torch.minimum(end, time + step)
        tried = time_next - time
        e = slope(x, (yield Evaluate(x, _sigma(time))), _sigma(time))
        low, e1 = yield from _second_order(x, e, time, tried, _THIRD)
        high = yield from _third_order(x, e, time, tried, e1)
        allowed = torch.clamp(_RELATIVE * torch.maximum(low.abs(), previous.abs()), min=_ABSOLUTE)
        error = float(((low - high) / allowed).square().mean().sqrt())
        factor = 1 + math.atan((error + 1e-8) ** (-1 / 3) - 1)
        if factor >= _ACCEPTED:
            previous, x, time = low, high, time_next
        if not math.isfinite(factor):
            return x  # numbers that broke down never satisfy the error bound; the caller notices them
        step = step * factor
    return x


def _second_order(x: Tensor, e: Tensor, time: Tensor, step: Tensor, share: float) -> _Pair:
    """Step with one look ahead at `share` of it; also gives the noise found there."""
    between, ahead = time + share * step, time + step
    looked = x - _sigma(between) * torch.expm1(share * step) * e
    e1 = slope(looked, (yield Evaluate(looked, _sigma(between), look=True)), _sigma(between))
    grown = torch.expm1(step)
    return x - _sigma(ahead) * grown * e - _sigma(ahead) * grown * (e1 - e) / (2 * share), e1


def _third_order(x: Tensor, e: Tensor, time: Tensor, step: Tensor, e1: Tensor | None = None) -> _Step:
    """Step with looks ahead at a third and two thirds of it; `e1` is the first look's noise if it is known."""
    near, far = _THIRD, 2 * _THIRD
    if e1 is None:
        between = time + near * step
        looked = x - _sigma(between) * torch.expm1(near * step) * e
        e1 = slope(looked, (yield Evaluate(looked, _sigma(between), look=True)), _sigma(between))
    between, ahead = time + far * step, time + step
    grown = torch.expm1(far * step)
    looked = x - _sigma(between) * (grown * e + (far / near) * (grown / (far * step) - 1) * (e1 - e))
    e2 = slope(looked, (yield Evaluate(looked, _sigma(between), look=True)), _sigma(between))
    grown = torch.expm1(step)
    return x - _sigma(ahead) * (grown * e + (grown / step - 1) / far * (e2 - e))


def _ends(sigmas: Tensor) -> tuple[Tensor, Tensor]:
    last = sigmas[-1] if sigmas[-1] > 0 or len(sigmas) < 2 else sigmas[-2]
    return -sigmas[0].log(), -last.log()


def _sigma(time: Tensor) -> Tensor:
    return (-time).exp()

"""UniPC (Zhao et al. 2023, arXiv 2302.04867): a unified predictor and corrector, multistep, predicting the data."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampler.sampling.solvers.base import Evaluate, Sampling, Solver, Surroundings

_ORDER = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """A point of the schedule in variance-preserving terms: signal a, noise s and λ = -ln σ."""

    a: Tensor
    s: Tensor
    time: float

    @classmethod
    def of(cls, sigma: Tensor) -> "_Moment":
        a = 1 / (1 + sigma**2).sqrt()
        return cls(a, sigma * a, -math.log(float(sigma)))


def uni_pc(*, variant: int) -> Solver:
    """B(h) is -h in variant 1 and e^-h - 1 in variant 2. The last sigma must not be 0 (`SamplerSpec.least_sigma`).

    Quirk, kept for parity: a run of one step evaluates nothing that it uses, and gives its start back scaled.
    """

    def run(x: Tensor, sigmas: Tensor, _: Surroundings) -> Sampling:
        moments = [_Moment.of(sigma) for sigma in sigmas]
        count = len(sigmas) - 1
        most = min(_ORDER, count - 1)
        y = x * moments[0].a
        known = [(yield Evaluate(x, sigmas[0]))]  # denoised latents, oldest first
        for place in range(1, count + 1):
            order = min(place, most, count + 1 - place)
            if order == 0:
                continue
            step = _Step(moments[place - order : place + 1], known, variant)
            base = step.base(y)
            y = base - step.correction(step.predictor_weights)
            if place < count:
                found = yield Evaluate(y / moments[place].a, sigmas[place])
                y = base - step.correction(step.corrector_weights, found)
                known = [*known[-(_ORDER - 1) :], found]
        return y / moments[count].a

    return run


class _Step:
    """One step over `moments` (the last is where it goes, the one before where it is) with the latents known there."""

    def __init__(self, moments: list[_Moment], known: list[Tensor], variant: int) -> None:
        *past, self._here, self._there = moments
        self._known = known
        h = self._there.time - self._here.time
        self._grown = math.expm1(-h)
        self._b = -h if variant == 1 else self._grown
        self._places = [(moment.time - self._here.time) / h for moment in reversed(past)]  # newest first; negative
        self._targets = _targets(h, self._b, len(past) + 1)

    def base(self, y: Tensor) -> Tensor:
        """Give the first-order step."""
        return self._there.s / self._here.s * y - self._there.a * self._grown * self._known[-1]

    @property
    def predictor_weights(self) -> list[float]:
        """Weights of the differences to older latents."""
        match len(self._places):
            case 0:
                return []
            case 1:
                return [0.5]
        return _solved(self._places, self._targets[:-1])

    @property
    def corrector_weights(self) -> list[float]:
        """Weights of the differences to older latents, and to the one found at the step's end."""
        return _solved([*self._places, 1.0], self._targets) if self._places else [0.5]

    def correction(self, weights: list[float], found: Tensor | None = None) -> Tensor | float:
        """Give what the weighted differences take off the first-order step."""
        latest = self._known[-1]
        differences = [(self._known[-2 - back] - latest) / place for back, place in enumerate(self._places)]
        if found is not None:
            differences.append(found - latest)
        scale = self._there.a * self._b
        return sum((scale * weight * d for weight, d in zip(weights, differences, strict=True)), start=0.0)


def _targets(h: float, b: float, count: int) -> list[float]:
    """Give v_j = j!·ψ_j/b with ψ_1 = (e^-h - 1)/(-h) - 1 and ψ_(j+1) = ψ_j/(-h) - 1/(j+1)!."""
    psi = math.expm1(-h) / -h - 1
    targets = []
    for j in range(1, count + 1):
        targets.append(math.factorial(j) * psi / b)
        psi = psi / -h - 1 / math.factorial(j + 1)
    return targets


def _solved(places: list[float], targets: list[float]) -> list[float]:
    rows = torch.tensor([[place**power for place in places] for power in range(len(places))], dtype=torch.float64)
    solved: list[float] = torch.linalg.solve(rows, torch.tensor(targets, dtype=torch.float64)).tolist()
    return solved

"""SA-Solver (Xue et al. 2023, arXiv 2309.05019): stochastic Adams, its predictor of order 3, its corrector of 4."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from engine.sampler.sampling.kinds import ModelKind
from engine.sampler.sampling.noise import NoiseSource, step_noise
from engine.sampler.sampling.solvers.base import Evaluate, Sampling, Solver, Surroundings, finite_start

_PREDICTOR, _CORRECTOR = 3, 4
_NOISY = (0.2, 0.8)  # shares of the way between which steps add noise


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A step from one noise level to another, with the noise that was drawn for it."""

    sigma: Tensor
    sigma_next: Tensor
    tau: float
    noise: Tensor | float  # scaled


def sa_solver(*, evaluate_again: bool) -> Solver:
    """Predict, evaluate, correct; with `evaluate_again` once more at the corrected latent (PECE).

    Quirk, kept for parity: a run that stops before sigma 0 gives the latent of its last evaluation.
    """

    def run(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        kind = surroundings.kind
        draw = step_noise(x, surroundings.seed)
        sigmas = finite_start(sigmas, kind)
        ends_clean = bool(sigmas[-1] == 0)
        history: list[tuple[float, Tensor]] = []  # λ and denoised latent, oldest first
        predicted, move = x, None
        for place, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
            denoised = yield Evaluate(predicted, sigma)
            here = float(kind.half_log_snr(sigma))
            history = [*history[-(_CORRECTOR - 1) :], (here, denoised)]
            left = len(sigmas) - 1 - place if ends_clean else _CORRECTOR + 1
            corrector = min(_CORRECTOR, len(history), left)
            if move is None or (sigma_next == 0 and not evaluate_again):
                x = predicted
            else:
                x = _moved(x, move, history[-corrector:], kind)
                if evaluate_again:
                    denoised = yield Evaluate(x, sigma, look=True)
                    history[-1] = here, denoised
            if sigma_next == 0:
                return denoised
            move = _begun(sigma, sigma_next, kind, draw)
            predicted = _moved(x, move, history[-min(_PREDICTOR, left - 1) :], kind)
        return x

    return run


def _begun(sigma: Tensor, sigma_next: Tensor, kind: ModelKind, draw: NoiseSource) -> _Move:
    first, last = (kind.sigma_at_fraction(share) for share in _NOISY)
    tau = 1.0 if last <= float(sigma_next) <= first else 0.0
    noise: Tensor | float = 0.0
    if tau > 0:
        step = kind.half_log_snr(sigma_next) - kind.half_log_snr(sigma)
        noise = sigma_next * (-torch.expm1(-2 * tau**2 * step)).sqrt() * draw()
    return _Move(sigma, sigma_next, tau, noise)


def _moved(x: Tensor, move: _Move, known: list[tuple[float, Tensor]], kind: ModelKind) -> Tensor:
    start, end = float(kind.half_log_snr(move.sigma)), float(kind.half_log_snr(move.sigma_next))
    weights = _weights(start - end, [node - end for node, _ in known], 1 + move.tau**2)
    signal = kind.signal(move.sigma_next)
    moved = move.sigma_next / move.sigma * math.exp(-(move.tau**2) * (end - start)) * x
    for weight, (_, denoised) in zip(weights, known, strict=True):
        moved = moved + signal * weight * denoised
    return moved + move.noise


def _weights(start: float, nodes: list[float], rate: float) -> list[float]:
    """Give c∫ e^(cu) ℓ_j(u) du from `start` to 0 for the Lagrange basis on `nodes`, c being `rate`.

    The moments follow from integration by parts; the weights reproduce them on the nodes.
    """
    shrunk = math.exp(rate * start)
    moments = [-math.expm1(rate * start)]
    for power in range(1, len(nodes)):
        moments.append(-(start**power) * shrunk - power / rate * moments[-1])
    powers = torch.tensor([[node**power for node in nodes] for power in range(len(nodes))], dtype=torch.float64)
    solved: list[float] = torch.linalg.solve(powers, torch.tensor(moments, dtype=torch.float64)).tolist()
    return solved

"""How a training run keeps time: a clock that survives restarts, and a learning rate that falls with it.

The rate follows the wall clock rather than a count of steps, so that it has reached its floor when the time is up,
however busy the machine was.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn


@dataclass(kw_only=True)
class Pace:
    """The clock of one run; `spent` seconds came from earlier runs that this one continues."""

    minutes: float
    highest: float
    """Learning rate after the warm-up."""
    warmup: int
    """Steps over which the rate rises to its highest."""
    spent: float = 0.0
    step: int = 0
    started: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds of training so far, earlier runs included."""
        return self.spent + time.monotonic() - self.started

    def progress(self) -> float:
        """The share of the time that is used up, 0 to 1."""
        return min(1.0, self.elapsed() / (60 * self.minutes))

    def rate(self, progress: float | None = None) -> float:
        """The learning rate now: linear warm-up in steps, then half a cosine in time down to 2 % of the highest."""
        now = self.progress() if progress is None else progress
        falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * now))
        return self.highest * falling * min(1.0, (self.step + 1) / self.warmup)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint beside its place and renames it there, so that a killed run leaves the last whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    torch.save(state, fresh)
    fresh.replace(path)


def load_state(path: Path) -> dict[str, Any]:
    """Reads a checkpoint; tensors and plain values only."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


class Average:
    """An exponential moving average of networks' weights, slower as the run goes on."""

    def __init__(self, networks: dict[str, nn.Module], decay: float) -> None:
        self._networks = networks
        self._decay = decay
        self._steps = 0
        self.weights = {
            name: {key: value.detach().clone() for key, value in network.state_dict().items()}
            for name, network in networks.items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Moves the average towards the present weights; the decay starts low and rises to its full value."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        for name, network in self._networks.items():
            for key, value in network.state_dict().items():
                kept = self.weights[name][key]
                if kept.is_floating_point():
                    kept.lerp_(value, 1 - decay)
                else:
                    kept.copy_(value)

    def restore(self, weights: dict[str, dict[str, torch.Tensor]], steps: int) -> None:
        """Continues an average that an earlier run left."""
        self._steps = steps
        for name, kept in weights.items():
            for key, value in kept.items():
                self.weights[name][key].copy_(value)

    @property
    def steps(self) -> int:
        """How often the average was moved."""
        return self._steps

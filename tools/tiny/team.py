"""Several processes that train one network together, each on its own part of every batch.

On a busy processor this wastes far less than threads do: the processes wait for one another once a step, not at every
operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, kw_only=True)
class Team:
    """One process's place among those that train; a team of one shares nothing."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, meeting: Path, rank: int, size: int) -> Team:
        """Meets the other processes at a file that none of them has used before."""
        if size > 1:
            distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
        return cls(rank=rank, size=size)

    def leave(self) -> None:
        """Ends the meeting."""
        if self.size > 1:
            distributed.destroy_process_group()

    def average(self, weights: list[Tensor], progress: float) -> float:
        """Averages all gradients over the team in place; answers the progress that the first process gave."""
        if self.size == 1:
            return progress
        told = torch.tensor([progress if self.rank == 0 else 0.0])
        grads = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([told, *(grad.reshape(-1) for grad in grads)])
        distributed.all_reduce(flat)
        place = 1
        for grad in grads:  # copied in place: a fused optimizer needs gradients in the memory layout of their weights
            grad.copy_(flat[place : place + grad.numel()].view(grad.shape)).div_(self.size)
            place += grad.numel()
        return float(flat[0])

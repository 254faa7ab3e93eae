"""Noise: the draw that a run starts from, and the draws that ancestral samplers add at each step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

NoiseSource = Callable[[], Tensor]


def initial_noise(shape: Sequence[int], seed: int, picked: Sequence[int] = ()) -> Tensor:
    """Draw standard normal noise, float32 on the CPU, so that every machine starts from the same picture.

    `picked` are the places of these latents in the batch they were cut from; each keeps the noise that it had there.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    if not picked:
        return torch.randn(tuple(shape), generator=generator)
    drawn = [torch.randn((1, *shape[1:]), generator=generator) for _ in range(max(picked) + 1)]
    return torch.cat([drawn[index] for index in picked])


def step_noise(like: Tensor, seed: int) -> NoiseSource:
    """Give a source of fresh normal tensors shaped like `like`, on its device.

    Quirk, kept for parity: the seed is the run's own, so on a CPU the first step's noise equals the initial noise.
    """
    generator = torch.Generator(like.device).manual_seed(seed)

    def draw() -> Tensor:
        return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)

    return draw

"""The pool of training latents: drawn once, encoded once, used many times with new captions each time.

A pool keeps, for each picture shape, network latents in half precision and the seeds they were drawn from. Scenes are
made again from their seeds when a caption is needed. A training run may go on adding fresh pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from tools.tiny import models, pictures, scenes, speed
from tools.tiny.export import Preview
from tools.tiny.pace import load_state, save_state

Size = tuple[int, int]


@dataclass(kw_only=True)
class Bucket:
    """The pictures of one shape."""

    size: Size
    latents: Tensor
    """(count, 4, height / 8, width / 8), half precision, near unit variance."""
    seeds: list[int]

    def extend(self, seeds: list[int], latents: Tensor) -> None:
        """Adds pictures that were just drawn and encoded."""
        self.latents = torch.cat([self.latents, latents.half()])
        self.seeds.extend(seeds)


@torch.no_grad()
def encode(network: AutoencoderTiny, seeds: list[int], size: Size, scale: float, device: str) -> Tensor:
    """Network latents of the pictures that the seeds stand for, on the processor."""
    real = pictures.draw_batch(seeds, size).to(device, memory_format=torch.channels_last)
    with speed.half_precision(device):
        found: Tensor = network.encode(real).latents.float() * scale
    return found.cpu().contiguous()


@torch.no_grad()
def measure_scale(network: AutoencoderTiny, device: str, count: int = 96) -> float:
    """One over the standard deviation of encoder latents, over all channels: the configuration's `scaling_factor`."""
    found = [encode(network, list(range(index, index + 16)), (128, 128), 1.0, device) for index in range(0, count, 16)]
    return 1.0 / torch.cat(found).std().item()


def fill(network: AutoencoderTiny, scale: float, *, count: int, seed: int, device: str) -> list[Bucket]:
    """Draws and encodes about `count` pictures, in all shapes."""
    network = network.to(device, memory_format=torch.channels_last)
    buckets = []
    for index, (size, share) in enumerate(scenes.SIZES.items()):
        first = seed * 10_000_000 + index * 100_000
        seeds = list(range(first, first + max(16, round(count * share))))
        parts = [encode(network, seeds[at : at + 16], size, scale, device) for at in range(0, len(seeds), 16)]
        buckets.append(Bucket(size=size, latents=torch.cat(parts).half(), seeds=seeds))
        print(f"cached {len(seeds)} pictures of {size[0]}x{size[1]}", flush=True)
    return buckets


@torch.no_grad()
def fit_preview(network: AutoencoderTiny, scale: float, count: int = 64) -> Preview:
    """The least-squares map from network latents to the picture averaged over 8x8 pixels, in [-1, 1]."""
    seeds = list(range(777_000, 777_000 + count))
    real = pictures.draw_batch(seeds, (128, 128))
    latents = encode(network, seeds, (128, 128), scale, "cpu")
    small = torch.nn.functional.avg_pool2d(real, models.DOWN)
    cells = latents.permute(0, 2, 3, 1).reshape(-1, models.LATENT_CHANNELS)
    inputs = torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
    fitted = torch.linalg.lstsq(inputs, small.permute(0, 2, 3, 1).reshape(-1, 3)).solution
    rows = [[round(value, 5) for value in row] for row in fitted.tolist()]
    return Preview(matrix=rows[:-1], bias=rows[-1])


def save(path: Path, buckets: list[Bucket], scale: float) -> None:
    """Writes a pool with the scale its latents were made with."""
    save_state(
        path,
        {"scale": scale, "buckets": [{"size": list(b.size), "latents": b.latents, "seeds": b.seeds} for b in buckets]},
    )


def load(path: Path) -> tuple[list[Bucket], float]:
    """Reads a pool and its scale."""
    state = load_state(path)
    buckets = [
        Bucket(size=(part["size"][0], part["size"][1]), latents=part["latents"], seeds=list(part["seeds"]))
        for part in state["buckets"]
    ]
    return buckets, float(state["scale"])

"""Trains the autoencoder: pictures to latents of an eighth of their side, and back.

Latents are kept near unit variance by a soft penalty and decoded with a little noise on top, so that small errors of
the denoiser do not show. One over the measured standard deviation becomes `scaling_factor`: network latents = encoder
latents times it.
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from torch.nn import functional

from tools.tiny import models, pictures, scenes, speed
from tools.tiny.pace import Pace, load_state, save_state, set_rate

HELD_OUT = 10**12
"""Seeds from here on are never trained on."""
CROP = 64
"""Side of a training crop in pixels."""
SHAPES = tuple(scenes.SIZES)
NOISE = 0.1
"""Standard deviation of what is added to latents before they are decoded."""


def reconstruction_loss(made: Tensor, real: Tensor) -> Tensor:
    """Mean absolute and squared error, and the same for the differences between neighbouring pixels (edges)."""
    across = functional.l1_loss(made.diff(dim=-1), real.diff(dim=-1))
    down = functional.l1_loss(made.diff(dim=-2), real.diff(dim=-2))
    return functional.l1_loss(made, real) + functional.mse_loss(made, real) + 0.75 * (across + down)


def spread_penalty(latents: Tensor) -> Tensor:
    """How far each latent channel is from mean 0 and variance 1, and how far single values lie beyond 2.5."""
    mean, deviation = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    return (mean**2 + (deviation - 1) ** 2).mean() + (latents.abs() - 2.5).clamp(min=0).pow(2).mean()


def colour_lesson(latents: Tensor, real: Tensor) -> Tensor:
    """How far the first three latent channels are from the mean colour of their cell, brought to unit variance.

    Asked for in the first half only: without it a network this small takes thousands of steps to discover colour.
    """
    return functional.mse_loss(latents[:, :3], 1.6 * functional.avg_pool2d(real, models.DOWN))


def draw_step(seed: int, pace: Pace, batch: int) -> Tensor:
    """The pictures of one step: two 64x64 crops from each at first, whole pictures (half as many) for the last fifth.

    Crops are four times cheaper, and the network sees only a neighbourhood anyway; whole pictures teach it their rims.
    """
    size = SHAPES[pace.step % len(SHAPES)]
    count = batch // 2
    first = seed * 1_000_000 + pace.step * count
    whole = pictures.draw_batch(range(first, first + count), size)
    if pace.progress() > 0.8:
        return whole
    random = Random(first)
    corners = [
        (index // 2, random.randint(0, whole.shape[2] - CROP), random.randint(0, whole.shape[3] - CROP))
        for index in range(2 * count)
    ]
    return torch.stack([whole[index, :, y : y + CROP, x : x + CROP] for index, y, x in corners])


def train(
    work: Path, *, minutes: float, seed: int, resume: bool, device: str, batch: int = 16, start: Path | None = None
) -> Path:
    """Trains for the given minutes and answers the checkpoint's path.

    With `resume` it continues the checkpoint that is there; `start` is the folder of an exported model to begin from.
    """
    path = work / "autoencoder.pt"
    torch.manual_seed(seed)
    network = models.build_autoencoder() if start is None else AutoencoderTiny.from_pretrained(start / "vae")
    network = network.float().train().to(device, memory_format=torch.channels_last)  # twice as fast on a CPU
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    pace = Pace(minutes=minutes, highest=1.5e-3, warmup=100)
    if resume and path.exists():
        state = load_state(path)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        pace.step, pace.spent = int(state["step"]), float(state["spent"])
    kept = pace.elapsed()
    while pace.progress() < 1.0:
        set_rate(optimizer, pace.rate())
        real = draw_step(seed, pace, batch).to(device, memory_format=torch.channels_last)
        with speed.half_precision(device):
            latents = network.encode(real).latents.float()
            made = network.decode(latents + NOISE * torch.randn_like(latents)).sample.float()
        loss = reconstruction_loss(made, real) + 0.02 * spread_penalty(latents)
        loss = loss + 0.5 * max(0.0, 1 - 2 * pace.progress()) * colour_lesson(latents, real)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        pace.step += 1
        if pace.step % 200 == 0:
            print(f"autoencoder step {pace.step} loss {loss.item():.4f} seconds {pace.elapsed():.0f}", flush=True)
        if pace.elapsed() - kept > 90:
            kept = pace.elapsed()
            save_state(path, _state(network, optimizer, pace))
    save_state(path, _state(network, optimizer, pace))
    return path


def polish(work: Path, *, minutes: float, seed: int, device: str, batch: int = 8) -> Path:
    """Trains only the decoder for the given minutes, so that cached latents and a trained denoiser stay valid."""
    path = work / "autoencoder.pt"
    torch.manual_seed(seed)
    network = load(work).to(device, memory_format=torch.channels_last)
    network.encoder.requires_grad_(False)
    optimizer = torch.optim.AdamW(network.decoder.parameters(), lr=1e-3, weight_decay=1e-4)
    pace = Pace(minutes=minutes, highest=1e-3, warmup=100)
    cells = CROP // models.DOWN
    while pace.progress() < 1.0:
        set_rate(optimizer, pace.rate())
        first = 500_000_000 + seed * 1_000_000 + pace.step * batch
        random = Random(first)
        size = SHAPES[pace.step % len(SHAPES)]
        whole = pictures.draw_batch(range(first, first + batch), size).to(device, memory_format=torch.channels_last)
        with torch.no_grad():
            latents = network.encode(whole).latents
        x, y = (random.randint(0, side // models.DOWN - cells) for side in size)
        part = latents[:, :, y : y + cells, x : x + cells]
        real = whole[:, :, 8 * y : 8 * y + CROP, 8 * x : 8 * x + CROP]
        with speed.half_precision(device):
            made = network.decode(part + NOISE * torch.randn_like(part)).sample.float()
        loss = reconstruction_loss(made, real)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.decoder.parameters(), 1.0)
        optimizer.step()
        pace.step += 1
        if pace.step % 100 == 0:
            print(f"decoder step {pace.step} loss {loss.item():.4f} seconds {pace.elapsed():.0f}", flush=True)
    save_state(path, _state(network, optimizer, pace))
    return path


def _state(network: AutoencoderTiny, optimizer: torch.optim.Optimizer, pace: Pace) -> dict[str, Any]:
    return {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": pace.step,
        "spent": pace.elapsed(),
    }


def load(work: Path) -> AutoencoderTiny:
    """The trained autoencoder of a work folder, in single precision."""
    network = models.build_autoencoder()
    network.load_state_dict(load_state(work / "autoencoder.pt")["network"])
    network.eval()
    return network


@torch.no_grad()
def measure(network: AutoencoderTiny, count: int = 200) -> float:
    """Mean PSNR in decibels over held-out pictures, peak 255."""
    total = 0.0
    for index in range(count):
        size = SHAPES[index % len(SHAPES)]
        real = pictures.draw_batch([HELD_OUT + index], size)
        made = network.decode(network.encode(real).latents).sample.clamp(-1, 1)
        total += -10 * math.log10(functional.mse_loss(made / 2, real / 2).item())
    return total / count


@torch.no_grad()
def reconstruct_sheet(network: AutoencoderTiny, path: Path, count: int = 12) -> None:
    """Held-out pictures with their reconstructions below, as one PNG."""
    tops, feet = [], []
    for index in range(count):
        real = pictures.draw_batch([HELD_OUT + index], SHAPES[0])
        tops.append(pictures.to_image(real[0]))
        feet.append(pictures.to_image(network.decode(network.encode(real).latents).sample[0]))
    half = count // 2
    pictures.save_grid(path, [*tops[:half], *feet[:half], *tops[half:], *feet[half:]], columns=half)

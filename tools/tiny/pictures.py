"""Training pictures as tensors, drawn on the spot from their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tools.tiny import scenes


def to_tensor(image: Image.Image) -> Tensor:
    """A picture as (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32)).permute(2, 0, 1) / 127.5 - 1.0


def to_image(tensor: Tensor) -> Image.Image:
    """(3, H, W) in [-1, 1] as a picture; values outside are clipped."""
    levels = ((tensor.detach().float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def draw_batch(seeds: Sequence[int], size: tuple[int, int]) -> Tensor:
    """The pictures of the seeds, all of one size: (batch, 3, H, W) in [-1, 1]."""
    return torch.stack([to_tensor(scenes.render(scenes.random_scene(seed, size))) for seed in seeds])


def save_grid(path: Path, images: Sequence[Image.Image], columns: int, gap: int = 4) -> None:
    """Pastes pictures into rows on a white sheet and writes it as PNG."""
    wide, high = max(image.width for image in images) + gap, max(image.height for image in images) + gap
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * wide + gap, rows * high + gap), "white")
    for index, image in enumerate(images):
        sheet.paste(image, (gap + index % columns * wide, gap + index // columns * high))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)

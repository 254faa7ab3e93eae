"""Previews: a small JPEG of what a latent will roughly look like."""

import io

import torch
from PIL import Image
from torch import Tensor

from engine.sampler.models.diffusion import LatentColours
from engine.sampler.models.vae import CELL

_LONGEST = 512  # pixels a side


def preview_jpeg(latent: Tensor, colours: LatentColours) -> bytes:
    """Give a JPEG of a latent [C, h, w] in the network's space, of its picture's size but at most 512 pixels a side."""
    matrix = torch.tensor(colours.matrix)
    rgb = latent.float().cpu().movedim(0, -1) @ matrix + torch.tensor(colours.bias)
    pixels = ((rgb + 1.0) * 127.5).clamp(0, 255).to(torch.uint8).numpy()
    image = Image.fromarray(pixels)
    scale = min(CELL, _LONGEST / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    file = io.BytesIO()
    image.resize(size, Image.Resampling.BILINEAR).save(file, "JPEG", quality=80)
    return file.getvalue()

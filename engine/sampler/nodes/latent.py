"""Nodes that make and change latents."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.sampler.models.vae import CELL
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Latent

_CHANNELS = 4


def empty_latent_image(context: NodeContext, *, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
    """Make empty latents for pictures of that size; a remainder of less than 8 pixels is dropped."""
    return (Latent(samples=torch.zeros(batch_size, _CHANNELS, height // CELL, width // CELL)),)


def set_latent_noise_mask(context: NodeContext, *, samples: Latent, mask: Tensor) -> tuple[Latent]:
    """Let a sampler draw only where the mask is 1."""
    return (replace(samples, noise_mask=mask.reshape(-1, *mask.shape[-2:])),)

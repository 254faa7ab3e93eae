"""Nodes that go between pictures and latents."""

import torch
from torch import Tensor

from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Latent, Vae


def vae_decode(context: NodeContext, *, samples: Latent, vae: Vae) -> tuple[Tensor]:
    """Give the pictures of latents."""
    decoder = context.runtime.models.checkpoint(vae.file).vae
    pictures = []
    for latent in torch.split(samples.samples, 1):
        context.check_interrupted()
        pictures.append(decoder.decode(latent))
    return (torch.cat(pictures),)


def vae_encode(context: NodeContext, *, pixels: Tensor, vae: Vae) -> tuple[Latent]:
    """Give the latents of pictures; what does not fill a cell of 8 pixels is cropped off evenly."""
    encoder = context.runtime.models.checkpoint(vae.file).vae
    latents = []
    for picture in torch.split(pixels, 1):
        context.check_interrupted()
        latents.append(encoder.encode(picture))
    return (Latent(samples=torch.cat(latents)),)

"""Masks: where a picture is kept and where it is redrawn."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.sampler.sampling.kinds import ModelKind


@dataclass(frozen=True, kw_only=True, eq=False)
class Inpainting:
    """Keeps the picture where `mask` is 0: every evaluation sees it noised alike and answers with it unchanged.

    All tensors are [batch, channels, height, width] in the network's space; `mask` may have one channel.
    """

    mask: Tensor
    latent: Tensor
    noise: Tensor

    def before(self, x: Tensor, sigma: Tensor, kind: ModelKind) -> Tensor:
        """Give what the network is to see instead of the sampler's own latent."""
        return self.mask * x + (1 - self.mask) * kind.noised(self.latent, self.noise, sigma)

    def after(self, denoised: Tensor) -> Tensor:
        """Put the picture back into a denoised latent."""
        return self.mask * denoised + (1 - self.mask) * self.latent


def latent_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """Fit a mask [n, height, width] (1 is redrawn) of any size to a latent: [batch, 1, h, w], float32.

    Bilinear with half-pixel centres, no antialiasing, not rounded; fewer masks than latents are repeated.
    """
    planes = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    height, width = latent.shape[-2:]
    resized = functional.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)
    return repeated(resized, latent.shape[0]).to(latent.device)


def repeated(tensor: Tensor, batch: int) -> Tensor:
    """Repeat the first dimension in turn, or cut it, to `batch`."""
    if tensor.shape[0] == batch:
        return tensor
    return tensor[torch.arange(batch, device=tensor.device) % tensor.shape[0]]

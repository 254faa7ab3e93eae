"""Guidance and masks: from network outputs to the denoised latent that a sampler is sent."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.sampler.sampling.kinds import ModelKind


def needs_negative(scale: float) -> bool:
    """Tell whether guidance of this scale looks at the negative prompt at all."""
    return not math.isclose(scale, 1.0, rel_tol=1e-9)


def guided(positive: Tensor, negative: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598) on denoised latents."""
    return negative + (positive - negative) * scale


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
    resized = functional.interpolate(planes, size=tuple(latent.shape[-2:]), mode="bilinear", align_corners=False)
    return resized[torch.arange(latent.shape[0]) % resized.shape[0]].to(latent.device)

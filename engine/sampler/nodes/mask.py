"""Nodes that read, turn and use masks: [batch, height, width] in 0..1."""

import torch
from torch import Tensor
from torch.nn import functional

from engine.sampler.models import pictures
from engine.sampler.nodes.registry import NodeContext

_CHANNELS = ("red", "green", "blue", "alpha")


def load_image_mask(context: NodeContext, *, image: str, channel: str) -> tuple[Tensor]:
    """Read one channel of a picture as a mask; of alpha, what is transparent is 1. Raises PictureRejected."""
    picture, transparent = pictures.read(context.folders.file_path("input", image), name=image)
    return (transparent if channel == "alpha" else picture[..., _CHANNELS.index(channel)],)


def mask_to_image(context: NodeContext, *, mask: Tensor) -> tuple[Tensor]:
    """Show a mask as a gray picture."""
    return (mask.reshape(-1, *mask.shape[-2:], 1).expand(-1, -1, -1, 3).contiguous(),)


def image_to_mask(context: NodeContext, *, image: Tensor, channel: str) -> tuple[Tensor]:
    """Take one channel of pictures as a mask; a picture without alpha is opaque everywhere, so its alpha is 1."""
    at = _CHANNELS.index(channel)
    return (image[..., at] if at < image.shape[-1] else torch.ones(image.shape[:3]),)


def invert_mask(context: NodeContext, *, mask: Tensor) -> tuple[Tensor]:
    """Turn a mask inside out."""
    return (1.0 - mask,)


def image_composite_masked(
    context: NodeContext,
    *,
    destination: Tensor,
    source: Tensor,
    x: int,
    y: int,
    resize_source: bool,
    mask: Tensor | None = None,
) -> tuple[Tensor]:
    """Lay pictures on others with their corner at (x, y), where the mask is 1; what lies outside is cut off.

    A mask is brought to the source's size (bilinear); fewer sources or masks than destinations are repeated.
    """
    height, width = destination.shape[1:3]
    if resize_source:
        source = pictures.scaled(source, "bilinear", width=width, height=height, centre=False)
    covered = torch.ones(source.shape[:3]) if mask is None else _fitted(mask, source.shape[1], source.shape[2])
    right, bottom = min(width, x + source.shape[2]), min(height, y + source.shape[1])
    if right <= x or bottom <= y:
        return (destination,)
    batch = torch.arange(destination.shape[0])
    above = source[batch % source.shape[0], : bottom - y, : right - x]
    share = covered[batch % covered.shape[0], : bottom - y, : right - x, None]
    made = destination.clone()
    below = made[:, y:bottom, x:right]
    made[:, y:bottom, x:right] = share * above[..., : below.shape[-1]] + (1.0 - share) * below
    return (made,)


def _fitted(mask: Tensor, height: int, width: int) -> Tensor:
    planes = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    return functional.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)[:, 0]

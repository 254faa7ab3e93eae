"""Nodes that make and change latents."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.sampler.models.scaling import cropped_to, resized
from engine.sampler.models.vae import CELL
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Latent

_CHANNELS = 4
_LEAST = 64  # pixels a side of what is scaled or cropped to


def empty_latent_image(context: NodeContext, *, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
    """Make empty latents for pictures of that size; a remainder of less than 8 pixels is dropped."""
    return (Latent(samples=torch.zeros(batch_size, _CHANNELS, height // CELL, width // CELL)),)


def latent_upscale(
    context: NodeContext, *, samples: Latent, upscale_method: str, width: int, height: int, crop: str
) -> tuple[Latent]:
    """Scale latents to a picture size; a side of 0 follows from the other one, both 0 leave them as they are."""
    if not width and not height:
        return (samples,)
    old_height, old_width = samples.samples.shape[-2:]
    width, height = (
        max(_LEAST, width or round(old_width * height / old_height)),
        max(_LEAST, height or round(old_height * width / old_width)),
    )
    planes = cropped_to(samples.samples, (width // CELL) / (height // CELL)) if crop == "center" else samples.samples
    scaled = resized(planes, upscale_method, width=width // CELL, height=height // CELL)
    return (replace(samples, samples=scaled),)


def latent_upscale_by(context: NodeContext, *, samples: Latent, upscale_method: str, scale_by: float) -> tuple[Latent]:
    """Scale latents by a factor."""
    height, width = (max(1, round(cells * scale_by)) for cells in samples.samples.shape[-2:])
    return (replace(samples, samples=resized(samples.samples, upscale_method, width=width, height=height)),)


def latent_from_batch(context: NodeContext, *, samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
    """Cut latents out of a batch; each keeps the noise that it would have had there."""
    count = samples.samples.shape[0]
    start = min(batch_index, count - 1)
    cut = slice(start, min(start + length, count))
    mask = samples.noise_mask
    if mask is not None and mask.shape[0] > 1:
        mask = mask[torch.arange(count) % mask.shape[0]][cut]
    places = (samples.places or tuple(range(count)))[cut]
    return (Latent(samples=samples.samples[cut], noise_mask=mask, places=places),)


def repeat_latent_batch(context: NodeContext, *, samples: Latent, amount: int) -> tuple[Latent]:
    """Repeat a whole batch; repetitions get noise of their own."""
    count = samples.samples.shape[0]
    mask = samples.noise_mask
    if mask is not None and mask.shape[0] > 1:
        mask = mask[torch.arange(count) % mask.shape[0]].repeat(amount, 1, 1)
    places = samples.places
    if places:
        span = max(places) - min(places) + 1
        places = tuple(place + span * turn for turn in range(amount) for place in places)
    return (Latent(samples=samples.samples.repeat(amount, 1, 1, 1), noise_mask=mask, places=places),)


def latent_composite(
    context: NodeContext, *, samples_to: Latent, samples_from: Latent, x: int, y: int, feather: int
) -> tuple[Latent]:
    """Lay latents on others with their corner at (x, y); edges inside are blended over `feather` pixels."""
    x, y, feather = x // CELL, y // CELL, feather // CELL
    made = samples_to.samples.clone()
    height, width = made.shape[-2:]
    above = samples_from.samples[..., : max(0, height - y), : max(0, width - x)]
    if not above.numel():
        return (samples_to,)
    rows, columns = above.shape[-2:]
    share = _ramps(rows, feather, begins=y > 0, ends=y + rows < height)[:, None] * _ramps(
        columns, feather, begins=x > 0, ends=x + columns < width
    )
    below = made[..., y : y + rows, x : x + columns]
    made[..., y : y + rows, x : x + columns] = above * share + below * (1.0 - share)
    return (replace(samples_to, samples=made),)


def latent_blend(context: NodeContext, *, samples1: Latent, samples2: Latent, blend_factor: float) -> tuple[Latent]:
    """Mix latents: `blend_factor` of the first, the rest of the second, which is brought to the first's size."""
    first, second = samples1.samples, samples2.samples
    height, width = first.shape[-2:]
    if second.shape[-2:] != first.shape[-2:]:
        second = resized(cropped_to(second, width / height), "bicubic", width=width, height=height)
    return (replace(samples1, samples=first * blend_factor + second * (1.0 - blend_factor)),)


def latent_rotate(context: NodeContext, *, samples: Latent, rotation: str) -> tuple[Latent]:
    """Turn latents clockwise."""
    turns = {"90 degrees": 1, "180 degrees": 2, "270 degrees": 3}.get(rotation, 0)
    return (replace(samples, samples=samples.samples.rot90(turns, dims=(3, 2))),)


def latent_flip(context: NodeContext, *, samples: Latent, flip_method: str) -> tuple[Latent]:
    """Mirror latents: along the x axis top and bottom change places, along the y axis left and right."""
    return (replace(samples, samples=samples.samples.flip(2 if flip_method.startswith("x") else 3)),)


def latent_crop(context: NodeContext, *, samples: Latent, width: int, height: int, x: int, y: int) -> tuple[Latent]:
    """Cut latents out; at least 64 pixels a side are left where there are so many."""
    least = _LEAST // CELL
    rows, columns = samples.samples.shape[-2:]
    left, top = max(0, min(x // CELL, columns - least)), max(0, min(y // CELL, rows - least))
    return (replace(samples, samples=samples.samples[..., top : top + height // CELL, left : left + width // CELL]),)


def set_latent_noise_mask(context: NodeContext, *, samples: Latent, mask: Tensor) -> tuple[Latent]:
    """Let a sampler draw only where the mask is 1."""
    return (replace(samples, noise_mask=mask.reshape(-1, *mask.shape[-2:])),)


def _ramps(size: int, feather: int, *, begins: bool, ends: bool) -> Tensor:
    """Give weights that rise over `feather` places from the beginning and fall towards the end, where asked for."""
    weights = torch.ones(size)
    width = min(feather, size)
    slope = torch.arange(1, width + 1) / max(feather, 1)
    if begins:
        weights[:width] *= slope
    if ends:
        weights[size - width :] *= slope.flip(0)
    return weights

"""Nodes that go between pictures and latents."""

from torch import Tensor
from torch.nn import functional

from engine.sampler.models.vae import Vae as Autoencoder
from engine.sampler.models.vae import cropped
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Latent, Vae

_GRAY = 0.5


def vae_decode(context: NodeContext, *, samples: Latent, vae: Vae) -> tuple[Tensor]:
    """Give the pictures of latents. Raises DecodingFailed."""
    decoder = autoencoder_of(context, vae)
    return (decoder.decode(samples.samples, between=context.check_interrupted),)


def vae_encode(context: NodeContext, *, pixels: Tensor, vae: Vae) -> tuple[Latent]:
    """Give the latents of pictures; what does not fill a cell of 8 pixels is cropped off evenly."""
    encoder = autoencoder_of(context, vae)
    return (Latent(samples=encoder.encode(pixels, between=context.check_interrupted)),)


def vae_decode_tiled(
    context: NodeContext,
    *,
    samples: Latent,
    vae: Vae,
    tile_size: int,
    overlap: int = 64,
    temporal_size: int = 64,
    temporal_overlap: int = 8,
) -> tuple[Tensor]:
    """Give the pictures of latents, tile by tile, for when a whole one does not fit. Raises DecodingFailed."""
    decoder = autoencoder_of(context, vae)
    overlap = _fitting(overlap, tile_size)
    return (decoder.decode(samples.samples, tile=tile_size, overlap=overlap, between=context.check_interrupted),)


def vae_encode_tiled(
    context: NodeContext,
    *,
    pixels: Tensor,
    vae: Vae,
    tile_size: int,
    overlap: int = 64,
    temporal_size: int = 64,
    temporal_overlap: int = 8,
) -> tuple[Latent]:
    """Give the latents of pictures, tile by tile, for when a whole one does not fit."""
    encoder = autoencoder_of(context, vae)
    overlap = _fitting(overlap, tile_size)
    return (Latent(samples=encoder.encode(pixels, tile=tile_size, overlap=overlap, between=context.check_interrupted)),)


def vae_encode_for_inpaint(
    context: NodeContext, *, pixels: Tensor, vae: Vae, mask: Tensor, grow_mask_by: int = 6
) -> tuple[Latent]:
    """Give the latents of pictures with gray where the mask is 1, to be redrawn there and a little around it."""
    encoder = autoencoder_of(context, vae)
    planes = fitted_mask(mask, pixels)
    samples = encoder.encode(grayed(cropped(pixels), cropped(planes)), between=context.check_interrupted)
    return (Latent(samples=samples, noise_mask=cropped(_grown(planes, grow_mask_by)).round()),)


def fitted_mask(mask: Tensor, pixels: Tensor) -> Tensor:
    """Bring masks [n, height, width] of any size to the size of pictures (bilinear)."""
    planes = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    return functional.interpolate(planes, size=tuple(pixels.shape[1:3]), mode="bilinear", align_corners=False)[:, 0]


def grayed(pixels: Tensor, mask: Tensor) -> Tensor:
    """Paint pictures gray where a mask of the same size is 1 (after rounding)."""
    kept = 1.0 - mask.round()[..., None]
    return (pixels[..., :3] - _GRAY) * kept + _GRAY


def autoencoder_of(context: NodeContext, vae: Vae) -> Autoencoder:
    """Give the autoencoder that a VAE value names. Raises ModelFileError."""
    found: Autoencoder = context.runtime.models.vae(vae.file, alone=vae.alone, asker=context)
    return found


def _grown(mask: Tensor, by: int) -> Tensor:
    """Grow the rounded mask to squares of `by` pixels a side around every pixel; 0 leaves it unrounded."""
    if by == 0:
        return mask
    height, width = mask.shape[-2:]
    before = by // 2  # an even square reaches further up and left
    planes = functional.pad(mask.round()[:, None], (before, by - 1 - before, before, by - 1 - before))
    return functional.max_pool2d(planes, by, stride=1)[:, 0, :height, :width]


def _fitting(overlap: int, tile: int) -> int:
    """Keep the overlap to at most a quarter of the tile."""
    return min(overlap, tile // 4)

"""The autoencoder's nodes on the built-in model: tiles, inpainting, numbers that break down."""

import pytest
import torch

from engine.sampler.models.vae import DecodingFailed
from engine.sampler.nodes.loaders import checkpoint_loader_simple
from engine.sampler.nodes.registry import InterruptedPrompt
from engine.sampler.nodes.vae import (
    vae_decode,
    vae_decode_tiled,
    vae_encode,
    vae_encode_for_inpaint,
    vae_encode_tiled,
)
from engine.sampler.nodes.values import Latent, Vae
from tests.unit.engine.sampler.nodes.bench import TINY_NAME, BenchContext


@pytest.fixture
def vae(context: BenchContext) -> Vae:
    return checkpoint_loader_simple(context, ckpt_name=TINY_NAME)[2]


def smooth(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.linspace(0, 1, height)[:, None, None], torch.linspace(0, 1, width)[None, :, None]
    return torch.cat(torch.broadcast_tensors(rows, columns, rows * columns), -1)[None]


def test_tiles_give_nearly_the_whole(context: BenchContext, vae: Vae) -> None:
    picture = smooth(136, 208)
    (latent,) = vae_encode(context, pixels=picture, vae=vae)
    (whole,) = vae_decode(context, samples=latent, vae=vae)
    (tiled,) = vae_decode_tiled(context, samples=latent, vae=vae, tile_size=96, overlap=32)
    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().mean() < 0.01
    (tiled_latent,) = vae_encode_tiled(context, pixels=picture, vae=vae, tile_size=96, overlap=64)
    assert tiled_latent.samples.shape == latent.samples.shape
    assert (tiled_latent.samples - latent.samples).abs().mean() < 0.1 * latent.samples.abs().mean()


@pytest.mark.parametrize(("tile", "overlap"), [(64, 0), (65, 4096), (100, 33), (4096, 64)])
def test_odd_tiles(context: BenchContext, vae: Vae, tile: int, overlap: int) -> None:
    (latent,) = vae_encode_tiled(context, pixels=torch.rand(2, 75, 130, 3), vae=vae, tile_size=tile, overlap=overlap)
    assert latent.samples.shape == (2, 4, 9, 16)
    (picture,) = vae_decode_tiled(context, samples=latent, vae=vae, tile_size=tile, overlap=overlap)
    assert picture.shape == (2, 72, 128, 3)
    assert picture.isfinite().all()


def test_the_mask_for_inpainting_grows_and_fits(context: BenchContext, vae: Vae) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, 20:30, 20:30] = 1
    (latent,) = vae_encode_for_inpaint(context, pixels=torch.rand(2, 70, 64, 3), vae=vae, mask=mask, grow_mask_by=6)
    assert latent.samples.shape == (2, 4, 8, 8)
    assert latent.noise_mask is not None
    assert latent.noise_mask.shape == (1, 64, 64)
    assert set(latent.noise_mask.unique().tolist()) == {0.0, 1.0}
    (exact,) = vae_encode_for_inpaint(context, pixels=torch.rand(1, 64, 64, 3), vae=vae, mask=mask, grow_mask_by=0)
    assert exact.noise_mask is not None
    assert torch.equal(exact.noise_mask, mask)


def test_what_is_to_be_redrawn_is_not_seen(context: BenchContext, vae: Vae) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1
    dark, light = torch.zeros(1, 64, 64, 3), torch.zeros(1, 64, 64, 3)
    light[:, :, 32:] = 1
    made = [vae_encode_for_inpaint(context, pixels=pixels, vae=vae, mask=mask)[0].samples for pixels in (dark, light)]
    assert torch.equal(*made)


def test_numbers_that_break_down_are_no_black_square(context: BenchContext, vae: Vae) -> None:
    with pytest.raises(DecodingFailed, match="Take another autoencoder"):
        vae_decode(context, samples=Latent(samples=torch.full((1, 4, 8, 8), torch.nan)), vae=vae)


def test_an_interrupt_between_pictures_and_tiles(context: BenchContext, vae: Vae) -> None:
    context.interrupted.set()
    latent = Latent(samples=torch.zeros(2, 4, 8, 8))
    with pytest.raises(InterruptedPrompt):
        vae_decode(context, samples=latent, vae=vae)
    with pytest.raises(InterruptedPrompt):
        vae_decode_tiled(context, samples=latent, vae=vae, tile_size=64)
    with pytest.raises(InterruptedPrompt):
        vae_encode(context, pixels=torch.zeros(1, 64, 64, 3), vae=vae)

"""Latents scaled, cut, mixed and turned; batches keep their masks and their places."""

import math

import pytest
import torch

from engine.sampler.nodes.latent import (
    latent_blend,
    latent_composite,
    latent_crop,
    latent_flip,
    latent_from_batch,
    latent_rotate,
    latent_upscale,
    latent_upscale_by,
    repeat_latent_batch,
)
from engine.sampler.nodes.values import Latent
from tests.unit.engine.sampler.nodes.bench import BenchContext

METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")


def random(batch: int = 1, height: int = 12, width: int = 16) -> Latent:
    generator = torch.Generator().manual_seed(3)
    return Latent(samples=torch.randn(batch, 4, height, width, generator=generator))


@pytest.mark.parametrize("method", METHODS)
def test_scaling_to_a_size_and_by_a_factor(context: BenchContext, method: str) -> None:
    latent = random(2)
    (sized,) = latent_upscale(context, samples=latent, upscale_method=method, width=256, height=192, crop="disabled")
    (doubled,) = latent_upscale_by(context, samples=latent, upscale_method=method, scale_by=2.0)
    assert sized.samples.shape == (2, 4, 24, 32)
    assert torch.equal(sized.samples, doubled.samples)
    assert sized.samples.isfinite().all()


@pytest.mark.parametrize(
    ("width", "height", "made"), [(0, 0, (12, 16)), (256, 0, (24, 32)), (0, 96, (12, 16)), (8, 8, (8, 8))]
)
def test_sides_that_follow_and_the_least_side(
    context: BenchContext, width: int, height: int, made: tuple[int, int]
) -> None:
    (scaled,) = latent_upscale(
        context, samples=random(), upscale_method="area", width=width, height=height, crop="disabled"
    )
    assert scaled.samples.shape[-2:] == made


def test_cropping_keeps_the_middle(context: BenchContext) -> None:
    samples = torch.zeros(1, 4, 8, 16)
    samples[..., 4:12] = 1
    (scaled,) = latent_upscale(
        context, samples=Latent(samples=samples), upscale_method="bilinear", width=128, height=128, crop="center"
    )
    assert scaled.samples.min() == 1


def test_bislerp_goes_on_an_arc(context: BenchContext) -> None:
    samples = torch.zeros(1, 4, 8, 2)
    samples[:, 0, :, 0] = 1
    samples[:, 1, :, 1] = 3
    (scaled,) = latent_upscale(
        context, samples=Latent(samples=samples), upscale_method="bislerp", width=64, height=64, crop="disabled"
    )
    vectors = scaled.samples[0, :2, 0]
    share = (3 + 0.5) / 4 - 0.5  # of the way, in the fourth of eight columns
    way = torch.tensor([math.cos(share * math.pi / 2), math.sin(share * math.pi / 2)])
    torch.testing.assert_close(vectors[:, 3], way * (1 + 2 * share))
    assert torch.equal(vectors[:, 0], torch.tensor([1.0, 0.0]))


def test_a_part_of_a_batch_keeps_its_places_and_masks(context: BenchContext) -> None:
    latent = Latent(samples=random(4).samples, noise_mask=torch.arange(4.0).reshape(4, 1, 1))
    (part,) = latent_from_batch(context, samples=latent, batch_index=2, length=9)
    assert torch.equal(part.samples, latent.samples[2:])
    assert part.places == (2, 3)
    assert part.noise_mask is not None
    assert part.noise_mask.flatten().tolist() == [2, 3]
    (last,) = latent_from_batch(context, samples=part, batch_index=1, length=1)
    assert last.places == (3,)


def test_repeating_goes_on_counting_places(context: BenchContext) -> None:
    (part,) = latent_from_batch(context, samples=random(3), batch_index=1, length=2)
    (repeated,) = repeat_latent_batch(context, samples=part, amount=3)
    assert repeated.samples.shape[0] == 6
    assert repeated.places == (1, 2, 3, 4, 5, 6)
    assert repeat_latent_batch(context, samples=random(2), amount=2)[0].places == ()


def test_laying_latents_on_others(context: BenchContext) -> None:
    below, above = Latent(samples=torch.zeros(1, 4, 8, 8)), Latent(samples=torch.ones(1, 4, 4, 4))
    (hard,) = latent_composite(context, samples_to=below, samples_from=above, x=16, y=0, feather=0)
    assert hard.samples[0, 0, :4, 2:6].min() == 1
    assert hard.samples.sum() == 4 * 16
    (soft,) = latent_composite(context, samples_to=below, samples_from=above, x=16, y=0, feather=16)
    row = soft.samples[0, 0, 0, 2:6]
    assert row.tolist() == [0.5, 1.0, 1.0, 0.5]  # the upper edge is the picture's own and stays hard
    assert soft.samples[0, 0, :4, 3].tolist() == [1.0, 1.0, 1.0, 0.5]
    (outside,) = latent_composite(context, samples_to=below, samples_from=above, x=64, y=0, feather=0)
    assert torch.equal(outside.samples, below.samples)


def test_blending_brings_the_second_to_the_firsts_size(context: BenchContext) -> None:
    first, second = Latent(samples=torch.ones(1, 4, 8, 8)), Latent(samples=torch.zeros(1, 4, 16, 24))
    (mixed,) = latent_blend(context, samples1=first, samples2=second, blend_factor=0.25)
    assert mixed.samples.shape == (1, 4, 8, 8)
    assert torch.allclose(mixed.samples, torch.tensor(0.25))


def test_turns_and_mirrors(context: BenchContext) -> None:
    latent = random()
    (turned,) = latent_rotate(context, samples=latent, rotation="90 degrees")
    assert turned.samples.shape == (1, 4, 16, 12)
    assert torch.equal(turned.samples[0, 0, 0], latent.samples[0, 0, :, 0].flip(0))  # clockwise: left becomes top
    assert torch.equal(latent_rotate(context, samples=latent, rotation="none")[0].samples, latent.samples)
    (mirrored,) = latent_flip(context, samples=latent, flip_method="x-axis: vertically")
    assert torch.equal(mirrored.samples, latent.samples.flip(2))


def test_cutting_leaves_at_least_eight_cells(context: BenchContext) -> None:
    latent = random()
    (cut,) = latent_crop(context, samples=latent, width=64, height=64, x=16384, y=8)
    assert torch.equal(cut.samples, latent.samples[..., 1:9, 8:16])

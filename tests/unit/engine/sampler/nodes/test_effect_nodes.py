"""Effects on pictures."""

import pytest
import torch

from engine.sampler.nodes.effects import canny, image_blend, image_blur, image_quantize, image_sharpen
from tests.unit.engine.sampler.nodes.bench import BenchContext


@pytest.mark.parametrize(
    ("mode", "made"),
    [
        ("normal", 0.75),
        ("multiply", 0.1875),
        ("screen", 0.8125),
        ("overlay", 0.375),
        ("soft_light", 0.25 + 0.5 * (0.5 - 0.25)),
        ("difference", 0.0),
    ],
)
def test_blending(context: BenchContext, mode: str, made: float) -> None:
    below, above = torch.full((1, 4, 4, 3), 0.25), torch.full((1, 8, 8, 3), 0.75)
    (blended,) = image_blend(context, image1=below, image2=above, blend_factor=1.0, blend_mode=mode)
    torch.testing.assert_close(blended, torch.full((1, 4, 4, 3), made))
    (half,) = image_blend(context, image1=below, image2=below, blend_factor=0.5, blend_mode="normal")
    torch.testing.assert_close(half, below)


def test_blurring_keeps_the_sum_and_sharpening_what_is_even(context: BenchContext) -> None:
    point = torch.zeros(1, 9, 9, 3)
    point[:, 4, 4] = 1
    (blurred,) = image_blur(context, image=point, blur_radius=2, sigma=1.0)
    assert blurred[0, 4, 4, 0] < 0.1
    torch.testing.assert_close(blurred.sum(), torch.tensor(3.0))
    even = torch.full((1, 5, 5, 3), 0.4)
    torch.testing.assert_close(image_sharpen(context, image=even, sharpen_radius=1, sigma=1.0, alpha=1.0)[0], even)
    step = torch.full((1, 8, 8, 3), 0.4)
    step[:, :, 4:] = 0.6
    (sharp,) = image_sharpen(context, image=step, sharpen_radius=1, sigma=1.0, alpha=0.1)
    assert sharp[0, 4, 3, 0] < 0.4
    assert sharp[0, 4, 4, 0] > 0.6


def test_a_radius_larger_than_the_picture(context: BenchContext) -> None:
    (blurred,) = image_blur(context, image=torch.full((1, 2, 3, 3), 0.5), blur_radius=31, sigma=10.0)
    torch.testing.assert_close(blurred, torch.full((1, 2, 3, 3), 0.5))


@pytest.mark.parametrize("dither", ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16"])
def test_fewer_colours(context: BenchContext, dither: str) -> None:
    slope = torch.linspace(0, 1, 33).expand(1, 20, 33)[..., None].expand(-1, -1, -1, 3)
    (made,) = image_quantize(context, image=slope, colors=4, dither=dither)
    assert made.shape == slope.shape
    assert 2 <= len(made.reshape(-1, 3).unique(dim=0)) <= 4
    assert image_quantize(context, image=slope, colors=1, dither=dither)[0].unique(dim=2).shape[2] == 1


def test_edges_are_found_once_and_weak_ones_only_beside_strong_ones(context: BenchContext) -> None:
    image = torch.zeros(1, 32, 48, 3)
    image[:, :, 12:24] = 1.0
    image[:, :, 36:] = 0.35
    (edges,) = canny(context, image=image, low_threshold=0.05, high_threshold=0.2)
    columns = edges[0, 16, :, 0].nonzero().flatten().tolist()
    assert [round(column / 12) for column in columns] == [1, 2], "the third edge is weak"
    (more,) = canny(context, image=image, low_threshold=0.05, high_threshold=0.06)
    assert [round(column / 12) for column in more[0, 16, :, 0].nonzero().flatten().tolist()] == [1, 2, 3]
    assert set(edges.unique().tolist()) == {0.0, 1.0}

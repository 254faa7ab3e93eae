"""Pictures made, scaled, cut and padded."""

import pytest
import torch

from engine.sampler.nodes.image import (
    empty_image,
    image_batch,
    image_crop,
    image_invert,
    image_pad_for_outpaint,
    image_scale_by,
    image_scale_to_total_pixels,
)
from tests.unit.engine.sampler.nodes.bench import BenchContext


def test_scaling_by_a_factor_and_to_an_area(context: BenchContext) -> None:
    image = torch.rand(2, 40, 60, 3)
    (larger,) = image_scale_by(context, image=image, upscale_method="bicubic", scale_by=1.5)
    assert larger.shape == (2, 60, 90, 3)
    (smaller,) = image_scale_to_total_pixels(context, image=image, upscale_method="area", megapixels=0.01)
    assert smaller.shape == (2, 84, 125, 3)
    (least,) = image_scale_by(context, image=image, upscale_method="lanczos", scale_by=0.01)
    assert least.shape == (2, 1, 1, 3)


def test_inverting_twice(context: BenchContext) -> None:
    image = torch.rand(1, 2, 2, 3)
    torch.testing.assert_close(image_invert(context, image=image_invert(context, image=image)[0])[0], image)


def test_a_batch_has_the_size_of_its_first(context: BenchContext) -> None:
    (batch,) = image_batch(context, image1=torch.zeros(1, 8, 8, 3), image2=torch.ones(2, 8, 24, 3))
    assert batch.shape == (3, 8, 8, 3)
    assert batch[1:].min() == 1


def test_a_picture_of_one_colour(context: BenchContext) -> None:
    (image,) = empty_image(context, width=3, height=2, batch_size=2, color=0xFF8000)
    assert image.shape == (2, 2, 3, 3)
    assert (image[1, 1, 2] * 255).tolist() == [255, 128, 0]


@pytest.mark.parametrize(
    ("x", "y", "width", "height", "made"),
    [(2, 1, 3, 2, (2, 3)), (6, 6, 100, 100, (2, 2)), (100, 100, 5, 5, (1, 1))],
)
def test_cutting(context: BenchContext, x: int, y: int, width: int, height: int, made: tuple[int, int]) -> None:
    (cut,) = image_crop(context, image=torch.rand(1, 8, 8, 3), width=width, height=height, x=x, y=y)
    assert cut.shape[1:3] == made


def test_a_rim_is_gray_and_the_mask_fades_into_the_picture(context: BenchContext) -> None:
    image = torch.ones(1, 32, 32, 3)
    padded, mask = image_pad_for_outpaint(context, image=image, left=8, top=0, right=0, bottom=0, feathering=4)
    assert padded.shape == (1, 32, 40, 3)
    assert (padded[:, :, :8] == 0.5).all()
    assert torch.equal(padded[:, :, 8:], image)
    assert mask.shape == (1, 32, 40)
    assert mask[0, 16, 7:14].tolist() == [1.0, 1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    assert mask[0, :, 39].max() == 0


def test_a_small_picture_fades_nowhere(context: BenchContext) -> None:
    _, mask = image_pad_for_outpaint(
        context, image=torch.ones(1, 8, 8, 3), left=8, top=8, right=8, bottom=8, feathering=4
    )
    assert mask[0, 8:16, 8:16].max() == 0
    assert mask.sum() == 24 * 24 - 64

"""Masks: read from a channel, shown as pictures, turned inside out, and used to lay one picture on another."""

import pytest
import torch
from PIL import Image

from engine.sampler.nodes.mask import image_composite_masked, image_to_mask, invert_mask, load_image_mask, mask_to_image
from tests.unit.engine.sampler.nodes.bench import BenchContext


def test_a_channel_becomes_a_mask(context: BenchContext) -> None:
    picture = Image.new("RGBA", (6, 4), (255, 0, 51, 0))
    picture.save(context.folders.file_path("input", "mask.png"))
    found = {
        channel: load_image_mask(context, image="mask.png", channel=channel)[0]
        for channel in ("alpha", "red", "green", "blue")
    }
    assert {mask.shape for mask in found.values()} == {(1, 4, 6)}
    means = {channel: round(mask.mean().item(), 3) for channel, mask in found.items()}
    assert means == {"alpha": 1.0, "red": 1.0, "green": 0.0, "blue": 0.2}


def test_masks_and_pictures_turn_into_each_other(context: BenchContext) -> None:
    mask = torch.rand(2, 3, 5)
    (shown,) = mask_to_image(context, mask=mask)
    assert shown.shape == (2, 3, 5, 3)
    for channel in ("red", "green", "blue"):
        assert torch.equal(image_to_mask(context, image=shown, channel=channel)[0], mask)
    assert image_to_mask(context, image=shown, channel="alpha")[0].min() == 1
    assert torch.equal(invert_mask(context, mask=mask)[0], 1 - mask)


def test_what_the_mask_leaves_alone_stays_to_the_bit(context: BenchContext) -> None:
    below, above = torch.rand(2, 8, 8, 3), torch.rand(1, 8, 8, 3)
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 4:] = 1
    (made,) = image_composite_masked(context, destination=below, source=above, x=0, y=0, resize_source=False, mask=mask)
    assert torch.equal(made[:, :, :4], below[:, :, :4])
    assert torch.equal(made[:, :, 4:], above[:, :, 4:].expand(2, -1, -1, -1))


@pytest.mark.parametrize(("x", "y", "seen"), [(0, 0, 16), (6, 5, 6), (8, 0, 0), (0, 16384, 0)])
def test_what_hangs_over_the_edge_is_cut(context: BenchContext, x: int, y: int, seen: int) -> None:
    (made,) = image_composite_masked(
        context, destination=torch.zeros(1, 8, 8, 3), source=torch.ones(1, 4, 4, 3), x=x, y=y, resize_source=False
    )
    assert made.shape == (1, 8, 8, 3)
    assert made[..., 0].sum() == seen


def test_a_source_may_be_brought_to_size_and_a_mask_always_is(context: BenchContext) -> None:
    (made,) = image_composite_masked(
        context,
        destination=torch.zeros(1, 8, 12, 3),
        source=torch.ones(1, 2, 2, 3),
        x=0,
        y=0,
        resize_source=True,
        mask=torch.tensor([[[0.0, 1.0]]]),
    )
    assert made[0, :, 0].max() == 0
    assert made[0, :, -1].min() == 1

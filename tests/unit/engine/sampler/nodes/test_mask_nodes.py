"""Masks: read from a channel, shown as pictures, turned inside out, and used to lay one picture on another."""

import pytest
import torch
from PIL import Image

from engine.sampler.nodes.mask import (
    EmptyMask,
    crop_mask,
    feather_mask,
    grow_mask,
    image_color_to_mask,
    image_composite_masked,
    image_to_mask,
    invert_mask,
    load_image_mask,
    mask_composite,
    mask_to_image,
    solid_mask,
    threshold_mask,
)
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


def test_a_colour_becomes_a_mask(context: BenchContext) -> None:
    image = torch.tensor([[[[1.0, 0.5, 0.0], [1.0, 0.51, 0.0]]]])
    assert image_color_to_mask(context, image=image, color=0xFF8000)[0].tolist() == [[[1.0, 0.0]]]


def test_masks_made_cut_and_split(context: BenchContext) -> None:
    (mask,) = solid_mask(context, value=0.4, width=6, height=4)
    assert mask.shape == (1, 4, 6)
    assert threshold_mask(context, mask=mask, value=0.4)[0].max() == 0
    assert threshold_mask(context, mask=mask, value=0.39)[0].min() == 1
    assert crop_mask(context, mask=mask, x=4, y=1, width=9, height=2)[0].shape == (1, 2, 2)
    with pytest.raises(EmptyMask, match=r"begins at \(6, 0\)"):
        crop_mask(context, mask=mask, x=6, y=0, width=1, height=1)


def test_growing_and_shrinking(context: BenchContext) -> None:
    mask = torch.zeros(1, 7, 7)
    mask[:, 3, 3] = 1
    (cross,) = grow_mask(context, mask=mask, expand=1, tapered_corners=True)
    assert cross.sum() == 5
    (diamond,) = grow_mask(context, mask=mask, expand=2, tapered_corners=True)
    assert diamond.sum() == 13
    (square,) = grow_mask(context, mask=mask, expand=2, tapered_corners=False)
    assert square.sum() == 25
    assert torch.equal(grow_mask(context, mask=square, expand=-2, tapered_corners=False)[0], mask)
    assert grow_mask(context, mask=torch.ones(1, 7, 7), expand=-16384, tapered_corners=True)[0].min() == 1
    assert torch.equal(grow_mask(context, mask=mask, expand=0, tapered_corners=True)[0], mask)


def test_feathered_edges(context: BenchContext) -> None:
    (made,) = feather_mask(context, mask=torch.ones(2, 3, 8), left=4, top=0, right=0, bottom=0)
    assert made[1, 1].tolist() == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    (made,) = feather_mask(context, mask=torch.ones(1, 3, 8), left=0, top=0, right=4, bottom=0)
    assert made[0, 1].tolist() == [0.25, 1, 1, 1, 1, 1, 0.75, 0.5]
    (made,) = feather_mask(context, mask=torch.ones(1, 2, 2), left=0, top=16384, right=0, bottom=0)
    assert made[0, :, 0].tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("operation", "made"),
    [
        ("multiply", [0.0, 0.3, 0.0, 0.6]),
        ("add", [0.0, 1.0, 0.5, 1.0]),
        ("subtract", [0.0, 0.0, 0.5, 0.0]),
        ("and", [0.0, 0.0, 0.0, 1.0]),
        ("or", [0.0, 1.0, 0.0, 1.0]),
        ("xor", [0.0, 1.0, 0.0, 0.0]),
    ],
)
def test_calculating_with_masks(context: BenchContext, operation: str, made: list[float]) -> None:
    below, above = torch.tensor([[[0.0, 0.3, 0.5, 0.6]]]), torch.tensor([[[0.0, 1.0, 0.0, 1.0]]])
    (mask,) = mask_composite(context, destination=below, source=above, x=0, y=0, operation=operation)
    torch.testing.assert_close(mask, torch.tensor([[made]]))


def test_a_mask_over_the_edge(context: BenchContext) -> None:
    (mask,) = mask_composite(
        context, destination=torch.zeros(1, 4, 4), source=torch.ones(3, 3), x=2, y=3, operation="add"
    )
    assert mask.sum() == 2
    (mask,) = mask_composite(
        context, destination=torch.zeros(1, 4, 4), source=torch.ones(3, 3), x=9, y=0, operation="add"
    )
    assert mask.sum() == 0

"""Nodes that read, turn and use masks: [batch, height, width] in 0..1."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from engine.sampler.models import pictures
from engine.sampler.nodes.registry import NodeContext

_CHANNELS = ("red", "green", "blue", "alpha")
_OPERATIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": lambda below, above: below * above,
    "add": lambda below, above: below + above,
    "subtract": lambda below, above: below - above,
    "and": lambda below, above: (below.round().bool() & above.round().bool()).float(),
    "or": lambda below, above: (below.round().bool() | above.round().bool()).float(),
    "xor": lambda below, above: (below.round().bool() ^ above.round().bool()).float(),
}


class EmptyMask(ValueError):
    """Nothing would be left of a mask; the sentence says why."""


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


def image_color_to_mask(context: NodeContext, *, image: Tensor, color: int) -> tuple[Tensor]:
    """Make a mask that is 1 where pictures have exactly one colour, which is written as 0xRRGGBB."""
    parts = (image[..., :3].clamp(0.0, 1.0) * 255.0).round().to(torch.int64)
    written = (parts[..., 0] << 16) + (parts[..., 1] << 8) + parts[..., 2]
    return ((written == color).float(),)


def solid_mask(context: NodeContext, *, value: float, width: int, height: int) -> tuple[Tensor]:
    """Make a mask of one value."""
    return (torch.full((1, height, width), value),)


def crop_mask(context: NodeContext, *, mask: Tensor, x: int, y: int, width: int, height: int) -> tuple[Tensor]:
    """Cut a part out of masks; what lies outside is left out. Raises EmptyMask if that is everything."""
    cut = _planes(mask)[:, y : y + height, x : x + width]
    if not cut.numel():
        raise EmptyMask(f"The part to cut begins at ({x}, {y}), outside of the mask: choose a smaller x or y.")
    return (cut.clone(),)


def threshold_mask(context: NodeContext, *, mask: Tensor, value: float) -> tuple[Tensor]:
    """Make masks 1 where they are above a value, and 0 elsewhere."""
    return ((mask > value).float(),)


def grow_mask(context: NodeContext, *, mask: Tensor, expand: int, tapered_corners: bool) -> tuple[Tensor]:
    """Grow what is bright by so many pixels, or shrink it by a negative number.

    Each pixel takes the largest of its neighbours, as often as asked for; without `tapered_corners` those across
    corners too. Shrinking takes the least. The edges of the picture do not count as neighbours.
    """
    planes = _planes(mask).float()[:, None]
    sign = 1.0 if expand >= 0 else -1.0
    planes = planes * sign
    turns = min(abs(expand), max(planes.shape[-2:]))  # then everything has met everything
    for _ in range(turns):
        if tapered_corners:
            across = functional.max_pool2d(planes, (1, 3), stride=1, padding=(0, 1))
            down = functional.max_pool2d(planes, (3, 1), stride=1, padding=(1, 0))
            planes = torch.maximum(across, down)
        else:
            planes = functional.max_pool2d(planes, 3, stride=1, padding=1)
    return (planes[:, 0] * sign,)


def feather_mask(context: NodeContext, *, mask: Tensor, left: int, top: int, right: int, bottom: int) -> tuple[Tensor]:
    """Let masks rise from their edges over so many pixels.

    Quirk, kept for parity: counted from the right and from the bottom, the first step falls on the first column or row,
    and the others are one pixel nearer to the edge than from the left and from the top.
    """
    made = _planes(mask).clone()
    height, width = made.shape[-2:]
    for step, share in _steps(left, width):
        made[:, :, step] *= share
    for step, share in _steps(right, width):
        made[:, :, -step] *= share
    for step, share in _steps(top, height):
        made[:, step] *= share
    for step, share in _steps(bottom, height):
        made[:, -step] *= share
    return (made,)


def mask_composite(
    context: NodeContext, *, destination: Tensor, source: Tensor, x: int, y: int, operation: str
) -> tuple[Tensor]:
    """Calculate with two masks, the source's corner at (x, y); what lies outside is cut off."""
    made, above = _planes(destination).clone(), _planes(source)
    height, width = made.shape[-2:]
    above = above[torch.arange(made.shape[0]) % above.shape[0], : max(0, height - y), : max(0, width - x)]
    place = (slice(None), slice(y, y + above.shape[1]), slice(x, x + above.shape[2]))
    made[place] = _OPERATIONS[operation](made[place], above)
    return (made.clamp(0.0, 1.0),)


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


def _planes(mask: Tensor) -> Tensor:
    return mask.reshape(-1, *mask.shape[-2:])


def _steps(count: int, most: int) -> Iterator[tuple[int, float]]:
    """Give places and how much is left there, rising evenly to 1."""
    count = min(count, most)
    return ((step, (step + 1) / count) for step in range(count))


def _fitted(mask: Tensor, height: int, width: int) -> Tensor:
    planes = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    return functional.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)[:, 0]

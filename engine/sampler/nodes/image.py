"""Nodes that read, make, scale and cut pictures."""

import math

import torch
from torch import Tensor

from engine.sampler.models import pictures
from engine.sampler.nodes.registry import NodeContext


def load_image(context: NodeContext, *, image: str) -> tuple[Tensor, Tensor]:
    """Read a picture and its mask (1 where it is transparent). Raises PictureRejected."""
    return pictures.read(context.folders.file_path("input", image), name=image)


def load_image_output(context: NodeContext, *, image: str) -> tuple[Tensor, Tensor]:
    """Read a picture that was made here: its name ends in " [output]". Raises PictureRejected."""
    return pictures.read(context.folders.file_path("output", image), name=image)


def image_scale(
    context: NodeContext, *, image: Tensor, upscale_method: str, width: int, height: int, crop: str
) -> tuple[Tensor]:
    """Scale pictures; a side of 0 follows from the other one, both 0 leave them as they are."""
    return (pictures.scaled(image, upscale_method, width=width, height=height, centre=crop == "center"),)


def image_scale_by(context: NodeContext, *, image: Tensor, upscale_method: str, scale_by: float) -> tuple[Tensor]:
    """Scale pictures by a factor."""
    return (_scaled_by(image, upscale_method, scale_by),)


def image_scale_to_total_pixels(
    context: NodeContext, *, image: Tensor, upscale_method: str, megapixels: float
) -> tuple[Tensor]:
    """Scale pictures to an area, their proportions kept; a megapixel is 1024x1024."""
    factor = math.sqrt(int(megapixels * 1024 * 1024) / (image.shape[1] * image.shape[2]))
    return (_scaled_by(image, upscale_method, factor),)


def image_invert(context: NodeContext, *, image: Tensor) -> tuple[Tensor]:
    """Turn colours into their opposites."""
    return (1.0 - image,)


def image_batch(context: NodeContext, *, image1: Tensor, image2: Tensor) -> tuple[Tensor]:
    """Put pictures into one batch; the second are brought to the first's size, cropped in the middle."""
    height, width = image1.shape[1:3]
    if image2.shape[1:3] != image1.shape[1:3]:
        image2 = pictures.scaled(image2, "bilinear", width=width, height=height, centre=True)
    return (torch.cat((image1, image2)),)


def empty_image(context: NodeContext, *, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[Tensor]:
    """Make pictures of one colour, which is written as 0xRRGGBB."""
    parts = torch.tensor([color >> shift & 0xFF for shift in (16, 8, 0)]) / 0xFF
    return (parts.expand(batch_size, height, width, 3).contiguous(),)


def image_pad_for_outpaint(
    context: NodeContext, *, image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
) -> tuple[Tensor, Tensor]:
    """Put a gray rim around pictures, with a mask for drawing it: 1 on the rim, fading into the picture.

    At a distance d < feathering from a rim the mask is (1 - d / feathering)²; pictures of less than twice the
    feathering fade nowhere.
    """
    batch, height, width, channels = image.shape
    padded = torch.full((batch, height + top + bottom, width + left + right, channels), 0.5)
    padded[:, top : top + height, left : left + width] = image
    inner = torch.zeros(height, width)
    if 0 < 2 * feathering < min(height, width):
        far = torch.tensor(math.inf)
        rows, columns = torch.arange(height), torch.arange(width)
        down = torch.minimum(rows if top else far, height - rows if bottom else far)
        across = torch.minimum(columns if left else far, width - columns if right else far)
        distance = torch.minimum(down.expand(height)[:, None], across.expand(width)[None])
        inner = ((feathering - distance) / feathering).clamp(min=0.0) ** 2
    mask = torch.ones(1, height + top + bottom, width + left + right)
    mask[:, top : top + height, left : left + width] = inner
    return padded, mask


def image_crop(context: NodeContext, *, image: Tensor, width: int, height: int, x: int, y: int) -> tuple[Tensor]:
    """Cut a part out of pictures; what lies outside is left out, but a row and a column always remain."""
    x, y = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return (image[:, y : y + height, x : x + width],)


def _scaled_by(image: Tensor, method: str, factor: float) -> Tensor:
    height, width = (max(1, round(side * factor)) for side in image.shape[1:3])
    return pictures.scaled(image, method, width=width, height=height, centre=False)

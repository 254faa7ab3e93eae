"""Nodes that change how pictures look: blend, blur, sharpen, reduce colours, find edges."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.sampler.models import pictures
from engine.sampler.nodes.registry import NodeContext

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_SMOOTH = (5, 1.0)  # Canny's blur: pixels of its kernel, standard deviation


def image_blend(
    context: NodeContext, *, image1: Tensor, image2: Tensor, blend_factor: float, blend_mode: str
) -> tuple[Tensor]:
    """Lay the second pictures over the first by a mode, at a strength; they are brought to the first's size."""
    height, width = image1.shape[1:3]
    if image2.shape[1:3] != image1.shape[1:3]:
        image2 = pictures.scaled(image2, "bicubic", width=width, height=height, centre=True)
    blended = _BLENDS[blend_mode](image1, image2)
    return ((image1 * (1.0 - blend_factor) + blended * blend_factor).clamp(0.0, 1.0),)


def image_blur(context: NodeContext, *, image: Tensor, blur_radius: int, sigma: float) -> tuple[Tensor]:
    """Blur with a bell whose width is given in shares of the radius."""
    return (_convolved(image, _bell(blur_radius, sigma)),)


def image_sharpen(
    context: NodeContext, *, image: Tensor, sharpen_radius: int, sigma: float, alpha: float
) -> tuple[Tensor]:
    """Take away so much of what blurring gives, and keep the brightness."""
    kernel = _bell(sharpen_radius, sigma) * -(alpha * 10.0)
    kernel[sharpen_radius, sharpen_radius] += 1.0 - kernel.sum()
    return (_convolved(image, kernel).clamp(0.0, 1.0),)


def image_quantize(context: NodeContext, *, image: Tensor, colors: int, dither: str) -> tuple[Tensor]:
    """Reduce each picture to so many colours, with or without dithering."""
    return (torch.stack([_quantized(picture, colors, dither) for picture in image]),)


def canny(context: NodeContext, *, image: Tensor, low_threshold: float, high_threshold: float) -> tuple[Tensor]:
    """Draw edges in white: strong ones, and weak ones that hang on them (Canny 1986)."""
    luma = (image[..., :3] @ torch.tensor(_LUMA))[:, None]
    size, deviation = _SMOOTH
    offsets = torch.arange(size) - size // 2
    bell = torch.exp(-(offsets**2) / (2 * deviation**2))
    smooth = functional.conv2d(_padded(luma, size // 2), (bell[:, None] * bell / bell.sum() ** 2)[None, None])
    across, down = _slopes(smooth)
    strength = (across**2 + down**2 + 1e-6).sqrt()
    ridge = strength * _is_ridge(strength, torch.atan2(down, across))
    edges = _hanging_on(ridge > low_threshold, ridge > high_threshold).float()
    return (edges.movedim(1, -1).expand(-1, -1, -1, 3).contiguous(),)


def _soft_light(below: Tensor, above: Tensor) -> Tensor:
    lifted = torch.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, below.clamp(min=0).sqrt())
    dark = below - (1 - 2 * above) * below * (1 - below)
    return torch.where(above <= 0.5, dark, below + (2 * above - 1) * (lifted - below))


_BLENDS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "normal": lambda below, above: above,
    "multiply": lambda below, above: below * above,
    "screen": lambda below, above: 1 - (1 - below) * (1 - above),
    "overlay": lambda below, above: torch.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above)),
    "soft_light": _soft_light,
    "difference": lambda below, above: below - above,
}
"""Formulas: W3C, Compositing and Blending Level 1; `difference` is not taken absolutely, as in ComfyUI."""


def _bell(radius: int, sigma: float) -> Tensor:
    """Give a Gaussian over -1..1 in both directions that sums to 1: [2 radius + 1, 2 radius + 1]."""
    offsets = torch.linspace(-1, 1, 2 * radius + 1)
    bell = torch.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * sigma**2))
    return bell / bell.sum()


def _convolved(image: Tensor, kernel: Tensor) -> Tensor:
    planes = _padded(image.movedim(-1, 1), kernel.shape[0] // 2)
    channels = planes.shape[1]
    weights = kernel.expand(channels, 1, -1, -1)
    return functional.conv2d(planes, weights, groups=channels).movedim(1, -1)


def _padded(planes: Tensor, by: int) -> Tensor:
    """Mirror planes at their edges; pictures that are too small for that repeat their edge."""
    mode = "reflect" if by < min(planes.shape[-2:]) else "replicate"
    return functional.pad(planes, (by, by, by, by), mode=mode)


def _quantized(picture: Tensor, colors: int, dither: str) -> Tensor:
    image = Image.fromarray(pictures.to_bytes(picture))
    palette = image.quantize(colors=colors)
    if dither.startswith("bayer"):
        image, dither = _with_bayer_noise(image, palette, int(dither.removeprefix("bayer-"))), "none"
    method = Image.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Image.Dither.NONE
    reduced = image.quantize(colors=colors, palette=palette, dither=method)
    return torch.from_numpy(np.array(reduced.convert("RGB"), dtype=np.float32) / 255.0)


def _with_bayer_noise(image: Image.Image, palette: Image.Image, order: int) -> Image.Image:
    """Add an ordered pattern that is as strong as the palette is coarse (Bayer 1973)."""
    matrix = np.zeros((1, 1))
    while matrix.shape[0] < order:
        area = 4 * matrix.shape[0] ** 2
        steps = np.array([[-1.5, 0.5], [1.5, -0.5]])
        matrix = np.concatenate(
            [np.concatenate([(area * matrix + step) / area for step in row], axis=1) for row in steps]
        )
    coarseness = 2 * 256 / max(1, len(palette.getpalette() or []) // 3)
    pixels = np.asarray(image, dtype=np.float32)
    repeats = (math.ceil(pixels.shape[0] / order), math.ceil(pixels.shape[1] / order))
    noise = np.tile(coarseness * matrix + 0.5, repeats)[: pixels.shape[0], : pixels.shape[1], None]
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _slopes(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Give the slopes across and down (Sobel's operator, scaled to an average)."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8.0
    padded = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, across[None, None]), functional.conv2d(padded, across.T[None, None])


def _is_ridge(strength: Tensor, angle: Tensor) -> Tensor:
    """Tell where the strength is larger than at both neighbours along the slope; of two that are equal one is it."""
    padded = functional.pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[-2:]
    direction = (angle * 4 / math.pi).round().long() % 4  # across, one diagonal, down, the other diagonal
    ridge = torch.zeros_like(strength, dtype=torch.bool)
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        before = padded[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width]
        behind = padded[..., 1 - y : 1 - y + height, 1 - x : 1 - x + width]
        ridge |= (direction == number) & (strength > before) & (strength >= behind)
    return ridge


def _hanging_on(weak: Tensor, strong: Tensor) -> Tensor:
    """Keep of the weak places those that touch strong ones, directly or through others."""
    while True:
        grown = functional.max_pool2d(strong.float(), 3, stride=1, padding=1).bool() & (weak | strong)
        if torch.equal(grown, strong):
            return strong
        strong = grown

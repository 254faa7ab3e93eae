"""What a request costs, in reference GPU-seconds.

The reference GPU draws one 512x512 picture with a Stable Diffusion 1.5 model in 20 steps in 1.0 s, of which 0.1 s are
spent outside the steps (text, latents to pixels, PNG). A step's time grows with the pixels:

    cost = 0.1 s * batch + steps * megapixels * batch * rate * factor(model),   rate = 0.9 s / (20 * 0.512^2)

Attention grows faster than the pixels above a model's native size; the difference is left to measurement, which learns
per endpoint, template and size. A price is the most that is charged, so it is rounded up, to whole mgs.
"""

from enum import StrEnum
from math import ceil

_FIXED = 100  # mgs per picture
_REFERENCE_STEPS = 20
_REFERENCE_PIXELS = 512 * 512
_REFERENCE_SAMPLING = 900  # mgs


class ModelClass(StrEnum):
    """Families of models whose steps cost about the same per pixel."""

    TINY = "tiny"
    SD1 = "sd1"
    SDXL = "sdxl"
    FLUX = "flux"


def class_of(model: str) -> ModelClass:
    """Guess a model's family from its file name; SD 1.x where the name says nothing."""
    name = model.casefold()
    if name.startswith("atelier-tiny"):
        return ModelClass.TINY
    if "flux" in name or "sd3" in name:
        return ModelClass.FLUX
    return ModelClass.SDXL if "xl" in name else ModelClass.SD1


# Relative time per step and pixel, from the rough work of one forward pass: SD 1.5 0.8 TFLOP at 512x512, SDXL 6 TFLOP
# at 1024x1024, both run twice a step for guidance; FLUX.1 30 TFLOP at 1024x1024, run once.
_FACTOR_PERCENT = {ModelClass.TINY: 5, ModelClass.SD1: 100, ModelClass.SDXL: 190, ModelClass.FLUX: 470}


def price(
    *, width: int, height: int, steps: int, batch: int = 1, strength: float = 1.0, model_class: ModelClass
) -> int:
    """Give the price in mgs of `batch` pictures of `width` x `height` pixels in `steps` steps.

    `strength` is ComfyUI's denoise: any strength above 0 runs all the steps (they cover a shorter stretch of the
    schedule), 0 runs none. The price never falls when an argument rises. Raises ValueError for sizes, steps or batches
    that are negative.
    """
    if min(width, height, steps, batch) < 0 or strength < 0:
        raise ValueError("a size, a number of steps, a batch and a strength are not negative")
    run = steps if strength > 0 else 0
    work = run * width * height * batch * _REFERENCE_SAMPLING * _FACTOR_PERCENT[model_class]
    return _FIXED * batch + _ceil_div(work, _REFERENCE_STEPS * _REFERENCE_PIXELS * 100)


def measured(seconds: float, weight: float) -> int:
    """Give what measured seconds on an endpoint come to, in mgs; `weight` is its speed relative to the reference
    GPU."""
    return ceil(max(0.0, seconds) * weight * 1000)


def credits(mgs: int) -> str:
    """Write an amount as people read it: "3.1" credits for 3100 mgs; less than a tenth keeps its decimals, "0.04"."""
    sign = "-" if mgs < 0 else ""
    amount = abs(mgs)
    if 0 < amount < 95:
        return sign + f"{amount / 1000:.3f}".rstrip("0")
    tenths = (amount + 50) // 100
    return f"{sign}{tenths // 10}.{tenths % 10}"


def _ceil_div(dividend: int, divisor: int) -> int:
    """Divide integers, rounding up, exactly at any size."""
    return -(-dividend // divisor)

"""Scaling of pictures and latents, as planes [batch, channels, height, width], with ComfyUI's methods.

No antialiasing except in area; `lanczos` works on 8-bit pictures and is in `pictures`.
"""

import torch
from torch import Tensor
from torch.nn import functional

_NEARLY_PARALLEL = 1e-5  # of a cosine: nearer than this to 1 or -1 there is no arc to go along


def resized(planes: Tensor, method: str, *, width: int, height: int) -> Tensor:
    """Scale by nearest-exact, bilinear, area, bicubic or bislerp."""
    if method == "bislerp":
        return bislerp(planes, width=width, height=height)
    return functional.interpolate(planes, size=(height, width), mode=method)


def cropped_to(planes: Tensor, ratio: float) -> Tensor:
    """Crop evenly to a ratio of width to height."""
    height, width = planes.shape[-2:]
    x = round((width - width * (ratio / (width / height))) / 2) if width / height > ratio else 0
    y = round((height - height * (width / height / ratio)) / 2) if width / height < ratio else 0
    return planes[..., y : height - y, x : width - x]


def bislerp(planes: Tensor, *, width: int, height: int) -> Tensor:
    """Scale latents so that between two neighbours both direction and length change evenly, first along rows."""
    rows = _along_last(planes.float(), width)
    columns = _along_last(rows.transpose(-1, -2), height)
    return columns.transpose(-1, -2).to(planes.dtype)


def _along_last(planes: Tensor, size: int) -> Tensor:
    old = planes.shape[-1]
    places = ((torch.arange(size, device=planes.device) + 0.5) * (old / size) - 0.5).clamp(0, old - 1)
    low = places.floor().long()
    high = (low + 1).clamp(max=old - 1)
    return _slerp(planes[..., low], planes[..., high], places - low)


def _slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Go from one vector to another (along dim 1) on a great circle, the length changing linearly.

    Source: Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985.
    """
    start_length, end_length = (vector.norm(dim=1, keepdim=True) for vector in (start, end))
    start_way, end_way = (
        torch.where(length > 0, vector / length, torch.zeros_like(vector))
        for vector, length in ((start, start_length), (end, end_length))
    )
    cosine = (start_way * end_way).sum(1, keepdim=True)
    angle = cosine.clamp(-1, 1).acos()
    way = (((1 - share) * angle).sin() * start_way + (share * angle).sin() * end_way) / angle.sin()
    arc = way * (start_length * (1 - share) + end_length * share)
    straight = start * (1 - share) + end * share
    opposite = cosine < _NEARLY_PARALLEL - 1
    return torch.where(cosine > 1 - _NEARLY_PARALLEL, start, torch.where(opposite, straight, arc))

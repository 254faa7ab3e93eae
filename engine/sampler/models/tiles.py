"""Autoencoding in tiles, for pictures whose whole would not fit into memory.

Tiles overlap and are blended with linear ramps. A picture is made three times, with square, wide and tall tiles, and
the mean is taken, so that no seam shows: as ComfyUI's tiled nodes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

_SHAPES = ((1, 1), (2, Fraction(1, 2)), (Fraction(1, 2), 2))  # of tiles: times the width, times the height


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """The tiles: their side and overlap in elements of what goes in, and how much larger comes out."""

    size: int
    overlap: int
    scale: Fraction  # 8 for decoding, 1/8 for encoding


def tiled(whole: Tensor, tiling: Tiling, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Give what `work` makes of planes [1, channels, height, width], tile by tile; float32 on the CPU."""
    made = [_blended(whole, tiling, (int(tiling.size * tall), int(tiling.size * wide)), work) for wide, tall in _SHAPES]
    return torch.stack(made).mean(0)


def _blended(whole: Tensor, tiling: Tiling, tile: tuple[int, int], work: Callable[[Tensor], Tensor]) -> Tensor:
    height, width = (int(side * tiling.scale) for side in whole.shape[-2:])
    total, weights = torch.zeros(0), torch.zeros(1, 1, height, width)
    for rows in _spans(whole.shape[-2], tile[0], tiling.overlap):
        for columns in _spans(whole.shape[-1], tile[1], tiling.overlap):
            made = work(whole[..., rows, columns])
            if not total.numel():
                total = torch.zeros(1, made.shape[1], height, width)
            ramp = round(tiling.overlap * tiling.scale)
            share = _ramps(made.shape[-2], ramp)[:, None] * _ramps(made.shape[-1], ramp)
            top, left = int(rows.start * tiling.scale), int(columns.start * tiling.scale)
            place = (..., slice(top, top + made.shape[-2]), slice(left, left + made.shape[-1]))
            total[place] += made * share
            weights[place] += share
    return total / weights


def _spans(length: int, tile: int, overlap: int) -> Iterator[slice]:
    if length <= tile:
        yield slice(0, length)
        return
    for start in range(0, length - overlap, tile - overlap):
        yield slice(start, min(start + tile, length))


def _ramps(length: int, ramp: int) -> Tensor:
    """Give weights that rise at the beginning and fall at the end; none where a tile is shorter than its ramp."""
    weights = torch.ones(length)
    if ramp < length:
        slope = torch.arange(1, ramp + 1) / max(ramp, 1)
        weights[:ramp] *= slope
        weights[length - ramp :] *= slope.flip(0)
    return weights

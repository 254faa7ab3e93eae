"""SD 1.x in small: the true layout, every layer a tenth as wide, so that loading it takes a moment."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.unit.engine.sampler.random_checkpoint import KEYS, write_random

_UNET = {size: size // 10 for size in (320, 640, 960, 1280, 1920, 2560, 5120, 10240)} | {768: 64}
_VAE = {128: 32, 256: 64, 512: 128}
_TEXT = {768: 64, 3072: 256}


def small_shapes() -> dict[str, list[int]]:
    """Give the names and shapes of the small checkpoint's tensors."""
    shapes: dict[str, list[int]] = json.loads(KEYS.read_text(encoding="utf-8"))
    return {name: [_smaller(name, size) for size in shape] for name, shape in shapes.items()}


def write_small(path: Path) -> Path:
    """Write the small checkpoint."""
    write_random(small_shapes(), path)
    return path


def write_variant(small: Path, path: Path, *, without: str, extra: Mapping[str, Sequence[int]]) -> Path:
    """Write the small checkpoint without the tensors whose names begin so, and with some of zeros."""
    with safe_open(str(small), framework="pt") as opened:
        kept = {
            name: opened.get_tensor(name)
            for name in opened.keys()  # noqa: SIM118 - not a mapping
            if not without or not name.startswith(without)
        }
    save_file(kept | {name: torch.zeros(tuple(shape)) for name, shape in extra.items()}, path)
    return path


def _smaller(name: str, size: int) -> int:
    if name.startswith("model."):
        return _UNET.get(size, size)
    return (_VAE if name.startswith("first_stage_model.") else _TEXT).get(size, size)

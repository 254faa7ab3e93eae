"""A Stable Diffusion 1.5 checkpoint with random weights, the same bytes on every machine; made once and kept.

Weights are drawn in sorted name order from one CPU generator: matrices and kernels ~ N(0, (0.9/√fan_in)²), embedding
tables ~ N(0, 0.02²), norm scales ~ 1 + 0.05 N, biases ~ 0.02 N; stored as float16.
"""

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).parents[4]
KEYS = ROOT / "tests" / "data" / "parity" / "sd15_keys.json"
NAME = "rand-sd15.safetensors"
_SEED = 1234


def random_sd15() -> Path:
    """Give the checkpoint (2.1 GB), making it first if this machine has not got it (a minute or two)."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(base) / "atelier-tests" if base else ROOT / ".cache"
    path = folder / NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_random(json.loads(KEYS.read_text(encoding="utf-8")), path)
    return path


def write_random(shapes: Mapping[str, Sequence[int]], path: Path) -> None:
    """Write random weights of these shapes; the file appears whole or not at all."""
    generator = torch.Generator().manual_seed(_SEED)
    tensors = {name: _draw(name, shapes[name], generator).half().contiguous() for name in sorted(shapes)}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as folder:
        made = Path(folder) / path.name
        save_file(tensors, made)
        made.replace(path)


def _draw(name: str, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(tuple(shape), generator=generator)
    if len(shape) >= 2:
        return noise * (0.02 if "embedding" in name else 0.9 / math.sqrt(math.prod(shape[1:])))
    return 1.0 + 0.05 * noise if name.endswith("weight") else 0.02 * noise

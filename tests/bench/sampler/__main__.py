"""`make bench-sampler`: measure, print, and keep the figures in docs/benchmarks.md.

It runs from a source tree with torch 2.11 or newer, diffusers, transformers, safetensors, torchsde and scipy.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import diffusers
import torch

from tests.bench.page import keep, machine
from tests.bench.sampler import scenes
from tests.bench.sampler.scenes import Line
from tests.bench.sampler.stands import Job, Stand, of_checkpoint, of_random_xl
from tests.unit.engine.sampler.random_checkpoint import random_sd15

_TINY = Path(__file__).parents[3] / "config" / "models" / "tiny"
_MAX_BATCH = 16
_GPU_MAX_BATCH = 64  # rows: 32 people, each with a negative prompt
_CROWDS = (1, 8, 32)
_SHORTAGES = (15, 7, 4)  # GiB beside the weights
_MACHINES = ("tiny", "sd15", "gpu")
_KINDS = ("alone", "together", "joining", "company", "alternating", "crowd", "shortage")

Scene = tuple[str, Callable[[], Iterator[Line]]]


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench-sampler", description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="interleaved pairs of each comparison")
    parser.add_argument("--only", choices=_MACHINES, action="append", help="measure only this; may be given again")
    parser.add_argument("--scene", choices=_KINDS, action="append", help="measure only this; may be given again")
    options = parser.parse_args()
    wanted = options.only or [name for name in _MACHINES if name != "gpu" or torch.cuda.is_available()]
    if "gpu" in wanted and not torch.cuda.is_available():
        print("There is no GPU here that torch can use.", file=sys.stderr)
        return 1
    measured = {"tiny": _tiny, "sd15": _sd15, "gpu": _gpu}
    for name in wanted:
        for kind, scene in measured[name](options.pairs):
            if options.scene and kind not in options.scene:
                continue
            for line in scene():
                print("| " + " | ".join(line) + " |", flush=True)
                keep(_title(name), _machine(name), [line])
    return 0


def _tiny(pairs: int) -> Iterator[Scene]:
    cpu, job = torch.device("cpu"), Job(width=128, height=128, steps=20)
    stand = of_checkpoint("built-in model", _TINY, cpu, max_batch=_MAX_BATCH)
    other = of_checkpoint("built-in model again", _TINY, cpu, max_batch=_MAX_BATCH)
    other.batcher.close()
    other.batcher = stand.batcher
    yield "alone", lambda: scenes.alone(stand, job, pairs=pairs)
    yield "together", lambda: scenes.together(stand, job, pairs=pairs)
    yield "joining", lambda: scenes.joining(stand, job)
    yield "company", lambda: scenes.company(stand, job)
    yield "alternating", lambda: scenes.alternating(stand, other, job, pairs=pairs)
    stand.batcher.close()


def _sd15(pairs: int) -> Iterator[Scene]:
    job = Job(width=256, height=256, steps=2)
    stand = of_checkpoint("SD 1.5", random_sd15(), torch.device("cpu"), max_batch=_MAX_BATCH)
    yield "alone", lambda: scenes.alone(stand, job, pairs=pairs)
    yield "together", lambda: scenes.together(stand, job, pairs=pairs)
    stand.batcher.close()


def _gpu(pairs: int) -> Iterator[Scene]:
    gpu = torch.device("cuda", 0)
    stand = of_checkpoint("SD 1.5", random_sd15(), gpu, max_batch=_GPU_MAX_BATCH)
    yield from _on_gpu(stand, Job(width=512, height=512, steps=20), pairs)
    stand.batcher.close()
    del stand
    stand = of_random_xl(gpu, max_batch=_GPU_MAX_BATCH)
    yield from _on_gpu(stand, Job(width=1024, height=1024, steps=20), pairs)
    for gib in _SHORTAGES:
        yield "shortage", partial(scenes.shortage, stand, Job(width=1024, height=1024, steps=4), 16, gib=gib)
    stand.batcher.close()


def _on_gpu(stand: Stand, job: Job, pairs: int) -> Iterator[Scene]:
    yield "alone", lambda: scenes.alone(stand, job, pairs=pairs)
    for people in _CROWDS:
        yield "crowd", partial(scenes.crowd, stand, job, people, rounds=max(1, 16 // people))
    yield "joining", lambda: scenes.joining(stand, job)
    yield "company", lambda: scenes.company(stand, job)


def _title(name: str) -> str:
    return {"tiny": "Sampler, built-in model", "sd15": "Sampler, SD 1.5 on a CPU", "gpu": "Sampler on a GPU"}[name]


def _machine(name: str) -> str:
    device = torch.cuda.get_device_name(0) if name == "gpu" else "no GPU used"
    return f"{machine(device=device)}, torch {torch.__version__}, diffusers {diffusers.__version__}"


if __name__ == "__main__":
    sys.exit(main())

"""The torch side of the sampler, built once, behind the server's doors."""

import importlib
import os
from pathlib import Path

import torch

from engine.sampler.models.checkpoint import Placement
from engine.sampler.models.files import ModelFile
from engine.sampler.models.library import Library
from engine.sampler.nodes.registry import Folders
from engine.sampler.sampling.batcher import Batcher
from engine.sampler.sampling.limits import CudaGauge

_SHARE_OF_GPU = 0.75  # of its memory may hold checkpoints; the rest is for activations
_SHARE_OF_RAM = 0.6
_ROWS_OF_A_PICTURE = 2  # the prompt, and what is not wanted


class TorchRuntime:
    """What nodes use: `models` (read from files, kept in memory) and `batcher` (one thread that samples for all).

    At most `max_batch` pictures share a pass; with `exact` every pass has that size.
    """

    def __init__(self, *, device: torch.device, max_batch: int, exact: bool = False, budget: int | None = None) -> None:
        self.device = device
        placement = Placement(device=device, dtype=torch.float16 if device.type == "cuda" else torch.float32)
        if budget is None:
            budget = int(self.memory()[0] * (_SHARE_OF_GPU if device.type == "cuda" else _SHARE_OF_RAM))
        self.models = Library(placement=placement, budget=budget)
        gauge = CudaGauge(device) if device.type == "cuda" else None
        rows = _ROWS_OF_A_PICTURE * max_batch
        self.batcher = Batcher(max_batch=rows, exact=exact, gauge=gauge, locks=placement.locks)

    @property
    def device_name(self) -> str:
        """E.g. "cpu" or "cuda:0 NVIDIA H200"."""
        if self.device.type != "cuda":
            return str(self.device)
        return f"{self.device} {torch.cuda.get_device_name(self.device)}"

    def memory(self) -> tuple[int, int]:
        """Total and free bytes of the device's memory."""
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            return total, free
        return _ram()

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Drop checkpoints that nobody uses, and what torch keeps in reserve."""
        if unload_models:
            self.models.clear()
        if (free_memory or unload_models) and self.device.type == "cuda":
            torch.cuda.empty_cache()

    def prefetch(self, path: Path) -> bool:
        """Load a checkpoint that will soon be wanted if there is room for it; whether it did. Raises ModelFileError."""
        return self.models.prefetch(ModelFile.of(path))

    def let_go(self, prompt_id: str) -> None:
        """Let go of the models that a prompt used: it ended, or waits for another prompt's work."""
        self.models.let_go(prompt_id)

    def close(self) -> None:
        """Stop the batcher's thread; running samples raise InterruptedPrompt."""
        self.batcher.close()


def build(folders: Folders, *, device: str, max_batch: int, exact: bool = False) -> TorchRuntime:
    """Build the torch side for a device: "auto" (the first GPU, else the CPU), "cpu", "cuda" or "cuda:N".

    Raises ValueError for a device that is not there.
    """
    importlib.import_module("engine.sampler.models.networks")  # diffusers takes seconds: now, not in the first prompt
    return TorchRuntime(device=_device(device), max_batch=max_batch, exact=exact)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"{name!r} is no device; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise ValueError(f"{name!r} is no device that Atelier runs on; use auto, cpu, cuda or cuda:N")
    device = torch.device("cuda", device.index or 0)
    if device.index >= torch.cuda.device_count():
        raise ValueError(f"{name!r} is not there: torch sees {torch.cuda.device_count()} GPUs")
    return device


def _ram() -> tuple[int, int]:
    """Total and available bytes of main memory; what the kernel would give back counts as available."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return total, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    known = dict(line.split(":", 1) for line in lines)
    return total, int(known["MemAvailable"].split()[0]) * 1024

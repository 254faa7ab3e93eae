"""A checkpoint's networks, however its file is laid out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.sampler.models.diffusion import DiffusionModel
from engine.sampler.models.text import TextEncoder
from engine.sampler.models.turns import Between, proceed
from engine.sampler.models.vae import Vae
from engine.sampler.sampling.locks import DeviceLocks


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where networks live and in which precision; text encoders and autoencoders stay in float32."""

    device: torch.device
    dtype: torch.dtype  # of the UNet
    locks: DeviceLocks = field(default_factory=DeviceLocks)  # of that device
    between: Between = proceed  # called between tensors that are read; what it raises ends the loading


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The three networks of a checkpoint, ready to run."""

    model: DiffusionModel
    text: TextEncoder
    vae: Vae
    size: int  # bytes of all weights


def load_checkpoint(path: Path, placement: Placement) -> Checkpoint:
    """Load a single-file checkpoint, or the built-in model's folder; blocks for seconds. Raises ModelFileError."""
    if path.is_dir():
        from engine.sampler.models.tiny import load_folder  # diffusers takes seconds to import

        return load_folder(path, placement)
    from engine.sampler.models.single_file import load_single_file

    return load_single_file(path, placement)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], placement: Placement, dtype: torch.dtype) -> list[str]:
    """Put tensors into a network that was made on the meta device; give the names that are missing or unexpected."""
    ready: dict[str, Tensor] = {}
    # CPUs convolve faster so; GPUs too, but torch's group norm for them undoes it, which costs more than it gains.
    kernels = torch.channels_last if placement.device.type == "cpu" else torch.contiguous_format
    for key, tensor in tensors.items():
        placement.between()
        # A copy even where nothing changes: the file stays mapped else, and who overwrites it would end this process.
        order = kernels if tensor.dim() == 4 else torch.preserve_format
        ready[key] = tensor.to(placement.device, dtype, copy=True, memory_format=order)
    missing, unexpected = network.load_state_dict(ready, strict=False, assign=True)
    wrong = [*missing, *unexpected]
    if not wrong:
        network.to(placement.device)  # buffers that no file has
    network.eval().requires_grad_(requires_grad=False)
    return wrong


def weight_bytes(network: nn.Module) -> int:
    """Count the bytes of a network's parameters."""
    return sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())

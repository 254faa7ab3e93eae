"""SD 1.x checkpoints in one file: recognised and loaded from nothing but their tensors."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from engine.model_files import Family, family_of
from engine.sampler.models import layout
from engine.sampler.models.checkpoint import Checkpoint, Placement, fill, weight_bytes
from engine.sampler.models.diffusion import SD1_COLOURS, DiffusionModel
from engine.sampler.models.files import ModelFileError, read_tensors
from engine.sampler.models.layout import Blueprint
from engine.sampler.models.text import TextEncoder, TextShape
from engine.sampler.models.tokens import clip_vocabulary
from engine.sampler.models.vae import Vae
from engine.sampler.sampling.kinds import SD1_SPACE, Discrete


def load_single_file(path: Path, placement: Placement) -> Checkpoint:
    """Load an SD 1.x checkpoint in the original single-file layout.

    Raises ModelFileError for a pickle, a damaged file, another family of models and missing tensors.
    """
    tensors = read_tensors(path)
    _check_family(path, tensors)
    unet = _filled(path, layout.unet, tensors, placement, placement.dtype)
    vae = _filled(path, layout.autoencoder, tensors, placement, torch.float32)
    text = _filled(path, layout.text_encoder, tensors, placement, torch.float32)
    return Checkpoint(
        model=DiffusionModel(
            network=unet.network,
            device=placement.device,
            dtype=placement.dtype,
            kind=Discrete(),
            space=SD1_SPACE,
            context_width=cast(int, unet.config["cross_attention_dim"]),
            colours=SD1_COLOURS,
        ),
        text=TextEncoder(
            network=text.network,
            shape=TextShape.of(text.config),
            vocabulary=clip_vocabulary(),
            device=placement.device,
            lock=placement.lock,
        ),
        vae=Vae(network=vae.network, device=placement.device, lock=placement.lock),
        size=sum(weight_bytes(part.network) for part in (unet, vae, text)),
    )


def _filled(
    path: Path,
    plan: Callable[[Mapping[str, Tensor]], Blueprint],
    tensors: Mapping[str, Tensor],
    placement: Placement,
    dtype: torch.dtype,
) -> Blueprint:
    """Make one of the networks and put its tensors in; each must find its place. Raises ModelFileError."""
    try:
        blueprint = plan(tensors)
        wrong = [*fill(blueprint.network, blueprint.tensors, placement, dtype), *blueprint.unused]
    except torch.OutOfMemoryError:
        raise
    except KeyError as error:
        wrong = [str(error.args[0])]
    except RuntimeError as error:  # shapes that do not fit; the first line only says which network
        reason = str(error).splitlines()[-1].strip()
        raise ModelFileError(f"{path.name} does not fit Stable Diffusion 1.x: {reason}") from error
    if wrong:
        shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ModelFileError(f"{path.name} does not fit Stable Diffusion 1.x: missing or unexpected {shown}.")
    return blueprint


def _check_family(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise ModelFileError unless these are the tensors of an SD 1.x checkpoint."""
    family = family_of(tensors)
    if family not in (Family.SD1, Family.LORA, Family.OTHER):
        raise ModelFileError(f"{path.name} is {family}; only checkpoints of {Family.SD1} are supported.")
    lacking = [part for part, key in layout.LANDMARKS.items() if key not in tensors]
    without = f"it has no {', no '.join(lacking)}"
    if len(lacking) == len(layout.LANDMARKS):
        raise ModelFileError(f"{path.name} is no checkpoint: {without} among its {len(tensors)} tensors.")
    if lacking:
        raise ModelFileError(f"{path.name} is not a whole Stable Diffusion 1.x checkpoint: {without}.")
    channels = tensors[layout.LANDMARKS["UNet"]].shape[1]
    if channels != SD1_SPACE.channels:
        raise ModelFileError(f"{path.name} is for another task: its UNet reads {channels} channels instead of 4.")

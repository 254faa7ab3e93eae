"""Checkpoints in one file: recognised and loaded from nothing but their tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from engine.model_files import Family, family_of
from engine.sampler.models import layout
from engine.sampler.models.checkpoint import Checkpoint, Placement, fill, weight_bytes
from engine.sampler.models.diffusion import (
    SD1_COLOURS,
    SDXL_COLOURS,
    DiffusionModel,
    LatentColours,
    Meaning,
    sizes_read,
)
from engine.sampler.models.files import ModelFileError, read_tensors
from engine.sampler.models.layout import Blueprint
from engine.sampler.models.lora import UNET_PREFIXES, layer_names
from engine.sampler.models.text import TextEncoder, TextShape, Tower
from engine.sampler.models.text_layout import clip_text, open_clip_text
from engine.sampler.models.tokens import clip_vocabulary
from engine.sampler.models.vae import Vae
from engine.sampler.sampling.kinds import SD1_SPACE, LatentSpace, Prediction

_ZERO_PADDING = 0  # what OpenCLIP's text models are filled up with
_PENULTIMATE = -2  # the layer that all families after SD 1.x read
_V_SPREAD = (
    0.09  # SD 2.x: how far a certain bias spreads in checkpoints that predict v, and not in those that predict eps
)
_V_BIAS = f"{layout.UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias"
_CHANNELS, _INPAINTING_CHANNELS = 4, 9  # that UNets read
_SDXL_SPACE = LatentSpace(scale=0.13025)


@dataclass(frozen=True, kw_only=True)
class _TowerPlan:
    """Where a text model is in the file, and how its family reads it."""

    key: str
    prefix: str
    open_clip: bool
    layer: int = -1
    normed: bool = True
    pooled: bool = False

    @property
    def landmark(self) -> str:
        """A tensor without which it is not there."""
        return self.prefix + ("token_embedding.weight" if self.open_clip else _CLIP_TABLE)


@dataclass(frozen=True, kw_only=True)
class _FamilyPlan:
    """What the checkpoints of a family have in common."""

    name: str
    towers: tuple[_TowerPlan, ...]
    space: LatentSpace = SD1_SPACE
    colours: LatentColours = SD1_COLOURS
    refiner: bool = False


_CLIP_TABLE = "text_model.embeddings.token_embedding.weight"
_SD1 = _FamilyPlan(
    name=Family.SD1, towers=(_TowerPlan(key="l", prefix="cond_stage_model.transformer.", open_clip=False),)
)
_SD2 = _FamilyPlan(
    name=Family.SD2,
    towers=(_TowerPlan(key="h", prefix="cond_stage_model.model.", open_clip=True, layer=_PENULTIMATE),),
)
_SDXL = _FamilyPlan(
    name=Family.SDXL,
    towers=(
        _TowerPlan(
            key="l", prefix="conditioner.embedders.0.transformer.", open_clip=False, layer=_PENULTIMATE, normed=False
        ),
        _TowerPlan(
            key="g",
            prefix="conditioner.embedders.1.model.",
            open_clip=True,
            layer=_PENULTIMATE,
            normed=False,
            pooled=True,
        ),
    ),
    space=_SDXL_SPACE,
    colours=SDXL_COLOURS,
)
_REFINER = _FamilyPlan(
    name=Family.SDXL,
    towers=(
        _TowerPlan(
            key="g",
            prefix="conditioner.embedders.0.model.",
            open_clip=True,
            layer=_PENULTIMATE,
            normed=False,
            pooled=True,
        ),
    ),
    space=_SDXL_SPACE,
    colours=SDXL_COLOURS,
    refiner=True,
)


def load_single_file(path: Path, placement: Placement) -> Checkpoint:
    """Load a checkpoint of SD 1.x, SD 2.x, SDXL or its refiner, for drawing or for inpainting, in one file.

    Raises ModelFileError for a pickle, a damaged file, another family of models and missing tensors.
    """
    tensors = _with_todays_text_names(read_tensors(path))
    plan = _plan(path, tensors)
    unet = _filled(path, plan, layout.unet, tensors, placement, placement.dtype)
    vae = _filled(path, plan, layout.autoencoder, tensors, placement, torch.float32)
    towers = [_tower(path, plan, tower, tensors, placement) for tower in plan.towers]
    return Checkpoint(
        model=_diffusion(plan, unet, tensors, placement),
        text=TextEncoder(towers=towers, device=placement.device, lock=placement.locks.rest),
        vae=Vae(network=vae.network, device=placement.device, locks=placement.locks),
        size=sum(weight_bytes(network) for network in (unet.network, vae.network, *(one.network for one in towers))),
    )


def load_vae_file(path: Path, placement: Placement) -> Vae:
    """Load an autoencoder from a file of its own, or from a checkpoint. Raises ModelFileError."""
    tensors = read_tensors(path)
    prefix = layout.VAE if layout.VAE_LANDMARK in tensors else ""
    if f"{prefix}decoder.conv_in.weight" not in tensors:
        raise ModelFileError(f"{path.name} is no autoencoder (VAE): there is none among its {len(tensors)} tensors.")
    vae = _fitted(path, "an autoencoder", lambda found: layout.autoencoder(found, prefix), tensors, placement)
    return Vae(network=vae.network, device=placement.device, locks=placement.locks)


def _diffusion(
    plan: _FamilyPlan, unet: Blueprint, tensors: Mapping[str, Tensor], placement: Placement
) -> DiffusionModel:
    return DiffusionModel(
        network=unet.network,
        device=placement.device,
        dtype=placement.dtype,
        kind=_meaning(tensors).kind,
        space=plan.space,
        context_width=cast(int, unet.config["cross_attention_dim"]),
        colours=plan.colours,
        pooled_width=layout.pooled_width(unet.config, sizes_read(refiner=plan.refiner)),
        refiner=plan.refiner,
        inpainting=unet.config["in_channels"] == _INPAINTING_CHANNELS,
        layers=layer_names(unet.network, UNET_PREFIXES, unet.origins),
    )


def _meaning(tensors: Mapping[str, Tensor]) -> Meaning:
    """Tell what the network predicts: some files say so, in SD 2.x only the spread of a bias tells."""
    bias = tensors.get(_V_BIAS) if f"{_SD2.towers[0].prefix}token_embedding.weight" in tensors else None
    spread = bias is not None and float(bias.float().std(correction=0)) > _V_SPREAD
    return Meaning(
        prediction=Prediction.V if spread or "v_pred" in tensors else Prediction.EPS,
        zero_terminal_snr="ztsnr" in tensors,
    )


def _tower(
    path: Path, plan: _FamilyPlan, tower: _TowerPlan, tensors: Mapping[str, Tensor], placement: Placement
) -> Tower:
    projection: Tensor | None = None

    def read(found: Mapping[str, Tensor]) -> Blueprint:
        nonlocal projection
        if not tower.open_clip:
            return clip_text(found, tower.prefix)
        blueprint, projection = open_clip_text(found, tower.prefix)
        if tower.pooled and projection is None:
            raise KeyError(f"{tower.prefix}text_projection")
        return blueprint

    made = _filled(path, plan, read, tensors, placement, torch.float32)
    return Tower(
        key=tower.key,
        network=made.network,
        shape=TextShape.of(made.config),
        vocabulary=clip_vocabulary(),
        padding=_ZERO_PADDING if tower.open_clip else None,
        layer=tower.layer,
        normed=tower.normed,
        projection=projection.to(torch.float32, copy=True) if tower.pooled and projection is not None else None,
    )


def _filled(
    path: Path,
    plan: _FamilyPlan,
    read: Callable[[Mapping[str, Tensor]], Blueprint],
    tensors: Mapping[str, Tensor],
    placement: Placement,
    dtype: torch.dtype,
) -> Blueprint:
    return _fitted(path, plan.name, read, tensors, placement, dtype)


def _fitted(
    path: Path,
    family: str,
    read: Callable[[Mapping[str, Tensor]], Blueprint],
    tensors: Mapping[str, Tensor],
    placement: Placement,
    dtype: torch.dtype = torch.float32,
) -> Blueprint:
    """Make a network and put its tensors in; each must find its place. Raises ModelFileError."""
    try:
        blueprint = read(tensors)
        wrong = [*fill(blueprint.network, blueprint.tensors, placement, dtype), *blueprint.unused]
    except torch.OutOfMemoryError:
        raise
    except KeyError as error:
        wrong = [str(error.args[0])]
    except RuntimeError as error:  # shapes that do not fit; the first line only says which network
        reason = str(error).splitlines()[-1].strip()
        raise ModelFileError(f"{path.name} does not fit {family}: {reason}") from error
    if wrong:
        shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ModelFileError(f"{path.name} does not fit {family}: missing or unexpected {shown}.")
    return blueprint


def _with_todays_text_names(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Put in what some old SD 1.x checkpoints lack in the names of their text model."""
    prefix = _SD1.towers[0].prefix
    if any(name.startswith(f"{prefix}text_model.") for name in tensors):
        return tensors
    parts = tuple(prefix + part for part in ("embeddings.", "encoder.", "final_layer_norm."))
    return {
        f"{prefix}text_model.{name.removeprefix(prefix)}" if name.startswith(parts) else name: tensor
        for name, tensor in tensors.items()
    }


def _plan(path: Path, tensors: Mapping[str, Tensor]) -> _FamilyPlan:
    """Tell the family. Raises ModelFileError unless these are the tensors of a whole checkpoint of one."""
    family = family_of(tensors)
    if family in (Family.SD3, Family.FLUX):
        raise ModelFileError(f"{path.name} is {family}; Stable Diffusion 1.x, 2.x and XL are supported.")
    plan = {Family.SD2: _SD2, Family.SDXL: _SDXL}.get(family, _SD1)
    if plan is _SDXL and _REFINER.towers[0].landmark in tensors:
        plan = _REFINER
    landmarks = [("UNet", layout.UNET_LANDMARK), ("autoencoder", layout.VAE_LANDMARK)]
    landmarks += [("text encoder", tower.landmark) for tower in plan.towers]
    lacking = list(dict.fromkeys(part for part, key in landmarks if key not in tensors))
    without = f"it has no {', no '.join(lacking)}"
    if len(lacking) == len(dict(landmarks)):
        raise ModelFileError(f"{path.name} is no checkpoint: {without} among its {len(tensors)} tensors.")
    if lacking:
        raise ModelFileError(f"{path.name} is not a whole {plan.name} checkpoint: {without}.")
    channels = tensors[layout.UNET_LANDMARK].shape[1]
    if channels not in (_CHANNELS, _INPAINTING_CHANNELS):
        raise ModelFileError(
            f"{path.name} is for another task: its UNet reads {channels} channels instead of 4, or 9 for inpainting."
        )
    return plan

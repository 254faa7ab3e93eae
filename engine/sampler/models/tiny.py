"""The built-in model: a folder in diffusers' layout, with a vocabulary of its own."""

import json
from pathlib import Path
from typing import cast

import torch
from torch import nn

from engine.sampler.models import networks
from engine.sampler.models.checkpoint import Checkpoint, Placement, fill, weight_bytes
from engine.sampler.models.diffusion import DiffusionModel, LatentColours
from engine.sampler.models.files import ModelFileError, read_tensors
from engine.sampler.models.lora import UNET_PREFIXES, layer_names
from engine.sampler.models.text import TextEncoder, TextShape, Tower
from engine.sampler.models.tokens import WordVocabulary
from engine.sampler.models.vae import Vae
from engine.sampler.sampling.kinds import Discrete, LatentSpace, scaled_linear_table


def load_folder(path: Path, placement: Placement) -> Checkpoint:
    """Load the built-in model from its folder. Raises ModelFileError."""
    try:
        return _load(path, placement)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"The built-in model is damaged ({error!r}); install Atelier again.") from error


def _load(path: Path, placement: Placement) -> Checkpoint:
    index = _json(path / "model_index.json")
    schedule = cast(dict[str, float], index["schedule"])
    unet_config, vae_config = _json(path / "unet" / "config.json"), _json(path / "vae" / "config.json")
    text_config = _json(path / "text_encoder" / "config.json")
    unet = networks.empty_unet(unet_config)
    vae = networks.empty_autoencoder(vae_config, str(vae_config["_class_name"]))
    text = networks.empty_text_model(text_config)
    _fill(unet, path / "unet" / "diffusion_pytorch_model.safetensors", placement, placement.dtype)
    _fill(vae, path / "vae" / "diffusion_pytorch_model.safetensors", placement, torch.float32)
    _fill(text, path / "text_encoder" / "model.safetensors", placement, torch.float32)
    table = scaled_linear_table(
        beta_start=schedule["beta_start"], beta_end=schedule["beta_end"], steps=int(schedule["steps"])
    )
    return Checkpoint(
        model=DiffusionModel(
            network=unet,
            device=placement.device,
            dtype=placement.dtype,
            kind=Discrete(table=table),
            space=LatentSpace(
                channels=cast(int, unet_config["in_channels"]), scale=cast(float, vae_config["scaling_factor"])
            ),
            context_width=cast(int, unet_config["cross_attention_dim"]),
            colours=_colours(path / "latent_rgb.json"),
            layers=layer_names(unet, UNET_PREFIXES, {}),
        ),
        text=TextEncoder(
            towers=[
                Tower(
                    key="l",
                    network=text,
                    shape=TextShape.of(text_config),
                    vocabulary=WordVocabulary(path / "tokenizer" / "vocab.json"),
                )
            ],
            device=placement.device,
            lock=placement.locks.rest,
        ),
        vae=Vae(network=vae, device=placement.device, locks=placement.locks),
        size=sum(weight_bytes(network) for network in (unet, vae, text)),
    )


def _fill(network: nn.Module, path: Path, placement: Placement, dtype: torch.dtype) -> None:
    wrong = fill(network, read_tensors(path), placement, dtype)
    if wrong:
        raise ModelFileError(f"The built-in model's {path.parent.name} does not fit: missing or unexpected {wrong[0]}.")


def _colours(path: Path) -> LatentColours:
    written = _json(path)
    matrix = cast(list[list[float]], written["matrix"])
    red, green, blue = cast(list[float], written["bias"])
    return LatentColours(matrix=tuple((row[0], row[1], row[2]) for row in matrix), bias=(red, green, blue))


def _json(path: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return read

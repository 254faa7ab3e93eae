"""The built-in model: a folder in diffusers' layout, with a vocabulary of its own."""

import inspect
import json
from pathlib import Path
from typing import TypeVar, cast

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig

from engine.sampler.models.checkpoint import Checkpoint, Placement, fill, weight_bytes
from engine.sampler.models.diffusion import DiffusionModel, LatentColours
from engine.sampler.models.files import ModelFileError, read_tensors
from engine.sampler.models.layout import empty_text_model
from engine.sampler.models.text import TextEncoder
from engine.sampler.models.tokens import WordVocabulary
from engine.sampler.models.vae import Vae
from engine.sampler.sampling.kinds import Discrete, LatentSpace, scaled_linear_table

_Made = TypeVar("_Made", bound=nn.Module)
_AUTOENCODERS: dict[str, type[AutoencoderTiny | AutoencoderKL]] = {"AutoencoderTiny": AutoencoderTiny, "AutoencoderKL": AutoencoderKL}


def load_folder(path: Path, placement: Placement) -> Checkpoint:
    """Load the built-in model from its folder. Raises ModelFileError."""
    try:
        return _load(path, placement)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"The built-in model in {path.name} is damaged ({error!r}); install Atelier again.") from error


def _load(path: Path, placement: Placement) -> Checkpoint:
    index = _json(path / "model_index.json")
    schedule = cast(dict[str, float], index["schedule"])
    vae_config = _json(path / "vae" / "config.json")
    with torch.device("meta"):
        unet = _made(UNet2DConditionModel, _json(path / "unet" / "config.json"))
        vae = _made(_AUTOENCODERS[str(vae_config["_class_name"])], vae_config)
    text = empty_text_model(CLIPTextConfig(**_json(path / "text_encoder" / "config.json")))
    _fill(unet, path / "unet" / "diffusion_pytorch_model.safetensors", placement, placement.dtype)
    _fill(vae, path / "vae" / "diffusion_pytorch_model.safetensors", placement, torch.float32)
    _fill(text, path / "text_encoder" / "model.safetensors", placement, torch.float32)
    table = scaled_linear_table(
        beta_start=schedule["beta_start"], beta_end=schedule["beta_end"], steps=int(schedule["steps"])
    )
    return Checkpoint(
        model=DiffusionModel(
            network=unet,
            kind=Discrete(table=table),
            space=LatentSpace(channels=unet.config.in_channels, scale=vae.config.scaling_factor),
            colours=_colours(path / "latent_rgb.json"),
        ),
        text=TextEncoder(
            network=text, vocabulary=WordVocabulary(path / "tokenizer" / "vocab.json"), lock=placement.lock
        ),
        vae=Vae(network=vae, lock=placement.lock),
        size=sum(map(weight_bytes, (unet, vae, text))),
    )


def _made(kind: type[_Made], config: dict[str, object]) -> _Made:
    """Make a network from a configuration as diffusers writes it, which may hold more than the class takes."""
    taken = inspect.signature(kind.__init__).parameters
    return kind(**{name: value for name, value in config.items() if name in taken})


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

"""Making networks: the one place that touches the loosely typed constructors of diffusers and transformers.

Networks are made on the meta device, so that no memory is filled before a file's tensors take their places.
"""

import inspect
from collections.abc import Mapping
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

Config = Mapping[str, object]
_AUTOENCODERS = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}


def empty_unet(config: Config) -> nn.Module:
    """Make a UNet2DConditionModel without weights."""
    return _empty(UNet2DConditionModel, config)


def empty_autoencoder(config: Config, kind: str = "AutoencoderKL") -> nn.Module:
    """Make an autoencoder without weights. Raises KeyError for an unknown kind."""
    return _empty(_AUTOENCODERS[kind], config)


def empty_text_model(config: Config) -> nn.Module:
    """Make a CLIPTextModel without weights, but for its table of positions, which no file has."""
    parsed = CLIPTextConfig(**cast(dict[str, Any], config))
    with torch.device("meta"):
        network = CLIPTextModel(parsed)
    network.embeddings.register_buffer(
        "position_ids", torch.arange(parsed.max_position_embeddings)[None], persistent=False
    )
    return network


def convert_unet(tensors: Mapping[str, Tensor], config: Config) -> dict[str, Tensor]:
    """Rename a single-file checkpoint's UNet tensors to diffusers' names."""
    converted: dict[str, Tensor] = single_file_utils.convert_ldm_unet_checkpoint(dict(tensors), dict(config))  # type: ignore[no-untyped-call]
    return converted


def convert_autoencoder(tensors: Mapping[str, Tensor], config: Config) -> dict[str, Tensor]:
    """Rename a single-file checkpoint's autoencoder tensors to diffusers' names."""
    converted: dict[str, Tensor] = single_file_utils.convert_ldm_vae_checkpoint(dict(tensors), dict(config))  # type: ignore[no-untyped-call]
    return converted


def _empty(kind: Any, config: Config) -> nn.Module:
    """Make a network from a configuration as diffusers writes it, which may hold more than the class takes."""
    taken = inspect.signature(kind.__init__).parameters
    with torch.device("meta"):
        network: nn.Module = kind(**{name: value for name, value in config.items() if name in taken})
    return network

"""The original (LDM) single-file layout of SD 1.x: network shapes read from its tensors, names changed to today's.

Every function gives an empty network with the tensors that belong in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from engine.sampler.models import networks

Tensors = Mapping[str, Tensor]

_UNET = "model.diffusion_model."
_VAE = "first_stage_model."
_VAE_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")  # the rest was for training
_TEXT = "cond_stage_model.transformer."
LANDMARKS = {
    "UNet": f"{_UNET}input_blocks.0.0.weight",
    "autoencoder": f"{_VAE}decoder.conv_in.weight",
    "text encoder": f"{_TEXT}text_model.embeddings.token_embedding.weight",
}
"""Tensors whose absence tells what a file lacks."""

_FIRST_ATTENTION = "input_blocks.1.1.transformer_blocks.0"
_HEADS = 8  # of every attention in SD 1.x; not visible in tensors
_TEXT_HEAD_WIDTH = 64  # of CLIP's text models


@dataclass(frozen=True, kw_only=True, eq=False)
class Blueprint:
    """An empty network and the tensors that go into it, under its own names."""

    part: str
    network: nn.Module
    config: Mapping[str, object]
    tensors: dict[str, Tensor]
    unused: tuple[str, ...] = ()  # names of the file that found no place


def unet(tensors: Tensors) -> Blueprint:
    """Read the UNet's blocks, channels and attention from its tensors."""
    found = _below(tensors, _UNET)
    shape = _UnetShape(found)
    config = {
        "in_channels": found["input_blocks.0.0.weight"].shape[1],
        "out_channels": found["out.2.weight"].shape[0],
        "block_out_channels": shape.channels,
        "layers_per_block": shape.layers,
        "down_block_types": tuple("CrossAttnDownBlock2D" if with_ else "DownBlock2D" for with_ in shape.attention),
        "up_block_types": tuple("CrossAttnUpBlock2D" if with_ else "UpBlock2D" for with_ in reversed(shape.attention)),
        "attention_head_dim": _HEADS,  # diffusers' name for the number of heads
        "cross_attention_dim": shape.context_width,
    }
    converted = networks.convert_unet(_subset(tensors, _UNET), config)
    return Blueprint(
        part="UNet",
        network=networks.empty_unet(config),
        config=config,
        tensors=converted,
        unused=_left_out(found, converted),
    )


def autoencoder(tensors: Tensors) -> Blueprint:
    """Read the autoencoder's levels from its tensors."""
    found = {name: tensor for name, tensor in _below(tensors, _VAE).items() if name.startswith(_VAE_PARTS)}
    levels = _count(found, "encoder.down.")
    config = {
        "latent_channels": found["post_quant_conv.weight"].shape[1],
        "block_out_channels": tuple(found[f"encoder.down.{i}.block.0.conv1.weight"].shape[0] for i in range(levels)),
        "layers_per_block": _count(found, "encoder.down.0.block."),
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
    }
    converted = networks.convert_autoencoder(_subset(tensors, _VAE), config)
    return Blueprint(
        part="autoencoder",
        network=networks.empty_autoencoder(config),
        config=config,
        tensors=converted,
        unused=_left_out(found, converted),
    )


def text_encoder(tensors: Tensors) -> Blueprint:
    """Read CLIP's text model from its tensors; what only its training needed is left out."""
    found = {
        name: tensor for name, tensor in _below(tensors, f"{_TEXT}text_model.").items() if "position_ids" not in name
    }
    vocabulary, width = found["embeddings.token_embedding.weight"].shape
    config = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": found["encoder.layers.0.mlp.fc1.weight"].shape[0],
        "num_hidden_layers": _count(found, "encoder.layers."),
        "num_attention_heads": width // _TEXT_HEAD_WIDTH,
        "max_position_embeddings": found["embeddings.position_embedding.weight"].shape[0],
    }
    return Blueprint(part="text encoder", network=networks.empty_text_model(config), config=config, tensors=found)


class _UnetShape:
    """What the input blocks say: a level is some residual layers, each perhaps with attention, then a downsampling."""

    def __init__(self, found: Tensors) -> None:
        layers: list[list[bool]] = [[]]  # by level: does each layer have attention?
        widths: list[int] = []  # by level
        for block in range(1, _count(found, "input_blocks.")):
            if f"input_blocks.{block}.0.op.weight" in found:
                layers.append([])
                continue
            if not layers[-1]:
                widths.append(found[f"input_blocks.{block}.0.out_layers.3.weight"].shape[0])
            layers[-1].append(any(name.startswith(f"input_blocks.{block}.1.") for name in found))
        self.channels = tuple(widths)
        self.layers = len(layers[0])
        self.attention = tuple(all(level) for level in layers)
        self.context_width = found[f"{_FIRST_ATTENTION}.attn2.to_k.weight"].shape[1]


def _below(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _subset(tensors: Tensors, prefix: str) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _count(found: Tensors, prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in found if name.startswith(prefix)})


def _left_out(found: Tensors, converted: Tensors) -> tuple[str, ...]:
    """Name the file's tensors that a conversion dropped (it gives tensors on, or views of them)."""
    places = {tensor.data_ptr() for tensor in converted.values()}
    return tuple(name for name, tensor in found.items() if tensor.data_ptr() not in places)

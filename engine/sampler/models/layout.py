"""The original (LDM) single-file layout: network shapes read from its tensors, names changed to today's.

Every function gives an empty network with the tensors that belong in it. Text models are in `text_layout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from engine.sampler.models import networks

Tensors = Mapping[str, Tensor]

UNET = "model.diffusion_model."
VAE = "first_stage_model."
_VAE_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")  # the rest was for training
UNET_LANDMARK = f"{UNET}input_blocks.0.0.weight"
VAE_LANDMARK = f"{VAE}decoder.conv_in.weight"

_HEADS = 8  # of every attention in SD 1.x; not visible in tensors
_HEAD_WIDTH = 64  # in all later families, whose attention has linear projections
_SIZE_WIDTH = 256  # numbers that each of SDXL's sizes is spread to
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Blueprint:
    """An empty network and the tensors that go into it, under its own names."""

    part: str
    network: nn.Module
    config: Mapping[str, object]
    tensors: dict[str, Tensor]
    unused: tuple[str, ...] = ()  # names of the file that found no place
    origins: Mapping[str, str] = field(default_factory=dict)  # the file's names (without prefix) by ours


def unet(tensors: Tensors) -> Blueprint:
    """Read the UNet's blocks, channels and attention from its tensors."""
    found = below(tensors, UNET)
    shape = _UnetShape(found)
    config: dict[str, object] = {
        "in_channels": found["input_blocks.0.0.weight"].shape[1],
        "out_channels": found["out.2.weight"].shape[0],
        "block_out_channels": shape.channels,
        "layers_per_block": shape.layers,
        "down_block_types": tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in shape.depths),
        "up_block_types": tuple("CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(shape.depths)),
        "transformer_layers_per_block": shape.transformer_layers,
        "attention_head_dim": shape.heads,  # diffusers' name for the number of heads
        "cross_attention_dim": shape.context_width,
        "use_linear_projection": shape.linear,
    }
    if (spread := found.get("label_emb.0.0.weight")) is not None:
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": _SIZE_WIDTH,
            "projection_class_embeddings_input_dim": spread.shape[1],
        }
    converted = networks.convert_unet(_subset(tensors, UNET), config)
    return _blueprint("UNet", networks.empty_unet(config), config, found, converted)


def pooled_width(unet_config: Mapping[str, object], sizes: int) -> int:
    """Give how many numbers of a pooled prompt a UNet reads, which is told so many sizes besides; 0 for none."""
    read = unet_config.get("projection_class_embeddings_input_dim")
    return read - sizes * _SIZE_WIDTH if isinstance(read, int) else 0


def autoencoder(tensors: Tensors, prefix: str = VAE) -> Blueprint:
    """Read the autoencoder's levels from its tensors; with an empty prefix from a file of its own."""
    found = {name: tensor for name, tensor in below(tensors, prefix).items() if name.startswith(_VAE_PARTS)}
    if "encoder.down_blocks.0.resnets.0.conv1.weight" in found:
        return _todays_autoencoder(found)
    levels = count(found, "encoder.down.")
    config = _vae_config(
        found,
        channels=[found[f"encoder.down.{i}.block.0.conv1.weight"].shape[0] for i in range(levels)],
        layers=count(found, "encoder.down.0.block."),
    )
    converted = networks.convert_autoencoder(found, config)
    return _blueprint("autoencoder", networks.empty_autoencoder(config), config, found, converted)


def _todays_autoencoder(found: Tensors) -> Blueprint:
    """Take an autoencoder as diffusers writes it, at most with older names of its attention."""
    levels = count(found, "encoder.down_blocks.")
    config = _vae_config(
        found,
        channels=[found[f"encoder.down_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(levels)],
        layers=count(found, "encoder.down_blocks.0.resnets."),
    )
    named: dict[str, Tensor] = {}
    for name, tensor in found.items():
        layer, _, ending = name.rpartition(".")
        before, _, last = layer.rpartition(".")
        old = "attentions" in before and last in _OLD_ATTENTION
        named[f"{before}.{_OLD_ATTENTION[last]}.{ending}" if old else name] = tensor
    return Blueprint(part="autoencoder", network=networks.empty_autoencoder(config), config=config, tensors=named)


def _vae_config(found: Tensors, *, channels: list[int], layers: int) -> dict[str, object]:
    return {
        "latent_channels": found["post_quant_conv.weight"].shape[1],
        "block_out_channels": tuple(channels),
        "layers_per_block": layers,
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
    }


class _UnetShape:
    """What the input blocks say: a level is some residual layers, each perhaps with attention, then a downsampling."""

    def __init__(self, found: Tensors) -> None:
        levels: list[list[int]] = [[]]  # by level and layer: how many transformer blocks
        widths: list[int] = []  # by level
        for block in range(1, count(found, "input_blocks.")):
            if f"input_blocks.{block}.0.op.weight" in found:
                levels.append([])
                continue
            if not levels[-1]:
                widths.append(found[f"input_blocks.{block}.0.out_layers.3.weight"].shape[0])
            levels[-1].append(count(found, f"input_blocks.{block}.1.transformer_blocks."))
        self.channels = tuple(widths)
        self.layers = len(levels[0])
        self.depths = tuple(min(level, default=0) for level in levels)
        self.linear = any(name.endswith("proj_in.weight") and found[name].ndim == 2 for name in found)
        self.heads = tuple(width // _HEAD_WIDTH for width in widths) if self.linear else _HEADS
        reader = next((name for name in found if name.endswith("attn2.to_k.weight")), "attn2.to_k.weight")
        self.context_width = found[reader].shape[1]
        middle = count(found, "middle_block.1.transformer_blocks.")
        # The middle's depth is taken from the last level; one without attention has no other use for it.
        self.transformer_layers = (*(depth or 1 for depth in self.depths[:-1]), self.depths[-1] or middle)


def below(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose names begin so, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def count(found: Tensors, prefix: str) -> int:
    """Count the different names that follow a prefix, up to the next dot."""
    return len({name.removeprefix(prefix).split(".")[0] for name in found if name.startswith(prefix)})


def _subset(tensors: Tensors, prefix: str) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _blueprint(
    part: str, network: nn.Module, config: Mapping[str, object], found: Tensors, converted: dict[str, Tensor]
) -> Blueprint:
    """Tell which of the file's tensors went where: a conversion gives tensors on, or views of them."""
    places = {tensor.data_ptr(): name for name, tensor in converted.items()}
    return Blueprint(
        part=part,
        network=network,
        config=config,
        tensors=converted,
        unused=tuple(name for name, tensor in found.items() if tensor.data_ptr() not in places),
        origins={places[tensor.data_ptr()]: name for name, tensor in found.items() if tensor.data_ptr() in places},
    )

"""Text models in single-file checkpoints, in the two ways in which they are written: transformers' and OpenCLIP's."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.sampler.models import networks
from engine.sampler.models.layout import Blueprint, Tensors, below, count

_HEAD_WIDTH = 64  # of CLIP's text models
_OPEN_LAYER_NAMES = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_OPEN_NAMES = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
_OF_TRAINING = ("logit_scale", "attn_mask", "text_projection")


def clip_text(tensors: Tensors, prefix: str) -> Blueprint:
    """Read CLIP's text model from its tensors; what only its training needed is left out."""
    found = {
        name: tensor for name, tensor in below(tensors, f"{prefix}text_model.").items() if "position_ids" not in name
    }
    return _blueprint(found, activation="quick_gelu")


def open_clip_text(tensors: Tensors, prefix: str) -> tuple[Blueprint, Tensor | None]:
    """Read an OpenCLIP text model from its tensors, and its projection [width, width] of the pooled encoding."""
    found = below(tensors, prefix)
    made: dict[str, Tensor] = {}
    unused: list[str] = []
    for name, tensor in found.items():
        names = _renamed(name)
        made.update(zip(names, torch.chunk(tensor, len(names)), strict=True) if names else ())
        if not names and name not in _OF_TRAINING:
            unused.append(name)
    blueprint = _blueprint(made, activation="gelu", unused=tuple(unused))
    return blueprint, found.get("text_projection")


def _renamed(name: str) -> tuple[str, ...]:
    """Give today's names of an OpenCLIP tensor; attention's three matrices are one there."""
    if name in _OPEN_NAMES:
        return (_OPEN_NAMES[name],)
    match name.split(".", 3):
        case ["transformer", "resblocks", number, rest]:
            layer = f"encoder.layers.{number}"
        case _:
            return ()
    if rest.startswith("attn.in_proj_"):
        ending = rest.removeprefix("attn.in_proj_")
        return tuple(f"{layer}.self_attn.{part}_proj.{ending}" for part in "qkv")
    old, _, ending = rest.rpartition(".")
    return (f"{layer}.{_OPEN_LAYER_NAMES[old]}.{ending}",) if old in _OPEN_LAYER_NAMES else ()


def _blueprint(found: dict[str, Tensor], *, activation: str, unused: tuple[str, ...] = ()) -> Blueprint:
    vocabulary, width = found["embeddings.token_embedding.weight"].shape
    config: Mapping[str, object] = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": found["encoder.layers.0.mlp.fc1.weight"].shape[0],
        "num_hidden_layers": count(found, "encoder.layers."),
        "num_attention_heads": width // _HEAD_WIDTH,
        "max_position_embeddings": found["embeddings.position_embedding.weight"].shape[0],
        "hidden_act": activation,
    }
    network = networks.empty_text_model(config)
    return Blueprint(part="text encoder", network=network, config=config, tensors=found, unused=unused)

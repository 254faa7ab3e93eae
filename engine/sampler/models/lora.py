"""LoRA files: small changes to a network's weights, added while the network itself stays as it is.

A changed network shares every weight that no LoRA touches with the one it is made from, so several of them cost little
and stand side by side; nothing is loaded anew and nothing has to be undone. How the changes are written is in
`lora_changes`; W' = W + strength · change.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.sampler.models.files import ModelFile, ModelFileError
from engine.sampler.models.lora_changes import Change, read_changes

_WEIGHT = ".weight"
UNET_PREFIXES = ("lora_unet_", "unet_", "diffusion_model_", "model_diffusion_model_", "base_model_model_", "")
"""What stands before the names of a UNet's layers, written with underscores."""


@dataclass(frozen=True, kw_only=True)
class LoraUse:
    """A LoRA file and how strongly it counts."""

    file: ModelFile
    strength: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LoraFile:
    """What a file holds: changes by the name of their layer, written with underscores."""

    name: str
    layers: Mapping[str, Change]


def read_lora(name: str, tensors: Mapping[str, Tensor]) -> LoraFile:
    """Find the changes among a file's tensors. Raises ModelFileError if there are none or of an unknown kind."""
    layers = read_changes(name, tensors)
    if not layers:
        raise ModelFileError(f"{name} is no LoRA: nothing among its {len(tensors)} tensors is named as in one.")
    return LoraFile(name=name, layers=layers)


def matched(lora: LoraFile, aliases: Mapping[str, str]) -> dict[str, Change]:
    """Give the changes that belong to a network, by the names of its weights; `aliases` is from `layer_names`."""
    return {aliases[layer]: change for layer, change in lora.layers.items() if layer in aliases}


def layer_names(network: nn.Module, prefixes: Sequence[str], origins: Mapping[str, str]) -> dict[str, str]:
    """Give a network's weights by all names that LoRA files use for their layers, written with underscores.

    `origins` are the names that the weights have in single-file checkpoints.
    """
    found: dict[str, str] = {}
    for weight, _ in network.named_parameters():
        if weight.endswith(_WEIGHT):
            for name in {weight, origins.get(weight, weight)}:
                flat = name.removesuffix(_WEIGHT).replace(".", "_")
                found.update({prefix + flat: weight for prefix in prefixes})
    return found


def changed(
    network: nn.Module, uses: Iterable[tuple[LoraFile, float]], aliases: Mapping[str, str]
) -> tuple[nn.Module, int]:
    """Give a network with LoRAs added, each at its strength, and the bytes of the weights that are its own.

    All other weights are shared with `network`, which stays as it is. Raises ModelFileError for shapes that do not fit.
    """
    made: dict[str, Tensor] = {}
    for lora, strength in uses:
        for weight, change in matched(lora, aliases).items():
            base = network.get_parameter(weight)
            try:
                added = change.of(base.shape, base.device)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise ModelFileError(
                    f"{lora.name} does not fit this model: its {weight.removesuffix(_WEIGHT)} has another shape. "
                    "It was made for another kind of model."
                ) from error
            made[weight] = made.get(weight, base.float()) + strength * added
    own = {weight: tensor.to(network.get_parameter(weight).dtype) for weight, tensor in made.items()}
    return _with_weights(network, own), sum(tensor.nbytes for tensor in own.values())


def _with_weights(network: nn.Module, own: Mapping[str, Tensor]) -> nn.Module:
    """Copy a network's structure, not its weights, and exchange some."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    made = copy.deepcopy(network, memo=dict(shared))
    for name, tensor in own.items():
        layer, _, attribute = name.rpartition(".")
        made.get_submodule(layer).register_parameter(attribute, nn.Parameter(tensor, requires_grad=False))
    return made

"""LoRA files: small changes to a network's weights, added while the network itself stays as it is.

A changed network shares every weight that no LoRA touches with the one it is made from, so several of them cost little
and stand side by side; nothing is loaded anew and nothing has to be undone.

Formula (Hu et al. 2021, arXiv 2106.09685): W' = W + strength · alpha/rank · up·down. Convolutions: Yeh et al. 2023,
arXiv 2309.14859 (LoCon), with or without a core between.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.sampler.models.files import ModelFile, ModelFileError

_WEIGHT = ".weight"
_ENDINGS = (  # of the two matrices, as kohya's scripts, peft and older and newer diffusers write them
    (".lora_up.weight", ".lora_down.weight"),
    (".lora_B.weight", ".lora_A.weight"),
    (".lora_B.default.weight", ".lora_A.default.weight"),
    (".lora.up.weight", ".lora.down.weight"),
    ("_lora.up.weight", "_lora.down.weight"),
    (".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight"),
)
_OTHER_KINDS = (".hada_w1_a", ".lokr_w1", ".lokr_w1_a", ".dora_scale", ".oft_diag", ".oft_blocks", ".diff", ".glora_a")
_OLD_NAMES = (("_processor_", "_"), ("_to_out_lora", "_to_out_0"))
_OLD_TEXT_NAMES = {f"self_attn_to_{old}": f"self_attn_{new}_proj" for old, new in zip("qkv", "qkv", strict=True)} | {
    "self_attn_to_out_0": "self_attn_out_proj"
}
UNET_PREFIXES = ("lora_unet_", "unet_", "diffusion_model_", "model_diffusion_model_", "base_model_model_", "")
"""What stands before the names of a UNet's layers, written with underscores."""


@dataclass(frozen=True, kw_only=True)
class LoraUse:
    """A LoRA file and how strongly it counts."""

    file: ModelFile
    strength: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Factors:
    """The matrices that change one layer."""

    up: Tensor  # [out, rank] or [out, rank, 1, 1]
    down: Tensor  # [rank, in] or [rank, in, height, width]
    core: Tensor | None  # [rank, rank, height, width]
    alpha: float | None  # None: as large as the rank

    def change(self, shape: torch.Size, device: torch.device) -> Tensor:
        """Give what is added at strength 1, float32. Raises RuntimeError if it has another shape."""
        up, down = (tensor.to(device, torch.float32) for tensor in (self.up, self.down))
        if self.core is None:
            product = up.flatten(1) @ down.flatten(1)
        else:
            core = self.core.to(device, torch.float32)
            product = torch.einsum("or,rshw,si->oihw", up.flatten(1), core, down.flatten(1))
        scale = 1.0 if self.alpha is None else self.alpha / down.shape[0]
        return product.reshape(shape) * scale


@dataclass(frozen=True, kw_only=True, eq=False)
class LoraFile:
    """What a file holds: factors by the name of their layer, written with underscores."""

    name: str
    layers: Mapping[str, Factors]


def read_lora(name: str, tensors: Mapping[str, Tensor]) -> LoraFile:
    """Find the factors among a file's tensors. Raises ModelFileError if there are none or of another kind."""
    layers = dict(_factors(name, tensors))
    for key in tensors:
        if key.endswith(_OTHER_KINDS):
            kind = key.rsplit(".", 1)[-1]
            raise ModelFileError(f"{name} changes weights in a way that is not supported ({kind}); plain LoRAs are.")
    if not layers:
        raise ModelFileError(f"{name} is no LoRA: nothing among its {len(tensors)} tensors is named as in one.")
    return LoraFile(name=name, layers=layers)


def matched(lora: LoraFile, aliases: Mapping[str, str]) -> dict[str, Factors]:
    """Give the factors that belong to a network, by the names of its weights; `aliases` is from `layer_names`."""
    return {aliases[layer]: factors for layer, factors in lora.layers.items() if layer in aliases}


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
        for weight, factors in matched(lora, aliases).items():
            base = network.get_parameter(weight)
            try:
                change = factors.change(base.shape, base.device)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise ModelFileError(
                    f"{lora.name} does not fit this model: its {weight.removesuffix(_WEIGHT)} has another shape. "
                    "It was made for another kind of model."
                ) from error
            made[weight] = made.get(weight, base.float()) + strength * change
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


def _factors(name: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Factors]]:
    for key, up in tensors.items():
        for up_ending, down_ending in _ENDINGS:
            if not key.endswith(up_ending):
                continue
            layer = key.removesuffix(up_ending)
            down = tensors.get(layer + down_ending)
            if down is None:
                raise ModelFileError(f"{name} is not whole: {layer}{down_ending} is missing.")
            alpha = tensors.get(f"{layer}.alpha")
            yield (
                _flat(layer + ("_lora" if up_ending.startswith("_lora") else "")),
                Factors(
                    up=up,
                    down=down,
                    core=tensors.get(f"{layer}.lora_mid.weight"),
                    alpha=None if alpha is None else float(alpha),
                ),
            )


def _flat(layer: str) -> str:
    """Write a layer's name with underscores, old names of attention as today's."""
    flat = layer.replace(".", "_")
    for old, new in _OLD_NAMES:
        flat = flat.replace(old, new)
    flat = flat.removesuffix("_lora")
    for old, new in _OLD_TEXT_NAMES.items():
        if flat.endswith(old):
            flat = flat.removesuffix(old) + new
    return flat

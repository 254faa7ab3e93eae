"""How LoRA files write the changes of a network's weights.

Kinds: two thin matrices, with a core between for convolutions (Hu et al. 2021, arXiv 2106.09685; LoCon), products of
two such pairs (LoHa), Kronecker products (LoKr; all three in Yeh et al. 2023, arXiv 2309.14859), whole differences.
A change is scaled by alpha/rank.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.sampler.models.files import ModelFileError

Tensors = Mapping[str, Tensor]
_PAIRS = (  # the two matrices, as kohya's scripts, peft and older and newer diffusers write them
    (".lora_up.weight", ".lora_down.weight"),
    (".lora_B.weight", ".lora_A.weight"),
    (".lora_B.default.weight", ".lora_A.default.weight"),
    (".lora.up.weight", ".lora.down.weight"),
    ("_lora.up.weight", "_lora.down.weight"),
    (".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight"),
)
_UNKNOWN = (".dora_scale", ".oft_diag", ".oft_blocks", ".a1.weight", ".w_norm", ".diff_b")
_OLD_NAMES = (("_processor_", "_"), ("_to_out_lora", "_to_out_0"))
_OLD_TEXT_NAMES = {f"self_attn_to_{part}": f"self_attn_{part}_proj" for part in "qkv"} | {
    "self_attn_to_out_0": "self_attn_out_proj"
}


class Change(Protocol):
    """The change of one layer's weight."""

    def of(self, shape: torch.Size, device: torch.device) -> Tensor:
        """Give what is added at strength 1, float32. Raises RuntimeError if it has another shape."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two matrices whose product is the change."""

    up: Tensor  # [out, rank] or [out, rank, 1, 1]
    down: Tensor  # [rank, in] or [rank, in, height, width]
    core: Tensor | None  # [rank, rank, height, width]
    alpha: float | None  # None: as large as the rank

    def of(self, shape: torch.Size, device: torch.device) -> Tensor:
        up, down = _on(device, self.up), _on(device, self.down)
        product = _product(up, down, None if self.core is None else _on(device, self.core))
        return product.reshape(shape) * _scale(self.alpha, down.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Hadamard:
    """Two pairs whose products are multiplied element by element."""

    first: tuple[Tensor, Tensor]  # [out, rank], [rank, in]; with a core [rank, out]
    second: tuple[Tensor, Tensor]
    cores: tuple[Tensor, Tensor] | None
    alpha: float | None

    def of(self, shape: torch.Size, device: torch.device) -> Tensor:
        cores = self.cores or (None, None)
        products = [_whole(pair, core, device) for pair, core in zip((self.first, self.second), cores, strict=True)]
        return (products[0] * products[1]).reshape(shape) * _scale(self.alpha, self.first[1].shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Kronecker:
    """A small matrix, each of whose elements scales a copy of another one; both may be written as pairs."""

    first: tuple[Tensor, ...]  # the matrix, or the two of a product
    second: tuple[Tensor, ...]
    core: Tensor | None  # of the second
    alpha: float | None

    def of(self, shape: torch.Size, device: torch.device) -> Tensor:
        first = _whole(self.first, None, device)
        second = _whole(self.second, self.core, device)
        ranks = [parts[1].shape[0] for parts in (self.second, self.first) if len(parts) == 2]
        first = first.reshape(*first.shape, *[1] * (second.ndim - first.ndim))
        return torch.kron(first, second).reshape(shape) * (_scale(self.alpha, ranks[0]) if ranks else 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Difference:
    """The change itself."""

    difference: Tensor

    def of(self, shape: torch.Size, device: torch.device) -> Tensor:
        return _on(device, self.difference).reshape(shape)


def read_changes(name: str, tensors: Tensors) -> dict[str, Change]:
    """Give the changes in a file by the names of their layers, written with underscores.

    Raises ModelFileError for one that is not whole, and for kinds that are not known.
    """
    for key in tensors:
        if key.endswith(_UNKNOWN):
            kind = key.rsplit(".", 1)[-1]
            raise ModelFileError(f"{name} changes weights in a way that is not supported ({kind}); plain LoRAs are.")
    try:
        return dict(_changes(tensors))
    except KeyError as error:
        raise ModelFileError(f"{name} is not whole: {error.args[0]} is missing.") from error


def _changes(tensors: Tensors) -> Iterator[tuple[str, Change]]:
    for key, tensor in tensors.items():
        if key.endswith(".hada_w1_a"):
            layer = key.removesuffix(".hada_w1_a")
            yield _flat(layer), _hadamard(layer, tensors)
        elif key.endswith((".lokr_w1", ".lokr_w1_a")):
            layer = key.rpartition(".")[0]
            yield _flat(layer), _kronecker(layer, tensors)
        elif key.endswith(".diff"):
            yield _flat(key.removesuffix(".diff")), Difference(difference=tensor)
        for up_ending, down_ending in _PAIRS:
            if key.endswith(up_ending):
                layer = key.removesuffix(up_ending)
                pair = Pair(
                    up=tensor,
                    down=tensors[layer + down_ending],
                    core=tensors.get(f"{layer}.lora_mid.weight"),
                    alpha=_alpha(layer, tensors),
                )
                yield _flat(layer + ("_lora" if up_ending.startswith("_lora") else "")), pair


def _hadamard(layer: str, tensors: Tensors) -> Hadamard:
    cores = (f"{layer}.hada_t1", f"{layer}.hada_t2")
    return Hadamard(
        first=(tensors[f"{layer}.hada_w1_a"], tensors[f"{layer}.hada_w1_b"]),
        second=(tensors[f"{layer}.hada_w2_a"], tensors[f"{layer}.hada_w2_b"]),
        cores=(tensors[cores[0]], tensors[cores[1]]) if cores[0] in tensors else None,
        alpha=_alpha(layer, tensors),
    )


def _kronecker(layer: str, tensors: Tensors) -> Kronecker:
    def matrix(name: str) -> tuple[Tensor, ...]:
        if f"{layer}.{name}" in tensors:
            return (tensors[f"{layer}.{name}"],)
        return tensors[f"{layer}.{name}_a"], tensors[f"{layer}.{name}_b"]

    return Kronecker(
        first=matrix("lokr_w1"),
        second=matrix("lokr_w2"),
        core=tensors.get(f"{layer}.lokr_t2"),
        alpha=_alpha(layer, tensors),
    )


def _product(up: Tensor, down: Tensor, core: Tensor | None) -> Tensor:
    """Multiply up [out, rank, ...] and down [rank, in, ...], around a core [rank, rank, height, width] if any."""
    if core is None:
        return up.flatten(1) @ down.flatten(1)
    return torch.einsum("or,rshw,si->oihw", up.flatten(1), core, down.flatten(1))


def _whole(parts: tuple[Tensor, ...], core: Tensor | None, device: torch.device) -> Tensor:
    """Multiply what is written as a pair; around a core the first of LyCORIS' pairs lies on its side."""
    first, *others = (_on(device, part) for part in parts)
    if not others:
        return first
    return _product(first, others[0], None) if core is None else _product(first.mT, others[0], _on(device, core))


def _on(device: torch.device, tensor: Tensor) -> Tensor:
    return tensor.to(device, torch.float32)


def _scale(alpha: float | None, rank: int) -> float:
    return 1.0 if alpha is None else alpha / rank


def _alpha(layer: str, tensors: Tensors) -> float | None:
    alpha = tensors.get(f"{layer}.alpha")
    return None if alpha is None else float(alpha)


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

"""Text encoders: prompts become conditioning, weights applied, kept for when the same prompt comes again."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn

from engine.sampler.models.tokens import Token, Vocabulary, rows

_KEPT = 256  # encodings; one is 231 KiB for SD 1.x
_Row = tuple[Token, ...]


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """What must be known of a text model."""

    length: int  # tokens that it reads at once
    layers: int

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Self:
        """Read it from a CLIPTextModel's configuration."""
        return cls(length=cast(int, config["max_position_embeddings"]), layers=cast(int, config["num_hidden_layers"]))


class TextEncoder:
    """CLIP's text model with a vocabulary; thread-safe, one encoding at a time runs under `lock`."""

    def __init__(
        self,
        *,
        network: nn.Module,
        shape: TextShape,
        vocabulary: Vocabulary,
        device: torch.device,
        lock: threading.Lock,
    ) -> None:
        self._network = network
        self._shape = shape
        self._vocabulary = vocabulary
        self._device = device
        self._lock = lock
        self._kept: OrderedDict[tuple[tuple[_Row, ...], int], Tensor] = OrderedDict()

    def encode(self, prompt: str, *, layer: int = -1) -> Tensor:
        """Give the conditioning [1, tokens, width], float32 on the CPU; tokens is a multiple of the encoder's length.

        `layer` counts from the end as ComfyUI's CLIPSetLastLayer does; one that the encoder lacks means the last. The
        encoder's final norm is applied to any layer. A token of weight w is moved to w times its distance from what
        the empty prompt has in its place.
        """
        found = tuple(tuple(row) for row in rows(prompt, self._vocabulary, self._shape.length))
        layer = layer if -self._shape.layers <= layer <= -1 else -1
        with self._lock:
            kept = self._kept.get((found, layer))
            if kept is None:
                kept = self._kept[found, layer] = self._encode(found, layer)
            self._kept.move_to_end((found, layer))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return kept

    @torch.inference_mode()
    def _encode(self, found: tuple[_Row, ...], layer: int) -> Tensor:
        empty = rows("", self._vocabulary, self._shape.length)
        ids = torch.tensor([[token.id for token in row] for row in (*found, *empty)])
        states = self._states(ids, layer).float().cpu()
        weights = torch.tensor([[token.weight for token in row] for row in found])[..., None]
        nothing = states[-1:]
        weighted = torch.where(weights == 1.0, states[:-1], nothing + (states[:-1] - nothing) * weights)
        return weighted.reshape(1, -1, weighted.shape[-1])

    def _states(self, ids: Tensor, layer: int) -> Tensor:
        ids = ids.to(self._device)
        if layer == -1:
            last: Tensor = self._network(ids).last_hidden_state
            return last
        output = self._network(ids, output_hidden_states=True)
        normed: Tensor = self._network.get_submodule("final_layer_norm")(output.hidden_states[layer])
        return normed

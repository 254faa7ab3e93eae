"""Text encoders: prompts become conditioning, weights applied, kept for when the same prompt comes again."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.sampler.models.tokens import Token, Vocabulary, rows

if TYPE_CHECKING:
    from transformers import CLIPTextModel

_KEPT = 256  # encodings; one is 231 KiB for SD 1.x
_Row = tuple[Token, ...]


class TextEncoder:
    """CLIP's text model with a vocabulary; thread-safe, one encoding at a time runs under `lock`."""

    def __init__(self, *, network: "CLIPTextModel", vocabulary: Vocabulary, lock: threading.Lock) -> None:
        self._network = network
        self._vocabulary = vocabulary
        self._lock = lock
        self._length = int(network.config.max_position_embeddings)
        self._layers = int(network.config.num_hidden_layers)
        self._kept: OrderedDict[tuple[tuple[_Row, ...], int], Tensor] = OrderedDict()

    def encode(self, prompt: str, *, layer: int = -1) -> Tensor:
        """Give the conditioning [1, tokens, width], float32 on the CPU; tokens is a multiple of the encoder's length.

        `layer` counts from the end as ComfyUI's CLIPSetLastLayer does; one that the encoder lacks means the last. The
        encoder's final norm is applied to any layer. A token of weight w is moved to w times its distance from what
        the empty prompt has in its place.
        """
        found = tuple(tuple(row) for row in rows(prompt, self._vocabulary, self._length))
        layer = layer if -self._layers <= layer <= -1 else -1
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
        empty = rows("", self._vocabulary, self._length)
        ids = torch.tensor([[token.id for token in row] for row in (*found, *empty)])
        states = self._states(ids, layer).float().cpu()
        weights = torch.tensor([[token.weight for token in row] for row in found])[..., None]
        nothing = states[-1:]
        weighted = torch.where(weights == 1.0, states[:-1], nothing + (states[:-1] - nothing) * weights)
        return weighted.reshape(1, -1, weighted.shape[-1])

    def _states(self, ids: Tensor, layer: int) -> Tensor:
        ids = ids.to(self._network.device)
        if layer == -1:
            last: Tensor = self._network(ids).last_hidden_state
            return last
        output = self._network(ids, output_hidden_states=True)
        normed: Tensor = self._network.final_layer_norm(output.hidden_states[layer])
        return normed

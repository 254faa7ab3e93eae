"""Text encoders: prompts become conditioning, weights applied, kept for when the same prompt comes again."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from engine.sampler.models.embeddings import FindFile, find_embedding, vectors
from engine.sampler.models.tokens import Embedding, Token, Vocabulary, rows
from engine.sampler.models.turns import Between, proceed, turn

_KEPT = 256  # encodings; one is 231 KiB for SD 1.x
_TABLE = "embeddings.token_embedding.weight"
_Row = tuple[Token, ...]
_Rows = tuple[_Row, ...]


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """What must be known of a text model."""

    length: int  # tokens that it reads at once
    layers: int
    width: int

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Self:
        """Read it from a CLIPTextModel's configuration."""
        return cls(
            length=cast(int, config["max_position_embeddings"]),
            layers=cast(int, config["num_hidden_layers"]),
            width=cast(int, config["hidden_size"]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Tower:
    """One CLIP text model and how it is read."""

    key: str  # "l", "g" or "h", as files for several text models call it
    network: nn.Module
    shape: TextShape
    vocabulary: Vocabulary
    padding: int | None = None  # the id that fills rows up; None: the one that ends them
    layer: int = -1  # which is read unless asked otherwise, counted from the end
    normed: bool = True  # whether the final norm is applied to the layer that is read
    projection: Tensor | None = None  # [width, width], for the pooled encoding


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """A prompt as a diffusion model reads it; float32 on the CPU."""

    embeddings: Tensor  # [1, tokens, width]; tokens is a multiple of the encoder's length
    pooled: Tensor | None  # [1, width], of the last text model that has a projection


class TextEncoder:
    """One or two CLIP text models; thread-safe, one encoding at a time runs under `lock`."""

    def __init__(self, *, towers: Sequence[Tower], device: torch.device, lock: threading.Lock) -> None:
        self.towers = tuple(towers)
        self.device = device
        self._lock = lock
        self._kept: OrderedDict[tuple[tuple[_Rows, ...], int | None], Encoded] = OrderedDict()

    def with_networks(self, networks: Sequence[nn.Module]) -> "TextEncoder":
        """Give the same encoder with other weights."""
        towers = [replace(tower, network=network) for tower, network in zip(self.towers, networks, strict=True)]
        return TextEncoder(towers=towers, device=self.device, lock=self._lock)

    def encode(
        self,
        prompt: str,
        *,
        others: Mapping[str, str] | None = None,
        layer: int | None = None,
        embedding: FindFile | None = None,
        between: Between = proceed,
    ) -> Encoded:
        """Encode a prompt; `others` are prompts for single text models, by their key.

        `layer` counts from the end as ComfyUI's CLIPSetLastLayer does; one that the encoder lacks means the last.
        A token of weight w is moved to w times its distance from what the empty prompt has in its place.
        `between` is called before, and while others have their turn. Raises ModelFileError for a damaged file of an
        embedding.
        """
        between()
        given = others or {}
        found = self._same_length([self._rows(given.get(tower.key, prompt), tower, embedding) for tower in self.towers])
        with turn(self._lock, between):
            kept = self._kept.get((found, layer))
            if kept is None:
                kept = self._kept[found, layer] = self._encode(found, layer)
            self._kept.move_to_end((found, layer))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return kept

    def _rows(self, prompt: str, tower: Tower, embedding: FindFile | None) -> _Rows:
        def find(name: str) -> Embedding | None:
            return find_embedding(name, embedding, key=tower.key, width=tower.shape.width) if embedding else None

        made = rows(
            prompt,
            tower.vocabulary,
            tower.shape.length,
            padding=tower.padding,
            embedding=find if embedding is not None else None,
        )
        return tuple(tuple(row) for row in made)

    def _same_length(self, found: Sequence[_Rows]) -> tuple[_Rows, ...]:
        """Fill up with empty rows where one text model has fewer."""
        most = max(len(one) for one in found)
        empty = [self._rows("", tower, None) for tower in self.towers]
        return tuple(one + nothing * (most - len(one)) for one, nothing in zip(found, empty, strict=True))

    @torch.inference_mode()
    def _encode(self, found: tuple[_Rows, ...], layer: int | None) -> Encoded:
        parts = [self._read(tower, one, layer) for tower, one in zip(self.towers, found, strict=True)]
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return Encoded(
            embeddings=torch.cat([part.embeddings for part in parts], dim=-1), pooled=pooled[-1] if pooled else None
        )

    def _read(self, tower: Tower, found: _Rows, layer: int | None) -> Encoded:
        empty = tuple(rows("", tower.vocabulary, tower.shape.length, padding=tower.padding)[0])
        states, last = self._states(tower, (*found, empty), layer)
        weights = torch.tensor([[token.weight for token in row] for row in found])[..., None]
        nothing = states[-1:]
        weighted = torch.where(weights == 1.0, states[:-1], nothing + (states[:-1] - nothing) * weights)
        pooled = None
        if tower.projection is not None:
            end = found[0].index(Token(tower.vocabulary.end, 1.0))
            pooled = last[:1, end] @ tower.projection.float().cpu()
        return Encoded(embeddings=weighted.reshape(1, -1, weighted.shape[-1]), pooled=pooled)

    def _states(self, tower: Tower, found: _Rows, layer: int | None) -> tuple[Tensor, Tensor]:
        """Run a text model; give the layer that is to be read and its normed last one, [rows, tokens, width]."""
        table = tower.network.get_parameter(_TABLE)
        ids, learned = _ids(found, tower, table.shape[0])
        wanted = tower.layer if layer is None else layer
        exchanged = {_TABLE: torch.cat((table, learned.to(table)))} if len(learned) else {}
        output = functional_call(
            tower.network, exchanged, (ids.to(self.device),), kwargs={"output_hidden_states": True}
        )
        last: Tensor = output.last_hidden_state.float().cpu()
        if wanted < -tower.shape.layers or (wanted == -1 and tower.normed):
            return last, last
        state: Tensor = output.hidden_states[wanted]
        if tower.normed:
            state = tower.network.get_submodule("final_layer_norm")(state)
        return state.float().cpu(), last


def _ids(found: _Rows, tower: Tower, known: int) -> tuple[Tensor, Tensor]:
    """Number the tokens [rows, tokens]; vectors from files [n, width] are numbered on behind the vocabulary."""
    learned: list[Tensor] = []
    ids: list[list[int]] = []
    for row in found:
        ids.append([])
        for token in row:
            ids[-1].append(token.id if token.file is None else known + len(learned))
            if token.file is not None:
                table = vectors(token.file, tower.key, tower.shape.width)
                assert table is not None  # noqa: S101 - the token was made from it
                learned.append(table[token.id])
    return torch.tensor(ids), torch.stack(learned) if learned else torch.zeros(0, tower.shape.width)

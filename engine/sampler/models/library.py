"""The models that nodes use: read from their files when first asked for, kept in memory, changed by LoRAs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

import torch

from engine.model_files import read_header
from engine.sampler.models.checkpoint import Checkpoint, Placement, load_checkpoint, weight_bytes
from engine.sampler.models.diffusion import DiffusionModel, Meaning
from engine.sampler.models.files import ModelFile, ModelFileError, read_tensors
from engine.sampler.models.lora import LoraFile, LoraUse, changed, layer_names, matched, read_lora
from engine.sampler.models.residency import Asker, Residency, Sized
from engine.sampler.models.text import TextEncoder, Tower
from engine.sampler.models.vae import Vae

_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8}
_TEXT_PREFIXES = {  # what stands before the names of a text model's layers in LoRA files, written with underscores
    "l": ("lora_te_text_model_", "lora_te1_text_model_", "text_encoder_text_model_", "text_encoder_"),
    "h": ("lora_te_text_model_", "lora_te1_text_model_", "text_encoder_text_model_", "text_encoder_"),
    "g": ("lora_te2_text_model_", "text_encoder_2_text_model_", "text_encoder_2_"),
}
Loras = tuple[LoraUse, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    """A model with the memory that is its own."""

    model: DiffusionModel | TextEncoder | Vae
    size: int


@dataclass(frozen=True, kw_only=True)
class _Key:
    part: str
    file: ModelFile
    loras: Loras = ()
    meaning: Meaning | None = None


_Model = TypeVar("_Model", DiffusionModel, TextEncoder, Vae)


class Library:
    """Gives models by their files; thread-safe. `asker` is the prompt that uses what it is given until it ends."""

    def __init__(
        self,
        *,
        placement: Placement,
        budget: int,
        load: Callable[[Path, Placement], Checkpoint] = load_checkpoint,
    ) -> None:
        self._placement = placement
        self._load = load
        self._residency: Residency[Sized] = Residency(budget=budget)

    def checkpoint(self, file: ModelFile, asker: Asker | None = None) -> Checkpoint:
        """Give a checkpoint, loading it if it is not there; blocks. Raises ModelFileError."""
        found = self._residency.get(
            _Key(part="checkpoint", file=file),
            lambda: self._load(file.path, self._placement_for(asker)),
            coming=lambda: self._expected(file),
            asker=asker,
        )
        return cast(Checkpoint, found)

    def diffusion(
        self, file: ModelFile, loras: Loras = (), asker: Asker | None = None, *, meaning: Meaning | None = None
    ) -> DiffusionModel:
        """Give a checkpoint's diffusion model with LoRAs, its predictions understood as told. Raises ModelFileError."""
        base = self.checkpoint(file, asker).model
        model = self._changed(_Key(part="model", file=file, loras=loras), base, _changed_diffusion, asker)
        if meaning is None:
            return model
        key = _Key(part="model", file=file, loras=loras, meaning=meaning)
        found = self._residency.get(
            key,
            lambda: _Kept(model=replace(model, kind=meaning.kind), size=0),
            coming=lambda: 0,
            base=_Key(part="checkpoint", file=file),
            asker=asker,
        )
        return cast(DiffusionModel, cast(_Kept, found).model)

    def text(self, file: ModelFile, loras: Loras = (), asker: Asker | None = None) -> TextEncoder:
        """Give a checkpoint's text encoder with LoRAs. Raises ModelFileError."""
        base = self.checkpoint(file, asker).text
        return self._changed(_Key(part="text", file=file, loras=loras), base, _changed_text, asker)

    def vae(self, file: ModelFile, *, alone: bool = False, asker: Asker | None = None) -> Vae:
        """Give a checkpoint's autoencoder, or that of a file of its own. Raises ModelFileError."""
        if not alone:
            return self.checkpoint(file, asker).vae

        def load() -> _Kept:
            from engine.sampler.models.single_file import load_vae_file  # diffusers takes seconds to import

            vae = load_vae_file(file.path, self._placement_for(asker))
            return _Kept(model=vae, size=weight_bytes(vae.network))

        key = _Key(part="vae", file=file)
        found = self._residency.get(key, load, coming=lambda: self._expected(file), asker=asker)
        return cast(Vae, cast(_Kept, found).model)

    def check_lora(self, lora: ModelFile, file: ModelFile, asker: Asker | None = None) -> None:
        """Raise ModelFileError unless a LoRA is one, and for this kind of checkpoint."""
        checkpoint = self.checkpoint(file, asker)
        read = _read(lora)
        aliases = dict(checkpoint.model.layers)
        for tower in checkpoint.text.towers:
            aliases |= _text_layers(tower)
        if not matched(read, aliases):
            raise ModelFileError(
                f"The LoRA {lora.path.name} was made for another kind of model than {file.path.name}: "
                "none of its layers is in it."
            )

    def prefetch(self, file: ModelFile) -> bool:
        """Load a checkpoint that will soon be wanted if there is room for it; whether it did. Raises ModelFileError."""
        return self._residency.prefetch(
            _Key(part="checkpoint", file=file),
            lambda: self._load(file.path, self._placement),
            coming=self._expected(file),
        )

    def let_go(self, prompt_id: str) -> None:
        """Let go of what a prompt used: it ended, or waits for another prompt's work."""
        self._residency.let_go(prompt_id)

    def loaded(self) -> tuple[Path, ...]:
        """Name the checkpoints in memory, least recently used first."""
        keys = cast(tuple[_Key, ...], self._residency.keys())
        return tuple(key.file.path for key in keys if key.part == "checkpoint")

    def clear(self) -> None:
        """Put everything out that no prompt uses."""
        self._residency.clear()

    def _changed(
        self,
        key: _Key,
        base: _Model,
        change: Callable[[_Model, Sequence[tuple[LoraFile, float]]], tuple[_Model, int]],
        asker: Asker | None,
    ) -> _Model:
        if not key.loras:
            return base

        def load() -> _Kept:
            with torch.inference_mode():
                model, size = change(base, [(_read(use.file), use.strength) for use in key.loras])
            return _Kept(model=model, size=size)

        owner = _Key(part="checkpoint", file=key.file)
        found = self._residency.get(key, load, coming=lambda: _touched(base, key.loras), base=owner, asker=asker)
        return cast(_Model, cast(_Kept, found).model)

    def _placement_for(self, asker: Asker | None) -> Placement:
        """An interrupt of the prompt that loads ends the loading; others who wait for it begin anew."""
        return self._placement if asker is None else replace(self._placement, between=asker.check_interrupted)

    def _expected(self, file: ModelFile) -> int:
        """Guess what a file's weights take in memory: text encoders and autoencoders are kept in float32."""
        try:
            tensors = read_header(file.path).tensors.values()
        except (OSError, ValueError):
            return 2 * file.size  # a folder, or a file that will not load
        numbers = sum(tensor.bytes * 8 // _BITS.get(tensor.type, 8) for tensor in tensors)
        return numbers * self._placement.dtype.itemsize


def _read(file: ModelFile) -> LoraFile:
    return read_lora(file.path.name, read_tensors(file.path))


def _touched(base: DiffusionModel | TextEncoder | Vae, loras: Loras) -> int:
    """Count the bytes of the weights that LoRAs change."""
    match base:
        case DiffusionModel():
            networks = [(base.network, base.layers)]
        case TextEncoder():
            networks = [(tower.network, _text_layers(tower)) for tower in base.towers]
        case _:
            return 0
    files = [_read(use.file) for use in loras]
    return sum(
        network.get_parameter(weight).nbytes
        for network, layers in networks
        for weight in {weight for file in files for weight in matched(file, layers)}
    )


def _changed_diffusion(base: DiffusionModel, uses: Sequence[tuple[LoraFile, float]]) -> tuple[DiffusionModel, int]:
    network, size = changed(base.network, uses, base.layers)
    return (replace(base, network=network), size) if size else (base, 0)


def _changed_text(base: TextEncoder, uses: Sequence[tuple[LoraFile, float]]) -> tuple[TextEncoder, int]:
    """A LoRA that leaves the words alone keeps the encoder with the encodings that it remembers."""
    made = [changed(tower.network, uses, _text_layers(tower)) for tower in base.towers]
    size = sum(size for _, size in made)
    return (base.with_networks([network for network, _ in made]), size) if size else (base, 0)


def _text_layers(tower: Tower) -> dict[str, str]:
    return layer_names(tower.network, _TEXT_PREFIXES[tower.key], {})

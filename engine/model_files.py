"""What a model file is, read from its header alone: family, precision, size; nothing is loaded and no torch is needed.

A .safetensors file begins with its header: 8 bytes length (little endian), then JSON that names every tensor with its
type, shape and place.
"""

import json
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

FOLDERS = ("checkpoints", "loras", "vae", "controlnet", "upscale_models", "embeddings")
"""The folders of models, named as ComfyUI's."""
SUFFIX = ".safetensors"
_LONGEST_HEADER = 100 * 1024 * 1024  # bytes; the format's own limit
_PICKLES = (".ckpt", ".pt", ".pth", ".bin")
_UNET_INPUT = "model.diffusion_model.input_blocks.0.0.weight"
_CHANNELS = (4, 9)  # that UNets read which are for drawing from words, or for inpainting; others are for other tasks
_AUTOENCODER = ("decoder.conv_in.weight", "first_stage_model.decoder.conv_in.weight")
_WORD_WIDTHS = (768, 1024, 1280)  # of text models: what learned words are as wide as


class Family(StrEnum):
    """Kinds of models, by the tensors they are made of."""

    SD1 = "Stable Diffusion 1.x"
    SD2 = "Stable Diffusion 2.x"
    SDXL = "Stable Diffusion XL"
    SD3 = "Stable Diffusion 3"
    FLUX = "Flux"
    OTHER_TASK = "Stable Diffusion for another task"
    LORA = "LoRA"
    VAE = "autoencoder (VAE)"
    EMBEDDING = "embedding"
    OTHER = "something else"


_BY_PREFIX: Mapping[str, Family] = {
    "conditioner.embedders.": Family.SDXL,
    "cond_stage_model.model.": Family.SD2,
    "model.diffusion_model.joint_blocks.": Family.SD3,
    "model.diffusion_model.double_blocks.": Family.FLUX,
    "double_blocks.": Family.FLUX,
    "cond_stage_model.transformer.": Family.SD1,
}
_STABLE_DIFFUSION = (Family.SD1, Family.SD2, Family.SDXL)
_LORA_ENDS = (".lora_down.weight", ".lora_up.weight", ".lora_A.weight", ".lora_B.weight", ".lora.down.weight")


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of a model file."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, "TensorInfo"]

    @property
    def precision(self) -> str:
        """The type of most of the numbers: F16, BF16, F32, F8_E4M3, ...; empty if there are none."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors.values():
            counts[tensor.type] += tensor.bytes
        return counts.most_common(1)[0][0] if counts else ""

    @property
    def family(self) -> Family:
        """What it is a model of."""
        found = family_of(self.tensors)
        unet = self.tensors.get(_UNET_INPUT)
        if found in _STABLE_DIFFUSION and unet is not None and unet.shape[1:2] not in [(count,) for count in _CHANNELS]:
            return Family.OTHER_TASK
        if found is Family.OTHER and any(name in self.tensors for name in _AUTOENCODER):
            return Family.VAE
        return Family.EMBEDDING if found is Family.OTHER and self._are_words() else found

    def _are_words(self) -> bool:
        """Whether this may be a learned word: one or two small tables, as wide as text models are."""
        shapes = [tensor.shape for tensor in self.tensors.values()]
        fit = [len(shape) in (1, 2) and shape[-1] in _WORD_WIDTHS for shape in shapes]
        return 0 < len(fit) <= 2 and all(fit)


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """What a header says of a tensor."""

    type: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, kw_only=True)
class FoundModel:
    """A file in a models folder."""

    folder: str
    name: str  # below the folder, with slashes
    size: int  # bytes
    header: Header | None  # None where it could not be read
    problem: str = ""  # why, as a sentence


def family_of(names: Collection[str]) -> Family:
    """Tell a file's family by the names of its tensors."""
    for prefix, family in _BY_PREFIX.items():
        if any(name.startswith(prefix) for name in names):
            return family
    return Family.LORA if any(name.endswith(_LORA_ENDS) for name in names) else Family.OTHER


def read_header(path: Path) -> Header:
    """Read the header of a .safetensors file.

    Raises ValueError if the file is no whole safetensors file, OSError if it cannot be read.
    """
    with path.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ValueError("the file is too short for a safetensors file")
        (length,) = struct.unpack("<Q", prefix)
        rest = path.stat().st_size - 8
        if length > min(_LONGEST_HEADER, rest):
            raise ValueError("the header of the safetensors file is longer than allowed")
        header = json_object(file.read(length))
    tensors = {name: _tensor(name, said) for name, said in header.items() if name != "__metadata__"}
    if length + sum(tensor.bytes for tensor in tensors.values()) > rest:
        raise ValueError("the file is cut off: its header promises more than there is")
    return Header(metadata=texts(header.get("__metadata__", {})), tensors=tensors)


def find_models(root: Path) -> Iterator[FoundModel]:
    """Look at every file in the folders of models, in order of folder and name; pickles are named and not opened."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix.lower() in (SUFFIX, *_PICKLES) and path.is_file():
                yield _look(path, folder=folder, name=path.relative_to(root / folder).as_posix())


def json_object(data: bytes) -> dict[str, object]:
    """Read a JSON object that a stranger wrote. Raises ValueError."""
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    except ValueError as error:
        raise ValueError("the header is no JSON: the file is damaged, or something else under this name") from error
    if isinstance(found, dict):
        return cast(dict[str, object], found)
    raise ValueError("the header is no object")


def texts(found: object) -> dict[str, str]:
    """Keep what is text of what should be a table of texts."""
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def _look(path: Path, *, folder: str, name: str) -> FoundModel:
    size = path.stat().st_size
    if path.suffix.lower() in _PICKLES:
        problem = "a pickle file, which can run any program hidden in it: convert it to .safetensors"
        return FoundModel(folder=folder, name=name, size=size, header=None, problem=problem)
    try:
        return FoundModel(folder=folder, name=name, size=size, header=read_header(path))
    except OSError as error:
        return FoundModel(folder=folder, name=name, size=size, header=None, problem=error.strerror or str(error))
    except ValueError as error:
        return FoundModel(folder=folder, name=name, size=size, header=None, problem=str(error).splitlines()[0])


def _tensor(name: str, said: object) -> TensorInfo:
    match said:
        case {"dtype": str(type_), "shape": list(shape), "data_offsets": [int(start), int(end)]} if end >= start >= 0:
            if all(isinstance(side, int) for side in shape):
                return TensorInfo(type=type_, shape=tuple(shape), bytes=end - start)
    raise ValueError(f"the header describes the tensor {name[:80]!r} wrongly")

"""Model files: what they are called, and what is safe to open."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from safetensors import SafetensorError, safe_open
from torch import Tensor

_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class ModelFileError(ValueError):
    """A model file that cannot be used; the sentence names it and says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file as it was when it was named: another content under the same name is another model."""

    path: Path
    size: int  # bytes
    changed: int  # nanoseconds since the epoch

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at a file, or at the index of a model folder. Raises OSError."""
        seen = (path / "model_index.json" if path.is_dir() else path).stat()
        return cls(path=path, size=seen.st_size, changed=seen.st_mtime_ns)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Map all tensors of a .safetensors file into memory; pages are read when used. Raises ModelFileError."""
    name = path.name
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ModelFileError(f"{name} cannot be read: {error.strerror or error}.") from error
    if path.suffix.lower() in _PICKLES or start.startswith(_PICKLE_STARTS):
        raise ModelFileError(
            f"{name} is a pickle file, and opening one can run any program that is hidden in it. "
            "Convert it to .safetensors, or get it in that form."
        )
    try:
        with safe_open(str(path), framework="pt", device="cpu") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{name} is not a whole .safetensors file: {error}.") from error

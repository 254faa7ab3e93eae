"""What a model file says of itself, read without loading it."""

import json
import struct
from pathlib import Path
from typing import cast

_LONGEST_HEADER = 100 * 1024 * 1024  # bytes; the safetensors format's own limit


def metadata(path: Path) -> dict[str, str]:
    """Read the `__metadata__` of a .safetensors file, or modelspec keys and words from a built-in model's directory.

    Empty if there is none. Raises ValueError if the file is no safetensors file, OSError if it cannot be read.
    """
    return _built_in(path) if path.is_dir() else _safetensors(path)


def _safetensors(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ValueError("the file is too short for a safetensors file")
        (length,) = struct.unpack("<Q", prefix)
        if length > min(_LONGEST_HEADER, path.stat().st_size - 8):
            raise ValueError("the header of the safetensors file is longer than allowed")
        header = _object(file.read(length))
    return _texts(header.get("__metadata__", {}))


def _built_in(directory: Path) -> dict[str, str]:
    index = _object((directory / "model_index.json").read_bytes())
    words = _object((directory / "tokenizer" / "vocab.json").read_bytes())
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "atelier-tiny",
        "modelspec.title": str(index.get("name", "Atelier tiny")),
        "modelspec.resolution": f"{index.get('width', 128)}x{index.get('height', 128)}",
        "modelspec.license": str(index.get("license", "MIT")),
        "atelier.words": " ".join(word for word in words if word.isalnum()),
    }


def _object(data: bytes) -> dict[str, object]:
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if isinstance(found, dict):
        return cast(dict[str, object], found)
    raise ValueError("the header is no object")


def _texts(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}

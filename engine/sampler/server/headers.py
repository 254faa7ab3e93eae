"""What a model says of itself, read without loading it."""

from pathlib import Path

from engine.model_files import json_object, read_header


def metadata(path: Path) -> dict[str, str]:
    """Read the `__metadata__` of a .safetensors file, or modelspec keys and words from a built-in model's directory.

    Empty if there is none. Raises ValueError if the file is no safetensors file, OSError if it cannot be read.
    """
    return _built_in(path) if path.is_dir() else dict(read_header(path).metadata)


def _built_in(directory: Path) -> dict[str, str]:
    index = json_object((directory / "model_index.json").read_bytes())
    words = json_object((directory / "tokenizer" / "vocab.json").read_bytes())
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "atelier-tiny",
        "modelspec.title": str(index.get("name", "Atelier tiny")),
        "modelspec.resolution": f"{index.get('width', 128)}x{index.get('height', 128)}",
        "modelspec.license": str(index.get("license", "MIT")),
        "atelier.words": " ".join(word for word in words if word.isalnum()),
    }

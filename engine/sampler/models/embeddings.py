"""Embeddings (textual inversion): words that were learned, as vectors in a file of the embeddings folder."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from engine.sampler.models.files import ModelFile, read_tensors
from engine.sampler.models.tokens import Embedding

FindFile = Callable[[str], Path | None]
"""Gives the file of an embedding's name."""
_MOST_VECTORS = 1024
_KEPT = 64


def find_embedding(name: str, find: FindFile, *, key: str, width: int) -> Embedding | None:
    """Find an embedding for a text model of `width`, `key` as in files for several models ("l", "g"), by its name.

    None if there is no such file or none of its tensors fits this text model. Raises ModelFileError for a damaged file.
    """
    path = find(name)
    if path is None:
        return None
    file = ModelFile.of(path)
    found = vectors(file, key, width)
    return None if found is None else Embedding(file=file, count=found.shape[0])


@lru_cache(maxsize=_KEPT)
def vectors(file: ModelFile, key: str, width: int) -> Tensor | None:
    """Give an embedding's vectors [count, width] for one text model, float32. Raises ModelFileError."""
    tensors = read_tensors(file.path)
    named = tensors.get(f"clip_{key}")
    candidates = [named] if named is not None else list(tensors.values())
    for tensor in candidates:
        if tensor.ndim in (1, 2) and tensor.shape[-1] == width:
            return tensor.reshape(-1, width)[:_MOST_VECTORS].float().clone()
    return None

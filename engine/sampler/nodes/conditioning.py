"""Nodes that turn words into conditioning."""

from dataclasses import replace
from pathlib import Path

from engine.model_files import SUFFIX
from engine.sampler.models.embeddings import FindFile
from engine.sampler.models.text import TextEncoder
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Clip, Conditioning


def clip_text_encode(context: NodeContext, *, text: str, clip: Clip) -> tuple[Conditioning]:
    """Encode a prompt, `(word:1.3)` weights included."""
    encoded = encoder_of(context, clip).encode(text, layer=clip.layer, embedding=embedding_files(context))
    return (Conditioning.of(encoded.embeddings, encoded.pooled),)


def clip_set_last_layer(context: NodeContext, *, clip: Clip, stop_at_clip_layer: int) -> tuple[Clip]:
    """Read the text encoder out at an earlier layer ("clip skip")."""
    return (replace(clip, layer=stop_at_clip_layer),)


def encoder_of(context: NodeContext, clip: Clip) -> TextEncoder:
    """Give the text encoder that a CLIP value names."""
    found: TextEncoder = context.runtime.models.text(clip.file, clip.loras, context)
    return found


def embedding_files(context: NodeContext) -> FindFile:
    """Give what finds the file of `embedding:name` in a prompt."""

    def find(name: str) -> Path | None:
        try:
            return context.folders.model_path("embeddings", name if name.endswith(SUFFIX) else name + SUFFIX)
        except (OSError, ValueError):
            return None

    return find

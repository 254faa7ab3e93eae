"""Nodes that turn words into conditioning."""

from dataclasses import replace

from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Clip, Conditioning


def clip_text_encode(context: NodeContext, *, text: str, clip: Clip) -> tuple[Conditioning]:
    """Encode a prompt, `(word:1.3)` weights included."""
    encoder = context.runtime.models.checkpoint(clip.file).text
    return (Conditioning.of(encoder.encode(text, layer=clip.layer)),)


def clip_set_last_layer(context: NodeContext, *, clip: Clip, stop_at_clip_layer: int) -> tuple[Clip]:
    """Read the text encoder out at an earlier layer ("clip skip")."""
    return (replace(clip, layer=stop_at_clip_layer),)

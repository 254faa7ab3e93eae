"""Nodes that turn words into conditioning, and say where, when and how strongly it counts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engine.model_files import SUFFIX
from engine.sampler.models.embeddings import FindFile
from engine.sampler.models.text import TextEncoder
from engine.sampler.models.vae import CELL, cropped
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.vae import autoencoder_of, fitted_mask, grayed
from engine.sampler.nodes.values import Clip, Conditioning, Latent, Vae
from engine.sampler.sampling.conditions import Area, Condition, PictureSizes


def clip_text_encode(context: NodeContext, *, text: str, clip: Clip) -> tuple[Conditioning]:
    """Encode a prompt, `(word:1.3)` weights and `embedding:name` included. Raises ModelFileError."""
    return (_encoded(context, clip, text),)


def clip_text_encode_sdxl(
    context: NodeContext,
    *,
    clip: Clip,
    width: int,
    height: int,
    crop_w: int,
    crop_h: int,
    target_width: int,
    target_height: int,
    text_g: str,
    text_l: str,
) -> tuple[Conditioning]:
    """Encode a prompt for each of SDXL's text models, with the sizes that the picture is to look like."""
    sizes = PictureSizes(
        width=width,
        height=height,
        crop_width=crop_w,
        crop_height=crop_h,
        target_width=target_width,
        target_height=target_height,
    )
    words = _encoded(context, clip, text_g, others={"l": text_l})
    return (_each(words, lambda condition: replace(condition, sizes=sizes)),)


def clip_text_encode_sdxl_refiner(
    context: NodeContext, *, ascore: float, width: int, height: int, text: str, clip: Clip
) -> tuple[Conditioning]:
    """Encode a prompt for SDXL's refiner, with the aesthetic score that the picture is to reach."""
    sizes = PictureSizes(width=width, height=height, target_width=width, target_height=height)
    words = _encoded(context, clip, text)
    return (_each(words, lambda condition: replace(condition, sizes=sizes, aesthetic_score=ascore)),)


def clip_set_last_layer(context: NodeContext, *, clip: Clip, stop_at_clip_layer: int) -> tuple[Clip]:
    """Read the text encoder out at an earlier layer ("clip skip")."""
    return (replace(clip, layer=stop_at_clip_layer),)


def conditioning_combine(
    context: NodeContext, *, conditioning_1: Conditioning, conditioning_2: Conditioning
) -> tuple[Conditioning]:
    """Let both count at once: what the model makes of them is averaged."""
    return (Conditioning(conditions=(*conditioning_1.conditions, *conditioning_2.conditions)),)


def conditioning_average(
    context: NodeContext,
    *,
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: float,
) -> tuple[Conditioning]:
    """Mix encoded words: so much of `conditioning_to`, the rest of the first of `conditioning_from`."""
    other, share = conditioning_from.conditions[0], conditioning_to_strength

    def mixed(condition: Condition) -> Condition:
        words = condition.embeddings
        theirs = _as_long(other.embeddings, words.shape[1])
        pooled = other.pooled if condition.pooled is None else condition.pooled
        if condition.pooled is not None and other.pooled is not None:
            pooled = condition.pooled * share + other.pooled * (1.0 - share)
        return replace(condition, embeddings=words * share + theirs * (1.0 - share), pooled=pooled)

    return (_each(conditioning_to, mixed),)


def conditioning_concat(
    context: NodeContext, *, conditioning_to: Conditioning, conditioning_from: Conditioning
) -> tuple[Conditioning]:
    """Let the model read the words of the first of `conditioning_from` behind those of `conditioning_to`."""
    more = conditioning_from.conditions[0].embeddings
    return (
        _each(
            conditioning_to,
            lambda condition: replace(condition, embeddings=torch.cat((condition.embeddings, more), dim=1)),
        ),
    )


def conditioning_set_area(
    context: NodeContext, *, conditioning: Conditioning, width: int, height: int, x: int, y: int, strength: float
) -> tuple[Conditioning]:
    """Let words count in a part of the picture only, in pixels."""
    area = Area(height=height // CELL, width=width // CELL, y=y // CELL, x=x // CELL)
    return (_placed(conditioning, area, strength),)


def conditioning_set_area_percentage(
    context: NodeContext,
    *,
    conditioning: Conditioning,
    width: float,
    height: float,
    x: float,
    y: float,
    strength: float,
) -> tuple[Conditioning]:
    """Let words count in a part of the picture only, in shares of its size."""
    return (_placed(conditioning, Area(height=height, width=width, y=y, x=x, relative=True), strength),)


def conditioning_set_area_strength(
    context: NodeContext, *, conditioning: Conditioning, strength: float
) -> tuple[Conditioning]:
    """Let words count more or less than others that count in the same place."""
    return (_each(conditioning, lambda condition: replace(condition, strength=strength)),)


def conditioning_set_mask(
    context: NodeContext, *, conditioning: Conditioning, mask: Tensor, strength: float, set_cond_area: str
) -> tuple[Conditioning]:
    """Let words count where a mask is 1; the model may be shown no more than the mask's surroundings."""
    planes = mask.reshape(-1, *mask.shape[-2:])
    bounds = set_cond_area != "default"
    return (
        _each(
            conditioning,
            lambda condition: replace(condition, mask=planes, mask_strength=strength, area_from_mask=bounds),
        ),
    )


def conditioning_zero_out(context: NodeContext, *, conditioning: Conditioning) -> tuple[Conditioning]:
    """Take all meaning out of encoded words."""

    def zero(condition: Condition) -> Condition:
        pooled = None if condition.pooled is None else torch.zeros_like(condition.pooled)
        return replace(condition, embeddings=torch.zeros_like(condition.embeddings), pooled=pooled)

    return (_each(conditioning, zero),)


def conditioning_set_timestep_range(
    context: NodeContext, *, conditioning: Conditioning, start: float, end: float
) -> tuple[Conditioning]:
    """Let words count during a part of the way from noise to picture only, in shares of it."""
    return (_each(conditioning, lambda condition: replace(condition, start=start, end=end)),)


def inpaint_model_conditioning(
    context: NodeContext,
    *,
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Tensor,
    mask: Tensor,
    noise_mask: bool = True,
) -> tuple[Conditioning, Conditioning, Latent]:
    """Show an inpainting model the picture, gray where the mask is 1, and the mask; with the latent to begin with."""
    encoder = autoencoder_of(context, vae)
    planes = cropped(fitted_mask(mask, pixels))
    shown = encoder.encode(grayed(cropped(pixels), planes), between=context.check_interrupted)
    whole = encoder.encode(pixels, between=context.check_interrupted)

    def told(condition: Condition) -> Condition:
        return replace(condition, picture=shown, picture_mask=planes)

    latent = Latent(samples=whole, noise_mask=planes if noise_mask else None)
    return _each(positive, told), _each(negative, told), latent


def _encoded(context: NodeContext, clip: Clip, text: str, others: dict[str, str] | None = None) -> Conditioning:
    encoder: TextEncoder = context.runtime.models.text(clip.file, clip.loras, context)
    encoded = encoder.encode(
        text,
        others=others,
        layer=clip.layer,
        embedding=_embedding_files(context),
        between=context.check_interrupted,
    )
    return Conditioning.of(encoded.embeddings, encoded.pooled)


def _embedding_files(context: NodeContext) -> FindFile:
    """Give what finds the file of `embedding:name` in a prompt."""

    def find(name: str) -> Path | None:
        try:
            return context.folders.model_path("embeddings", name if name.endswith(SUFFIX) else name + SUFFIX)
        except (OSError, ValueError):
            return None

    return find


def _each(conditioning: Conditioning, change: Callable[[Condition], Condition]) -> Conditioning:
    return Conditioning(conditions=tuple(change(condition) for condition in conditioning.conditions))


def _placed(conditioning: Conditioning, area: Area, strength: float) -> Conditioning:
    return _each(conditioning, lambda condition: replace(condition, area=area, strength=strength, area_from_mask=False))


def _as_long(words: Tensor, tokens: int) -> Tensor:
    """Cut encoded words [1, tokens, width], or fill them up with zeros."""
    missing = tokens - words.shape[1]
    return words[:, :tokens] if missing <= 0 else torch.nn.functional.pad(words, (0, 0, 0, missing))

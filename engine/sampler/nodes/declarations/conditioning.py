"""Nodes that turn words into conditioning, and say where, when and how strongly it counts."""

from engine.sampler.nodes.declarations.parts import choice, real, side, whole, wire, words
from engine.sampler.nodes.registry import Input, NodeDeclaration

_ADVANCED = "advanced/conditioning"
_SDXL_MODULE = "comfy_extras.nodes_clip_sdxl"


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the conditioning nodes."""
    return (*_text(), *_mixing(), *_places(), *_advanced(), *_sdxl(), _inpaint())


def _text() -> tuple[NodeDeclaration, ...]:
    return (
        NodeDeclaration(
            class_type="CLIPTextEncode",
            inputs=(words("text", "The words to encode."), wire("clip", "CLIP", "The text encoder.")),
            outputs=("CONDITIONING",),
            output_tooltips=("What guides the diffusion model towards the words.",),
            implementation="conditioning:clip_text_encode",
            display_name="CLIP Text Encode (Prompt)",
            description="Encodes a prompt, so that it can guide the diffusion model.",
            category="conditioning",
        ),
        NodeDeclaration(
            class_type="CLIPSetLastLayer",
            inputs=(wire("clip", "CLIP"), whole("stop_at_clip_layer", -1, -24, -1, 1)),
            outputs=("CLIP",),
            implementation="conditioning:clip_set_last_layer",
            display_name="CLIP Set Last Layer",
            category="conditioning",
        ),
    )


def _mixing() -> tuple[NodeDeclaration, ...]:
    both = (wire("conditioning_to", "CONDITIONING"), wire("conditioning_from", "CONDITIONING"))
    return (
        _conditioning(
            "ConditioningCombine",
            wire("conditioning_1", "CONDITIONING"),
            wire("conditioning_2", "CONDITIONING"),
            how="conditioning_combine",
            display_name="Conditioning (Combine)",
        ),
        _conditioning(
            "ConditioningAverage",
            *both,
            real("conditioning_to_strength", 1.0, 0.0, 1.0, 0.01),
            how="conditioning_average",
        ),
        _conditioning("ConditioningConcat", *both, how="conditioning_concat", display_name="Conditioning (Concat)"),
    )


def _places() -> tuple[NodeDeclaration, ...]:
    given = wire("conditioning", "CONDITIONING")
    return (
        _conditioning(
            "ConditioningSetArea",
            given,
            side("width", 64, least=64, step=8),
            side("height", 64, least=64, step=8),
            side("x", 0, step=8),
            side("y", 0, step=8),
            _strength(),
            how="conditioning_set_area",
            display_name="Conditioning (Set Area)",
        ),
        _conditioning(
            "ConditioningSetAreaPercentage",
            given,
            real("width", 1.0, 0, 1.0, 0.01),
            real("height", 1.0, 0, 1.0, 0.01),
            real("x", 0, 0, 1.0, 0.01),
            real("y", 0, 0, 1.0, 0.01),
            _strength(),
            how="conditioning_set_area_percentage",
            display_name="Conditioning (Set Area with Percentage)",
        ),
        _conditioning("ConditioningSetAreaStrength", given, _strength(), how="conditioning_set_area_strength"),
        _conditioning(
            "ConditioningSetMask",
            given,
            wire("mask", "MASK"),
            _strength(),
            choice("set_cond_area", "default", "mask bounds"),
            how="conditioning_set_mask",
            display_name="Conditioning (Set Mask)",
        ),
    )


def _advanced() -> tuple[NodeDeclaration, ...]:
    given = wire("conditioning", "CONDITIONING")
    return (
        _conditioning("ConditioningZeroOut", given, how="conditioning_zero_out", category=_ADVANCED),
        _conditioning(
            "ConditioningSetTimestepRange",
            given,
            real("start", 0.0, 0.0, 1.0, 0.001),
            real("end", 1.0, 0.0, 1.0, 0.001),
            how="conditioning_set_timestep_range",
            category=_ADVANCED,
        ),
    )


def _sdxl() -> tuple[NodeDeclaration, ...]:
    return (
        NodeDeclaration(
            class_type="CLIPTextEncodeSDXL",
            inputs=(
                wire("clip", "CLIP"),
                *(_pixels(name, 1024) for name in ("width", "height")),
                *(_pixels(name, 0) for name in ("crop_w", "crop_h")),
                *(_pixels(name, 1024) for name in ("target_width", "target_height")),
                words("text_g"),
                words("text_l"),
            ),
            outputs=("CONDITIONING",),
            implementation="conditioning:clip_text_encode_sdxl",
            category=_ADVANCED,
            module=_SDXL_MODULE,
            modern=True,
        ),
        NodeDeclaration(
            class_type="CLIPTextEncodeSDXLRefiner",
            inputs=(
                real("ascore", 6.0, 0.0, 1000.0, 0.01),
                *(_pixels(name, 1024) for name in ("width", "height")),
                words("text"),
                wire("clip", "CLIP"),
            ),
            outputs=("CONDITIONING",),
            implementation="conditioning:clip_text_encode_sdxl_refiner",
            category=_ADVANCED,
            module=_SDXL_MODULE,
            modern=True,
        ),
    )


def _inpaint() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="InpaintModelConditioning",
        inputs=(
            wire("positive", "CONDITIONING"),
            wire("negative", "CONDITIONING"),
            wire("vae", "VAE"),
            wire("pixels", "IMAGE"),
            wire("mask", "MASK"),
            Input(
                name="noise_mask",
                type="BOOLEAN",
                default=True,
                extra={
                    "tooltip": "Whether the sampler draws under the mask only; some models want to draw everywhere."
                },
            ),
        ),
        outputs=("CONDITIONING", "CONDITIONING", "LATENT"),
        output_names=("positive", "negative", "latent"),
        implementation="conditioning:inpaint_model_conditioning",
        display_name="InpaintModelConditioning",
        category="conditioning/inpaint",
    )


def _conditioning(
    class_type: str, *inputs: Input, how: str, display_name: str = "", category: str = "conditioning"
) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=inputs,
        outputs=("CONDITIONING",),
        implementation=f"conditioning:{how}",
        display_name=display_name,
        category=category,
    )


def _strength() -> Input:
    return real("strength", 1.0, 0.0, 10.0, 0.01)


def _pixels(name: str, default: int) -> Input:
    return whole(name, default, 0, 16384)

"""Nodes that make and change latents."""

from engine.sampler.nodes.declarations.parts import choice, real, side, whole, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration

_SCALINGS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")
_MOST = 64  # latents of a batch that are named one by one


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the latent nodes."""
    return (_empty(), *_scaling(), *_batches(), *_mixing(), *_transforms(), _noise_mask())


def _empty() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="EmptyLatentImage",
        inputs=(
            _side("width", "The width in pixels."),
            _side("height", "The height in pixels."),
            whole("batch_size", 1, 1, 4096, extra={"tooltip": "How many latents, and so pictures."}),
        ),
        outputs=("LATENT",),
        output_tooltips=("The empty latents.",),
        implementation="latent:empty_latent_image",
        display_name="Empty Latent Image",
        description="Makes empty latents for a sampler to fill.",
        category="latent",
    )


def _scaling() -> tuple[NodeDeclaration, ...]:
    return (
        _latent(
            "LatentUpscale",
            wire("samples", "LATENT"),
            choice("upscale_method", *_SCALINGS),
            side("width", step=8),
            side("height", step=8),
            choice("crop", "disabled", "center"),
            implementation="latent:latent_upscale",
            display_name="Upscale Latent",
        ),
        _latent(
            "LatentUpscaleBy",
            wire("samples", "LATENT"),
            choice("upscale_method", *_SCALINGS),
            real("scale_by", 1.5, 0.01, 8.0, 0.01),
            implementation="latent:latent_upscale_by",
            display_name="Upscale Latent By",
        ),
    )


def _batches() -> tuple[NodeDeclaration, ...]:
    return (
        _latent(
            "LatentFromBatch",
            wire("samples", "LATENT"),
            whole("batch_index", 0, 0, _MOST - 1),
            whole("length", 1, 1, _MOST),
            implementation="latent:latent_from_batch",
            display_name="Latent From Batch",
            category="latent/batch",
        ),
        _latent(
            "RepeatLatentBatch",
            wire("samples", "LATENT"),
            whole("amount", 1, 1, _MOST),
            implementation="latent:repeat_latent_batch",
            display_name="Repeat Latent Batch",
            category="latent/batch",
        ),
    )


def _mixing() -> tuple[NodeDeclaration, ...]:
    return (
        _latent(
            "LatentComposite",
            wire("samples_to", "LATENT"),
            wire("samples_from", "LATENT"),
            side("x", 0, step=8),
            side("y", 0, step=8),
            side("feather", 0, step=8),
            implementation="latent:latent_composite",
            display_name="Latent Composite",
        ),
        _latent(
            "LatentBlend",
            wire("samples1", "LATENT"),
            wire("samples2", "LATENT"),
            real("blend_factor", 0.5, 0, 1, 0.01),
            implementation="latent:latent_blend",
            display_name="Latent Blend",
            category="_for_testing",
        ),
    )


def _transforms() -> tuple[NodeDeclaration, ...]:
    category = "latent/transform"
    return (
        _latent(
            "LatentRotate",
            wire("samples", "LATENT"),
            choice("rotation", "none", "90 degrees", "180 degrees", "270 degrees"),
            implementation="latent:latent_rotate",
            display_name="Rotate Latent",
            category=category,
        ),
        _latent(
            "LatentFlip",
            wire("samples", "LATENT"),
            choice("flip_method", "x-axis: vertically", "y-axis: horizontally"),
            implementation="latent:latent_flip",
            display_name="Flip Latent",
            category=category,
        ),
        _latent(
            "LatentCrop",
            wire("samples", "LATENT"),
            side("width", least=64, step=8),
            side("height", least=64, step=8),
            side("x", 0, step=8),
            side("y", 0, step=8),
            implementation="latent:latent_crop",
            display_name="Crop Latent",
            category=category,
        ),
    )


def _noise_mask() -> NodeDeclaration:
    return _latent(
        "SetLatentNoiseMask",
        wire("samples", "LATENT"),
        wire("mask", "MASK"),
        implementation="latent:set_latent_noise_mask",
        display_name="Set Latent Noise Mask",
        category="latent/inpaint",
    )


def _latent(
    class_type: str, *inputs: Input, implementation: str, display_name: str, category: str = "latent"
) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=inputs,
        outputs=("LATENT",),
        implementation=implementation,
        display_name=display_name,
        category=category,
    )


def _side(name: str, tooltip: str) -> Input:
    return whole(name, 512, 16, 16384, 8, extra={"tooltip": tooltip})

"""Nodes that change how pictures look."""

from engine.sampler.nodes.declarations.parts import choice, real, whole, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration

_DITHERS = ("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16")
_BLENDS = ("normal", "multiply", "screen", "overlay", "soft_light", "difference")


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the effects."""
    return (
        _effect(
            "ImageBlend",
            wire("image1", "IMAGE"),
            wire("image2", "IMAGE"),
            real("blend_factor", 0.5, 0.0, 1.0, 0.01),
            choice("blend_mode", *_BLENDS),
            how="image_blend",
        ),
        _effect(
            "ImageBlur",
            wire("image", "IMAGE"),
            whole("blur_radius", 1, 1, 31, 1),
            real("sigma", 1.0, 0.1, 10.0, 0.1),
            how="image_blur",
        ),
        _effect(
            "ImageSharpen",
            wire("image", "IMAGE"),
            whole("sharpen_radius", 1, 1, 31, 1),
            real("sigma", 1.0, 0.1, 10.0, 0.01),
            real("alpha", 1.0, 0.0, 5.0, 0.01),
            how="image_sharpen",
        ),
        _effect(
            "ImageQuantize",
            wire("image", "IMAGE"),
            whole("colors", 256, 1, 256, 1),
            choice("dither", *_DITHERS),
            how="image_quantize",
        ),
        NodeDeclaration(
            class_type="Canny",
            inputs=(
                wire("image", "IMAGE"),
                real("low_threshold", 0.4, 0.01, 0.99, 0.01),
                real("high_threshold", 0.8, 0.01, 0.99, 0.01),
            ),
            outputs=("IMAGE",),
            implementation="effects:canny",
            category="image/preprocessors",
            module="comfy_extras.nodes_canny",
            modern=True,
        ),
    )


def _effect(class_type: str, *inputs: Input, how: str) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=inputs,
        outputs=("IMAGE",),
        implementation=f"effects:{how}",
        category="image/postprocessing",
        module="comfy_extras.nodes_post_processing",
        modern=True,
    )

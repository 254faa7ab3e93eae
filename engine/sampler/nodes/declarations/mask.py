"""Nodes that read, make, change and use masks."""

from engine.sampler.nodes.declarations.parts import choice, real, side, whole, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration

_MODULE = "comfy_extras.nodes_mask"


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the mask nodes."""
    return (_load(), *_turning(), *_making(), *_changing(), _composite())


def _load() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="LoadImageMask",
        inputs=(
            Input(name="image", type="COMBO", folder="input", extra={"image_upload": True}),
            choice("channel", "alpha", "red", "green", "blue"),
        ),
        outputs=("MASK",),
        implementation="mask:load_image_mask",
        display_name="Load Image (as Mask)",
        category="mask",
    )


def _turning() -> tuple[NodeDeclaration, ...]:
    return (
        _mask(
            "MaskToImage",
            wire("mask", "MASK"),
            how="mask_to_image",
            display_name="Convert Mask to Image",
            output="IMAGE",
        ),
        _mask(
            "ImageToMask",
            wire("image", "IMAGE"),
            choice("channel", "red", "green", "blue", "alpha"),
            how="image_to_mask",
            display_name="Convert Image to Mask",
        ),
        _mask(
            "ImageColorToMask",
            wire("image", "IMAGE"),
            whole("color", 0, 0, 0xFFFFFF, 1, extra={"display": "color"}),
            how="image_color_to_mask",
        ),
    )


def _making() -> tuple[NodeDeclaration, ...]:
    return (
        _mask(
            "SolidMask",
            real("value", 1.0, 0.0, 1.0, 0.01),
            side("width", least=1),
            side("height", least=1),
            how="solid_mask",
        ),
        _mask("InvertMask", wire("mask", "MASK"), how="invert_mask"),
        _mask(
            "CropMask",
            wire("mask", "MASK"),
            side("x", 0),
            side("y", 0),
            side("width", least=1),
            side("height", least=1),
            how="crop_mask",
        ),
    )


def _changing() -> tuple[NodeDeclaration, ...]:
    return (
        _mask(
            "MaskComposite",
            wire("destination", "MASK"),
            wire("source", "MASK"),
            side("x", 0),
            side("y", 0),
            choice("operation", "multiply", "add", "subtract", "and", "or", "xor"),
            how="mask_composite",
        ),
        _mask(
            "FeatherMask",
            wire("mask", "MASK"),
            *(side(edge, 0) for edge in ("left", "top", "right", "bottom")),
            how="feather_mask",
        ),
        _mask(
            "GrowMask",
            wire("mask", "MASK"),
            whole("expand", 0, -16384, 16384, 1),
            Input(name="tapered_corners", type="BOOLEAN", default=True),
            how="grow_mask",
        ),
        _mask("ThresholdMask", wire("mask", "MASK"), real("value", 0.5, 0.0, 1.0, 0.01), how="threshold_mask"),
    )


def _composite() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="ImageCompositeMasked",
        inputs=(
            wire("destination", "IMAGE"),
            wire("source", "IMAGE"),
            side("x", 0),
            side("y", 0),
            Input(name="resize_source", type="BOOLEAN", default=False),
            wire("mask", "MASK", required=False),
        ),
        outputs=("IMAGE",),
        implementation="mask:image_composite_masked",
        category="image",
        module=_MODULE,
    )


def _mask(class_type: str, *inputs: Input, how: str, display_name: str = "", output: str = "MASK") -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=inputs,
        outputs=(output,),
        implementation=f"mask:{how}",
        display_name=display_name,
        category="mask",
        module=_MODULE,
    )

"""Nodes that read, turn and use masks."""

from engine.sampler.nodes.registry import Input, NodeDeclaration

_MODULE = "comfy_extras.nodes_mask"
_CATEGORY = "mask"


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the mask nodes."""
    return (
        NodeDeclaration(
            class_type="LoadImageMask",
            inputs=(
                Input(name="image", type="COMBO", folder="input", extra={"image_upload": True}),
                Input(name="channel", type="COMBO", choices=("alpha", "red", "green", "blue")),
            ),
            outputs=("MASK",),
            implementation="mask:load_image_mask",
            display_name="Load Image (as Mask)",
            category=_CATEGORY,
        ),
        NodeDeclaration(
            class_type="MaskToImage",
            inputs=(Input(name="mask", type="MASK"),),
            outputs=("IMAGE",),
            implementation="mask:mask_to_image",
            display_name="Convert Mask to Image",
            category=_CATEGORY,
            module=_MODULE,
        ),
        NodeDeclaration(
            class_type="ImageToMask",
            inputs=(
                Input(name="image", type="IMAGE"),
                Input(name="channel", type="COMBO", choices=("red", "green", "blue", "alpha")),
            ),
            outputs=("MASK",),
            implementation="mask:image_to_mask",
            display_name="Convert Image to Mask",
            category=_CATEGORY,
            module=_MODULE,
        ),
        NodeDeclaration(
            class_type="InvertMask",
            inputs=(Input(name="mask", type="MASK"),),
            outputs=("MASK",),
            implementation="mask:invert_mask",
            display_name="InvertMask",
            category=_CATEGORY,
            module=_MODULE,
        ),
        _composite(),
    )


def _composite() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="ImageCompositeMasked",
        inputs=(
            Input(name="destination", type="IMAGE"),
            Input(name="source", type="IMAGE"),
            _place("x"),
            _place("y"),
            Input(name="resize_source", type="BOOLEAN", default=False),
            Input(name="mask", type="MASK", required=False),
        ),
        outputs=("IMAGE",),
        implementation="mask:image_composite_masked",
        display_name="ImageCompositeMasked",
        category="image",
        module=_MODULE,
    )


def _place(name: str) -> Input:
    return Input(name=name, type="INT", default=0, min=0, max=16384, step=1)

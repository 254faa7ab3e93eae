"""Nodes that read, make, scale and cut pictures."""

from engine.sampler.nodes.declarations.parts import choice, real, side, whole, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration

_SCALINGS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the picture nodes."""
    return (_load_image(), _load_image_output(), *_scaling(), *_making(), *_cutting())


def _load_image() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="LoadImage",
        inputs=(Input(name="image", type="COMBO", folder="input", extra={"image_upload": True}),),
        outputs=("IMAGE", "MASK"),
        implementation="image:load_image",
        display_name="Load Image",
        category="image",
    )


def _load_image_output() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="LoadImageOutput",
        inputs=(
            Input(
                name="image",
                type="COMBO",
                folder="output",
                extra={
                    "image_upload": True,
                    "image_folder": "output",
                    "remote": {
                        "route": "/internal/files/output",
                        "refresh_button": True,
                        "control_after_refresh": "first",
                    },
                },
            ),
        ),
        outputs=("IMAGE", "MASK"),
        implementation="image:load_image_output",
        display_name="Load Image (from Outputs)",
        category="image",
        extra={"experimental": True},
    )


def _scaling() -> tuple[NodeDeclaration, ...]:
    category = "image/upscaling"
    return (
        NodeDeclaration(
            class_type="ImageScale",
            inputs=(
                wire("image", "IMAGE"),
                choice("upscale_method", *_SCALINGS),
                side("width"),
                side("height"),
                choice("crop", "disabled", "center"),
            ),
            outputs=("IMAGE",),
            implementation="image:image_scale",
            display_name="Upscale Image",
            category=category,
        ),
        NodeDeclaration(
            class_type="ImageScaleBy",
            inputs=(
                wire("image", "IMAGE"),
                choice("upscale_method", *_SCALINGS),
                real("scale_by", 1.0, 0.01, 8.0, 0.01),
            ),
            outputs=("IMAGE",),
            implementation="image:image_scale_by",
            display_name="Upscale Image By",
            category=category,
        ),
        NodeDeclaration(
            class_type="ImageScaleToTotalPixels",
            inputs=(
                wire("image", "IMAGE"),
                choice("upscale_method", *_SCALINGS),
                real("megapixels", 1.0, 0.01, 16.0, 0.01),
            ),
            outputs=("IMAGE",),
            implementation="image:image_scale_to_total_pixels",
            category=category,
            module="comfy_extras.nodes_post_processing",
            modern=True,
        ),
    )


def _making() -> tuple[NodeDeclaration, ...]:
    return (
        NodeDeclaration(
            class_type="ImageInvert",
            inputs=(wire("image", "IMAGE"),),
            outputs=("IMAGE",),
            implementation="image:image_invert",
            display_name="Invert Image",
            category="image",
        ),
        NodeDeclaration(
            class_type="ImageBatch",
            inputs=(wire("image1", "IMAGE"), wire("image2", "IMAGE")),
            outputs=("IMAGE",),
            implementation="image:image_batch",
            display_name="Batch Images",
            category="image",
        ),
        NodeDeclaration(
            class_type="EmptyImage",
            inputs=(
                side("width", least=1),
                side("height", least=1),
                whole("batch_size", 1, 1, 4096),
                whole("color", 0, 0, 0xFFFFFF, 1, extra={"display": "color"}),
            ),
            outputs=("IMAGE",),
            implementation="image:empty_image",
            display_name="EmptyImage",
            category="image",
        ),
    )


def _cutting() -> tuple[NodeDeclaration, ...]:
    return (
        NodeDeclaration(
            class_type="ImagePadForOutpaint",
            inputs=(
                wire("image", "IMAGE"),
                *(side(edge, 0, step=8) for edge in ("left", "top", "right", "bottom")),
                side("feathering", 40),
            ),
            outputs=("IMAGE", "MASK"),
            implementation="image:image_pad_for_outpaint",
            display_name="Pad Image for Outpainting",
            category="image",
        ),
        NodeDeclaration(
            class_type="ImageCrop",
            inputs=(
                wire("image", "IMAGE"),
                side("width", least=1),
                side("height", least=1),
                side("x", 0),
                side("y", 0),
            ),
            outputs=("IMAGE",),
            implementation="image:image_crop",
            display_name="Image Crop",
            category="image/transform",
            module="comfy_extras.nodes_images",
        ),
    )

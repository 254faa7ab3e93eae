"""Nodes that read, scale and write pictures."""

from engine.sampler.nodes.registry import Input, NodeDeclaration

_PNG_INFO = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the picture nodes."""
    return (_load_image(), _image_scale(), _save_image(), _preview_image())


def _load_image() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="LoadImage",
        inputs=(Input(name="image", type="COMBO", folder="input", extra={"image_upload": True}),),
        outputs=("IMAGE", "MASK"),
        implementation="image:load_image",
        display_name="Load Image",
        category="image",
    )


def _image_scale() -> NodeDeclaration:
    methods = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
    return NodeDeclaration(
        class_type="ImageScale",
        inputs=(
            Input(name="image", type="IMAGE"),
            Input(name="upscale_method", type="COMBO", choices=methods),
            Input(name="width", type="INT", default=512, min=0, max=16384, step=1),
            Input(name="height", type="INT", default=512, min=0, max=16384, step=1),
            Input(name="crop", type="COMBO", choices=("disabled", "center")),
        ),
        outputs=("IMAGE",),
        implementation="image:image_scale",
        display_name="Upscale Image",
        category="image/upscaling",
    )


def _save_image() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="SaveImage",
        inputs=(
            Input(name="images", type="IMAGE", extra={"tooltip": "The pictures to save."}),
            Input(
                name="filename_prefix",
                type="STRING",
                default="ComfyUI",
                extra={"tooltip": "How the file names begin; folders before the last slash are made."},
            ),
        ),
        outputs=(),
        implementation="image:save_image",
        hidden=_PNG_INFO,
        display_name="Save Image",
        description="Saves pictures in the output folder.",
        category="image",
        output_node=True,
    )


def _preview_image() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="PreviewImage",
        inputs=(Input(name="images", type="IMAGE"),),
        outputs=(),
        implementation="image:preview_image",
        hidden=_PNG_INFO,
        display_name="Preview Image",
        description="Saves pictures in the temporary folder.",
        category="image",
        output_node=True,
    )

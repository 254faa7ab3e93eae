"""Nodes that write pictures and animations."""

from engine.sampler.nodes.declarations.parts import choice, real, whole, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration

_PNG_INFO = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the nodes that save."""
    return (_save_image(), _preview_image(), *_animations())


def _save_image() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="SaveImage",
        inputs=(
            wire("images", "IMAGE", "The pictures to save."),
            _prefix("How the file names begin; folders before the last slash are made."),
        ),
        outputs=(),
        implementation="saving:save_image",
        hidden=_PNG_INFO,
        display_name="Save Image",
        description="Saves pictures in the output folder.",
        category="image",
        output_node=True,
    )


def _preview_image() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="PreviewImage",
        inputs=(wire("images", "IMAGE"),),
        outputs=(),
        implementation="saving:preview_image",
        hidden=_PNG_INFO,
        display_name="Preview Image",
        description="Saves pictures in the temporary folder.",
        category="image",
        output_node=True,
    )


def _animations() -> tuple[NodeDeclaration, ...]:
    images, fps = wire("images", "IMAGE"), real("fps", 6.0, 0.01, 1000.0, 0.01)
    return (
        _animation(
            "SaveAnimatedWEBP",
            images,
            _prefix(),
            fps,
            Input(name="lossless", type="BOOLEAN", default=True),
            whole("quality", 80, 0, 100),
            choice("method", "default", "fastest", "slowest"),
            how="save_animated_webp",
        ),
        _animation(
            "SaveAnimatedPNG", images, _prefix(), fps, whole("compress_level", 4, 0, 9), how="save_animated_png"
        ),
    )


def _animation(class_type: str, *inputs: Input, how: str) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=inputs,
        outputs=(),
        implementation=f"saving:{how}",
        hidden=_PNG_INFO,
        category="image/animation",
        output_node=True,
        module="comfy_extras.nodes_images",
    )


def _prefix(tooltip: str = "") -> Input:
    extra = {"tooltip": tooltip} if tooltip else {}
    return Input(name="filename_prefix", type="STRING", default="ComfyUI", extra=extra)

"""Nodes that write pictures and animations, with what made them."""

import secrets
from datetime import datetime

from torch import Tensor

from engine.sampler.models import pictures
from engine.sampler.nodes.registry import NodeContext, NodeResult

_SAVED = 4  # zlib levels
_PREVIEWED = 1
_EFFORTS = {"fastest": 0, "default": 4, "slowest": 6}  # WebP's methods


def save_image(context: NodeContext, *, images: Tensor, filename_prefix: str = "ComfyUI") -> NodeResult:
    """Write pictures to the output folder, with prompt and workflow in them. Raises PictureNotSaved."""
    return _save(context, images, kind="output", prefix=filename_prefix, level=_SAVED)


def preview_image(context: NodeContext, *, images: Tensor) -> NodeResult:
    """Write pictures to the temporary folder. Raises PictureNotSaved."""
    prefix = f"ComfyUI_temp_{secrets.token_hex(3)}"
    return _save(context, images, kind="temp", prefix=prefix, level=_PREVIEWED)


def save_animated_webp(
    context: NodeContext,
    *,
    images: Tensor,
    filename_prefix: str,
    fps: float,
    lossless: bool,
    quality: int,
    method: str,
) -> NodeResult:
    """Write pictures as one WebP animation, with prompt and workflow in it. Raises PictureNotSaved."""
    data = pictures.animated_webp(
        images,
        context.graph,
        context.extra_pnginfo,
        milliseconds=_milliseconds(fps),
        lossless=lossless,
        quality=quality,
        effort=_EFFORTS[method],
    )
    return _animation(context, images, filename_prefix, data, "webp")


def save_animated_png(
    context: NodeContext, *, images: Tensor, filename_prefix: str, fps: float, compress_level: int
) -> NodeResult:
    """Write pictures as one PNG animation, with prompt and workflow in it. Raises PictureNotSaved."""
    info = pictures.animation_metadata(context.graph, context.extra_pnginfo)
    data = pictures.animated_png(images, info, milliseconds=_milliseconds(fps), level=compress_level)
    return _animation(context, images, filename_prefix, data, "png")


def _save(context: NodeContext, images: Tensor, *, kind: str, prefix: str, level: int) -> NodeResult:
    metadata = pictures.metadata(context.graph, context.extra_pnginfo)
    prefix = _expanded(prefix, width=images.shape[2], height=images.shape[1])
    saved = []
    for number, image in enumerate(images):
        context.check_interrupted()
        data = pictures.png(image, metadata, level)
        saved.append(_write(context, kind, prefix.replace("%batch_num%", str(number)), data, "png"))
    return NodeResult(ui={"images": saved})


def _animation(context: NodeContext, images: Tensor, prefix: str, data: bytes, ending: str) -> NodeResult:
    context.check_interrupted()
    prefix = _expanded(prefix, width=images.shape[2], height=images.shape[1])
    return NodeResult(ui={"images": [_write(context, "output", prefix, data, ending)], "animated": [True]})


def _write(context: NodeContext, kind: str, prefix: str, data: bytes, ending: str) -> dict[str, str]:
    """Write a file under the next free number; give it as the history shows it."""
    root = context.folders.file_path(kind, "any").parent
    directory, stem, counter = context.folders.save_path(kind, prefix)
    path = directory / f"{stem}_{counter:05}_.{ending}"
    pictures.write(path, data)
    subfolder = directory.relative_to(root).as_posix()
    return {"filename": path.name, "subfolder": "" if subfolder == "." else subfolder, "type": kind}


def _milliseconds(fps: float) -> int:
    return int(1000.0 / fps)


def _expanded(prefix: str, *, width: int, height: int) -> str:
    """Fill in what ComfyUI knows of a file name prefix: %width%, %height% and the parts of the date and time."""
    now = datetime.now().astimezone()
    known = {
        "width": str(width),
        "height": str(height),
        "year": f"{now:%Y}",
        "month": f"{now:%m}",
        "day": f"{now:%d}",
        "hour": f"{now:%H}",
        "minute": f"{now:%M}",
        "second": f"{now:%S}",
    }
    for name, value in known.items():
        prefix = prefix.replace(f"%{name}%", value)
    return prefix

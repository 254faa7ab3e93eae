"""Nodes that read, scale and write pictures."""

import secrets
from datetime import datetime

from torch import Tensor

from engine.sampler.models import pictures
from engine.sampler.nodes.registry import NodeContext, NodeResult

_SAVED = 4  # zlib levels
_PREVIEWED = 1


def load_image(context: NodeContext, *, image: str) -> tuple[Tensor, Tensor]:
    """Read a picture and its mask (1 where it is transparent). Raises PictureRejected."""
    return pictures.read(context.folders.file_path("input", image), name=image)


def image_scale(
    context: NodeContext, *, image: Tensor, upscale_method: str, width: int, height: int, crop: str
) -> tuple[Tensor]:
    """Scale pictures; a side of 0 follows from the other one, both 0 leave them as they are."""
    return (pictures.scaled(image, upscale_method, width=width, height=height, centre=crop == "center"),)


def save_image(context: NodeContext, *, images: Tensor, filename_prefix: str = "ComfyUI") -> NodeResult:
    """Write pictures to the output folder, with prompt and workflow in them."""
    return _save(context, images, kind="output", prefix=filename_prefix, level=_SAVED)


def preview_image(context: NodeContext, *, images: Tensor) -> NodeResult:
    """Write pictures to the temporary folder."""
    prefix = f"ComfyUI_temp_{secrets.token_hex(3)}"
    return _save(context, images, kind="temp", prefix=prefix, level=_PREVIEWED)


def _save(context: NodeContext, images: Tensor, *, kind: str, prefix: str, level: int) -> NodeResult:
    metadata = pictures.metadata(context.graph, context.extra_pnginfo)
    prefix = _expanded(prefix, width=images.shape[2], height=images.shape[1])
    root = context.folders.file_path(kind, "any").parent
    saved = []
    for number, image in enumerate(images):
        context.check_interrupted()
        data = pictures.png(image, metadata, level)
        directory, stem, counter = context.folders.save_path(kind, prefix.replace("%batch_num%", str(number)))
        path = directory / f"{stem}_{counter:05}_.png"
        pictures.write(path, data)
        subfolder = directory.relative_to(root).as_posix()
        saved.append({"filename": path.name, "subfolder": "" if subfolder == "." else subfolder, "type": kind})
    return NodeResult(ui={"images": saved})


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

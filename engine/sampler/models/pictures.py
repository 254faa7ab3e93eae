"""Pictures as files and tensors: reading, scaling, PNG with what made it.

Tensors are [batch, height, width, 3] in 0..1, masks [batch, height, width] in 0..1, float32 on the CPU.
"""

import errno
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, ImageSequence, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from engine.marking import AI_MADE
from engine.sampler.models.scaling import cropped_to, resized

LONGEST_SIDE = 16384  # pixels
MOST_PIXELS = 64 << 20  # of all frames together: 0.75 GiB as a tensor
_NO_MASK = 64  # pixels a side of the empty mask of a picture without transparency


class PictureRejected(ValueError):
    """A picture that cannot be read; the sentence names it and says why."""


class PictureNotSaved(RuntimeError):
    """A picture that could not be written; the sentence says why."""


def read(path: Path, *, name: str) -> tuple[Tensor, Tensor]:
    """Read a picture, upright, and its mask: 1 where it is transparent, an empty 64x64 one if it has no transparency.

    Of an animation every frame is read that is as large as the first. Raises PictureRejected.
    """
    try:
        with Image.open(path) as opened:
            _check_size(opened, name)
            frames = [_frame(frame) for frame in ImageSequence.Iterator(opened)]
    except FileNotFoundError as error:
        raise PictureRejected(f"The picture {name} is not there; upload it again.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRejected(_too_large(name)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, PictureRejected):
            raise
        raise PictureRejected(f"{name} is no picture that can be read, or it is damaged.") from error
    size = frames[0][0].shape
    kept = [frame for frame in frames if frame[0].shape == size]
    return torch.stack([picture for picture, _ in kept]), torch.stack([mask for _, mask in kept])


def scaled(pictures: Tensor, method: str, *, width: int, height: int, centre: bool) -> Tensor:
    """Scale pictures by nearest-exact, bilinear, area, bicubic or lanczos.

    A side of 0 follows from the other one, both 0 change nothing. With `centre` the picture is first cropped to the new
    proportions. No antialiasing except in area and lanczos; lanczos works on 8 bits. As ComfyUI's ImageScale.
    """
    old_height, old_width = pictures.shape[1:3]
    if not width and not height:
        return pictures
    width = width or max(1, round(old_width * height / old_height))
    height = height or max(1, round(old_height * width / old_width))
    planes = pictures.movedim(-1, 1)
    if centre:
        planes = cropped_to(planes, width / height)
    if method == "lanczos":
        return torch.stack([_lanczos(plane, width, height) for plane in planes.movedim(1, -1)])
    return resized(planes, method, width=width, height=height).movedim(1, -1)


def metadata(graph: Mapping[str, object], extra: Mapping[str, object]) -> PngImagePlugin.PngInfo:
    """Make a PNG's text chunks: `prompt` and what else the client sent (`workflow`), and that it is AI-made (IPTC)."""
    info = PngImagePlugin.PngInfo()
    for key, value in {"prompt": graph, **extra}.items():
        info.add_text(key, json.dumps(value))
    info.add_itxt("XML:com.adobe.xmp", AI_MADE)
    return info


def png(picture: Tensor, info: PngImagePlugin.PngInfo, level: int) -> bytes:
    """Encode a picture [height, width, 3]; `level` is zlib's (0..9)."""
    file = io.BytesIO()
    Image.fromarray(to_bytes(picture)).save(file, "PNG", pnginfo=info, compress_level=level)
    return file.getvalue()


def animation_metadata(graph: Mapping[str, object], extra: Mapping[str, object]) -> PngImagePlugin.PngInfo:
    """Make an animated PNG's chunks, as ComfyUI places them: `comf` behind the pictures; and that it is AI-made."""
    info = PngImagePlugin.PngInfo()
    for key, value in {"prompt": graph, **extra}.items():
        info.add(b"comf", key.encode() + b"\0" + json.dumps(value).encode(), after_idat=True)
    info.add_itxt("XML:com.adobe.xmp", AI_MADE)
    return info


def animated_png(pictures: Tensor, info: PngImagePlugin.PngInfo, *, milliseconds: int, level: int) -> bytes:
    """Encode pictures [frames, height, width, 3] as an animation, each shown for so long."""
    first, *others = [Image.fromarray(to_bytes(picture)) for picture in pictures]
    file = io.BytesIO()
    first.save(
        file,
        "PNG",
        pnginfo=info,
        compress_level=level,
        save_all=True,
        append_images=others,
        duration=milliseconds,
    )
    return file.getvalue()


def animated_webp(
    pictures: Tensor,
    graph: Mapping[str, object],
    extra: Mapping[str, object],
    *,
    milliseconds: int,
    lossless: bool,
    quality: int,
    effort: int,
) -> bytes:
    """Encode pictures as a WebP animation; prompt and workflow are in its EXIF's camera tags, as ComfyUI writes them.

    `effort` is WebP's method (0..6), `quality` 0..100.
    """
    first, *others = [Image.fromarray(to_bytes(picture)) for picture in pictures]
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = f"prompt:{json.dumps(graph)}"
    for tag, (key, value) in zip(range(ExifTags.Base.Make, 0, -1), extra.items(), strict=False):
        exif[tag] = f"{key}:{json.dumps(value)}"
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=milliseconds,
        lossless=lossless,
        quality=quality,
        method=effort,
        exif=exif,
        xmp=AI_MADE.encode(),
    )
    return file.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a new file, whole or not at all. Raises PictureNotSaved."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else (error.strerror or str(error))
        raise PictureNotSaved(f"The picture {path.name} could not be saved: {reason}.") from error


def _frame(frame: Image.Image) -> tuple[Tensor, Tensor]:
    upright = ImageOps.exif_transpose(frame)
    if upright.mode.startswith("I"):  # 16 or 32 bits of grey
        upright = upright.point(lambda value: value * (1 / 255))
    picture = torch.from_numpy(np.array(upright.convert("RGB"), dtype=np.float32) / 255.0)
    if "A" in upright.getbands() or "transparency" in upright.info:
        alpha = np.array(upright.convert("RGBA").getchannel("A"), dtype=np.float32) / 255.0
        return picture, 1.0 - torch.from_numpy(alpha)
    return picture, torch.zeros(_NO_MASK, _NO_MASK)


def _check_size(image: Image.Image, name: str) -> None:
    pixels = image.width * image.height * getattr(image, "n_frames", 1)
    if max(image.size) > LONGEST_SIDE or pixels > MOST_PIXELS:
        raise PictureRejected(f"{_too_large(name)} It has {image.width}x{image.height}.")


def _too_large(name: str) -> str:
    return f"The picture {name} is too large: at most {LONGEST_SIDE} pixels a side and {MOST_PIXELS >> 20} megapixels."


def _lanczos(picture: Tensor, width: int, height: int) -> Tensor:
    resized = Image.fromarray(to_bytes(picture)).resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized, dtype=np.float32) / 255.0)


def to_bytes(picture: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Round down to 8 bits, as ComfyUI does."""
    return (picture * 255.0).clamp(0, 255).to(torch.uint8).numpy()

"""Pictures in and out: orientation, transparency, what is refused, names and metadata of what is saved."""

import errno
import json
import struct
import zlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.sampler.models import pictures
from engine.sampler.models.pictures import PictureNotSaved, PictureRejected
from engine.sampler.nodes.image import image_scale, load_image, load_image_output
from engine.sampler.nodes.saving import preview_image, save_animated_png, save_animated_webp, save_image
from tests.unit.engine.sampler.nodes.bench import DATA, BenchContext


def put(context: BenchContext, name: str, image: Image.Image, **options: object) -> str:
    """Upload a picture."""
    image.save(context.folders.file_path("input", name), **options)
    return name


def test_transparency_becomes_the_mask(context: BenchContext) -> None:
    data = (DATA / "pattern_hole.png").read_bytes()
    context.folders.file_path("input", "hole.png").write_bytes(data)
    picture, mask = load_image(context, image="hole.png")
    with Image.open(DATA / "pattern_hole.png") as image:
        alpha = torch.from_numpy(np.array(image.getchannel("A"), dtype=np.float32))
        assert picture.shape == (1, image.height, image.width, 3)
    assert torch.equal(mask[0], 1 - alpha / 255)
    assert mask.max() == 1


def test_a_palette_with_transparency(context: BenchContext) -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    picture, mask = load_image(context, image=put(context, "palette.png", image, transparency=0))
    assert mask[0, 0, 0] == 1
    assert mask[0, 1, 1] == 0
    assert picture[0, 1, 1].tolist() == [0, 0, 1]


def test_no_transparency_means_an_empty_mask(context: BenchContext) -> None:
    _, mask = load_image(context, image=put(context, "plain.png", Image.new("RGB", (5, 5))))
    assert mask.shape == (1, 64, 64)
    assert not mask.any()


def test_a_phones_picture_is_turned_upright(context: BenchContext) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is on the right
    picture, _ = load_image(context, image=put(context, "phone.jpg", Image.new("RGB", (40, 20)), exif=exif))
    assert picture.shape == (1, 40, 20, 3)


def test_sixteen_bits_of_grey(context: BenchContext) -> None:
    grey = Image.fromarray(np.full((3, 3), 32768, dtype=np.uint16))
    picture, _ = load_image(context, image=put(context, "grey.png", grey))
    assert picture.mean().item() == pytest.approx(0.5, abs=0.01)


def test_an_animation_is_a_batch(context: BenchContext) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    picture, mask = load_image(
        context, image=put(context, "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    )
    assert picture.shape == (2, 4, 6, 3)
    assert mask.shape == (2, 64, 64)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("words.png", b"these are words", "no picture"),
        ("cut.png", (DATA / "pattern.png").read_bytes()[:900], "damaged"),
        ("empty.png", b"", "no picture"),
    ],
)
def test_what_is_no_picture(context: BenchContext, name: str, data: bytes, says: str) -> None:
    context.folders.file_path("input", name).write_bytes(data)
    with pytest.raises(PictureRejected, match=name) as raised:
        load_image(context, image=name)
    assert says in str(raised.value)


@pytest.mark.parametrize("size", [(30000, 30000), (30000, 10), (12000, 12000)])
def test_a_huge_picture_is_refused_before_it_is_decoded(context: BenchContext, size: tuple[int, int]) -> None:
    path = context.folders.file_path("input", put(context, "huge.png", Image.new("1", (1, 1))))
    header = b"IHDR" + struct.pack(">2I", *size) + path.read_bytes()[24:29]  # a file may claim any size
    data = path.read_bytes()
    path.write_bytes(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])
    with pytest.raises(PictureRejected, match=r"huge\.png is too large: at most 16384 pixels a side"):
        load_image(context, image=path.name)


def test_an_animation_counts_with_all_its_frames(context: BenchContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 300)
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "green", "blue", "white")]
    name = put(context, "long.gif", frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(PictureRejected, match="too large"):
        load_image(context, image=name)


def test_a_picture_that_is_gone(context: BenchContext) -> None:
    with pytest.raises(PictureRejected, match="not there"):
        load_image(context, image="gone.png")


@pytest.mark.parametrize(
    ("width", "height", "made"), [(0, 0, (8, 4)), (16, 0, (16, 8)), (0, 2, (4, 2)), (3, 5, (3, 5))]
)
def test_sides_that_follow(context: BenchContext, width: int, height: int, made: tuple[int, int]) -> None:
    (scaled,) = image_scale(
        context, image=torch.rand(1, 4, 8, 3), upscale_method="bilinear", width=width, height=height, crop="disabled"
    )
    assert (scaled.shape[2], scaled.shape[1]) == made


def test_cropping_keeps_the_centre(context: BenchContext) -> None:
    image = torch.zeros(1, 4, 8, 3)
    image[:, :, 2:6] = 1
    (scaled,) = image_scale(context, image=image, upscale_method="area", width=4, height=4, crop="center")
    assert scaled.min() == 1


def test_saved_pictures_carry_what_made_them(context: BenchContext) -> None:
    context.graph = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "猫"}}}
    context.extra_pnginfo = {"workflow": {"nodes": []}}
    ui = save_image(context, images=torch.rand(2, 8, 16, 3), filename_prefix="night/%width%x%height%_%year%").ui
    year = datetime.now().astimezone().year
    assert ui == {
        "images": [
            {"filename": f"16x8_{year}_{number:05}_.png", "subfolder": "night", "type": "output"} for number in (1, 2)
        ]
    }
    with Image.open(context.folders.file_path("output", ui["images"][0]["filename"], "night")) as saved:
        assert saved.size == (16, 8)
        assert json.loads(saved.text["prompt"]) == context.graph
        assert json.loads(saved.text["workflow"]) == {"nodes": []}
        assert "digitalsourcetype/trainedAlgorithmicMedia" in saved.text["XML:com.adobe.xmp"]
    assert not list(context.folders.base.rglob("*.part"))


def test_eight_bits_are_rounded_down_and_clipped(context: BenchContext) -> None:
    image = torch.tensor([-1.0, 0.999, 2.0]).expand(1, 1, 1, 3)
    ui = save_image(context, images=image).ui
    with Image.open(context.folders.file_path("output", ui["images"][0]["filename"])) as saved:
        assert saved.getpixel((0, 0)) == (0, 254, 255)


def test_previews_go_to_the_temporary_folder(context: BenchContext) -> None:
    (shown,) = preview_image(context, images=torch.rand(1, 8, 8, 3)).ui["images"]
    assert shown["type"] == "temp"
    assert context.folders.file_path("temp", shown["filename"]).is_file()


def test_a_full_disk_is_said_and_leaves_nothing(context: BenchContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PictureNotSaved, match=r"ComfyUI_00001_\.png could not be saved: the disk is full"):
        save_image(context, images=torch.rand(1, 8, 8, 3))
    assert list((context.folders.base / "output").iterdir()) == []


@pytest.fixture
def moving() -> torch.Tensor:
    return torch.stack([torch.full((8, 12, 3), share) for share in (0.0, 0.5, 1.0)])


def test_an_animated_webp_carries_what_made_it(context: BenchContext, moving: torch.Tensor) -> None:
    context.graph, context.extra_pnginfo = {"1": {"class_type": "猫"}}, {"workflow": {"nodes": []}}
    ui = save_animated_webp(
        context, images=moving, filename_prefix="dance", fps=8.0, lossless=True, quality=80, method="fastest"
    ).ui
    assert ui == {
        "images": [{"filename": "dance_00001_.webp", "subfolder": "", "type": "output"}],
        "animated": [True],
    }
    with Image.open(context.folders.file_path("output", "dance_00001_.webp")) as saved:
        assert saved.n_frames == 3
        saved.seek(1)
        assert saved.convert("RGB").getpixel((0, 0)) == (127, 127, 127)
        assert saved.info["duration"] == 125
        exif = saved.getexif()
        assert json.loads(exif[0x0110].removeprefix("prompt:")) == context.graph
        assert json.loads(exif[0x010F].removeprefix("workflow:")) == {"nodes": []}
        assert b"digitalsourcetype/trainedAlgorithmicMedia" in saved.info["xmp"]


def test_an_animated_png_carries_what_made_it(context: BenchContext, moving: torch.Tensor) -> None:
    context.graph = {"1": {"class_type": "SaveAnimatedPNG"}}
    ui = save_animated_png(context, images=moving, filename_prefix="a/dance", fps=0.01, compress_level=9).ui
    assert ui["animated"] == [True]
    path = context.folders.file_path("output", ui["images"][0]["filename"], ui["images"][0]["subfolder"])
    with Image.open(path) as saved:
        assert saved.n_frames == 3
        assert "digitalsourcetype/trainedAlgorithmicMedia" in saved.text["XML:com.adobe.xmp"]
    data = path.read_bytes()
    assert data.rindex(b"comfprompt\0" + json.dumps(context.graph).encode()) > data.rindex(b"fdAT")


def test_a_picture_that_was_made_here_can_be_read_again(context: BenchContext) -> None:
    (saved,) = save_image(context, images=torch.full((1, 4, 6, 3), 0.2)).ui["images"]
    picture, _ = load_image_output(context, image=saved["filename"])
    assert (picture * 255).round().unique().tolist() == [51]

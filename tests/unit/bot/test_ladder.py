"""A picture is sent in the first form that fits, without loss where that is possible, and always marked."""

import io
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from bot.ladder import File, Form, fit
from engine.marking import SOURCE_TYPE

LADDER = (Form.ORIGINAL, Form.WEBP, Form.JPEG)


def png(*, noisy: bool, mode: str = "RGB") -> bytes:
    """Noise does not get smaller without loss; a drawing does."""
    noise = Image.merge("RGB", [Image.effect_noise((256, 256), 60) for _ in range(3)])
    picture = noise if noisy else Image.linear_gradient("L").convert("RGB")
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def sent(data: bytes, limit: int | None, ladder: tuple[Form, ...] = LADDER) -> File:
    file = fit(data, filename="a_00001_.png", mime="image/png", ladder=ladder, limit=limit)
    assert file is not None
    assert limit is None or len(file.data) <= limit
    assert SOURCE_TYPE.encode() in file.data
    return file


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def test_what_fits_is_sent_as_it_is():
    data = png(noisy=True)
    for limit in (None, len(data) + 1000):
        file = sent(data, limit)
        assert (file.form, file.filename, file.mime) == (Form.ORIGINAL, "a_00001_.png", "image/png")
        assert opened(file.data).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_then_without_loss(mode: str):
    data = png(noisy=False, mode=mode)
    file = sent(data, len(data) // 4)
    assert (file.form, file.filename, file.mime) == (Form.WEBP, "a_00001_.webp", "image/webp")
    assert opened(file.data).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_then_with_as_little_loss_as_fits(mode: str):
    data = png(noisy=True, mode=mode)
    good = sent(data, len(data) // 2)
    poor = sent(data, len(good.data) - 1)
    assert (good.form, good.filename, good.mime) == (Form.JPEG, "a_00001_.jpg", "image/jpeg")
    assert len(poor.data) < len(good.data)
    assert opened(poor.data).size == (256, 256)


def test_the_ladder_is_the_platforms():
    data = png(noisy=False)
    assert sent(data, len(data) // 4, (Form.ORIGINAL, Form.JPEG)).form is Form.JPEG


def test_what_fits_in_no_form_is_said():
    assert fit(png(noisy=True), filename="a.png", mime="image/png", ladder=LADDER, limit=500) is None
    assert fit(b"x" * 100, filename="a.mp4", mime="video/mp4", ladder=LADDER, limit=99) is None
    assert fit(b"x" * 100, filename="a.png", mime="image/png", ladder=LADDER, limit=99) is None


def test_what_is_no_picture_is_sent_as_it_is():
    file = fit(b"some text", filename="a.txt", mime="text/plain", ladder=LADDER, limit=99)
    assert file is not None
    assert (file.form, file.data) == (Form.ORIGINAL, b"some text")
    assert Path(file.filename).suffix == ".txt"


def test_a_file_without_its_workflow_is_smaller_by_it_and_shows_the_same():
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 5_000)
    buffer = io.BytesIO()
    opened(png(noisy=False)).save(buffer, "PNG", pnginfo=info)
    data = buffer.getvalue()
    file = fit(data, filename="a.png", mime="image/png", ladder=LADDER, limit=None, plain=True)
    assert file is not None
    assert file.form is Form.ORIGINAL
    assert len(file.data) < len(data) - 4_000
    assert opened(file.data).tobytes() == opened(data).tobytes()
    assert SOURCE_TYPE.encode() in file.data

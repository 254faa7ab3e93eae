"""Several pictures as one: in reading order, each in its shape, marked as AI-made."""

import io

import pytest
from PIL import Image

from bot.collage import CELL, collage, columns_of, placeholder


def drawn(colour: str, size: tuple[int, int] = (100, 60), kind: str = "PNG", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_four_stand_in_a_square_in_reading_order() -> None:
    sheet = opened(collage([drawn(colour) for colour in ("red", "lime", "blue", "white")]))
    assert sheet.size == (2 * 100 + 2, 2 * 60 + 2)
    found = [sheet.getpixel(at) for at in ((50, 30), (152, 30), (50, 92), (152, 92))]
    for pixel, colour in zip(found, ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)), strict=True):
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) < 12


@pytest.mark.parametrize(("count", "aspect", "columns"), [(2, 1.5, 1), (2, 0.7, 2), (3, 1, 2), (5, 1, 3), (9, 1, 3)])
def test_columns(count: int, aspect: float, columns: int) -> None:
    assert columns_of(count, aspect) == columns


def test_large_ones_are_made_smaller_and_shapes_are_kept() -> None:
    sheet = opened(collage([drawn("red", (3000, 1000)), drawn("blue", (100, 400), mode="RGBA")]))
    assert sheet.width == CELL
    assert sheet.height <= 2 * CELL + 11


def test_it_says_that_it_is_ai_made() -> None:
    assert b"trainedAlgorithmicMedia" in collage([drawn("red"), drawn("blue")])


@pytest.mark.parametrize("pictures", [[], [b"no picture", b"none"], [b"\x89PNG\r\n\x1a\n"]])
def test_what_is_no_picture_is_refused(pictures: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        collage(pictures)


def test_the_placeholder_is_a_picture() -> None:
    assert opened(placeholder()).size == (640, 360)

import io
import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.errors import ImageRejected
from engine.images import ImageLimits, clean_image, picture_size

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=512 * 512, max_side=1024)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_claims(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_come_out_as_png_of_the_same_size(form):
    clean = clean_image(encoded(Image.new("RGB", (40, 24), "red"), form), LIMITS)
    with Image.open(io.BytesIO(clean)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (40, 24), "RGB")


def test_a_photo_taken_sideways_is_turned_upright_and_loses_its_metadata():
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    exif[0x010F] = "Camera"
    clean = clean_image(encoded(Image.new("RGB", (40, 24)), "JPEG", exif=exif), LIMITS)
    with Image.open(io.BytesIO(clean)) as image:
        assert image.size == (24, 40)
        assert not image.getexif()
        assert b"Camera" not in clean


def test_transparency_is_kept():
    clean = clean_image(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0))), LIMITS)
    with Image.open(io.BytesIO(clean)) as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png_that_claims(30_000, 30_000), "pixels"),
        (png_that_claims(2000, 10), "side"),
        (png_that_claims(1000, 1000), "pixels"),
        (png_that_claims(100, 100), "broken"),
        (b"\0" * (2**20 + 1), "bytes"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format"),
        (b"", "format"),
        (encoded(Image.new("RGB", (8, 8)), "GIF"), "format"),
        (encoded(Image.new("RGB", (64, 64)))[:60], "broken"),
    ],
    ids=["bomb", "long", "large", "torn", "heavy", "svg", "empty", "gif", "cut"],
)
def test_what_is_no_fitting_picture_is_refused_with_its_reason(data, reason):
    with pytest.raises(ImageRejected) as refusal:
        clean_image(data, LIMITS, name="cat.png")
    assert refusal.value.fields["reason"] == reason
    assert refusal.value.fields["name"] == "cat.png"


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]))
def test_any_bytes_are_taken_or_refused(noise, magic):
    with suppress(ImageRejected):
        clean_image(magic + noise, LIMITS)
    assert picture_size(magic + noise) is not None


def test_the_size_of_a_result_is_read_from_its_header():
    assert picture_size(encoded(Image.new("RGB", (40, 24)))) == (40, 24)
    assert picture_size(b"not a picture") == (0, 0)

"""Kinds of files are known by their bytes first."""

import pytest

from engine.endpoints.backoff import Backoff
from engine.endpoints.comfyui.mime import guess_mime
from tests.fakes.comfyui import png


@pytest.mark.parametrize(
    ("data", "name", "mime"),
    [
        (png(), "x.jpg", "image/png"),
        (b"\xff\xd8\xff\xe0", "x.png", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "x", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "x", "audio/wav"),
        (b"\0\0\0\x1cftypavif", "x.png", "image/avif"),
        (b"\0\0\0\x1cftypisom", "x", "video/mp4"),
        (b"\x1a\x45\xdf\xa3", "x.webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3", "x.mkv", "video/x-matroska"),
        (b"BMW cars", "x.txt", "text/plain"),
        (b"BM....", "x.bmp", "image/bmp"),
        (b"OggS", "x.opus", "audio/ogg"),
        (b"solid", "x.glb", "model/gltf-binary"),
        (b"?", "x.no-such-thing", "application/octet-stream"),
        (b"", "", "application/octet-stream"),
    ],
)
def test_guess(data: bytes, name: str, mime: str) -> None:
    assert guess_mime(data, name) == mime


def test_backoff_doubles_up_to_its_limit_and_starts_over_when_it_held() -> None:
    backoff = Backoff(first=1.0, maximum=5.0, stable=60.0)
    assert [backoff.delay(0.0) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert [backoff.delay(held) for held in (59.0, 60.0, 0.0)] == [5.0, 1.0, 2.0]

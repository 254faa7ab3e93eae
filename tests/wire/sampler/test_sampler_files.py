"""Uploads and `/view`: as recorded, and no name leaves its folder."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from PIL import Image, PngImagePlugin

from tests.wire.sampler.support import Server, exchange, png


async def upload(server: Server, data: bytes, name: str, path: str = "/upload/image", **fields: str) -> tuple[int, Any]:
    form = aiohttp.FormData(quote_fields=True)
    form.add_field("image", data, filename=name, content_type="image/png")
    for field, value in fields.items():
        form.add_field(field, value)
    async with server.http.post(server.url + path, data=form) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if answer.content_type == "application/json" else text


def rgba(size: tuple[int, int] = (8, 8), alpha: int = 128) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", size, (0, 255, 0, alpha)).save(file, "PNG")
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


async def view(server: Server, **query: str) -> tuple[int, bytes, Any]:
    async with server.http.get(f"{server.url}/view", params=query) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_uploads_are_named_as_comfyui_names_them(server: Server) -> None:
    steps = [
        ("upload image", png(), "red.png", {}),
        ("upload same again", png(), "red.png", {}),
        ("upload other content same name", png(colour=b"\x00\xff\x00"), "red.png", {}),
        ("upload overwrite", png(colour=b"\x00\x00\xff"), "red.png", {"overwrite": "true"}),
        ("upload subfolder temp", png(), "a.png", {"type": "temp", "subfolder": "sub/x"}),
        ("upload traversal", png(), "../../evil.png", {}),
    ]
    for name, data, filename, fields in steps:
        theirs = exchange(name)["response"]
        assert await upload(server, data, filename, **fields) == (theirs["status"], theirs["body"]), name
    status, _ = await upload(server, png(), "a.png", subfolder="../../out")
    assert status == exchange("upload subfolder traversal")["response"]["status"]
    async with server.http.post(server.url + "/upload/image", data={"other": "x"}) as answer:
        assert answer.status == exchange("upload none")["response"]["status"]
    files = {path.name for path in server.sampler.folders.input.iterdir()}
    assert files == {"red.png", "red (1).png", "..%2F..%2Fevil.png"}
    assert (await view(server, filename="red.png", type="input"))[1] == png(colour=b"\x00\x00\xff")
    assert (await view(server, filename="a.png", type="temp", subfolder="sub/x"))[0] == 200


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n", b"\x00" * 50])
async def test_a_form_that_is_none_gets_a_400(server: Server, body: bytes) -> None:
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain"):
        for path in ("/upload/image", "/upload/mask"):
            async with server.http.post(server.url + path, data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status == 400, (body, kind)


@pytest.mark.parametrize("fields", [{"type": "secret"}, {"subfolder": "/etc"}, {"subfolder": "a\\b"}])
async def test_uploads_stay_in_their_folder(server: Server, fields: dict[str, str]) -> None:
    assert (await upload(server, png(), "a.png", **fields))[0] == 400


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a\\..\\x.png", "x" * 300, "\ud800"])
async def test_raw_names_in_a_form_stay_in_their_folder(server: Server, name: str) -> None:
    raw = name.encode(errors="surrogatepass")
    head = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="' + raw.replace(b"\\", b"\\\\") + b'"\r\n\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    body = head + png() + b"\r\n--x--\r\n"
    before = set(server.sampler.folders.models.parent.rglob("*"))
    async with server.http.post(server.url + "/upload/image", data=body, headers=headers) as answer:
        assert answer.status in (200, 400)
    made = set(server.sampler.folders.models.parent.rglob("*")) - before
    assert all(path.is_relative_to(server.sampler.folders.input) for path in made)


async def test_a_mask_becomes_the_originals_alpha(server: Server) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("prompt", "{}")
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(file, "PNG", pnginfo=note)
    await upload(server, file.getvalue(), "red.png")
    original = json.dumps({"filename": "red.png", "type": "input"})
    theirs = exchange("upload mask")["response"]
    got = await upload(server, rgba((4, 4), 100), "mask.png", "/upload/mask", original_ref=original)
    assert got == (theirs["status"], theirs["body"])
    joined = opened((await view(server, filename="mask.png", type="input"))[1])
    assert joined.getpixel((0, 0)) == (255, 0, 0, 100)
    assert joined.info["prompt"] == "{}"
    bad = [
        "",
        "x",
        "[]",
        '{"filename": ""}',
        '{"filename": "../x.png", "type": "input"}',
        '{"filename": "a", "type": "z"}',
    ]
    for reference in bad:
        assert (await upload(server, rgba(), "m.png", "/upload/mask", original_ref=reference))[0] == 400, reference
    missing = json.dumps({"filename": "nope.png", "type": "input"})
    assert (await upload(server, rgba(), "m.png", "/upload/mask", original_ref=missing))[0] == 404
    assert (await upload(server, b"no picture", "m.png", "/upload/mask", original_ref=original))[0] == 400


async def test_view_answers_as_recorded(server: Server) -> None:
    (server.sampler.folders.input / "red.png").write_bytes(png())
    (server.sampler.folders.input / "mask.png").write_bytes(rgba())
    for name, head in [
        ("view input", b"\x89PNG"),
        ("view preview webp", b"RIFF"),
        ("view preview jpeg", b"\xff\xd8"),
        ("view channel rgb", b"\x89PNG"),
        ("view channel a", b"\x89PNG"),
    ]:
        entry = exchange(name)
        async with server.http.get(server.url + entry["request"]["path"]) as answer:
            assert answer.status == entry["response"]["status"]
            for header in ("Content-Type", "Content-Disposition"):
                assert answer.headers[header] == entry["response"]["headers"][header]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert (await answer.read()).startswith(head)
    assert opened((await view(server, filename="mask.png", type="input", channel="rgb"))[1]).mode == "RGB"
    alpha = opened((await view(server, filename="mask.png", type="input", channel="a"))[1])
    assert alpha.getpixel((0, 0)) == (0, 0, 0, 128)
    assert (await view(server, filename="red.png", type="input", preview="jpeg;x"))[0] == 200
    assert (await view(server, filename="red.png [input]"))[0] == 200, "names with their folder, as ComfyUI writes them"


@pytest.mark.parametrize(
    ("name", "mime"), [("a.svg", "image/svg+xml"), ("a.html", "text/html"), ("a.js", ""), ("a", "")]
)
async def test_what_a_browser_would_run_is_downloaded(server: Server, name: str, mime: str) -> None:
    (server.sampler.folders.output / name).write_text("<script>alert(1)</script>")
    status, _, headers = await view(server, filename=name)
    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    assert headers["Content-Disposition"].startswith("attachment; ")
    assert headers["Content-Type"] != mime


async def test_strange_names_survive_their_header(server: Server) -> None:
    for name in ('a"b.png', "日本.png", "a;b.png", "a b.png"):
        (server.sampler.folders.output / name).write_bytes(png())
        status, data, headers = await view(server, filename=name)
        assert (status, data) == (200, png())
        assert "\n" not in headers["Content-Disposition"]
    assert (await view(server, filename="日本.png"))[2][
        "Content-Disposition"
    ] == f"filename*=UTF-8''{quote('日本.png')}"


async def test_no_picture_has_no_preview(server: Server) -> None:
    (server.sampler.folders.output / "a.png").write_bytes(b"no picture")
    for query in ({"preview": "webp;50"}, {"channel": "a"}, {"channel": "rgb"}):
        assert (await view(server, filename="a.png", **query))[0] == 400


async def test_a_picture_too_large_to_decode_or_encode_has_no_preview(server: Server) -> None:
    (server.sampler.folders.output / "a.png").write_bytes(png(30_000, 1))
    large = bytearray(png(8, 8))
    large[16:24] = (30_000).to_bytes(4, "big") * 2
    (server.sampler.folders.output / "b.png").write_bytes(bytes(large))
    assert (await view(server, filename="a.png", preview="webp"))[0] == 400
    assert (await view(server, filename="a.png", preview="jpeg"))[0] == 200
    assert (await view(server, filename="b.png", preview="webp"))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        {"filename": "../models/checkpoints/rand-sd15.safetensors"},
        {"filename": "/etc/passwd"},
        {"filename": "..\\x"},
        {"filename": "a\x00.png"},
        {"filename": "x.png", "subfolder": "../input"},
        {"filename": "x.png", "subfolder": "/etc"},
        {"filename": "link.png"},
        {"filename": "x.png", "subfolder": "linked"},
        {"filename": "C:x.png"},
        {"filename": "a" * 300},
        {"filename": "/".join(["a"] * 3000)},
        {"filename": "x.png", "type": "models"},
        {"filename": "."},
        {"filename": "sub/.."},
    ],
)
async def test_view_stays_in_its_folder(server: Server, tmp_path: Path, query: dict[str, str]) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x.png").write_bytes(png())
    (server.sampler.folders.output / "link.png").symlink_to(secret / "x.png")
    (server.sampler.folders.output / "linked").symlink_to(secret)
    status, data, _ = await view(server, **query)
    assert status in (400, 403, 404)
    assert not data.startswith(b"\x89PNG")


async def test_an_upload_beyond_the_limit_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sampler.server.images.MOST_UPLOAD_BYTES", 1000)
    monkeypatch.setattr("engine.sampler.server.images._FORM_OVERHEAD", 1000)
    assert (await upload(server, b"x" * 500, "a.png"))[0] == 200
    assert (await upload(server, b"x" * 500_000, "a.png"))[0] == 413

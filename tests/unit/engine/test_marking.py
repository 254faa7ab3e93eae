"""The mark is there in every format, is there once, and changes no pixel."""

import io
from xml.etree import ElementTree

import pytest
from PIL import Image, PngImagePlugin

from engine.marking import AI_MADE, SOURCE_TYPE, mark, without_workflow

OTHER = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="a camera"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
FORMS: dict[str, tuple[str, str, dict[str, object]]] = {
    "png": ("RGB", "PNG", {}),
    "png with alpha": ("RGBA", "PNG", {}),
    "jpeg": ("RGB", "JPEG", {"quality": 90}),
    "lossless webp": ("RGB", "WEBP", {"lossless": True}),
    "lossless webp with alpha": ("RGBA", "WEBP", {"lossless": True, "exact": True}),
    "lossy webp": ("RGB", "WEBP", {"quality": 80}),
    "webp with an extended header": ("RGB", "WEBP", {"lossless": True, "icc_profile": b"x" * 11}),
}


def picture(mode: str) -> Image.Image:
    made = Image.effect_noise((33, 21), 90).convert(mode)
    if mode == "RGBA":
        made.putalpha(Image.effect_noise((33, 21), 90))
    return made


def saved(mode: str, kind: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    picture(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def packet(data: bytes) -> str:
    """The packet as Pillow finds it."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    return found.decode() if isinstance(found, bytes) else found


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("form", FORMS)
def test_the_mark_is_read_back_and_changes_no_pixel(form: str) -> None:
    data = saved(*FORMS[form])
    marked = mark(data)
    assert SOURCE_TYPE in packet(marked)
    ElementTree.fromstring(packet(marked).replace("\ufeff", ""))
    assert pixels(marked) == pixels(data)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_marked_is_left_alone(form: str) -> None:
    marked = mark(saved(*FORMS[form]))
    assert mark(marked) == marked


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_was_said_of_the_picture_before_stays(kind: str) -> None:
    options: dict[str, object] = {"xmp": OTHER.encode()}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("prompt", "a house")
        info.add_itxt("XML:com.adobe.xmp", OTHER, zip=True)
        options = {"pnginfo": info}
    marked = mark(saved("RGB", kind, options))
    assert SOURCE_TYPE in packet(marked)
    assert "a camera" in packet(marked)
    assert marked.count(b"com.adobe.xmp\0" if kind == "PNG" else b"x:xmpmeta xmlns") == 1
    if kind == "PNG":
        with Image.open(io.BytesIO(marked)) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)
            assert image.text["prompt"] == "a house"


def test_what_is_no_picture_or_broken_is_left_alone() -> None:
    whole = saved("RGB", "PNG", {})
    for data in (b"", b"text", b"GIF89a" + b"\0" * 20, whole[:-20], whole[:8], b"\xff\xd8", b"RIFF\0\0\0\0WEBP"):
        assert mark(data) == data
    assert AI_MADE.startswith("<?xpacket")


def test_the_workflow_is_taken_out_and_nothing_else() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", '{"3": {}}')
    info.add_text("workflow", '{"nodes": []}', zip=True)
    info.add_itxt("parameters", "a house, steps: 20")
    info.add_text("Title", "mine")
    buffer = io.BytesIO()
    picture("RGB").save(buffer, "PNG", pnginfo=info, dpi=(72, 72))
    data = mark(buffer.getvalue())
    plain = without_workflow(data)
    with Image.open(io.BytesIO(plain)) as image:
        assert {"prompt", "workflow", "parameters"}.isdisjoint(image.info)
        assert image.info["Title"] == "mine"
        assert "dpi" in image.info
    assert packet(plain) == packet(data)
    assert pixels(plain) == pixels(data)
    assert without_workflow(plain) == plain
    assert mark(plain) == plain


@pytest.mark.parametrize("lossless", [True, False])
def test_the_workflow_of_an_animation_is_taken_out(lossless: bool) -> None:
    exif = Image.Exif()
    exif[0x0110] = 'prompt:{"3": {}}'
    buffer = io.BytesIO()
    first, second = picture("RGB"), picture("RGB")
    first.save(buffer, "WEBP", save_all=True, append_images=[second], exif=exif, lossless=lossless)
    data = buffer.getvalue()
    assert b"prompt:" in data
    plain = without_workflow(mark(data))
    assert b"prompt:" not in plain
    with Image.open(io.BytesIO(plain)) as image:
        assert image.n_frames == 2
        assert not image.getexif()
        assert SOURCE_TYPE in packet(plain)


@pytest.mark.parametrize("form", FORMS)
def test_without_a_workflow_a_file_stays_as_it_is(form: str) -> None:
    data = mark(saved(*FORMS[form]))
    assert without_workflow(data) == data
    assert without_workflow(data[:40]) == data[:40]

"""The limits of components, one mistake at a time."""

from typing import Any

import pytest

from tests.wire.discord_server.conftest import Rest, Studio, picture

V2 = 1 << 15


def row(*inner: dict[str, Any]) -> dict[str, Any]:
    """An action row."""
    return {"type": 1, "components": list(inner)}


def button(custom_id: str = "a", **more: Any) -> dict[str, Any]:
    """A button."""
    return {"type": 2, "style": 1, "label": "go", "custom_id": custom_id, **more}


def link(url: str) -> dict[str, Any]:
    """A button that leads away."""
    return {"type": 2, "style": 5, "label": "go", "url": url}


def select(custom_id: str = "s", options: int = 2, **more: Any) -> dict[str, Any]:
    """A select."""
    made = [{"label": f"l{n}", "value": f"v{n}"} for n in range(options)]
    return {"type": 3, "custom_id": custom_id, "options": made, **more}


def text(content: str = "hello") -> dict[str, Any]:
    """A text."""
    return {"type": 10, "content": content}


def box(*inner: dict[str, Any]) -> dict[str, Any]:
    """A container."""
    return {"type": 17, "components": list(inner)}


def gallery(*urls: str, **more: Any) -> dict[str, Any]:
    """A gallery."""
    return {"type": 12, "items": [{"media": {"url": url}, **more} for url in urls]}


CLASSIC = [
    ([row(button())], {}),
    ([row(*(button(str(n)) for n in range(5))) for _ in range(1)], {}),
    ([row(*(button(str(n)) for n in range(6)))], {"components.0.components": "BASE_TYPE_MAX_LENGTH"}),
    ([row()], {"components.0.components": "BASE_TYPE_MIN_LENGTH"}),
    ([row(button(str(n))) for n in range(6)], {"components": "BASE_TYPE_BAD_LENGTH"}),
    ([row(select(), button())], {"components.0.components": "COMPONENT_LAYOUT_WIDTH_EXCEEDED"}),
    ([box(text())], {"components.0.type": "UNION_TYPE_CHOICES"}),
    ([row(button(""))], {"components.0.components.0.custom_id": "BASE_TYPE_MIN_LENGTH"}),
    ([row(button("a" * 101))], {"components.0.components.0.custom_id": "BASE_TYPE_MAX_LENGTH"}),
    ([row(button(label="a" * 81))], {"components.0.components.0.label": "BASE_TYPE_MAX_LENGTH"}),
    ([row(button(label=None))], {"components.0.components.0": "BUTTON_COMPONENT_INVALID"}),
    ([row(*(button(e, label=None, emoji={"name": e}) for e in ("🔄", "⬅️", "1️⃣", "👍🏽", "🇩🇪")))], {}),
    ([row(*(button(e, label=None, emoji={"name": e}) for e in ("👩‍🎨", "↗️", "⭐", "🎛️", "✏️")))], {}),
    (
        [row(button(label=None, emoji={"name": "U1"}))],
        {"components.0.components.0.emoji.name": "COMPONENT_INVALID_EMOJI"},
    ),
    ([row(button(label=None, emoji={"name": "art", "id": "123"}))], {}),
    ([row(button(url="https://a.b"))], {"components.0.components.0.url": "BUTTON_COMPONENT_URL_MUTUALLY_EXCLUSIVE"}),
    ([row(link("https://a.b"))], {}),
    ([row(link("ftp://a.b"))], {"components.0.components.0.url": "URL_TYPE_INVALID_SCHEME"}),
    ([row({"type": 2, "style": 1, "label": "go"})], {"components.0.components.0.custom_id": "BASE_TYPE_REQUIRED"}),
    ([row(select(options=26))], {"components.0.components.0.options": "BASE_TYPE_MAX_LENGTH"}),
    ([row(select(options=0))], {"components.0.components.0.options": "BASE_TYPE_MIN_LENGTH"}),
    ([row(select(max_values=3))], {"components.0.components.0.max_values": "SELECT_COMPONENT_MAX_VALUES_EXCEEDED"}),
    (
        [row(select(min_values=2, max_values=1))],
        {"components.0.components.0.min_values": "SELECT_COMPONENT_MIN_VALUES"},
    ),
    ([row(select(placeholder="a" * 151))], {"components.0.components.0.placeholder": "BASE_TYPE_MAX_LENGTH"}),
    (
        [row(button("same"), button("same"))],
        {f"components.0.components.{n}.custom_id": "COMPONENT_CUSTOM_ID_DUPLICATED" for n in (0, 1)},
    ),
]
LAYOUT = [
    ([box(text(), row(button()))], {}),
    ([text("a" * 4000)], {}),
    ([text("a" * 2000), box(text("b" * 2001))], {"components": "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"}),
    ([text("")], {"components.0.content": "BASE_TYPE_MIN_LENGTH"}),
    ([text("a") for _ in range(40)], {}),
    ([text("a") for _ in range(41)], {"components": "BASE_TYPE_MAX_LENGTH"}),
    ([box(*(text("a") for _ in range(39)))], {}),
    ([box(*(text("a") for _ in range(38)), row(button()))], {"components": "BASE_TYPE_MAX_LENGTH"}),
    ([box(*(row(*(button(f"{r}{b}") for b in range(5))) for r in range(7)))], {"components": "BASE_TYPE_MAX_LENGTH"}),
    ([button()], {"components.0.type": "UNION_TYPE_CHOICES"}),
    ([box(box(text()))], {"components.0.components.0.type": "UNION_TYPE_CHOICES"}),
    ([gallery(*(f"https://a.b/{n}.png" for n in range(10)))], {}),
    ([gallery(*(f"https://a.b/{n}.png" for n in range(11)))], {"components.0.items": "BASE_TYPE_MAX_LENGTH"}),
    ([gallery()], {"components.0.items": "BASE_TYPE_MIN_LENGTH"}),
    ([gallery("attachment://a.png", description="d" * 1024, spoiler=True)], {}),
    (
        [gallery("attachment://a.png", description="d" * 1025)],
        {"components.0.items.0.description": "BASE_TYPE_MAX_LENGTH"},
    ),
    ([gallery("attachment://a.png", description="")], {"components.0.items.0.description": "BASE_TYPE_MIN_LENGTH"}),
    ([gallery("file:///etc/passwd")], {"components.0.items.0.media.url": "URL_TYPE_INVALID_SCHEME"}),
    ([{"type": 13, "file": {"url": "attachment://a.png"}}], {}),
    (
        [{"type": 13, "file": {"url": "https://a.b/c.png"}}],
        {"components.0.file.url": "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"},
    ),
    ([{"type": 9, "components": [text()], "accessory": button()}], {}),
    (
        [{"type": 9, "components": [text() for _ in range(4)], "accessory": button()}],
        {"components.0.components": "BASE_TYPE_MAX_LENGTH"},
    ),
    ([{"type": 17, "accent_color": 2**24, "components": [text()]}], {"components.0.accent_color": "NUMBER_TYPE_MAX"}),
    ([text() | {"id": 7}, text() | {"id": 7}], {f"components.{n}.id": "COMPONENT_ID_DUPLICATED" for n in (0, 1)}),
]


async def check(rest: Rest, studio: Studio, body: dict[str, Any], errors: dict[str, str]) -> None:
    """The form is taken, or refused for just these reasons."""
    if not rest.server.document.present:
        pytest.skip("lengths are Discord's document's")
    said = await rest.post(studio.art, body, files={"a.png": picture()})
    if errors:
        assert (said.code, said.errors()) == (50035, errors)
    else:
        assert said.status == 200, said.body
        assert rest.server.violations == []


@pytest.mark.parametrize(("components", "errors"), CLASSIC)
async def test_rows(rest: Rest, studio: Studio, components: list[Any], errors: dict[str, str]) -> None:
    await check(rest, studio, {"content": "a", "components": components}, errors)


@pytest.mark.parametrize(("components", "errors"), LAYOUT)
async def test_layouts(rest: Rest, studio: Studio, components: list[Any], errors: dict[str, str]) -> None:
    await check(rest, studio, {"flags": V2, "components": components}, errors)


def field(label: str = "prompt", inner: dict[str, Any] | None = None) -> dict[str, Any]:
    """A labelled text input of a modal."""
    return {"type": 18, "label": label, "component": inner or {"type": 4, "custom_id": label[:100], "style": 1}}


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({"title": "t", "components": [field()]}, {}),
        ({"title": "t" * 46, "components": [field()]}, {"data.title": "BASE_TYPE_MAX_LENGTH"}),
        ({"title": "t", "components": []}, {"data.components": "BASE_TYPE_MIN_LENGTH"}),
        ({"title": "t", "components": [field(str(n)) for n in range(5)]}, {}),
        ({"title": "t", "components": [field(str(n)) for n in range(6)]}, {"data.components": "BASE_TYPE_BAD_LENGTH"}),
        ({"title": "t", "components": [field("l" * 46)]}, {"data.components.0.label": "BASE_TYPE_MAX_LENGTH"}),
        (
            {"title": "t", "components": [field(), field()]},
            {f"data.components.{n}.component.custom_id": "COMPONENT_CUSTOM_ID_DUPLICATED" for n in (0, 1)},
        ),
        (
            {"title": "t", "components": [field(inner={"type": 4, "custom_id": "a", "style": 1, "label": "x"})]},
            {"data.components.0.component.label": "COMPONENT_LABEL_NOT_ALLOWED"},
        ),
        (
            {"title": "t", "components": [field(inner={"type": 4, "custom_id": "a", "style": 1, "value": "v" * 4001})]},
            {"data.components.0.component.value": "BASE_TYPE_MAX_LENGTH"},
        ),
        ({"title": "t", "components": [row({"type": 4, "custom_id": "a", "style": 2, "label": "x"})]}, {}),
        (
            {"title": "t", "components": [row({"type": 4, "custom_id": "a", "style": 2})]},
            {"data.components.0.components.0.label": "BASE_TYPE_REQUIRED"},
        ),
        ({"title": "t", "components": [field(inner=select("size"))]}, {}),
        ({"title": "t", "components": [row(button())]}, {"data.components.0.components.0.type": "BASE_TYPE_CHOICES"}),
    ],
)
async def test_modals(rest: Rest, studio: Studio, form: dict[str, Any], errors: dict[str, str]) -> None:
    if not rest.server.document.present:
        pytest.skip("lengths are Discord's document's")
    await rest.register({"name": "tweak", "description": "d"})
    asked = await studio.ann.slash(studio.art, "tweak")
    said = await rest.answer(asked, 9, {"custom_id": "m", **form})
    if errors:
        assert (said.code, said.errors()) == (50035, errors)
        assert asked.reply is None
    else:
        assert said.status == 200, said.body
        assert (await asked.dialog()).title == "t"

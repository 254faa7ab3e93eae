"""The numbers of every change: on the grid, within the limits, and as large as they say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.settings import config_dir
from engine.changes import LARGEST, TEMPLATES, Change, Size, inherited, numbers
from engine.errors import PictureUnfit
from engine.workflows.binding import bind
from engine.workflows.library import Library

LIBRARY = Library.load([config_dir() / "workflows"])
sides = st.integers(1, 6000)


def made_size(found: dict[str, object]) -> tuple[int, int]:
    """The size of what is made."""

    def number(name: str) -> int:
        value = found.get(name, 0)
        assert isinstance(value, int)
        return value

    return (
        number("width") + number("left") + number("right"),
        number("height") + number("top") + number("bottom"),
    )


@given(st.sampled_from(Change), sides, sides, st.floats(1.25, 4))
@example(Change.VARY_SUBTLE, 516, 2052, 2.0)  # longer than txt2img draws, and no larger
def test_whatever_the_picture_the_result_fits_or_it_is_said(
    change: Change, width: int, height: int, scale: float
) -> None:
    try:
        found = numbers(change, Size(width=width, height=height), scale=scale)
    except PictureUnfit:
        return
    across, down = made_size(dict(found))
    assert across * down <= LARGEST
    assert max(across, down) <= 4 * min(across, down)
    for name, value in found.items():
        if name != "strength":
            assert isinstance(value, int)
            assert value % 8 == 0
            assert value >= 0
    template = LIBRARY.get(TEMPLATES[change])
    options = {name: value for name, value in found.items() if name in template.slots}
    if min(found["width"], found["height"]) >= 64:  # type: ignore[type-var]
        bind(template, {**options, "image": "ab" * 32}, seed=1)
    assert options == found, "the template has a slot for every number"


def test_the_usual_sizes() -> None:
    square = Size(width=512, height=512)
    assert made_size(dict(numbers(Change.UPSCALE, square))) == (1024, 1024)
    assert made_size(dict(numbers(Change.UPSCALE, square, scale=1.5))) == (768, 768)
    zoomed = numbers(Change.ZOOM_OUT, square)
    assert made_size(dict(zoomed)) == (512, 512)
    assert (zoomed["width"], zoomed["left"], zoomed["right"]) == (344, 80, 88)
    wide = Size(width=768, height=512)
    assert made_size(dict(numbers(Change.SQUARE, wide))) == (768, 768)
    assert made_size(dict(numbers(Change.PAN_UP, wide))) == (768, 768)
    assert numbers(Change.PAN_RIGHT, wide) == {
        "width": 768, "height": 512, "left": 0, "top": 0, "right": 384, "bottom": 0,
    }  # fmt: skip


def test_a_cap_is_named_as_it_is() -> None:
    with pytest.raises(PictureUnfit) as caught:
        numbers(Change.UPSCALE, Size(width=512, height=512), largest=512 * 512)
    assert caught.value.fields == {"reason": "pixels", "size": "1024x1024", "limit": "0.26 MP"}


def test_what_is_taken_over_fits_the_template_that_takes_it() -> None:
    vary = LIBRARY.get("vary")
    before = {
        "prompt": "a house",
        "negative": "rain",
        "model": "m.safetensors",
        "loras": "ink:0.8",
        "sampler": "euler",
        "steps": 150,
        "cfg": 0.5,
        "seed": 7,
        "width": 96,
        "strength": 0.9,
        "image": "ab" * 32,
        "wind": 3,
    }
    assert inherited(before, vary) == {
        "prompt": "a house",
        "negative": "rain",
        "model": "m.safetensors",
        "loras": "ink:0.8",
        "sampler": "euler",
        "steps": 60,
        "cfg": 1.0,
    }
    assert inherited({"steps": "many", "prompt": 5}, vary) == {}

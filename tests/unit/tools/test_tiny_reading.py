"""The reader that measures pictures: right about drawings, and not pleased by anything."""

from __future__ import annotations

import pytest
from PIL import Image

from tools.tiny import checks, scenes
from tools.tiny.reading import Reader, outline_of, plain_scene, read_time, thing_mask


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Few outlines, for speed."""
    return Reader(variants=12)


def test_the_reader_is_right_about_drawings(reader: Reader) -> None:
    plain, landscapes = checks.plain_prompts(70, 3), checks.landscape_prompts(40, 3)
    for share in checks.check_reader(reader, plain, landscapes):
        assert share.right >= 0.95 * share.of, str(share)


def test_pictures_of_something_else_are_counted_as_wrong(reader: Reader) -> None:
    plain, landscapes = checks.plain_prompts(28, 4), checks.landscape_prompts(8, 4)

    def draw_empty_skies(prompts: list[str], size: tuple[int, int], seed: int) -> list[Image.Image]:
        return [Image.new("RGB", size, scenes.SKIES["snow"][0]) for _ in prompts]

    colours, thing, time = checks.check_model(reader, plain, landscapes, draw_empty_skies, 1)
    assert (colours.right, thing.right <= 4, time.right) == (0, True, 2)
    assert not any(share.passed for share in (colours, thing, time))


def test_a_thing_is_masked_with_its_holes_filled_and_nothing_else() -> None:
    picture = scenes.render(plain_scene("house", "white", "blue", 7))
    share = thing_mask(picture).mean()
    assert 0.05 < share < 0.6
    assert not thing_mask(Image.new("RGB", (64, 48), "red")).any()
    assert outline_of(thing_mask(Image.new("RGB", (64, 48), "red"))).sum() == 0


@pytest.mark.parametrize("time", scenes.TIMES)
def test_the_sky_tells_the_time(time: scenes.Time) -> None:
    assert read_time(Image.new("RGB", (80, 48), scenes.SKIES[time][0])) == time


def test_asked_combinations_are_held_out_and_all_different() -> None:
    plain = checks.plain_prompts(200, 1)
    assert len(set(plain)) == 200
    assert {asked.thing for asked in plain} == set(scenes.THINGS)
    assert all(scenes.held_out(asked.thing, asked.colour, asked.background) for asked in plain)
    times = [landscape.scene.time for landscape in checks.landscape_prompts(100, 1)]
    assert {time: times.count(time) for time in scenes.TIMES} == dict.fromkeys(scenes.TIMES, 25)

"""The drawings of the built-in model: the same for the same seed, of the right size, in the right colour."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from tools.tiny import reading, scenes
from tools.tiny.drawings import DRAWINGS
from tools.tiny.scenes import Item, Scene


def plain_scene(thing: str, colour: str, backdrop: str) -> Scene:
    """One thing in the middle of a plain background."""
    item = Item(thing=thing, colour=colour, named=True, spots=((64, 64, 50),), flip=False)
    return Scene(
        width=128, height=128, seed=5, items=(item,), relation=None, backdrop=backdrop, time="day", ground="grass"
    )


@pytest.mark.parametrize("size", scenes.SIZES)
def test_a_seed_gives_the_same_picture_of_the_asked_size(size: tuple[int, int]) -> None:
    for seed in range(6):
        first = scenes.render(scenes.random_scene(seed, size))
        second = scenes.render(scenes.random_scene(seed, size))
        assert first.size == size
        assert first.mode == "RGB"
        assert np.array_equal(np.asarray(first), np.asarray(second))


def test_every_shape_fits_the_network_and_the_shares_are_whole() -> None:
    for width, height in scenes.SIZES:
        assert width % 8 == 0
        assert height % 8 == 0
    assert sum(scenes.SIZES.values()) == pytest.approx(1)


def test_no_plain_scene_shows_a_combination_that_is_held_out() -> None:
    seen = 0
    for seed in range(4000):
        scene = scenes.random_scene(seed, (128, 128))
        if len(scene.items) == 1 and scene.backdrop is not None:
            seen += 1
            assert not scenes.held_out(scene.items[0].thing, scene.items[0].colour, scene.backdrop)
    assert seen > 500


def test_big_things_are_bigger_than_small_ones() -> None:
    halves: dict[str | None, list[float]] = {"big": [], "small": [], None: []}
    for seed in range(1500):
        for item in scenes.random_scene(seed, (128, 128)).items:
            halves[item.adjective].append(item.spots[0][2])
    assert len(halves["big"]) > 50
    assert len(halves["small"]) > 50
    assert min(halves["big"]) > 1.5 * max(halves["small"])


def test_other_seeds_give_other_scenes() -> None:
    shown = {scenes.random_scene(seed, (128, 128)).items for seed in range(50)}
    assert len(shown) == 50


def test_the_mixture_shows_every_thing_colour_time_and_relation() -> None:
    many = [scenes.random_scene(seed, (128, 128)) for seed in range(1500)]
    assert {item.thing for scene in many for item in scene.items} == set(scenes.THINGS)
    assert {item.colour for scene in many for item in scene.items} == set(scenes.COLOURS)
    assert {scene.time for scene in many} == set(scenes.TIMES)
    assert {scene.relation for scene in many} == {"left", "right", "over", "under", "next", "and", "on", None}
    assert {len(item.spots) for scene in many for item in scene.items} == {1, 2, 3}


def test_related_things_stand_as_the_relation_says() -> None:
    seen = set()
    for seed in range(1500):
        scene = scenes.random_scene(seed, Random(seed).choice(list(scenes.SIZES)))
        if scene.relation not in ("left", "right", "over", "under"):
            continue
        (first_x, first_y, _), (second_x, second_y, _) = scene.items[0].spots[0], scene.items[1].spots[0]
        seen.add(scene.relation)
        match scene.relation:
            case "left":
                assert first_x < second_x
            case "right":
                assert first_x > second_x
            case "over":
                assert first_y < second_y
            case "under":
                assert first_y > second_y
    assert len(seen) == 4


@pytest.mark.parametrize("thing", sorted(DRAWINGS))
@pytest.mark.parametrize("colour", ["red", "yellow", "green", "blue", "purple", "black", "orange"])
def test_the_main_area_carries_the_colour(thing: str, colour: str) -> None:
    backdrop = "white" if colour != "white" else "blue"
    found = reading.nearest_colours(scenes.render(plain_scene(thing, colour, backdrop)))
    share = (found == reading.NAMES.index(colour)).mean()
    assert share > 0.07, f"only {share:.0%} of the picture is {colour}"

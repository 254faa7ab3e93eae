"""Sizes: the native area in another shape, on the grid."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadValue
from engine.workflows.sizes import size_for


@pytest.mark.parametrize(
    ("native", "aspect", "size"),
    [
        ((128, 128), None, (128, 128)),
        ((128, 128), (3, 2), (160, 104)),
        ((128, 128), (1, 4), (64, 256)),
        ((512, 512), (16, 9), (680, 384)),
        ((1024, 1024), (1, 1), (1024, 1024)),
        ((512, 768), (1, 1), (624, 624)),
    ],
)
def test_an_aspect_keeps_the_native_area(
    native: tuple[int, int], aspect: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    assert size_for(native=native, aspect=aspect) == size


@settings(deadline=None)
@given(
    side=st.integers(8, 256).map(lambda cells: 8 * cells),
    aspect=st.tuples(st.integers(1, 400), st.integers(1, 400)),
)
def test_every_aspect_is_on_the_grid_and_near_the_area_or_refused(side: int, aspect: tuple[int, int]) -> None:
    across, down = aspect
    if max(aspect) > 4 * min(aspect):
        with pytest.raises(BadValue) as caught:
            size_for(native=(side, side), aspect=aspect)
        assert caught.value.fields["nearest"] == ("4:1" if across > down else "1:4")
        return
    width, height = size_for(native=(side, side), aspect=aspect)
    assert width % 8 == height % 8 == 0
    assert (width - 4) * (height - 4) <= side * side <= (width + 4) * (height + 4)


def test_an_exact_size_is_taken_or_the_nearest_named() -> None:
    assert size_for(native=(128, 128), exact=(768, 512)) == (768, 512)
    for exact, nearest in (((770, 512), "768x512"), ((4096, 64), "256x64"), ((8, 512), "8x32"), ((1, 1), "8x8")):
        with pytest.raises(BadValue) as caught:
            size_for(native=(128, 128), exact=exact)
        assert caught.value.fields["nearest"] == nearest
        width, height = (int(side) for side in nearest.split("x"))
        assert size_for(native=(128, 128), exact=(width, height)) == (width, height), "the nearest is itself right"


def test_no_aspect_is_nothing_wide() -> None:
    with pytest.raises(BadValue):
        size_for(native=(128, 128), aspect=(0, 1))

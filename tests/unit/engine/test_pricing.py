"""Prices: the reference, monotony, and amounts as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pricing import ModelClass, credits, measured, price

sizes = st.integers(0, 4096)
small = st.integers(0, 200)


def test_the_reference_picture_costs_one_credit() -> None:
    assert price(width=512, height=512, steps=20, model_class=ModelClass.SD1) == 1000
    assert price(width=512, height=512, steps=40, batch=2, model_class=ModelClass.SD1) == 3800
    assert price(width=1024, height=1024, steps=20, model_class=ModelClass.SDXL) == 100 + 4 * 1710


@given(sizes, sizes, small, st.integers(0, 16), st.floats(0, 1), st.sampled_from(ModelClass), st.data())
def test_a_price_never_falls_when_more_is_asked_for(
    width: int, height: int, steps: int, batch: int, strength: float, model_class: ModelClass, data: st.DataObject
) -> None:
    base = price(width=width, height=height, steps=steps, batch=batch, strength=strength, model_class=model_class)
    more = price(
        width=width + data.draw(small),
        height=height + data.draw(small),
        steps=steps + data.draw(small),
        batch=batch + data.draw(small),
        strength=min(1.0, strength + data.draw(st.floats(0, 1))),
        model_class=model_class,
    )
    assert more >= base >= 0
    assert type(base) is int


@given(sizes, sizes, small)
def test_models_keep_their_order(width: int, height: int, steps: int) -> None:
    prices = [
        price(width=width, height=height, steps=steps, model_class=model_class)
        for model_class in (ModelClass.TINY, ModelClass.SD1, ModelClass.SDXL, ModelClass.FLUX)
    ]
    assert prices == sorted(prices)


def test_strength_zero_samples_nothing_and_any_other_runs_all_steps() -> None:
    def at(strength: float) -> int:
        return price(width=512, height=512, steps=20, strength=strength, model_class=ModelClass.SD1)

    assert (at(0.0), at(0.01), at(1.0)) == (100, 1000, 1000)


@pytest.mark.parametrize("wrong", [{"width": -1}, {"height": -1}, {"steps": -1}, {"batch": -1}, {"strength": -0.1}])
def test_negative_figures_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        price(**{"width": 1, "height": 1, "steps": 1, "model_class": ModelClass.SD1, **wrong})


@pytest.mark.parametrize(
    ("mgs", "text"),
    [
        (0, "0.0"),
        (4, "0.004"),
        (10, "0.01"),
        (94, "0.094"),
        (95, "0.1"),
        (3149, "3.1"),
        (3150, "3.2"),
        (99_960, "100.0"),
        (600_000, "600.0"),
        (-3100, "-3.1"),
        (-4, "-0.004"),
    ],
)
def test_amounts_as_people_read_them(mgs: int, text: str) -> None:
    assert credits(mgs) == text


@given(st.integers(-(10**15), 10**15))
def test_amounts_read_back_within_half_a_tenth(mgs: int) -> None:
    assert abs(float(credits(mgs)) * 1000 - mgs) <= 50.001


def test_measured_seconds_become_reference_seconds() -> None:
    assert measured(1.5, 1.0) == 1500
    assert measured(1.5, 2.0) == 3000
    assert measured(0.0001, 1.0) == 1
    assert measured(-1.0, 1.0) == 0

"""Ranges as people read them, and the nearest number and name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.workflows.nearest import nearest
from engine.workflows.ranges import nearest_number, plain, range_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (5, "5"),
        (5.0, "5"),
        (0.6, "0.6"),
        (2**64 - 1, "18446744073709551615"),
        (1e-05, "0.00001"),
        (-0.0, "0"),
        (100.0, "100"),
    ],
)
def test_numbers_are_plain(number: float, text: str) -> None:
    assert plain(number) == text


@settings(deadline=None)
@given(st.floats(-1e9, 1e9))
def test_a_plain_number_reads_back(number: float) -> None:
    assert float(plain(number)) == number
    assert "e" not in plain(number)


@pytest.mark.parametrize(
    ("limits", "text"),
    [((1, 60), "1–60"), ((0.0, 1.0), "0–1"), ((0, None), "≥ 0"), ((None, 9), "≤ 9"), ((None, None), "")],
)
def test_ranges_are_signs(limits: tuple[float | None, float | None], text: str) -> None:
    assert range_text(*limits) == text


@settings(deadline=None)
@given(
    value=st.integers(-(10**9), 10**9),
    low=st.integers(-100, 100),
    span=st.integers(0, 5000),
    step=st.integers(1, 64),
)
def test_the_nearest_number_is_itself_right(value: int, low: int, span: int, step: int) -> None:
    near = nearest_number(value, low, low + span, step)
    assert low <= near <= low + span
    assert (near - low) % step == 0
    assert nearest_number(near, low, low + span, step) == near


def test_the_nearest_name() -> None:
    names = ["euler", "euler_ancestral", "dpmpp_2m", "sd_xl_base_1.0.safetensors"]
    assert nearest("EULR", names) == "euler"
    assert nearest("xl_base", names) == "sd_xl_base_1.0.safetensors"
    assert nearest("zzz", names) == ""
    assert nearest("", names) == ""
    assert nearest("x", []) == ""
    assert nearest("x" * 1_000_000, names) == ""

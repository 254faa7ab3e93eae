"""`{a, b}`: what expands, what does not, and that no line can make it slow or large."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.grammar import expand, expand_words, parse
from engine.errors import TooManyJobs, UserError


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a house", ["a house"]),
        ("", [""]),
        ("a {red, blue} house", ["a red house", "a blue house"]),
        ("{a,b} {c,d}", ["a c", "a d", "b c", "b d"]),
        ("{a, {b, c} d} e", ["a e", "b d e", "c d e"]),
        ("x --ar {1:1,16:9}", ["x --ar 1:1", "x --ar 16:9"]),
        ("{a --seed 1, b --seed 2}", ["a --seed 1", "b --seed 2"]),
        ("a{, big} house", ["a house", "abig house"]),
        ("{a}", ["{a}"]),
        ("{}", ["{}"]),
        ("{a {b, c}}", ["{a b}", "{a c}"]),
        ("{a, b", ["{a, b"]),
        ("a, b}", ["a, b}"]),
        ("{a, {b}", ["{a, {b}"]),
        ("{a, b}}", ["a}", "b}"]),
        ("\\{a, b\\}", ["\\{a, b\\}"]),
        ("{a\\, b, c}", ["a\\, b", "c"]),
        ("(word:1.2) a, b", ["(word:1.2) a, b"]),
    ],
)
def test_what_expands(text: str, lines: list[str]) -> None:
    assert list(expand(text, 16)) == lines


def test_an_escaped_brace_is_plain_after_all() -> None:
    (line,) = expand("a \\{red, blue\\} house", 4)
    assert parse(line).prompt == "a {red, blue} house"
    first, second = expand("{a\\, b, c}", 4)
    assert (parse(first).prompt, parse(second).prompt) == ("a, b", "c")


def test_too_many_jobs_are_counted_but_not_made() -> None:
    with pytest.raises(TooManyJobs) as caught:
        expand("{a,b,c} {d,e,f}", 8)
    assert caught.value.fields == {"count": 9, "limit": 8}
    assert len(expand("{a,b,c} {d,e,f}", 9)) == 9


@pytest.mark.parametrize(
    "text",
    [
        "{a,b}" * 6_000,
        "{a," * 10_000,
        "{a," * 7_500 + "}" * 7_500,
        "{" * 15_000 + "}" * 15_000,
        "{" * 10_000 + "," * 10_000 + "}" * 10_000,
        "\\" * 30_000,
        "\\" * 29_999 + "{",
        "}," * 15_000,
        "--" * 15_000,
        "-- " * 10_000,
        "a --no " + "\\--a " * 6_000,
        '"' * 30_000,
        "--model " + '" ' * 15_000,
        "<lora:" * 5_000,
        "<lora:a:1>" * 3_000,
        "--seed=" + "9" * 30_000,
        "—" * 30_000,
        "--a=" * 7_500,
        "\\—" * 15_000,
    ],
)
def test_no_line_is_slow(text: str) -> None:
    """The quickest of three counts: a machine may stand still for some seconds, but a line that hangs hangs always."""
    assert any(seconds_of(text) < 5 for _ in range(3))


def seconds_of(text: str) -> float:
    begun = time.perf_counter()
    with contextlib.suppress(UserError):
        for line in expand(text, 16):
            parse(line)
    return time.perf_counter() - begun


def test_a_shells_words_expand_within_and_across() -> None:
    assert expand_words(["a {red, blue}", "--ar", "{1:1,3:2}"], 4) == (
        ("a red", "--ar", "1:1"),
        ("a red", "--ar", "3:2"),
        ("a blue", "--ar", "1:1"),
        ("a blue", "--ar", "3:2"),
    )
    assert expand_words(["{a,", "b}", "c"], 4) == (("a", "c"), ("b", "c"))
    assert expand_words([], 4) == ((),)
    assert expand_words([""], 4) == (("",),)
    assert expand_words(["a\x1fb"], 4) == (("a b",),)


@settings(deadline=None)
@given(st.text(st.sampled_from("{},ab \\"), max_size=40))
def test_the_count_is_the_number_of_lines_and_expansion_ends(text: str) -> None:
    lines = expand(text, 1_000_000)
    assert lines
    if len(lines) > 1:
        with pytest.raises(TooManyJobs) as caught:
            expand(text, len(lines) - 1)
        assert caught.value.fields["count"] == len(lines)
    assert expand(text, len(lines)) == lines

"""However a word is disguised, it is read as the same word; whatever is typed, reading ends."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.safety.reading import LONGEST_WORD, clean, plainly, read, read_name
from engine.safety.rules import Rules
from engine.safety.verdicts import Asked
from tests.fakes.house import RULES

DISGUISES = [
    "NAKED",
    "n4k3d",
    "n@ked",
    "ｎａｋｅｄ",
    "n\u200ba\u200dk\u2060e\u00add",
    "nákèd",
    "n\u0336a\u0336k\u0336e\u0336d\u0336",
    "nаkеd",  # Cyrillic a and e
    "ΝΑΚΕD",  # Greek capitals
    "𝓷𝓪𝓴𝓮𝓭",
    "ⓝⓐⓚⓔⓓ",
    "ɴᴀᴋᴇᴅ",
    "🇳🇦🇰🇪🇩",
    "🅽🅰🅺🅴🅳",
    "naaaaked",
    "n a k e d",
    "n.a.k.e.d",
    "n-a-k-e-d",
    "na.ked",
    "(na)(ked)",
    "naked!!!",
    "(naked:1.3)",
    "\u202enaked\u202c",
    "[naked|dressed]",
    "裸\u200b体",
    "裸 体",
    "裸·体",
    "裸體",
]


@pytest.mark.parametrize("text", DISGUISES)
def test_disguises_are_seen_through(text: str) -> None:
    found = RULES.check(Asked(texts=[f"a woman, {text}, portrait"]))
    assert [finding.category for finding in found] == ["sexual"]


@pytest.mark.parametrize(
    "text",
    [
        "a nakedly honest letter",
        "classic bass guitar",
        "grape juice in a glass",
        "the cockpit of a plane",
        "Scunthorpe, Essex and Sussex",
        "therapist, analysis of a dickensian street",
        "a peacock, kidney beans",
        "nude lipstick",
        "中性 爱好",
        "裸眼 3d",
        "moby dick",
        "a 12 year old whisky",
        "suicide squad poster",
        "a child at the beach",
        "孩子在海边",
    ],
)
def test_words_that_only_look_like_others_are_none(text: str) -> None:
    assert RULES.check(Asked(texts=[text])) == ()


@given(st.text(max_size=300))
def test_whatever_is_typed_is_read(text: str) -> None:
    reading = read(text)
    assert all(len(form) <= LONGEST_WORD for words in reading.sequences for forms in words for form in forms)
    assert reading.plain == plainly(text)
    RULES.check(Asked(texts=[text], unwanted=[text], names=[text], before=[text]))
    assert isinstance(read_name(text).plain, str)


@given(st.text(max_size=200))
def test_what_is_clean_turns_nothing_around(text: str) -> None:
    shown = clean(text)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\0\x1b\r\n")
    assert clean(shown) == shown


@given(
    st.sampled_from(["nude", "porn"]),
    st.lists(st.sampled_from(["\u200b", "\u0301", "\u00ad", ".", ""]), min_size=3, max_size=3),
)
def test_what_stands_between_the_letters_makes_no_difference(word: str, between: list[str]) -> None:
    text = "".join(letter + mark for letter, mark in zip(word, [*between, ""], strict=True))
    assert RULES.check(Asked(texts=[f"x {text} y"]))


@given(
    st.text(alphabet=string.ascii_lowercase + " .", max_size=60),
    st.text(alphabet=string.ascii_lowercase + " .", max_size=60),
)
@example("", "tree")  # a naked tree is one only where there are no minors
def test_sexual_things_with_minors_are_found_wherever_they_stand(before: str, between: str) -> None:
    (found,) = RULES.check(Asked(texts=[f"{before} naked {between} toddler"]))
    assert (found.category, found.verdict) == ("minors", "refuse")


def test_length_costs_no_more_than_it_should() -> None:
    """Each is as nasty as 4,000 characters can be; the suite's own limit catches what never ends."""
    for nasty in ("a" * 4000, "a " * 2000, ".a" * 2000, "裸 " * 2000, "(a)" * 1300, "n4k3d" * 800, "\u0301" * 4000):
        RULES.check(Asked(texts=[nasty] * 3))


def test_the_rules_are_data_and_every_language_of_ours_has_them() -> None:
    found = Rules.of({"hate": {"en": ["bad word*"], "zh": ["坏词"]}})
    assert [f.rule for f in found.check(Asked(texts=["a bad wording"]))] == ["hate/en"]
    assert [f.rule for f in found.check(Asked(texts=["一个坏词"]))] == ["hate/zh"]
    assert found.check(Asked(texts=["a bad word"], off=frozenset({"hate"}))) == ()

"""What a request is refused or flagged for, what a place makes of it, and a community's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadValue
from engine.policies import SWITCHABLE
from engine.safety import own
from engine.safety.verdicts import Asked, Finding, Ruling, Verdict, ruled, with_parent
from tests.fakes.house import RULES

MINORS = "minors"


@pytest.mark.parametrize(
    "text",
    [
        "nude child",
        "NudeKids",
        "a sexy schoolgirl",
        "12 year old girl in lingerie",
        "a twelve-year-old, topless",
        "17yo, erotic",
        "girl, aged 9, naked",
        "n u d e  ch1ld",
        "裸体 少女",
        "十二岁 性感",
        "9岁 裸体",
        "小学生 情色",
        "全裸 ロリ",
        "lolicon",
        "儿童色情",
        "👧 🔞",
        "raped teenager",
        "niña desnuda",
        "naked tree toddler",
        "裸色 幼女",
    ],
)
def test_sexual_things_with_minors_are_refused_whatever_is_switched_off(text: str) -> None:
    (found,) = RULES.check(Asked(texts=[text], off=frozenset({*SWITCHABLE, MINORS, "minors-alone", "suggestive"})))
    assert found == Finding(category=MINORS, rule="sexual-and-minors", verdict=Verdict.REFUSE)
    assert ruled([found], nsfw=Verdict.ALLOW, adult=True).verdict is Verdict.REFUSE


def test_they_are_found_across_slots_names_and_what_came_before() -> None:
    for asked in (
        Asked(texts=["a child", "nude"]),
        Asked(texts=["a portrait"], names=["LoliNude_v2.safetensors:0.8"]),
        Asked(texts=["portrait of a child"], before=["a nude woman"]),
        Asked(texts=["nude"], before=["a toddler"]),
        Asked(texts=["a child at the beach"], unwanted=["clothes"]),
        Asked(texts=["小孩"], unwanted=["衣服"]),
    ):
        assert [finding.category for finding in RULES.check(asked)] == [MINORS]


def test_what_is_not_wanted_is_no_wish() -> None:
    assert RULES.check(Asked(texts=["a woman at the beach"], unwanted=["nude, child, gore"])) == ()
    assert [f.category for f in RULES.check(Asked(texts=["a woman"], unwanted=["clothing"]))] == ["sexual"]


def test_each_category_leads_where_it_should() -> None:
    cases = {
        "a beheading": "gore",
        "a swastika": "hate",
        "rape scene": "abuse",
        "she slit wrists": "self-harm",
        "nude": "sexual",
    }
    for text, category in cases.items():
        (found,) = RULES.check(Asked(texts=[text]))
        assert found.category == category
        assert (found.verdict is Verdict.REFUSE) == (category not in ("sexual", "gore"))
        assert RULES.check(Asked(texts=[text], off=frozenset({category}))) == ()


def test_a_place_decides_about_adult_pictures() -> None:
    flagged = [Finding(category="sexual", rule="sexual/en")]
    for nsfw in Verdict:
        assert ruled(flagged, nsfw=nsfw, adult=False).verdict is nsfw
        among_adults = ruled(flagged, nsfw=nsfw, adult=True).verdict
        assert among_adults is (Verdict.REFUSE if nsfw is Verdict.REFUSE else Verdict.ALLOW)
    assert ruled([], nsfw=Verdict.REFUSE, adult=False) == Ruling()
    refused = ruled(
        [*flagged, Finding(category="hate", rule="hate/en", verdict=Verdict.REFUSE)], nsfw=Verdict.ALLOW, adult=True
    )
    assert (refused.verdict, refused.flagged) == (Verdict.REFUSE, "hate")


def test_what_was_found_of_a_picture_counts_for_what_is_made_of_it() -> None:
    assert with_parent(Ruling(), "sexual", nsfw=Verdict.HOLD, adult=False).verdict is Verdict.HOLD
    assert with_parent(Ruling(), "", nsfw=Verdict.HOLD, adult=False) == Ruling()
    assert with_parent(Ruling(), "sexual", nsfw=Verdict.HOLD, adult=True).flagged == "sexual"


def test_own_words_are_found_as_the_rules_find_theirs() -> None:
    words = own.compiled([own.canonical(each) for each in ("Dragon*", "blue  cat", "g?blin", "暴龙", "a*c")])
    hits = ["a DRAGONFLY", "the blue, cat", "g0blin", "gоblin", "d r a g o n", "一只 暴 龙", "acoustic"]
    assert [text for text in hits if not own.check(words, Asked(texts=[text]))] == []
    assert not any(own.check(words, Asked(texts=[text])) for text in ("a drag race", "blue dog and cat", "a can"))
    (found,) = own.check(words, Asked(texts=["x"], names=["DragonLora.safetensors"]))
    assert found == Finding(category="words", rule="words", verdict=Verdict.REFUSE)


@pytest.mark.parametrize(
    "phrase", ["", "*", "?*", "a", "a*b*c*d", "one two three four five six", "x" * 61, "...", "* *"]
)
def test_words_that_would_rule_out_everything_or_cost_too_much_are_refused(phrase: str) -> None:
    with pytest.raises(BadValue) as caught:
        own.canonical(phrase)
    assert caught.value.fields["expected"]


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_word_that_is_taken_can_be_looked_for_in_any_text(phrase: str, text: str) -> None:
    try:
        word = own.canonical(phrase)
    except BadValue:
        return
    assert own.canonical(word) == word
    own.check(own.compiled([word]), Asked(texts=[text]))


def test_two_hundred_nasty_words_on_a_long_text_end() -> None:
    words = own.compiled([own.canonical(f"a*{n}*b") for n in range(own.MOST)])
    assert own.check(words, Asked(texts=["a" * 63 + " " + " ".join(f"{n}a" * 9 for n in range(300))])) == ()

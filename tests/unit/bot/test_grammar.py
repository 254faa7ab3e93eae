"""The grammar of prompts and flags: what people type, and how a mistake is answered."""

import pytest

from bot.catalog import flags_for
from bot.grammar import ParsedLine, parse, parse_options, parse_words, render, template_of
from engine.errors import BadValue, GivenTwice, UnexpectedWords, UnknownFlag, UserError
from engine.model import Lane, OptionValue
from engine.workflows.slots import Slot, SlotType


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ParsedLine()),
        ("  a   red\nhouse ", ParsedLine(prompt="a red house")),
        ("a house --ar 3:2", ParsedLine(prompt="a house", aspect=(3, 2))),
        ("a house --ar=16:9", ParsedLine(prompt="a house", aspect=(16, 9))),
        ("a house --ar= 16:9", ParsedLine(prompt="a house", aspect=(16, 9))),
        ("房子 --ar ３：２", ParsedLine(prompt="房子", aspect=(3, 2))),
        ("a house --size 768x512", ParsedLine(prompt="a house", size=(768, 512))),
        ("a house --size 768×512", ParsedLine(prompt="a house", size=(768, 512))),
        ("a house —seed 7", ParsedLine(prompt="a house", options={"seed": 7})),
        ("a house –seed 7 ——n 2", ParsedLine(prompt="a house", options={"seed": 7}, count=2)),
        ("a house --SEED 18446744073709551615", ParsedLine(prompt="a house", options={"seed": 2**64 - 1})),
        ("a --count 4", ParsedLine(prompt="a", count=4)),
        ("a --m x --t img2img --r 3", ParsedLine(prompt="a", options={"model": "x"}, template="img2img", repeat=3)),
        ("a --no b, c d --fast", ParsedLine(prompt="a", options={"negative": "b, c d"}, lane=Lane.FAST)),
        ('a --no "b, c"', ParsedLine(prompt="a", options={"negative": "b, c"})),
        ('a --no ""', ParsedLine(prompt="a", options={"negative": ""})),
        ('a --no "b" and "c"', ParsedLine(prompt="a", options={"negative": '"b" and "c"'})),
        ("a --model “my model” --n 2", ParsedLine(prompt="a", options={"model": "my model"}, count=2)),
        ("a --model 'my model'", ParsedLine(prompt="a", options={"model": "my model"})),
        ("“to be” it’s", ParsedLine(prompt='"to be" it\'s')),
        (
            "a --relax --spoiler --private --dry",
            ParsedLine(prompt="a", lane=Lane.RELAXED, spoiler=True, private=True, dry=True),
        ),
        ("a --cfg 7.5 --strength .25", ParsedLine(prompt="a", options={"cfg": 7.5, "strength": 0.25})),
        ("a --lora b:0.8 --lora c", ParsedLine(prompt="a", options={"loras": "b:0.8, c:1"})),
        ("a <lora:b:0.8>cat --lora c:-1", ParsedLine(prompt="a cat", options={"loras": "b:0.8, c:-1"})),
        ("a (red:1.2) [blue] \\(x\\)", ParsedLine(prompt="a (red:1.2) [blue] \\(x\\)")),
        ("a \\--seed b \\—n", ParsedLine(prompt="a --seed b —n")),
        ("a cat — sitting -- still - yes", ParsedLine(prompt="a cat — sitting -- still - yes")),
        ("——你好 --你好", ParsedLine(prompt="——你好 --你好")),
        ("a well-known --5", ParsedLine(prompt="a well-known --5")),
        ("\\{a, b\\} c\\, d", ParsedLine(prompt="{a, b} c, d")),
    ],
)
def test_what_people_type(text: str, line: ParsedLine) -> None:
    assert parse(text) == line
    assert parse(render(line)) == line


@pytest.mark.parametrize(
    ("text", "error", "fields"),
    [
        ("a --sed 4", UnknownFlag, {"flag": "sed", "nearest": "seed"}),
        ("a --seed:5", UnknownFlag, {"flag": "seed:5", "nearest": "seed"}),
        ("a --zzzz", UnknownFlag, {"flag": "zzzz", "nearest": ""}),
        ("a --n 9", BadValue, {"flag": "n", "value": "9", "expected": "1–4", "nearest": "4"}),
        ("a --count 0", BadValue, {"flag": "n", "value": "0", "expected": "1–4", "nearest": "1"}),
        ("a --n two", BadValue, {"flag": "n", "value": "two", "expected": "1–4", "nearest": ""}),
        ("a --n 2.7", BadValue, {"flag": "n", "value": "2.7", "expected": "1–4", "nearest": "3"}),
        ("a --n", BadValue, {"flag": "n", "value": "", "expected": "1–4", "nearest": ""}),
        ("a --n=", BadValue, {"flag": "n", "value": "", "expected": "1–4", "nearest": ""}),
        ("a --n --dry", BadValue, {"flag": "n", "value": "", "expected": "1–4", "nearest": ""}),
        (
            "a --seed -1",
            BadValue,
            {"flag": "seed", "value": "-1", "expected": "0–18446744073709551615", "nearest": "0"},
        ),
        (
            "a --seed 18446744073709551616",
            BadValue,
            {
                "flag": "seed",
                "value": "18446744073709551616",
                "expected": "0–18446744073709551615",
                "nearest": "18446744073709551615",
            },
        ),
        ("a --strength 1.5", BadValue, {"flag": "strength", "value": "1.5", "expected": "0–1", "nearest": "1"}),
        ("a --ar 3x2", BadValue, {"flag": "ar", "value": "3x2", "expected": "3:2, 1:4–4:1", "nearest": "3:2"}),
        ("a --ar 0:1", BadValue, {"flag": "ar", "value": "0:1", "expected": "3:2, 1:4–4:1", "nearest": ""}),
        ("a --size big", BadValue, {"flag": "size", "value": "big", "expected": "768x512", "nearest": ""}),
        ("a --lora b:9", BadValue, {"flag": "lora", "value": "b:9", "expected": "name:0.8, -4–4", "nearest": "b:4"}),
        ("a <lora:b:x>", BadValue, {"flag": "lora", "value": "b:x", "expected": "name:0.8, -4–4", "nearest": "b:1"}),
        ("a <lora:>", BadValue, {"flag": "lora", "value": "", "expected": "name:0.8, -4–4", "nearest": ""}),
        ("a --lora ../b", BadValue, {"flag": "lora", "value": "../b", "expected": "name:0.8, -4–4", "nearest": ""}),
        ("a --model ../b", BadValue, {"flag": "model", "value": "../b", "expected": "", "nearest": ""}),
        ("a --seed 7 red house", UnexpectedWords, {"flag": "seed", "words": "red house"}),
        ("a --fast red", UnexpectedWords, {"flag": "fast", "words": "red"}),
        ("a --dry=yes", UnexpectedWords, {"flag": "dry", "words": "yes"}),
        ('a --model "b c" d', UnexpectedWords, {"flag": "model", "words": "d"}),
        ("a --seed 1 --seed 1", GivenTwice, {"flag": "seed", "other": "seed"}),
        ("a --fast --relax", GivenTwice, {"flag": "relax", "other": "fast"}),
        ("a --ar 1:1 --size 64x64", GivenTwice, {"flag": "size", "other": "ar"}),
        ("a --count 1 --n 2", GivenTwice, {"flag": "n", "other": "n"}),
        ("a <lora:b:1> --lora b", GivenTwice, {"flag": "lora", "other": "lora"}),
    ],
)
def test_a_mistake_names_flag_range_and_nearest(text: str, error: type[UserError], fields: dict[str, str]) -> None:
    with pytest.raises(error) as caught:
        parse(text)
    assert caught.value.fields == fields
    assert str(caught.value) == caught.value.code, "logs never carry what was typed"


def test_a_wrong_value_of_any_length_is_repeated_shortly() -> None:
    for text in ("a --seed " + "9" * 30_000, "a --" + "x" * 30_000, "a --dry " + "y " * 15_000):
        with pytest.raises(UserError) as caught:
            parse(text)
        assert all(len(str(value)) <= 64 for value in caught.value.fields.values())


def test_the_nearest_value_is_itself_right() -> None:
    for text in ("--n 99", "--seed -5", "--strength 7", "--lora b:99", "--repeat 0", "--ar 3x2", "--cfg -2"):
        with pytest.raises(BadValue) as caught:
            parse("a " + text)
        fields = caught.value.fields
        parse(f"a --{fields['flag']} {fields['nearest']}")


def test_a_shells_words_may_hold_spaces() -> None:
    line = parse_words(
        ["a red house", "under a sun", "--no", "cars, people", "--model", "my model", "--ar=3:2", "--n", "2"]
    )
    assert line == ParsedLine(
        prompt="a red house under a sun",
        options={"negative": "cars, people", "model": "my model"},
        aspect=(3, 2),
        count=2,
    )
    assert parse_words(["a", "--no=b c", "--dry"]) == parse("a --no b c --dry")
    assert parse_words([]) == ParsedLine()
    assert parse_words(["", " "]) == ParsedLine()
    assert parse_words(["read --this"]).prompt == "read --this", "what a shell keeps together is no flag"


def test_slash_commands_give_options_by_name() -> None:
    line = parse_options(
        "a house --dry",
        {"count": 2, "aspect": "3:2", "negative": "cars, people", "seed": "7", "private": True, "spoiler": False},
    )
    assert line == ParsedLine(
        prompt="a house",
        options={"negative": "cars, people", "seed": 7},
        count=2,
        aspect=(3, 2),
        private=True,
        dry=True,
    )
    refused: list[tuple[str, dict[str, OptionValue], type[UserError]]] = [
        ("a --n 2", {"n": 2}, GivenTwice),
        ("a", {"n": 9}, BadValue),
        ("a", {"strength": 1.5}, BadValue),
        ("a", {"nn": 1}, UnknownFlag),
    ]
    for prompt, values, error in refused:
        with pytest.raises(error):
            parse_options(prompt, values)


OWN_SLOTS = (
    Slot(name="steps", node="S", input="steps", type=SlotType.INT, min=4, max=8),
    Slot(name="tile_edges", node="S", input="tile", type=SlotType.BOOL),
    Slot(name="mood", node="S", input="mood", type=SlotType.CHOICE, choices=("Bright", "Dark Night")),
    Slot(name="caption", node="S", input="text", type=SlotType.TEXT),
    Slot(name="grain", node="S", input="grain", type=SlotType.FLOAT, min=0.0, max=2.0),
)


def test_a_templates_own_slots_are_flags_with_their_ranges() -> None:
    flags = flags_for(OWN_SLOTS)
    text = "a --tile-edges --mood 'dark night' --caption so it --goes --grain 0.5 --steps 4"
    with pytest.raises(UnknownFlag):
        parse(text, flags)
    line = parse(text.replace("--goes", "\\--goes"), flags)
    assert line.options == {
        "tile_edges": True,
        "mood": "Dark Night",
        "caption": "so it --goes",
        "grain": 0.5,
        "steps": 4,
    }
    assert parse(render(line, flags), flags) == line
    assert parse("a --tile_edges off", flags).options == {"tile_edges": False}
    assert parse(render(parse("a --tile-edges=no", flags), flags), flags).options == {"tile_edges": False}
    with pytest.raises(BadValue) as caught:
        parse("a --mood bright-", flags)
    assert caught.value.fields["nearest"] == "Bright"
    with pytest.raises(BadValue) as caught:
        parse("a --steps 20", flags)
    assert (caught.value.fields["expected"], caught.value.fields["nearest"]) == ("4–8", "8")
    with pytest.raises(BadValue):
        parse("a --tile-edges maybe", flags)


def test_the_template_is_found_before_its_flags_can_be_read() -> None:
    assert template_of("a --grain 0.5 --t old") == "old"
    assert template_of(["a", "--template=my flow", "--what"]) == "my flow"
    assert template_of('a —T "my flow" x') == "my flow"
    assert template_of("a \\--t b") == ""
    assert template_of("a --t") == ""


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  a   house —n=2 --m “x y”  --no  b,  c", 'a house --no b, c --n 2 --model "x y"'),
        ("a <lora:b:0.80> --cfg 7.0 --relax", "a --cfg 7 --lora b:0.8 --relax"),
        ("\\{a\\} \\--b", "\\{a\\} \\--b"),
    ],
)
def test_the_canonical_line(text: str, canonical: str) -> None:
    assert render(parse(text)) == canonical

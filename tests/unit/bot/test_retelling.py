"""What a job's line becomes when something else is made of it."""

import pytest

from bot.catalog import flags_for
from bot.grammar import parse
from bot.retelling import retold, typed_line
from config.settings import config_dir
from engine.model import OptionValue
from engine.workflows.library import Library

LIBRARY = Library.load([config_dir() / "workflows"])
TXT2IMG, VARY = LIBRARY.get("txt2img"), LIBRARY.get("vary")


@pytest.mark.parametrize(
    ("text", "changes", "count", "told"),
    [
        ("a house --seed 7", {}, 1, "a house"),
        ("a house --ar 3:2 --n 4 --no rain", {}, 2, "a house --ar 3:2 --no rain --n 2"),
        ("a house --repeat 3 --fast", {}, 1, "a house --fast"),
        ("a house --n 4", {"steps": 9, "wind": 3}, 1, "a house --steps 9"),
        (r"a sign \--no \{x\}", {}, 2, r"a sign \--no \{x\} --n 2"),
        ("a house --no rain --private --spoiler", {"negative": ""}, 1, "a house --spoiler --private"),
    ],
)
def test_the_same_template(text: str, changes: dict[str, OptionValue], count: int, told: str) -> None:
    assert retold(text, TXT2IMG, TXT2IMG, changes, count=count) == told


def test_a_seed_that_is_said_is_told() -> None:
    assert retold("a house --seed 7", TXT2IMG, TXT2IMG, {"seed": 5}, count=1, drop=()) == "a house --seed 5"


def test_another_template_takes_what_it_knows_and_is_named() -> None:
    told = retold("a house --ar 3:2 --seed 7 --steps 9", TXT2IMG, VARY, {"strength": 0.7, "image": "x"}, count=1)
    assert told == "a house --template vary --steps 9 --strength 0.7"
    assert parse(told, flags_for(VARY.slots.values())).template == "vary"


def test_what_somebody_types_instead_goes_first() -> None:
    over = parse("a boat --size 96x64", flags_for(TXT2IMG.slots.values()))
    assert retold("a house --ar 3:2", TXT2IMG, TXT2IMG, {}, count=1, over=over) == "a boat --size 96x64"


def test_a_line_that_cannot_be_read_any_more_stays() -> None:
    assert retold("a house --wind 3", TXT2IMG, TXT2IMG, {}, count=1) == "a house --wind 3"
    assert retold("a house", None, None, {}, count=1) == "a house"
    assert typed_line("a house --wind 3", None) is None

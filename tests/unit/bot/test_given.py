"""Options given apart from the prompt are the line that could have been typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog import find_command, find_verb
from bot.given import line_of, prompt_line
from bot.grammar import parse

IMAGINE = find_command("imagine")
WORDS = st.text(alphabet="abc xyz,.'-—{}\\", min_size=1, max_size=30).filter(lambda text: text.strip(" ,"))


def test_options_become_flags_behind_the_prompt() -> None:
    values = {"prompt": "a cat --steps 9", "aspect": "3:2", "count": 2, "private": True, "lora": "a:0.5, b"}
    line = line_of(IMAGINE, values)
    assert line == "a cat --steps 9 --lora a:0.5 --lora b --ar 3:2 --n 2 --private"
    read = parse(str(line))
    assert (read.prompt, read.count, read.aspect, read.private) == ("a cat", 2, (3, 2), True)
    assert read.options == {"steps": 9, "loras": "a:0.5, b:1"}


@given(WORDS)
def test_a_value_is_a_value_whatever_is_in_it(text: str) -> None:
    line = prompt_line("a cat", {"no": text})
    assert parse(line).prompt == "a cat"
    assert parse(line).options["negative"] == " ".join(text.split())


def test_what_is_off_is_not_said() -> None:
    assert line_of(IMAGINE, {"prompt": "a cat", "private": False}) == "a cat"
    assert line_of(find_command("history"), {"favourites": False}) == ()
    assert line_of(find_command("history"), {"favourites": True}) == ("on",)


def test_words_come_in_the_options_order() -> None:
    ban = find_verb(find_command("mod"), "ban")
    assert line_of(ban, {"reason": "being rude", "person": "discord:1"}) == ("discord:1", "being rude")
    grant = find_verb(find_command("mod"), "grant")
    assert line_of(grant, {"person": "discord:1", "credits": 2.5}) == ("discord:1", "2.5")


@pytest.mark.parametrize("name", ["a model.safetensors", "sdxl/base.safetensors"])
def test_names_with_spaces_are_quoted(name: str) -> None:
    assert parse(prompt_line("a cat", {"model": name})).options["model"] == name

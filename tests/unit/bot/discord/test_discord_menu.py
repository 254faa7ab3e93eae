"""The menu of commands against Discord's own limits."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bot.catalog import COMMANDS
from bot.discord.menu import MESSAGE_MENUS, MOST_COMMANDS, commands
from bot.discord.words import Words
from bot.template_commands import template_commands
from bot.texts import Texts
from config.settings import config_dir
from engine.workflows.library import Library

WORDS = Words(Texts.load(config_dir() / "locales"))
LIBRARY = Library.load([config_dir() / "workflows"])
NAME = re.compile(r"[-_a-z0-9]{1,32}")


def _options(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for option in command.get("options", ()):
        yield option
        yield from _options(option)


def test_every_command_fits() -> None:
    shown: list[Any] = commands(WORDS, template_commands(LIBRARY.all()))
    assert len(shown) >= len(COMMANDS) + len(MESSAGE_MENUS)
    names = [(command["type"], command["name"]) for command in shown]
    assert len(set(names)) == len(names)
    for command in shown:
        if command["type"] == 3:
            assert 1 <= len(command["name"]) <= 32
            continue
        assert NAME.fullmatch(command["name"])
        assert len(command["options"]) <= 25
        size = len(command["name"]) + len(command["description"])
        for option in _options(command):
            assert NAME.fullmatch(option["name"])
            assert 1 <= len(option["description"]) <= 100
            assert all(1 <= len(text) <= 100 for text in option.get("description_localizations", {}).values())
            assert not (option.get("autocomplete") and option.get("choices"))
            size += len(option["name"]) + len(option["description"])
        assert size <= 8_000, "Discord's limit for a command's texts together"
        required = [option.get("required", False) for option in command["options"]]
        assert required == sorted(required, reverse=True)


def test_there_are_never_more_than_a_hundred() -> None:
    template = LIBRARY.get("txt2img")
    many = [replace(template, name=f"mine-{number}") for number in range(200)]
    shown: list[Any] = commands(WORDS, template_commands(many))
    assert len(shown) == MOST_COMMANDS
    assert {command.name for command in COMMANDS} <= {each["name"] for each in shown}


def test_a_template_that_is_named_like_a_command_has_none() -> None:
    named = replace(LIBRARY.get("txt2img"), name="imagine")
    assert template_commands([named]) == ()
    assert [each.command.name for each in template_commands(LIBRARY.all()) if each.command.name == "img2img"] == []

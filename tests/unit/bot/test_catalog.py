"""The catalog: everything that can be typed is declared once, fits every platform, and has words in every language."""

import re
from unittest.mock import Mock

import pytest

from bot.catalog import (
    COMMANDS,
    FLAGLESS_SLOTS,
    FLAGS,
    FlagKind,
    Option,
    find_command,
    find_verb,
    flags_for,
    may_give,
)
from bot.commands_inbox import InboxCommands
from bot.commands_people import PeopleCommands
from bot.commands_prefer import FORM_FIELDS
from bot.forms import FIELDS
from bot.texts import Texts
from config.settings import config_dir
from engine.errors import UnknownCommand, UnknownFlag
from engine.inbox import Inbox
from engine.model import Power
from engine.moderation import Moderation
from engine.studio import Studio
from engine.workflows.library import Library
from engine.workflows.slot_reader import KNOWN_TYPES, TAKEN_NAMES
from engine.workflows.slots import Slot, SlotType

EVERY = [each for command in COMMANDS for each in (command, *command.verbs)]
INBOX = InboxCommands(inbox=Mock(spec=Inbox), moderation=Mock(spec=Moderation))
LIBRARY = Library.load([config_dir() / "workflows"])


def test_the_commands_of_today() -> None:
    names = [command.name for command in COMMANDS]
    assert names == [
        "imagine",
        "img2img",
        "inpaint",
        "upscale",
        "vary",
        "queue",
        "cancel",
        "show",
        "history",
        "info",
        "statement",
        "privacy",
        "mod",
        "report",
        "settings",
        "prefer",
        "backend",
        "link",
        "unlink",
        "models",
        "loras",
        "templates",
        "help",
    ]
    assert [command.name for command in COMMANDS if command.power is not Power.MEMBER] == ["mod", "backend"]


def test_every_verb_of_mod_is_answered_and_has_its_power() -> None:
    mod = find_command("mod")
    answered = PeopleCommands(studio=Mock(spec=Studio), moderation=Mock(spec=Moderation), verbs=INBOX.verbs).verbs
    assert {verb.name for verb in mod.verbs} == answered
    operators = [verb.name for verb in mod.verbs if verb.power is Power.OPERATOR]
    assert operators == ["pause", "resume", "mint"]
    assert all(verb.power is Power.MODERATOR for verb in mod.verbs if verb.name not in operators)
    assert may_give(Power.OPERATOR, mod)
    assert not may_give(Power.MEMBER, mod)
    with pytest.raises(UnknownCommand) as caught:
        find_verb(mod, "bann")
    assert caught.value.fields == {"value": "mod bann", "nearest": "mod ban"}


def test_names_fit_discord_and_telegram() -> None:
    words = [name for command in EVERY for name in (command.name, *command.aliases)]
    words += [option.name for command in EVERY for option in command.options]
    assert len(words) > 30
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,31}", word) for word in words)
    typed = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(typed) == len(set(typed))
    for command in EVERY:
        assert len(command.options) <= 25
        assert len(command.verbs) <= 25
        required = [option.required for option in command.options]
        assert required == sorted(required, reverse=True), "Discord wants required options first"


def test_options_stand_for_flags_that_there_are() -> None:
    options: list[Option] = [option for command in COMMANDS for option in command.options if option.flag]
    assert len(options) >= 10
    for option in options:
        assert option.flag in FLAGS
        assert FLAGS.get(option.flag).kind is not FlagKind.BOOL


def test_commands_are_found_as_people_type_them() -> None:
    assert find_command("/imagine").name == "imagine"
    assert find_command("GEN").name == "imagine"
    with pytest.raises(UnknownCommand) as caught:
        find_command("/imagin")
    assert caught.value.fields == {"value": "/imagin", "nearest": "imagine"}
    with pytest.raises(UnknownCommand):
        find_command("")


def test_flags_and_aliases_are_unique_and_found() -> None:
    names = [name for flag in FLAGS for name in (flag.name, *flag.aliases)]
    assert len(names) == len(set(names))
    assert FLAGS.get("M").name == "model"
    assert FLAGS.get("Negative").name == "no"
    with pytest.raises(UnknownFlag):
        FLAGS.get("")
    for flag in FLAGS:
        for other in flag.excludes:
            assert flag.name in FLAGS.get(other).excludes, "who excludes is excluded"


@pytest.mark.parametrize("template", LIBRARY.all(), ids=lambda template: template.name)
def test_every_slot_of_a_built_in_template_can_be_filled(template) -> None:  # type: ignore[no-untyped-def]
    flags = flags_for(template.slots.values())
    for name in template.slots:
        assert name in FLAGLESS_SLOTS or flags.for_slot(name) is not None
    own = [flag.name for flag in flags if flag.name not in FLAGS]
    assert own == (["left", "top", "right", "bottom"] if template.name == "outpaint" else [])
    assert flags.get("steps").expected == "1–60"
    assert flags.get("cfg").expected == "1–30"
    assert flags.get("seed").expected == "0–18446744073709551615"


def own(name: str, kind: SlotType = SlotType.INT) -> Slot:
    return Slot(name=name, node="N", input="i", type=kind, min=1, max=3, help="Mine")


def test_a_templates_own_slot_is_a_flag_with_its_authors_help() -> None:
    flag = flags_for([own("grain_size")]).get("grain_size")
    assert (flag.name, flag.slot, flag.kind, flag.expected, flag.help) == (
        "grain-size",
        "grain_size",
        FlagKind.INT,
        "1–3",
        "Mine",
    )
    assert "grain-size" not in FLAGS


def test_no_slot_can_take_a_flag_away() -> None:
    typed = {name for flag in FLAGS for name in (flag.name, *flag.aliases)}
    assert typed - set(KNOWN_TYPES) == TAKEN_NAMES, "templates refuse these names when they are read"
    for name in typed & set(KNOWN_TYPES):
        assert FLAGS.get(name) is FLAGS.for_slot(name)


def test_pictures_and_further_seeds_are_no_flags() -> None:
    slots = [own("style_image", SlotType.IMAGE), own("noise", SlotType.SEED), own("width")]
    assert [flag.name for flag in flags_for(slots)] == [flag.name for flag in FLAGS]


def test_everything_has_words_in_every_language() -> None:
    texts = Texts.load(config_dir() / "locales")
    keys = [command.key for command in EVERY] + [f"flag-{flag.name}" for flag in FLAGS]
    keys += [f"{key}.summary" for key in keys]
    keys += sorted({option.key for command in EVERY for option in command.options})
    keys += [f"option-{name}" for name in {*FIELDS, *FORM_FIELDS}]
    assert len(keys) > 60
    for locale in ("en", "zh-CN"):
        assert set(keys) <= texts.keys(locale)
        unused = {key for key in texts.keys(locale) if key.startswith(("command-", "option-", "flag-"))} - set(keys)
        assert unused == set()
        for key in keys:
            line = texts.format(locale, key)
            if key.endswith(".summary") or key.startswith("option-"):
                assert 1 <= len(line) <= 100, "Discord's limit for descriptions"
        for flag in FLAGS:
            assert f"--{flag.name}" in texts.format(locale, f"flag-{flag.name}")

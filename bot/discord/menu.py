"""The commands that Discord shows, made of the catalog and of the community's templates. Pure.

What comes out is the body of Discord's "bulk overwrite global application commands": names, help in every language,
types, ranges, choices, and where a command may be given.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from bot.catalog import COMMANDS, EVERYWHERE, FLAGS, Command, Flag, Flags, Option, OptionKind, Where
from bot.discord.words import Words, shortened
from bot.template_commands import TemplateCommand
from engine.model import Json, Power
from engine.workflows.slots import Slot, SlotType

MOST_COMMANDS = 100
MOST_CHOICES = 25
LONGEST_HELP = 100  # characters
LONGEST_TEXT = 6_000  # characters of one option
EXACT = 2**53  # Discord's whole numbers end there
_SLASH, _MESSAGE = 1, 3
_VERB = 1
_TYPES = {
    OptionKind.TEXT: 3,
    OptionKind.INT: 4,
    OptionKind.BOOL: 5,
    OptionKind.PERSON: 6,
    OptionKind.FLOAT: 10,
    OptionKind.IMAGE: 11,
}
GUILD, DIRECT, ELSEWHERE = 0, 1, 2  # contexts: a guild, our own conversation, other people's
_ANYWHERE = [GUILD, DIRECT, ELSEWHERE]
_BY_GUILD, _BY_PERSON = 0, 1  # who installed us
_LANGUAGES = {"zh-CN": "zh-CN"}  # Discord's name of a locale of ours; English is what all others read
MESSAGE_MENUS = ("info", "upscale", "use-as-input", "report")
"""The actions that a message's own menu has; their words are `menu-NAME`, in English the command's name."""

Payload: TypeAlias = dict[str, Json]


def commands(words: Words, templates: Sequence[TemplateCommand]) -> list[Json]:
    """Give all commands; the catalog's first, then as many templates as there is room for."""
    menus: list[Json] = [_menu(words, name) for name in MESSAGE_MENUS]
    slash: list[Json] = [_command(words, command) for command in COMMANDS]
    own: list[Json] = [_template(words, each) for each in templates]
    return [*slash, *menus, *own[: MOST_COMMANDS - len(slash) - len(menus)]]


def menu_name(words: Words, action: str) -> str:
    """What a message menu is called in the language in which Discord tells us of it."""
    return words.say("en", f"menu-{action}")


def _command(words: Words, command: Command) -> Payload:
    payload: Payload = {
        "type": _SLASH,
        "name": command.name,
        **_help(words, f"{command.key}.summary"),
        "options": _options(words, command, FLAGS, {}),
        **_where(command.where),
    }
    if command.verbs:
        payload["options"] = [
            {
                "type": _VERB,
                "name": verb.name,
                **_help(words, f"{verb.key}.summary"),
                "options": _options(words, verb, FLAGS, {}),
            }
            for verb in command.verbs
        ]
    if command.power is Power.MODERATOR:
        payload |= _where(frozenset({Where.GROUP}))
    return payload


def _template(words: Words, each: TemplateCommand) -> Payload:
    title = each.template.description or each.template.title
    return {
        "type": _SLASH,
        "name": each.command.name,
        "description": shortened(title, LONGEST_HELP),
        "options": _options(words, each.command, each.flags, each.slots),
        **_where(EVERYWHERE),
    }


def _menu(words: Words, action: str) -> Payload:
    names = {tag: words.say(locale, f"menu-{action}") for locale, tag in _LANGUAGES.items()}
    return {"type": _MESSAGE, "name": menu_name(words, action), "name_localizations": {**names}, **_where(EVERYWHERE)}


def _where(where: frozenset[Where]) -> Payload:
    """Where a command is shown: a guild's own only where the guild has us, others wherever a person takes us along."""
    if Where.DIRECT not in where:
        return {"contexts": [GUILD], "integration_types": [_BY_GUILD]}
    if Where.GROUP not in where:
        return {"contexts": [DIRECT], "integration_types": [_BY_GUILD, _BY_PERSON]}
    return {"contexts": [*_ANYWHERE], "integration_types": [_BY_GUILD, _BY_PERSON]}


def _help(words: Words, key: str) -> Payload:
    others = {tag: shortened(words.say(locale, key), LONGEST_HELP) for locale, tag in _LANGUAGES.items()}
    return {"description": shortened(words.say("en", key), LONGEST_HELP), "description_localizations": {**others}}


def _options(words: Words, command: Command, flags: Flags, slots: Mapping[str, Slot]) -> list[Json]:
    return [_option(words, option, flags, slots.get(option.name)) for option in command.options]


def _option(words: Words, option: Option, flags: Flags, slot: Slot | None) -> Payload:
    flag = flags.get(option.flag) if option.flag else None
    known = words.knows(option.key)
    payload: Payload = {"type": _TYPES[option.kind], "name": option.name, "required": option.required}
    if slot is not None and slot.help:
        payload["description"] = shortened(slot.help, LONGEST_HELP)
    elif known:
        payload |= _help(words, option.key)
    else:
        payload["description"] = option.name
    return payload | _values(option, flag, slot)


def _values(option: Option, flag: Flag | None, slot: Slot | None) -> Payload:
    """The range or the choices of an option."""
    if option.kind in (OptionKind.INT, OptionKind.FLOAT):
        return _range(option.kind, flag)
    if option.kind is not OptionKind.TEXT:
        return {}
    choices = flag.choices if flag is not None else ()
    if choices and len(choices) <= MOST_CHOICES and all(len(choice) <= 100 for choice in choices):
        return {"choices": [{"name": choice, "value": choice} for choice in choices]}
    listed = slot is not None and slot.type in (SlotType.CHOICE, SlotType.MODEL)
    if option.source is not None or choices or listed or (flag is not None and flag.name == "lora"):
        return {"autocomplete": True}
    return {"max_length": LONGEST_TEXT} if option.name == "prompt" else {}


def _range(kind: OptionKind, flag: Flag | None) -> Payload:
    if flag is None:
        return {}
    as_is = int if kind is OptionKind.INT else float
    ends = {"min_value": flag.min, "max_value": flag.max}
    return {name: as_is(end) for name, end in ends.items() if end is not None and abs(end) <= EXACT}


def option_of(options: Iterable[Option], name: str) -> Option | None:
    """Find an option by name."""
    return next((option for option in options if option.name == name), None)

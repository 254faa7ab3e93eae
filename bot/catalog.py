"""Every command, option and flag, once, as data: adapters make their menus and help of it, the grammar reads by it.

What people read of it lies in the locales: `command-NAME`, `option-NAME` and `flag-NAME`. A template's own slots become
flags too (`flags_for`), with the help text that their author wrote.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.catalog_types import EVERYWHERE, Command, Option, OptionKind, Source, Where
from engine.errors import UnknownCommand, UnknownFlag
from engine.ids import SEED_LIMIT
from engine.model import Power
from engine.workflows.nearest import nearest
from engine.workflows.ranges import Number, range_text
from engine.workflows.slots import Slot, SlotType

__all__ = [
    "COMMANDS",
    "EVERYWHERE",
    "FLAGLESS_SLOTS",
    "FLAGS",
    "Command",
    "Flag",
    "FlagKind",
    "Flags",
    "Option",
    "OptionKind",
    "Source",
    "Where",
    "find_command",
    "find_verb",
    "flags_for",
    "may_give",
]


class FlagKind(StrEnum):
    """What follows a flag."""

    TEXT = "text"  # all words up to the next flag
    NAME = "name"  # one word, or several in quotes
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"  # on, off; alone it means on
    SWITCH = "switch"  # nothing
    ASPECT = "aspect"  # 3:2
    SIZE = "size"  # 768x512
    LORA = "lora"  # name:0.8; may come several times


LORA_LOWEST, LORA_HIGHEST = -4.0, 4.0
_FORMS = {
    FlagKind.BOOL: "on | off",
    FlagKind.ASPECT: "3:2, 1:4–4:1",
    FlagKind.SIZE: "768x512",
    FlagKind.LORA: f"name:0.8, {range_text(LORA_LOWEST, LORA_HIGHEST)}",
}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Something that can be typed after a prompt, as `--name value`."""

    name: str
    kind: FlagKind
    aliases: tuple[str, ...] = ()
    slot: str = ""  # the template's slot that it fills; empty where commands read it
    min: Number | None = None
    max: Number | None = None
    step: Number | None = None
    choices: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()  # flags that cannot stand beside it
    help: str = ""  # a template author's own; empty: the Fluent message `flag-NAME`

    @property
    def expected(self) -> str:
        """Its range or form, in signs that every language reads; empty where anything goes."""
        if self.choices:
            return " | ".join(self.choices)
        return _FORMS.get(self.kind) or range_text(self.min, self.max, self.step)


class Flags:
    """A table of flags; names and aliases are unique."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        self._flags = {flag.name: flag for flag in flags}
        self._names = {name: flag for flag in self for name in (flag.name, *flag.aliases)}

    def __iter__(self) -> Iterator[Flag]:
        return iter(self._flags.values())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def get(self, name: str) -> Flag:
        """Find a flag by name or alias; case and `_` for `-` do not matter. Raises UnknownFlag with the nearest."""
        wanted = name.lower().replace("_", "-")
        found = self._names.get(wanted)
        if found is None:
            raise UnknownFlag(flag=name[:64], nearest=nearest(wanted, self._names))
        return found

    def for_slot(self, slot: str) -> Flag | None:
        """The flag that fills a slot; None for slots that are filled otherwise (the prompt, pictures, sizes)."""
        return next((flag for flag in self if flag.slot == slot), None)


FLAGS = Flags(
    (
        Flag(name="ar", kind=FlagKind.ASPECT, aliases=("aspect",), excludes=("size",)),
        Flag(name="size", kind=FlagKind.SIZE, excludes=("ar",)),
        Flag(name="no", kind=FlagKind.TEXT, aliases=("negative",), slot="negative"),
        Flag(name="seed", kind=FlagKind.INT, slot="seed", min=0, max=SEED_LIMIT - 1),
        Flag(name="n", kind=FlagKind.INT, aliases=("count",), min=1, max=4),
        Flag(name="template", kind=FlagKind.NAME, aliases=("t",)),
        Flag(name="repeat", kind=FlagKind.INT, aliases=("r",), min=1, max=10),
        Flag(name="steps", kind=FlagKind.INT, slot="steps", min=1),
        Flag(name="cfg", kind=FlagKind.FLOAT, slot="cfg", min=0.0),
        Flag(name="sampler", kind=FlagKind.NAME, slot="sampler"),
        Flag(name="scheduler", kind=FlagKind.NAME, slot="scheduler"),
        Flag(name="model", kind=FlagKind.NAME, aliases=("m",), slot="model"),
        Flag(name="lora", kind=FlagKind.LORA, aliases=("loras",), slot="loras"),
        Flag(name="strength", kind=FlagKind.FLOAT, slot="strength", min=0.0, max=1.0),
        Flag(name="style", kind=FlagKind.NAME),
        Flag(name="fast", kind=FlagKind.SWITCH, excludes=("relax",)),
        Flag(name="relax", kind=FlagKind.SWITCH, excludes=("fast",)),
        Flag(name="spoiler", kind=FlagKind.SWITCH),
        Flag(name="private", kind=FlagKind.SWITCH),
        Flag(name="dry", kind=FlagKind.SWITCH),
    ),
)
"""What can be typed with every template."""

FLAGLESS_SLOTS = frozenset({"prompt", "image", "mask", "width", "height"})
"""Slots that are filled by the line itself, by pictures, and by `--ar` and `--size`."""

_KINDS: Mapping[SlotType, FlagKind] = {
    SlotType.TEXT: FlagKind.TEXT,
    SlotType.INT: FlagKind.INT,
    SlotType.FLOAT: FlagKind.FLOAT,
    SlotType.BOOL: FlagKind.BOOL,
    SlotType.CHOICE: FlagKind.NAME,
    SlotType.MODEL: FlagKind.NAME,
}


def flags_for(slots: Iterable[Slot]) -> Flags:
    """Give the flags of a template: everybody's, with the ranges of its slots, and one for each slot of its own."""
    table = {flag.name: flag for flag in FLAGS}
    for slot in slots:
        common = FLAGS.for_slot(slot.name)
        if common is not None:
            table[common.name] = _narrowed(common, slot)
        elif slot.name not in FLAGLESS_SLOTS and slot.type in _KINDS:
            own = _own_flag(slot)
            table[own.name] = own
    return Flags(table.values())


def _narrowed(flag: Flag, slot: Slot) -> Flag:
    if flag.kind in (FlagKind.INT, FlagKind.FLOAT) and slot.type is not SlotType.SEED:
        low = flag.min if slot.min is None else slot.min
        return replace(flag, min=low, max=flag.max if slot.max is None else slot.max, step=slot.step)
    return replace(flag, choices=slot.choices)


def _own_flag(slot: Slot) -> Flag:
    numeric = slot.type in (SlotType.INT, SlotType.FLOAT)
    return Flag(
        name=slot.name.replace("_", "-"),
        kind=_KINDS[slot.type],
        slot=slot.name,
        min=slot.min if numeric else None,
        max=slot.max if numeric else None,
        step=slot.step if numeric else None,
        choices=slot.choices,
        help=slot.help,
    )


_PROMPT = Option(name="prompt", required=True)
_JOB = Option(name="job", source=Source.JOBS)
_MODEL = Option(name="model", flag="model", source=Source.MODELS)
_ASPECT = Option(name="aspect", flag="ar")
_COUNT = Option(name="count", kind=OptionKind.INT, flag="n")
_NEGATIVE = Option(name="negative", flag="no")
_SEED = Option(name="seed", flag="seed")  # text: Discord's numbers end at 2^53
_PRIVATE = Option(name="private", kind=OptionKind.BOOL, flag="private")
_STRENGTH = Option(name="strength", kind=OptionKind.FLOAT, flag="strength")

_THE_JOB = replace(_JOB, required=True)
_PERSON = Option(name="person", kind=OptionKind.PERSON)
_THE_PERSON = replace(_PERSON, required=True)
_CREDITS = Option(name="credits", kind=OptionKind.FLOAT)
_THE_CREDITS = replace(_CREDITS, required=True)
_REASON = Option(name="reason")
_BEFORE = Option(name="before", kind=OptionKind.INT)


def _mod(name: str, *options: Option, power: Power = Power.MODERATOR) -> Command:
    return Command(name=name, of="mod", options=options, power=power)


_MOD = (
    _mod("queue"),
    _mod("cancel", _THE_JOB),
    _mod("move", _THE_JOB, Option(name="behind", source=Source.JOBS)),
    _mod("clear", _PERSON),
    _mod("hold", _THE_JOB),
    _mod("release", _THE_JOB),
    _mod("ban", _PERSON, Option(name="time"), _REASON),
    _mod("unban", _THE_PERSON),
    _mod("grant", _THE_PERSON, _THE_CREDITS),
    _mod("limits", _THE_PERSON, _CREDITS),
    _mod("refund", _THE_JOB),
    _mod("policy", Option(name="field"), Option(name="value")),
    _mod("words", Option(name="change"), Option(name="phrase")),
    _mod("inbox"),
    _mod("approve", _THE_JOB),
    _mod("spoiler", _THE_JOB),
    _mod("reject", _THE_JOB, _REASON),
    _mod("hide", _THE_JOB, _REASON),
    _mod("dismiss", _THE_JOB),
    _mod("wallet", _BEFORE),
    _mod("audit"),
    _mod("pause", _REASON, power=Power.OPERATOR),
    _mod("resume", power=Power.OPERATOR),
    _mod("mint", Option(name="person", required=True), _THE_CREDITS, power=Power.OPERATOR),  # or a chat
)

_NAME = Option(name="name")
_VALUE = Option(name="value")
_SCOPE = Option(name="scope")
_CHANGE = Option(name="change")
_PREFER = tuple(
    Command(name=name, of="prefer", options=options)
    for name, options in (
        ("option", (_CHANGE, _NAME, _VALUE, _SCOPE)),
        ("style", (_CHANGE, _NAME, _VALUE, _SCOPE)),
        ("suffix", (_VALUE,)),
        ("language", (_VALUE,)),
    )
)
_ENDPOINT = Option(name="endpoint", required=True)
_BACKEND = tuple(
    Command(name=name, of="backend", options=options, power=Power.OPERATOR)
    for name, options in (("list", ()), ("drain", (_ENDPOINT,)), ("enable", (_ENDPOINT,)))
)

COMMANDS = (
    Command(
        name="imagine",
        aliases=("gen",),
        flags=True,
        options=(
            _PROMPT,
            Option(name="image", kind=OptionKind.IMAGE),
            Option(name="template", flag="template", source=Source.TEMPLATES),
            _MODEL,
            Option(name="lora", flag="lora", source=Source.LORAS),
            _ASPECT,
            _COUNT,
            _NEGATIVE,
            _SEED,
            _PRIVATE,
        ),
    ),
    Command(
        name="img2img",
        flags=True,
        options=(
            Option(name="image", kind=OptionKind.IMAGE, required=True),
            _PROMPT,
            _STRENGTH,
            _MODEL,
            _ASPECT,
            _COUNT,
            _NEGATIVE,
            _SEED,
            _PRIVATE,
        ),
    ),
    Command(
        name="inpaint",
        flags=True,
        options=(
            Option(name="image", kind=OptionKind.IMAGE, required=True),
            _PROMPT,
            Option(name="mask", kind=OptionKind.IMAGE),
            _STRENGTH,
            _MODEL,
            _COUNT,
            _NEGATIVE,
            _SEED,
            _PRIVATE,
        ),
    ),
    Command(
        name="upscale",
        draws=True,
        options=(
            Option(name="image", kind=OptionKind.IMAGE, required=True),
            Option(name="scale", kind=OptionKind.FLOAT),
        ),
    ),
    Command(
        name="vary",
        draws=True,
        options=(_JOB, Option(name="image", kind=OptionKind.IMAGE), replace(_STRENGTH, flag="")),
    ),
    Command(name="queue"),
    Command(name="cancel", options=(_JOB,)),
    Command(name="show", options=(replace(_JOB, required=True),)),
    Command(
        name="history",
        options=(Option(name="favourites", kind=OptionKind.BOOL), replace(_JOB, name="before")),
    ),
    Command(name="info"),
    Command(name="statement", options=(_BEFORE,)),
    Command(name="privacy", verbs=(Command(name="export", of="privacy"), Command(name="forget", of="privacy"))),
    Command(name="mod", power=Power.MODERATOR, verbs=_MOD),
    Command(name="report", options=(_THE_JOB, _REASON)),
    Command(name="settings"),
    Command(name="prefer", verbs=_PREFER),
    Command(name="backend", power=Power.OPERATOR, verbs=_BACKEND),
    Command(name="link", options=(Option(name="code"),)),
    Command(name="unlink"),
    Command(name="models"),
    Command(name="loras"),
    Command(name="templates"),
    Command(name="help", options=(Option(name="command", source=Source.COMMANDS),)),
)
"""The commands that there are."""


def may_give(power: Power, command: Command) -> bool:
    """Say whether somebody has the power that a command takes at least."""
    order = list(Power)
    return order.index(power) >= order.index(command.power)


def find_verb(command: Command, name: str) -> Command:
    """Find a verb of a command. Raises UnknownCommand with the nearest."""
    wanted = name.strip().casefold()
    names = {verb.name: verb for verb in command.verbs}
    if wanted not in names:
        raise UnknownCommand(value=f"{command.name} {name.strip()}".strip()[:64], nearest=_near_verb(command, wanted))
    return names[wanted]


def _near_verb(command: Command, wanted: str) -> str:
    found = nearest(wanted, [verb.name for verb in command.verbs])
    return f"{command.name} {found}" if found else ""


def find_command(name: str) -> Command:
    """Find a command by name or alias, with or without its slash. Raises UnknownCommand with the nearest."""
    wanted = name.strip().removeprefix("/").casefold()
    names = {each: command for command in COMMANDS for each in (command.name, *command.aliases)}
    if wanted not in names:
        raise UnknownCommand(value=name.strip()[:64], nearest=nearest(wanted, names))
    return names[wanted]

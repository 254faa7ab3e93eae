"""A community's template as a command of its own: its slots become options, as menus show them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.catalog import COMMANDS, FLAGLESS_SLOTS, Command, FlagKind, Flags, Option, OptionKind, flags_for
from engine.workflows.slots import FILES, Slot, SlotType
from engine.workflows.template import Template

MOST_OPTIONS = 25
_KINDS = {FlagKind.INT: OptionKind.INT, FlagKind.FLOAT: OptionKind.FLOAT, FlagKind.BOOL: OptionKind.BOOL}


@dataclass(frozen=True, kw_only=True)
class TemplateCommand:
    """A command that makes pictures with one template."""

    template: Template
    command: Command
    flags: Flags  # with the ranges of its slots
    slots: dict[str, Slot]  # by option name: whose help and choices an option has

    @property
    def images(self) -> dict[str, str]:
        """The slots that its picture options go to, by option name."""
        return {option.name: option.name for option in self.command.options if option.kind is OptionKind.IMAGE}


def template_commands(templates: Iterable[Template]) -> tuple[TemplateCommand, ...]:
    """Give the commands of templates; one whose name is taken has none, but `--template` still finds it."""
    taken = {name for command in COMMANDS for name in (command.name, *command.aliases)}
    return tuple(_command(template) for template in templates if template.name not in taken)


def _command(template: Template) -> TemplateCommand:
    flags = flags_for(template.slots.values())
    pairs = [(_option(slot, flags), slot) for slot in template.slots.values()]
    own = [(option, slot) for option, slot in pairs if option is not None]
    own.sort(key=lambda pair: not pair[0].required)
    further = [Option(name="count", kind=OptionKind.INT, flag="n")]
    if {"width", "height"} <= template.slots.keys():
        further.append(Option(name="aspect", flag="ar"))
    further.append(Option(name="private", kind=OptionKind.BOOL, flag="private"))
    own = own[: MOST_OPTIONS - len(further)]
    names = {option.name for option, _ in own}
    options = (*(option for option, _ in own), *(option for option in further if option.name not in names))
    return TemplateCommand(
        template=template,
        command=Command(name=template.name, options=options, flags=True),
        flags=flags,
        slots={option.name: slot for option, slot in own},
    )


def _option(slot: Slot, flags: Flags) -> Option | None:
    """The option of a slot; None for one that is filled otherwise."""
    required = slot.required and slot.default is None
    if slot.name == "prompt":
        return Option(name="prompt", required=required)
    if slot.type in FILES:
        return Option(name=slot.name, kind=OptionKind.IMAGE, required=required)
    flag = flags.for_slot(slot.name)
    if flag is None or slot.name in FLAGLESS_SLOTS:
        return None
    kind = OptionKind.TEXT if slot.type is SlotType.SEED else _KINDS.get(flag.kind, OptionKind.TEXT)
    return Option(name=slot.name, kind=kind, required=required, flag=flag.name)

"""What commands and their options are, as data; which there are is in `bot.catalog`."""

from dataclasses import dataclass
from enum import StrEnum

from engine.model import Power


class OptionKind(StrEnum):
    """What a command's option takes."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    IMAGE = "image"
    PERSON = "person"  # `platform:id`; a platform lets people be picked where it can


class Source(StrEnum):
    """Where an option's completions come from."""

    MODELS = "models"
    LORAS = "loras"
    TEMPLATES = "templates"
    JOBS = "jobs"  # the person's own, newest first
    COMMANDS = "commands"
    SAMPLERS = "samplers"
    SCHEDULERS = "schedulers"


class Where(StrEnum):
    """Where a command may be given."""

    GROUP = "group"  # a guild's channel, a group chat, a web room
    DIRECT = "direct"  # a direct message, the console


EVERYWHERE = frozenset(Where)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a command; its help is the Fluent message `option-NAME`."""

    name: str
    kind: OptionKind = OptionKind.TEXT
    required: bool = False
    flag: str = ""  # the flag that it stands for, whose range it has; empty: the command reads it itself
    source: Source | None = None

    @property
    def key(self) -> str:
        """The key of its help text."""
        return f"option-{self.name}"


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something that people can ask for; its summary is the Fluent message `command-NAME`, or `command-OF-NAME`.

    A command with `verbs` is given as `/command verb ...`; each verb is a command of its own kind, `of` that one.
    """

    name: str
    of: str = ""
    aliases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    power: Power = Power.MEMBER  # the least that may give it
    where: frozenset[Where] = EVERYWHERE
    flags: bool = False  # whether a prompt with flags follows
    draws: bool = False  # whether it makes jobs without that
    verbs: "tuple[Command, ...]" = ()

    @property
    def key(self) -> str:
        """The key of its summary."""
        return f"command-{self.of}-{self.name}" if self.of else f"command-{self.name}"

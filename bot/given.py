"""Options that a platform took apart from the prompt, as the one line that people could have typed. Pure.

A slash command's fields and a web form's are read by the grammar like everything else, so that there is one place that
knows what is right and says what is wrong.
"""

from collections.abc import Mapping

from bot.catalog import FLAGS, Command, Flag, FlagKind, Flags
from bot.grammar_words import escaped, write_text, write_value
from engine.model import OptionValue
from engine.workflows.ranges import plain

_LORAS = ","


def line_of(command: Command, values: Mapping[str, OptionValue], flags: Flags = FLAGS) -> str | tuple[str, ...]:
    """Write the values of a command's options, by option name, as what follows the command.

    Where a prompt with flags follows, it is one line; else the words in the options' order.
    """
    if not command.flags:
        return tuple(
            written(values[option.name]) for option in command.options if values.get(option.name, False) is not False
        )
    given = {option.flag: values[option.name] for option in command.options if option.flag and option.name in values}
    return prompt_line(str(values.get("prompt", "")), given, flags)


def prompt_line(prompt: str, given: Mapping[str, OptionValue], flags: Flags = FLAGS) -> str:
    """Write a prompt, which may hold flags, and further values by flag name."""
    parts = [prompt.strip()]
    for name, value in given.items():
        parts += _written(flags.get(name), value)
    return " ".join(part for part in parts if part)


def written(value: OptionValue) -> str:
    """Write one value."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else plain(value)


def _written(flag: Flag, value: OptionValue) -> list[str]:
    text = written(value)
    match flag.kind:
        case FlagKind.SWITCH:
            return [f"--{flag.name}"] if value is True else []
        case FlagKind.TEXT:
            return [f"--{flag.name} {escaped(write_text(' '.join(text.split())))}"]
        case FlagKind.LORA:
            return [_flag(flag, lora) for lora in text.split(_LORAS) if lora.strip()]
        case _:
            return [_flag(flag, text)]


def _flag(flag: Flag, text: str) -> str:
    return f"--{flag.name} {escaped(write_value(' '.join(text.split())))}"

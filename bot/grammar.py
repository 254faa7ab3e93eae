"""A prompt and its flags, the same on every platform. Pure, and linear in the length of a line.

    a red house --ar 3:2 --no people, cars --seed 7

Flags follow the prompt in any order; which there are is `bot.catalog`'s table. `expand` comes first and makes lines of
`{a, b}`; `parse` reads one line; `render` writes it the one canonical way, and `parse(render(line)) == line`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.catalog import FLAGS, Flag, FlagKind, Flags
from bot.grammar_expand import expand, expand_words
from bot.grammar_values import Pair, Value, read_value, refuse, write_value
from bot.grammar_words import FlagWords, escaped, group, read_text, split_text, take_value, write_text
from bot.grammar_words import write_value as write_word
from engine.errors import GivenTwice, UnexpectedWords
from engine.model import Lane, OptionValue
from engine.workflows.slots import shorten

__all__ = [
    "ParsedLine",
    "expand",
    "expand_words",
    "parse",
    "parse_options",
    "parse_words",
    "render",
    "style_of",
    "template_of",
]

_LORA_TAG = re.compile(r"<lora:([^<>]*)>", re.IGNORECASE)
_LORAS = ", "  # between the LoRAs of the one option


@dataclass(frozen=True, kw_only=True)
class ParsedLine:
    """What somebody typed, in types. None and empty mean that it was not said."""

    prompt: str = ""  # one line; may be empty, which the template's prompt slot then refuses
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """By slot: negative, seed, steps, cfg, sampler, scheduler, model, strength, a template's own, and `loras` as
    `name:0.8, other:1`. All of them go into the request: binding refuses what the template has no slot for."""
    aspect: Pair | None = None
    size: Pair | None = None  # pixels; never together with `aspect`
    count: int | None = None
    template: str = ""
    style: str = ""
    repeat: int | None = None
    lane: Lane | None = None
    spoiler: bool = False
    private: bool = False
    dry: bool = False


def parse(text: str, flags: Flags = FLAGS) -> ParsedLine:
    """Read a line that somebody typed.

    Raises UnknownFlag, BadValue, GivenTwice and UnexpectedWords: nothing is silently dropped.
    """
    return parse_words(split_text(text), flags)


def parse_words(words: Sequence[str], flags: Flags = FLAGS) -> ParsedLine:
    """Read a line that a shell has split into words; a word may hold spaces. Raises as `parse`."""
    reader = _Reader(flags)
    reader.read_words(words)
    return reader.line()


def parse_options(prompt: str, values: Mapping[str, OptionValue], flags: Flags = FLAGS) -> ParsedLine:
    """Read a prompt, which may hold flags, and options by flag name, as slash commands and forms give them.

    Raises as `parse`; an option that the prompt's flags give too is GivenTwice.
    """
    reader = _Reader(flags)
    reader.read_words(split_text(prompt))
    for name, value in values.items():
        flag = flags.get(name)
        if value is False and flag.kind is FlagKind.SWITCH:
            continue
        reader.add(flag, read_value(flag, write_value(flag, value).strip()))
    return reader.line()


def template_of(words: Sequence[str] | str) -> str:
    """Give the template that a line names, before its flags can be read: a template may add flags. Empty if none."""
    return _named(words, "template")


def style_of(words: Sequence[str] | str) -> str:
    """Give the style that a line names, before its flags can be read: a style may name a template. Empty if none."""
    return _named(words, "style")


def _named(words: Sequence[str] | str, name: str) -> str:
    _, groups = group(split_text(words) if isinstance(words, str) else words)
    flag = FLAGS.get(name)
    for typed in groups:
        if typed.name.lower() in (flag.name, *flag.aliases):
            return take_value(typed.words)[0]
    return ""


def render(line: ParsedLine, flags: Flags = FLAGS) -> str:
    """Write a line the canonical way: the prompt, then its flags in the table's order. `flags` as when it was read."""
    parts = [escaped(line.prompt)] if line.prompt else []
    values = _values(line)
    for flag in flags:
        value = values.get(flag.slot or flag.name)
        if value is not None and not (value is False and flag.kind is FlagKind.SWITCH):
            parts += _written(flag, value)
    return " ".join(parts)


def _values(line: ParsedLine) -> dict[str, Value | None]:
    return {
        **line.options,
        "ar": line.aspect,
        "size": line.size,
        "n": line.count,
        "template": line.template or None,
        "style": line.style or None,
        "repeat": line.repeat,
        "fast": line.lane is Lane.FAST,
        "relax": line.lane is Lane.RELAXED,
        "spoiler": line.spoiler,
        "private": line.private,
        "dry": line.dry,
    }


def _written(flag: Flag, value: Value) -> list[str]:
    text = write_value(flag, value)
    match flag.kind:
        case FlagKind.SWITCH:
            return [f"--{flag.name}"]
        case FlagKind.TEXT:
            return [f"--{flag.name} {escaped(write_text(text))}"]
        case FlagKind.LORA:
            return [f"--{flag.name} {escaped(write_word(lora))}" for lora in text.split(_LORAS)]
        case _:
            return [f"--{flag.name} {escaped(write_word(text))}"]


class _Reader:
    """Collects a line's values, each at most once."""

    def __init__(self, flags: Flags) -> None:
        self._flags = flags
        self._prompt = ""
        self._values: dict[str, Value] = {}  # by flag name
        self._loras: dict[str, str] = {}  # by name

    def read_words(self, words: Sequence[str]) -> None:
        """Read a whole line."""
        lead, groups = group(words)
        self._read_prompt(" ".join(lead))
        for typed in groups:
            self._read_flag(typed)

    def _read_prompt(self, text: str) -> None:
        """Keep the prompt; its `<lora:name:0.8>` tags are flags in another dress."""
        for tag in _LORA_TAG.finditer(text):
            flag = self._flags.get("lora")
            self.add(flag, read_value(flag, tag[1].strip()))
        self._prompt = " ".join(_LORA_TAG.sub(" ", text).split())

    def _read_flag(self, typed: FlagWords) -> None:
        """Read one flag and the words after it."""
        flag = self._flags.get(typed.name)
        match flag.kind:
            case FlagKind.TEXT if not typed.bare:
                self.add(flag, read_text(typed.words))
            case FlagKind.SWITCH:
                self._refuse_words(flag, typed.words)
                self.add(flag, True)
            case FlagKind.BOOL if typed.bare:
                self.add(flag, True)
            case _:
                text, rest = take_value(typed.words)
                if typed.bare or not text:
                    refuse(flag, text)
                value = read_value(flag, text)
                self._refuse_words(flag, rest)
                self.add(flag, value)

    def add(self, flag: Flag, value: Value) -> None:
        """Keep a flag's value. Raises GivenTwice."""
        if flag.kind is FlagKind.LORA and isinstance(value, str):
            name = value.partition(":")[0]
            if name in self._loras:
                raise GivenTwice(flag=flag.name, other=flag.name)
            self._loras[name] = value
            return
        for other in (flag.name, *flag.excludes):
            if other in self._values:
                raise GivenTwice(flag=flag.name, other=other)
        self._values[flag.name] = value

    def _refuse_words(self, flag: Flag, words: Sequence[str]) -> None:
        if words:
            raise UnexpectedWords(flag=flag.name, words=shorten(" ".join(words)))

    def line(self) -> ParsedLine:
        """Give what was read."""
        options = {flag.slot: value for flag, value in self._slot_values() if not isinstance(value, tuple)}
        if self._loras:
            options[self._flags.get("lora").slot] = _LORAS.join(self._loras.values())
        lane = Lane.FAST if self._has("fast") else Lane.RELAXED if self._has("relax") else None
        return ParsedLine(
            prompt=self._prompt,
            options=options,
            aspect=self._pair("ar"),
            size=self._pair("size"),
            count=self._int("n"),
            template=str(self._values.get("template", "")),
            style=str(self._values.get("style", "")),
            repeat=self._int("repeat"),
            lane=lane,
            spoiler=self._has("spoiler"),
            private=self._has("private"),
            dry=self._has("dry"),
        )

    def _slot_values(self) -> list[tuple[Flag, Value]]:
        flags = [(self._flags.get(name), value) for name, value in self._values.items()]
        return [(flag, value) for flag, value in flags if flag.slot]

    def _has(self, name: str) -> bool:
        return name in self._values

    def _pair(self, name: str) -> Pair | None:
        value = self._values.get(name)
        return value if isinstance(value, tuple) else None

    def _int(self, name: str) -> int | None:
        value = self._values.get(name)
        return value if isinstance(value, int) else None

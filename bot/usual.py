"""What a request means that does not say: chosen defaults laid under what was typed. Pure.

Later layers go before earlier ones: the system's own, the community's, the channel's, the person's, a style's
(`--style`), and last what was typed. What a template has no use for is passed over; a number that it does not take
becomes the nearest that it does, and that is said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.catalog import FLAGS, Flag, FlagKind, Flags, flags_for
from bot.grammar import ParsedLine, parse
from bot.grammar_values import Value, read_value, write_value
from engine.errors import BadValue
from engine.model import Lane, OptionValue
from engine.workflows.template import Template

PROMPT = "{prompt}"
"""Where the prompt goes in a style or suffix; without it, before it."""
_LORA_SEPARATOR = ", "


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What one scope has chosen."""

    source: str  # "community", "channel", "person", "style"
    values: Mapping[str, str] = field(default_factory=dict)  # by flag, as typed
    affix: str = ""  # words around the prompt; see PROMPT


@dataclass(frozen=True, kw_only=True)
class Change:
    """A default that could not be taken as it was chosen."""

    flag: str
    value: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A line with its defaults."""

    line: ParsedLine
    changes: tuple[Change, ...] = ()  # defaults that were brought within the template's range
    sources: Mapping[str, str] = field(default_factory=dict)  # by flag, of the defaults that were used


def lay_under(
    line: ParsedLine, layers: Sequence[Layer], template: Template, *, images: bool, without: Iterable[str] = ()
) -> Laid:
    """Lay defaults under a line; `without` are flags whose default does not count this time.

    Where a picture comes along its form decides, not a default one.
    """
    flags = flags_for(template.slots.values())
    typed = typed_values(line, flags)
    chosen: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, text in layer.values.items():
            for other in FLAGS.get(name).excludes:
                chosen.pop(other, None)
            chosen[name] = (text, layer.source)
    for name in typed:
        for other in (name, *FLAGS.get(name).excludes) if name in FLAGS else (name,):
            chosen.pop(other, None)
    skipped = {*without, "template", "style", *(("ar", "size") if images else ())}
    values: dict[str, Value] = {}
    changes: list[Change] = []
    sources: dict[str, str] = {}
    for name, (text, source) in chosen.items():
        flag = flags.get(name)
        if name in skipped or not _fits(flag, template):
            continue
        value, changed = _read(flag, text)
        if value is None:
            continue
        values[name], sources[name] = value, source
        if changed:
            changes.append(Change(flag=name, value=write_value(flag, value), source=source))
    prompt = line.prompt
    for layer in reversed(layers):  # the nearest to the prompt is the style's
        prompt = affixed(prompt, layer.affix)
    return Laid(line=_filled(replace(line, prompt=prompt), values, flags), changes=tuple(changes), sources=sources)


def affixed(prompt: str, affix: str) -> str:
    """Put words around a prompt; nothing around an empty one, which stays empty."""
    if not affix or not prompt:
        return prompt
    return affix.replace(PROMPT, prompt) if PROMPT in affix else f"{prompt}, {affix}"


def layer_of(source: str, text: str) -> Layer:
    """Read a style or a suffix: words, and flags after them. Raises UserError as any line."""
    line = parse(text)
    values = typed_values(line, FLAGS)
    return Layer(source=source, values=values, affix=line.prompt)


def typed_values(line: ParsedLine, flags: Flags) -> dict[str, str]:
    """Give what a line says, by flag, as typed."""
    said: dict[str, Value | None] = {
        "ar": line.aspect,
        "size": line.size,
        "n": line.count,
        "template": line.template or None,
        "repeat": line.repeat,
        "fast": True if line.lane is Lane.FAST else None,
        "relax": True if line.lane is Lane.RELAXED else None,
        "spoiler": line.spoiler or None,
        "private": line.private or None,
        "dry": line.dry or None,
        "style": line.style or None,
    }
    for slot, value in line.options.items():
        flag = flags.for_slot(slot)
        if flag is not None:
            said[flag.name] = value
    return {name: write_value(flags.get(name), value) for name, value in said.items() if value is not None}


def _fits(flag: Flag, template: Template) -> bool:
    if flag.slot:
        return flag.slot in template.slots
    return flag.name not in ("ar", "size") or {"width", "height"} <= template.slots.keys()


def _read(flag: Flag, text: str) -> tuple[Value | None, bool]:
    """Read a default within the template's range; None for one that says nothing here. Gives whether it was changed."""
    if flag.kind is FlagKind.LORA:
        return _LORA_SEPARATOR.join(str(read_value(flag, lora.strip())) for lora in text.split(",")), False
    try:
        value = read_value(flag, text)
    except BadValue as error:
        near = str(error.fields.get("nearest", ""))
        return (read_value(flag, near), True) if near else (None, False)
    return (None if value is False and flag.kind is FlagKind.SWITCH else value), False


def _filled(line: ParsedLine, values: Mapping[str, Value], flags: Flags) -> ParsedLine:
    options: dict[str, OptionValue] = dict(line.options)
    plain: dict[str, Value] = {}
    for name, value in values.items():
        slot = flags.get(name).slot
        if slot and not isinstance(value, tuple):
            options[slot] = value
        else:
            plain[name] = value
    aspect, size, count = plain.get("ar"), plain.get("size"), plain.get("n")
    lane = Lane.FAST if "fast" in plain else Lane.RELAXED if "relax" in plain else line.lane
    return replace(
        line,
        options=options,
        aspect=aspect if isinstance(aspect, tuple) else line.aspect,
        size=size if isinstance(size, tuple) else line.size,
        count=count if isinstance(count, int) else line.count,
        lane=lane,
        spoiler=line.spoiler or "spoiler" in plain,
        private=line.private or "private" in plain,
    )

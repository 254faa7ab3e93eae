"""The forms of actions: what somebody is asked to fill in, and what it says once it is. No platform in it."""

from collections.abc import Mapping, Sequence

from bot.catalog import Flags, flags_for
from bot.grammar import ParsedLine, parse_options
from bot.grammar_words import escaped
from bot.replies import FieldKind, FormField
from engine.model import Job, OptionValue
from engine.studio import Studio
from engine.workflows.loras import LOADER, read_loras
from engine.workflows.ranges import plain
from engine.workflows.sizes import size_for
from engine.workflows.template import Template

NONE = "none"
"""What a choice says that takes something away."""
FIELDS = ("prompt", "negative", "seed", "size", "model", "lora", "sampler", "guidance", "steps", "strength")
"""The fields of all forms, by name."""
_ASPECTS = ((1, 1), (4, 3), (3, 2), (16, 9), (3, 4), (2, 3), (9, 16))
_FLAGS: Mapping[str, str] = {"negative": "no", "guidance": "cfg"}
"""Fields whose flag has another name."""


def remix_fields(job: Job, template: Template) -> tuple[FormField, ...]:
    """Other words for the same: prompt, negative prompt, seed."""
    fields = [_prompt(job)]
    if "negative" in template.slots:
        fields.append(FormField(name="negative", kind=FieldKind.LONG, value=str(job.options.get("negative", ""))))
    if "seed" in template.slots:
        fields.append(FormField(name="seed", expected=template.slots["seed"].expected))
    return tuple(fields)


def input_fields(job: Job, template: Template) -> tuple[FormField, ...]:
    """What a picture is to become: prompt, and how much of it changes."""
    strength = template.slots.get("strength")
    if strength is None:
        return (_prompt(job),)
    value = plain(strength.default) if isinstance(strength.default, int | float) else ""
    return (
        _prompt(job),
        FormField(name="strength", kind=FieldKind.NUMBER, value=value, expected=strength.expected),
    )


def tweak_fields(job: Job, template: Template, studio: Studio, native: tuple[int, int]) -> tuple[FormField, ...]:
    """The same words with other options: what can be chosen first, then numbers."""
    slots = template.slots
    fields = [_size(job, native)] if {"width", "height"} <= slots.keys() else []
    fields += [_choice(job, template, studio, name) for name in ("model", "sampler") if name in slots]
    if "loras" in slots:
        fields.insert(len(fields) - ("sampler" in slots), _lora(job, studio))
    for name, slot_name in (("guidance", "cfg"), ("steps", "steps"), ("strength", "strength")):
        slot = slots.get(slot_name)
        if slot is not None:
            held = job.options.get(slot_name, slot.default)
            value = plain(held) if isinstance(held, int | float) else ""
            fields.append(FormField(name=name, kind=FieldKind.NUMBER, value=value, expected=slot.expected))
    return tuple(field for field in fields if field.kind is not FieldKind.CHOICE or len(field.choices) > 1)


def filled_in(values: Mapping[str, str], job: Job, template: Template) -> tuple[ParsedLine, frozenset[str]]:
    """Read a form: what it says as a line, and the slots that it takes away what they held.

    A field that is missing, or holds what it held at first, says nothing. Raises UserError.
    """
    flags = flags_for(template.slots.values())
    prompt = values.get("prompt", escaped(str(job.options.get("prompt", ""))))
    given: dict[str, OptionValue] = {}
    gone = set[str]()
    for name, value in values.items():
        flag = flags.get(_FLAGS.get(name, name)) if name != "prompt" else None
        word = value.strip()
        if flag is None:
            continue
        if flag.name in ("no", "lora") and word in ("", NONE):
            gone.add(flag.slot)
        elif word and not _says_nothing(flag.name, flag.slot, word, job):
            given[flag.name] = word
    return parse_options(prompt, given, flags), frozenset(gone)


def _says_nothing(flag: str, slot: str, word: str, job: Job) -> bool:
    if flag == "size":
        return word == f"{job.options.get('width')}x{job.options.get('height')}"
    if flag == "lora":
        return word in {lora.name for lora in read_loras(str(job.options.get("loras", "")))}
    held = None if slot == "seed" else job.options.get(slot)  # the same seed is asked for, not the field's own
    return word == (plain(held) if isinstance(held, int | float) and not isinstance(held, bool) else held)


def _prompt(job: Job) -> FormField:
    prompt = escaped(str(job.options.get("prompt", "")))
    return FormField(name="prompt", kind=FieldKind.LONG, value=prompt, required=True)


def _size(job: Job, native: tuple[int, int]) -> FormField:
    width, height = job.options.get("width", native[0]), job.options.get("height", native[1])
    sizes = [size_for(native=native, aspect=aspect) for aspect in _ASPECTS]
    return _of_choices("size", f"{width}x{height}", [f"{across}x{down}" for across, down in sizes])


def _choice(job: Job, template: Template, studio: Studio, name: str) -> FormField:
    slot = template.slots[name]
    offered = slot.choices or studio.choices(template.node(slot.node).class_type, slot.input)
    return _of_choices(name, str(job.options.get(name, slot.default or "")), offered)


def _lora(job: Job, studio: Studio) -> FormField:
    held = read_loras(str(job.options.get("loras", "")))
    return _of_choices("lora", held[0].name if held else NONE, [NONE, *studio.choices(LOADER, "lora_name")])


def _of_choices(name: str, value: str, offered: Sequence[str]) -> FormField:
    choices = tuple(dict.fromkeys((value, *offered))) if value else tuple(offered)
    return FormField(name=name, kind=FieldKind.CHOICE, value=value, choices=choices)


def base_options(job: Job, template: Template, flags: Flags, gone: frozenset[str]) -> dict[str, OptionValue]:
    """What a job was made with, by slots that flags fill; without its seed and what is `gone`."""
    return {
        name: value
        for name, value in job.options.items()
        if name in template.slots and flags.for_slot(name) is not None and name not in gone and name != "seed"
    }

"""A slot's table in `template.toml` becomes a Slot, or problems that say what to write instead."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from engine.errors import BadValue
from engine.model import Json, OptionValue
from engine.workflows.graph import Node, as_link
from engine.workflows.nearest import nearest
from engine.workflows.ranges import Number
from engine.workflows.slots import FILES, NUMBERS, Slot, SlotType, Target

FIELDS = ("node", "input", "type", "also", "required", "default", "min", "max", "step", "choices", "help")
KNOWN_TYPES: Mapping[str, SlotType] = {
    "prompt": SlotType.TEXT,
    "negative": SlotType.TEXT,
    "model": SlotType.MODEL,
    "width": SlotType.INT,
    "height": SlotType.INT,
    "steps": SlotType.INT,
    "cfg": SlotType.FLOAT,
    "sampler": SlotType.CHOICE,
    "scheduler": SlotType.CHOICE,
    "seed": SlotType.SEED,
    "image": SlotType.IMAGE,
    "mask": SlotType.MASK,
    "strength": SlotType.FLOAT,
    "loras": SlotType.LORAS,
}
"""Slots that every room knows by name, and so must have this type."""
TAKEN_NAMES = frozenset(
    {
        "ar",
        "aspect",
        "count",
        "dry",
        "fast",
        "lora",
        "m",
        "n",
        "no",
        "private",
        "r",
        "relax",
        "repeat",
        "size",
        "spoiler",
        "style",
        "t",
        "template",
    },
)
"""Names that mean something else in every line: such a slot could not be typed. The catalog's test holds them."""
_TYPES = tuple(str(each) for each in SlotType)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with a template; `str` gives it as one line."""

    file: str
    slot: str = ""
    field: str = ""
    text: str

    def __str__(self) -> str:
        where = ".".join(part for part in ("slots" if self.slot else "", self.slot, self.field) if part)
        return f"{self.file}: {where}: {self.text}" if where else f"{self.file}: {self.text}"


def read_slot(
    name: str, table: Json, nodes: Mapping[str, Sequence[Node]], file: str, problems: list[Problem]
) -> Slot | None:
    """Read one table; `nodes` are the graph's by title. What is wrong is added to `problems`, and None returned."""
    reader = _Reader(name, table, nodes, file)
    slot = reader.read()
    problems.extend(reader.problems)
    return None if reader.problems else slot


class _Reader:
    """Reads one table; goes on after a problem, so that an author sees all of them at once."""

    def __init__(self, name: str, table: Json, nodes: Mapping[str, Sequence[Node]], file: str) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._file = file
        self._nodes = nodes
        self._table: Mapping[str, Json] = table if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            self._wrong("", "it must be a table [slots.NAME]")

    def _wrong(self, field: str, text: str) -> None:
        self.problems.append(Problem(file=self._file, slot=self._name, field=field, text=text))

    def read(self) -> Slot | None:
        if not _NAME.fullmatch(self._name):
            self._wrong("", "a slot's name is 1 to 32 of a-z, 0-9 and _, beginning with a letter")
        if self._name in TAKEN_NAMES:
            self._wrong("", f"--{self._name} is a flag of its own already; give the slot another name")
        for key in self._table:
            if key not in FIELDS:
                self._wrong(key, f"there is no such field; {_near(key, FIELDS)}")
        kind = self._type()
        if kind is None:
            return None
        main = self._loader() if kind is SlotType.LORAS else self._target(self._table, "", kind)
        also = self._also(kind)
        if main is None:
            return None
        slot = Slot(
            name=self._name,
            node=main.node,
            input=main.input,
            type=kind,
            also=also,
            required=self._flag("required"),
            min=self._number("min", kind),
            max=self._number("max", kind),
            step=self._number("step", kind),
            choices=self._choices(kind),
            help=self._text("help"),
        )
        self._check_range(slot)
        return self._with_default(slot) if not self.problems else None

    def _type(self) -> SlotType | None:
        word = self._table.get("type")
        if not isinstance(word, str) or word not in _TYPES:
            self._wrong("type", f"it must be one of {', '.join(_TYPES)}; {_near(str(word), _TYPES)}")
            return None
        kind, known = SlotType(word), KNOWN_TYPES.get(self._name)
        if known is not None and known is not kind:
            self._wrong("type", f"a slot named “{self._name}” is of type “{known}”; rename the slot or change its type")
        return kind

    def _loader(self) -> Target | None:
        """Read the node behind which LoRAs go; lint says whether it gives a model and a text encoder."""
        for field in ("input", "also", "required"):
            if field in self._table:
                self._wrong(field, "a slot of type “loras” has none: nodes are put in behind its node")
        return Target(node=node.title, input="") if (node := self._node(self._table, "")) is not None else None

    def _node(self, table: Mapping[str, Json], prefix: str) -> Node | None:
        title = table.get("node")
        if not isinstance(title, str) or title not in self._nodes:
            self._wrong(f"{prefix}node", f"no node is titled “{title or ''}”; {_near(str(title), self._nodes)}")
            return None
        node, *others = self._nodes[title]
        if others:
            ids = ", ".join(each.id for each in (node, *others))
            self._wrong(f"{prefix}node", f"nodes {ids} are all titled “{title}”; give each a title of its own")
            return None
        return node

    def _target(self, table: Mapping[str, Json], prefix: str, kind: SlotType) -> Target | None:
        node, name = self._node(table, prefix), table.get("input")
        if node is None:
            return None
        title = node.title
        if not isinstance(name, str) or name not in node.inputs:
            free = [each for each, value in node.inputs.items() if as_link(value) is None]
            self._wrong(f"{prefix}input", f"“{title}” has no input “{name or ''}”; {_near(str(name), free)}")
            return None
        value = node.inputs[name]
        link = as_link(value)
        if link is not None:
            self._wrong(
                f"{prefix}input", f"“{title}” gets its “{name}” from node {link.node}; a slot cannot cut a wire"
            )
        elif not _holds(kind, value):
            self._wrong(
                f"{prefix}input", f"“{name}” of “{title}” holds {_kind(value)}, which type “{kind}” does not fit"
            )
        return Target(node=title, input=name)

    def _also(self, kind: SlotType) -> tuple[Target, ...]:
        entries = self._table.get("also", [])
        if not isinstance(entries, list):
            self._wrong("also", 'it must be a list: [{ node = "…", input = "…" }]')
            return ()
        targets = []
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict) or set(entry) != {"node", "input"}:
                self._wrong(f"also[{number}]", 'it must be { node = "…", input = "…" }')
                continue
            targets.append(self._target(entry, f"also[{number}].", kind))
        return tuple(target for target in targets if target is not None)

    def _flag(self, field: str) -> bool:
        value = self._table.get(field, False)
        if not isinstance(value, bool):
            self._wrong(field, "it must be true or false")
        return value is True

    def _text(self, field: str) -> str:
        value = self._table.get(field, "")
        if not isinstance(value, str):
            self._wrong(field, "it must be a text")
        return str(value)

    def _number(self, field: str, kind: SlotType) -> Number | None:
        value = self._table.get(field)
        if value is None:
            return None
        allowed = kind in NUMBERS or (kind is SlotType.TEXT and field == "max")
        if not allowed:
            self._wrong(field, f"a slot of type “{kind}” has none")
        elif not _is_number(value) or (kind is not SlotType.FLOAT and isinstance(value, float)):
            self._wrong(field, "it must be a number" if kind is SlotType.FLOAT else "it must be a whole number")
        elif field == "step" and value <= 0:
            self._wrong(field, "it must be above 0")
        else:
            return value
        return None

    def _choices(self, kind: SlotType) -> tuple[str, ...]:
        values = self._table.get("choices")
        if values is None:
            return ()
        if kind is not SlotType.CHOICE:
            self._wrong("choices", f"a slot of type “{kind}” has none")
        words = [value for value in values if isinstance(value, str) and value] if isinstance(values, list) else []
        if not isinstance(values, list) or not words or len(words) != len(values) or len(set(words)) != len(words):
            self._wrong("choices", "it must be a list of different texts")
        return tuple(words)

    def _check_range(self, slot: Slot) -> None:
        if slot.min is not None and slot.max is not None and slot.min > slot.max:
            self._wrong("min", f"it is above max ({slot.max})")
        if slot.type is SlotType.SEED and (slot.min or slot.step):
            self._wrong("min" if slot.min else "step", "a seed has only a max")
        if slot.type in (SlotType.SEED, SlotType.TEXT) and slot.max is not None and slot.max < 1:
            self._wrong("max", "it must be at least 1")

    def _with_default(self, slot: Slot) -> Slot:
        """Add the default: the file's, else what the graph holds; none for seeds, images and what is required."""
        written = self._table.get("default")
        if written is not None and (slot.required or slot.type in FILES or slot.type is SlotType.SEED):
            self._wrong("default", "a slot that is required, or of type seed, image or mask, has none")
            return slot
        if slot.required or slot.type in FILES or slot.type is SlotType.SEED:
            if slot.required and slot.type is SlotType.SEED:
                self._wrong("required", "a seed is drawn where none is given")
            return slot
        held: Json = self._nodes[slot.node][0].inputs[slot.input] if slot.input else ""
        value = held if written is None else written
        source = "default" if written is not None else "input"
        if not isinstance(value, str | int | float | bool):
            self._wrong(source, "it must be a plain value")
            return slot
        return replace(slot, default=self._checked(slot, value, source))

    def _checked(self, slot: Slot, value: OptionValue, source: str) -> OptionValue | None:
        try:
            return slot.check(value)
        except BadValue as error:
            near = f"; nearest: {error.fields['nearest']}" if error.fields["nearest"] else ""
            held = "the default" if source == "default" else "the graph's value, which is its default,"
            self._wrong(source, f"{held} {value!r} is outside {error.fields['expected'] or slot.type}{near}")
            return None


def _is_number(value: Json) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds(kind: SlotType, value: Json) -> bool:
    match kind:
        case SlotType.BOOL:
            return isinstance(value, bool)
        case SlotType.INT | SlotType.SEED:
            return isinstance(value, int) and not isinstance(value, bool)
        case SlotType.FLOAT:
            return _is_number(value)
        case _:
            return isinstance(value, str)


def _kind(value: Json) -> str:
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a text"
        case _:
            return "no plain value"


def _near(word: str, choices: Iterable[str]) -> str:
    """Name the nearest right word, or all of them where none is near."""
    words = list(choices)
    near = nearest(word, words)
    return f"nearest: “{near}”" if near else f"there are: {', '.join(f'“{each}”' for each in words)}"

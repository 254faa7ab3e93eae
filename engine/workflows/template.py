"""Templates: a graph and its slots, read from `workflow.json` and `template.toml`."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.errors import TemplateBroken
from engine.model import Graph, Json
from engine.workflows.graph import GraphInvalid, Node, by_title, nodes_of, parse
from engine.workflows.nearest import nearest
from engine.workflows.slot_reader import FIELDS, Problem, read_slot
from engine.workflows.slots import Slot

GRAPH_FILE = "workflow.json"
SLOTS_FILE = "template.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_TOP_FIELDS = ("title", "description", "slots")


@dataclass(frozen=True, kw_only=True)
class Template:
    """A graph in API format and the slots that bind into it by node title."""

    name: str
    title: str
    description: str
    slots: Mapping[str, Slot]
    graph: Graph = field(repr=False)  # shared; binding copies it
    hash: str  # SHA-256 of both files' content, whatever their layout

    def nodes(self) -> dict[str, Node]:
        """Its nodes by id."""
        return nodes_of(self.graph)

    def node(self, title: str) -> Node:
        """The node that a slot names; the template was read only because there is exactly one."""
        (node,) = by_title(self.nodes())[title]
        return node


def read_template(name: str, slots_toml: str, graph_json: str, *, folder: str) -> Template:
    """Read a template from the text of its two files; `folder` is for messages.

    Raises TemplateBroken with a line for every problem: file, slot, field, and the nearest right thing.
    """
    problems: list[Problem] = []
    if not _NAME.fullmatch(name):
        problems.append(Problem(file=folder, text="a template's name is 1 to 32 of a-z, 0-9, - and _"))
    graph = _read_graph(graph_json, f"{folder}/{GRAPH_FILE}", problems)
    declared = _read_toml(slots_toml, f"{folder}/{SLOTS_FILE}", problems)
    slots: dict[str, Slot] = {}
    if graph is not None and declared is not None:
        slots = _read_slots(declared, graph, f"{folder}/{SLOTS_FILE}", problems)
    if problems or graph is None or declared is None:
        raise broken(folder, problems)
    return Template(
        name=name,
        title=str(declared["title"]),
        description=str(declared.get("description", "")),
        slots=MappingProxyType(slots),
        graph=graph,
        hash=_hash(declared, graph),
    )


def broken(file: str, problems: list[Problem]) -> TemplateBroken:
    """Make one error of all problems."""
    reason = "\n".join(str(problem) for problem in problems)
    return TemplateBroken(reason, file=file, reason=reason)


def _read_graph(text: str, file: str, problems: list[Problem]) -> Graph | None:
    try:
        return parse(json.loads(text))
    except GraphInvalid as error:
        problems.append(Problem(file=file, text=str(error)))
    except (ValueError, RecursionError) as error:
        problems.append(Problem(file=file, text=f"it is no JSON: {error}"))
    return None


def _read_toml(text: str, file: str, problems: list[Problem]) -> dict[str, Json] | None:
    try:
        declared: dict[str, Json] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(file=file, text=f"it is no TOML: {error}"))
        return None
    for key in declared:
        if key not in _TOP_FIELDS:
            near = nearest(key, (*_TOP_FIELDS, *FIELDS))
            hint = f"“{near}” belongs below [slots.NAME]" if near in FIELDS else f"nearest: “{near or 'slots'}”"
            problems.append(Problem(file=file, field=key, text=f"there is no such field; {hint}"))
    title, description = declared.get("title"), declared.get("description", "")
    if not isinstance(title, str) or not title.strip():
        problems.append(Problem(file=file, field="title", text="it must be a text"))
    if not isinstance(description, str):
        problems.append(Problem(file=file, field="description", text="it must be a text"))
    return declared


def _read_slots(declared: Mapping[str, Json], graph: Graph, file: str, problems: list[Problem]) -> dict[str, Slot]:
    tables = declared.get("slots", {})
    if not isinstance(tables, dict):
        problems.append(Problem(file=file, field="slots", text="it must be tables [slots.NAME]"))
        return {}
    nodes = by_title(nodes_of(graph))
    slots: dict[str, Slot] = {}
    for name, table in tables.items():
        slot = read_slot(name, table, nodes, file, problems)
        if slot is not None:
            slots[name] = slot
    problems.extend(_fed_twice(slots, file))
    return slots


def _fed_twice(slots: Mapping[str, Slot], file: str) -> Iterator[Problem]:
    """An input has one slot: the order of slots must not decide what a picture is."""
    feeders: dict[tuple[str, str], str] = {}
    for slot in slots.values():
        for target in slot.targets:
            first = feeders.setdefault((target.node, target.input), slot.name)
            if first != slot.name:
                text = f"“{target.node}” gets its “{target.input}” from slot “{first}” already"
                yield Problem(file=file, slot=slot.name, field="input", text=text)


def _hash(declared: Mapping[str, Json], graph: Graph) -> str:
    canonical = json.dumps({"template": declared, "graph": graph}, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()

"""A request meets its template: values go through slots, and nothing else reaches the graph."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from engine.errors import EmptyPrompt, MissingInput, UnsupportedOption
from engine.ids import SEED_LIMIT
from engine.model import Graph, GraphInput, Json, OptionValue
from engine.workflows.graph import Link, Node, by_title
from engine.workflows.loras import LOADER, Lora, read_loras
from engine.workflows.slots import FILES, Slot, SlotType
from engine.workflows.template import Template

NO_INPUTS: Mapping[str, GraphInput] = MappingProxyType({})
_FILENAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z_-]{0,79}\.(png|jpg|jpeg|webp)")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A graph that is ready to run, and the files that must lie on the endpoint first."""

    graph: Graph
    inputs: tuple[GraphInput, ...] = ()


def bind(
    template: Template,
    options: Mapping[str, OptionValue],
    *,
    seed: int,
    inputs: Mapping[str, GraphInput] = NO_INPUTS,
) -> Bound:
    """Put a request's options into a copy of the template's graph.

    Options are by slot name; what is left out takes the slot's default. `seed` goes into every seed slot, whatever
    `options` says, folded into the slot's range. Image and mask options are blob names; `inputs` says, by slot, under
    which file name the graph finds them (without it: the first 16 digits and `.png`). Sizes are not rounded here: see
    `sizes.size_for`. Raises EmptyPrompt, MissingInput, UnsupportedOption and BadValue.
    """
    for name in options:
        if name not in template.slots:
            known = ", ".join(sorted(template.slots))
            raise UnsupportedOption(flag=name, template=template.name, options=known)
    writer = _Writer(template)
    for slot in template.slots.values():
        value = _value(slot, options, seed, template)
        if value is None:
            continue
        if slot.type is SlotType.LORAS:
            writer.put_loras(slot, read_loras(str(value)))
        elif slot.type in FILES:
            writer.put_file(slot, str(value), inputs.get(slot.name))
        else:
            writer.put(slot, value)
    return Bound(graph=writer.graph, inputs=tuple(writer.inputs))


def _value(slot: Slot, options: Mapping[str, OptionValue], seed: int, template: Template) -> OptionValue | None:
    """Choose and check a slot's value; None leaves the graph as its author saved it."""
    given = options.get(slot.name)
    if given is not None:
        given = slot.check(given)
    if slot.type is SlotType.SEED:
        return seed % SEED_LIMIT % slot.seed_limit
    if slot.required and (given is None or (isinstance(given, str) and not given.strip())):
        if slot.name == "prompt":
            raise EmptyPrompt
        raise MissingInput(flag=slot.name, template=template.name)
    return slot.default if given is None else given


class _Writer:
    """A copy of a template's graph, written through slots only."""

    def __init__(self, template: Template) -> None:
        self.graph: Graph = dict(template.graph)
        self.inputs: list[GraphInput] = []
        self._nodes = by_title(template.nodes())
        self._copied: dict[str, dict[str, Json]] = {}

    def put(self, slot: Slot, value: OptionValue) -> None:
        """Write a value into every input of a slot."""
        for target in slot.targets:
            (node,) = self._nodes[target.node]
            self._inputs_of(node)[target.input] = value

    def put_file(self, slot: Slot, blob: str, named: GraphInput | None) -> None:
        """Write a file's name into every input of a slot, and note that the endpoint needs the file."""
        filename = named.filename if named is not None else f"{blob[:16]}.png"
        if not _FILENAME.fullmatch(filename) or (named is not None and named.blob != blob):
            raise ValueError(f"slot {slot.name}: the file given for the blob does not fit it")
        self.put(slot, filename)
        for target in slot.targets:
            (node,) = self._nodes[target.node]
            needed = GraphInput(node_id=node.id, input=target.input, blob=blob, filename=filename)
            self.inputs.append(needed if named is None else replace(named, node_id=node.id, input=target.input))

    def put_loras(self, slot: Slot, loras: Sequence[Lora]) -> None:
        """Put one loader after another behind a model loader; whatever was wired to that is wired to the last one.

        A model loader's first output is the model, its second the text encoder, as on every node of ComfyUI that
        gives both.
        """
        (loader,) = self._nodes[slot.node]
        last = loader.id
        for number, lora in enumerate(loras, start=1):
            inputs: dict[str, Json] = {
                "model": [last, 0],
                "clip": [last, 1],
                "lora_name": lora.name,
                "strength_model": lora.weight,
                "strength_clip": lora.weight,
            }
            last = self._free_id()
            self.graph[last] = {"class_type": LOADER, "inputs": inputs, "_meta": {"title": f"LoRA {number}"}}
        if loras:
            self._rewire(loader.id, last)

    def _free_id(self) -> str:
        return str(1 + max((int(node) for node in self.graph if node.isdecimal()), default=0))

    def _rewire(self, before: str, after: str) -> None:
        for node in [node for alike in self._nodes.values() for node in alike]:
            for name, link in node.links():
                if link in (Link(node=before, output=0), Link(node=before, output=1)):
                    self._inputs_of(node)[name] = [after, link.output]

    def _inputs_of(self, node: Node) -> dict[str, Json]:
        """Give the node's inputs in this copy; the template's own graph is never touched."""
        if node.id not in self._copied:
            inputs = dict(node.inputs)
            original = self.graph[node.id]
            self.graph[node.id] = {**(original if isinstance(original, dict) else {}), "inputs": inputs}
            self._copied[node.id] = inputs
        return self._copied[node.id]

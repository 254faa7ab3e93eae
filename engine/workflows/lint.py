"""What a graph needs of an endpoint, what an endpoint lacks, and whether a template fits it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from engine.model import Graph, Json
from engine.workflows.graph import Link, Node, label, nodes_of
from engine.workflows.loras import LOADER
from engine.workflows.nearest import nearest
from engine.workflows.object_info import InputSpec, NodeSpec, choices, fits, node_spec
from engine.workflows.ranges import range_text
from engine.workflows.slot_reader import Problem
from engine.workflows.slots import FILES, Slot, SlotType, Target
from engine.workflows.template import GRAPH_FILE, SLOTS_FILE, Template

CHOICE_INPUTS = frozenset(
    {
        "ckpt_name",
        "clip_name",
        "clip_name1",
        "clip_name2",
        "clip_name3",
        "clip_name4",
        "clip_vision",
        "config_name",
        "control_net_name",
        "gligen_name",
        "hypernetwork_name",
        "ipadapter_file",
        "lora_name",
        "model_name",
        "motion_model_name",
        "sampler_name",
        "scheduler",
        "style_model_name",
        "unet_name",
        "vae_name",
    },
)
"""Inputs by which nodes name a file or an algorithm: what differs between endpoints, and is no secret of a person."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A value that a node takes from the endpoint's list."""

    class_type: str
    input: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an endpoint must have to run a graph: node classes and choices; never prompts, seeds or numbers."""

    nodes: tuple[str, ...]  # sorted
    choices: tuple[Choice, ...]  # sorted

    def dumps(self) -> str:
        """Write canonical JSON: equal needs are equal text."""
        listed = [[choice.class_type, choice.input, choice.value] for choice in self.choices]
        return json.dumps({"nodes": list(self.nodes), "choices": listed}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> "Needs":
        """Read what `dumps` wrote."""
        document = json.loads(text)
        return cls(
            nodes=tuple(document["nodes"]),
            choices=tuple(Choice(class_type=a, input=b, value=c) for a, b, c in document["choices"]),
        )


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Something that an endpoint has not, and the nearest thing that it has."""

    name: str
    nearest: str


def needs_of(graph: Graph) -> str:
    """Say what an endpoint must have to run a graph, as `Needs.dumps` writes it."""
    nodes = nodes_of(graph).values()
    found = {
        (node.class_type, name, value)
        for node in nodes
        for name, value in node.inputs.items()
        if name in CHOICE_INPUTS and isinstance(value, str)
    }
    return Needs(
        nodes=tuple(sorted({node.class_type for node in nodes})),
        choices=tuple(Choice(class_type=a, input=b, value=c) for a, b, c in sorted(found)),
    ).dumps()


def lacks(needs: str, object_info: Json) -> tuple[Lack, ...]:
    """List what an endpoint lacks of `needs`, with the nearest thing that it has; each name once."""
    wanted = Needs.loads(needs)
    known = list(object_info) if isinstance(object_info, dict) else []
    found = {name: nearest(name, known) for name in wanted.nodes if name not in known}
    for choice in wanted.choices:
        spec = node_spec(object_info, choice.class_type)
        declared = spec.inputs.get(choice.input) if spec is not None else None
        if declared is not None and declared.choices is not None and choice.value not in declared.choices:
            found.setdefault(choice.value, nearest(choice.value, declared.choices))
    return tuple(Lack(name=name, nearest=near) for name, near in found.items())


def missing(needs: str, object_info: Json) -> tuple[str, ...]:
    """Name what an endpoint lacks of `needs`: node classes, then models, samplers, ...; empty if it can run it."""
    return tuple(lack.name for lack in lacks(needs, object_info))


def slot_choices(template: Template, slot: Slot, object_info: Json) -> tuple[str, ...]:
    """Give what may be said in a slot: its own choices, else what the endpoint lists for its input."""
    if slot.type is SlotType.LORAS:
        return choices(object_info, LOADER, "lora_name")
    return slot.choices or choices(object_info, template.node(slot.node).class_type, slot.input)


def check(template: Template, object_info: Json, *, folder: str = "") -> list[Problem]:
    """List everything that keeps an endpoint from running a template, slot by slot and node by node.

    Values that a slot replaces are checked as the slot's default. Model files are a matter of each request, but the
    default must be there.
    """
    where = folder or template.name
    nodes = nodes_of(template.graph)
    specs = {each: node_spec(object_info, each) for each in sorted({node.class_type for node in nodes.values()})}
    known = list(object_info) if isinstance(object_info, dict) else []
    problems = [
        Problem(
            file=f"{where}/{GRAPH_FILE}", field=label(node), text=f"the endpoint has no node {node.class_type}{hint}"
        )
        for node in nodes.values()
        if specs[node.class_type] is None
        for hint in [_hint(node.class_type, known)]
    ]
    for node in nodes.values():
        spec = specs[node.class_type]
        if spec is not None:
            texts = _node_problems(template, node, spec, nodes, specs)
            problems += [Problem(file=f"{where}/{GRAPH_FILE}", field=label(node), text=text) for text in texts]
    if not any(spec is not None and spec.is_output for spec in specs.values()):
        problems.append(Problem(file=f"{where}/{GRAPH_FILE}", text="no node of it saves anything"))
    for slot in template.slots.values():
        if slot.type is SlotType.LORAS:
            problems += _loader_problems(slot, specs[template.node(slot.node).class_type], f"{where}/{SLOTS_FILE}")
        for target in slot.targets:
            spec = specs[template.node(target.node).class_type]
            declared = spec.inputs.get(target.input) if spec is not None else None
            texts = _slot_problems(slot, target, declared) if declared is not None else iter(())
            problems += [Problem(file=f"{where}/{SLOTS_FILE}", slot=slot.name, text=text) for text in texts]
    return problems


def _node_problems(
    template: Template, node: Node, spec: NodeSpec, nodes: dict[str, Node], specs: dict[str, NodeSpec | None]
) -> Iterator[str]:
    slots = {(target.node, target.input): slot for slot in template.slots.values() for target in slot.targets}
    links = dict(node.links())
    for name in spec.inputs:
        if spec.inputs[name].required and name not in node.inputs:
            yield f"it lacks the input “{name}”"
    for name, value in node.inputs.items():
        declared = spec.inputs.get(name)
        slot = slots.get((node.title, name))
        if declared is None:
            yield f"{node.class_type} has no input “{name}”{_hint(name, spec.inputs)}"
        elif name in links:
            yield from _link_problems(name, declared, links[name], nodes, specs)
        elif slot is None or slot.default is not None:
            yield from _value_problems(name, declared, value if slot is None else slot.default)


def _link_problems(
    name: str, wanted: InputSpec, link: Link, nodes: dict[str, Node], specs: dict[str, NodeSpec | None]
) -> Iterator[str]:
    source = nodes[link.node]
    spec = specs[source.class_type]
    if spec is None:
        return
    if link.output >= len(spec.outputs):
        yield f"“{name}” comes from output {link.output} of {label(source)}, which has {len(spec.outputs)}"
    elif not fits(spec.outputs[link.output], wanted.type):
        yield f"“{name}” is {wanted.type}, but {label(source)} gives {spec.outputs[link.output]}"


def _value_problems(name: str, declared: InputSpec, value: Json) -> Iterator[str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if declared.choices is not None:
        if value not in declared.choices and not declared.upload:
            yield f"“{name}”: the endpoint does not list “{value}”{_hint(str(value), declared.choices)}"
    elif declared.type in ("INT", "FLOAT"):
        if not number:
            yield f"“{name}” must be a number"
        elif _outside(value, declared):
            yield f"“{name}” is {value}, outside {range_text(declared.min, declared.max)}"
    elif declared.type in ("STRING", "BOOLEAN"):
        if not isinstance(value, str if declared.type == "STRING" else bool):
            yield f"“{name}” must be {'a text' if declared.type == 'STRING' else 'true or false'}"
    elif declared.type.isupper():
        yield f"“{name}” takes {declared.type} from a wire"


def _outside(value: Json, declared: InputSpec) -> bool:
    if not isinstance(value, int | float):
        return False
    below = declared.min is not None and value < declared.min
    return below or (declared.max is not None and value > declared.max)


def _loader_problems(slot: Slot, loader: NodeSpec | None, file: str) -> list[Problem]:
    """LoRAs go between a node that gives a model and a text encoder and whatever takes them."""
    if loader is None or loader.outputs[:2] == ("MODEL", "CLIP"):
        return []
    text = f"“{slot.node}” gives {', '.join(loader.outputs) or 'nothing'}; LoRAs go behind MODEL and CLIP"
    return [Problem(file=file, slot=slot.name, field="node", text=text)]


_FITTING = {
    SlotType.TEXT: ("STRING",),
    SlotType.INT: ("INT", "FLOAT"),
    SlotType.FLOAT: ("FLOAT",),
    SlotType.BOOL: ("BOOLEAN",),
    SlotType.SEED: ("INT",),
    SlotType.CHOICE: ("COMBO",),
    SlotType.MODEL: ("COMBO",),
    SlotType.IMAGE: ("COMBO",),
    SlotType.MASK: ("COMBO",),
}


def _slot_problems(slot: Slot, target: Target, declared: InputSpec) -> Iterator[str]:
    """A slot may let nothing through that the endpoint then refuses."""
    where = f"“{target.input}” of “{target.node}”"
    if declared.type not in _FITTING[slot.type]:
        yield f"it is of type {slot.type}, but {where} is {declared.type}"
        return
    if slot.type in FILES and not declared.upload:
        yield f"{where} takes no uploaded picture"
    for choice in slot.choices:
        if choice not in (declared.choices or ()):
            yield f"{where}: the endpoint does not list “{choice}”{_hint(choice, declared.choices or ())}"
    if slot.type in (SlotType.INT, SlotType.FLOAT):
        low, high = slot.min, slot.max
        under = declared.min is not None and (low is None or low < declared.min)
        over = declared.max is not None and (high is None or high > declared.max)
        if under or over:
            text = range_text(low, high) or "everything"
            yield f"it lets {text} through, but {where} takes {range_text(declared.min, declared.max)}"


def _hint(word: str, words: object) -> str:
    near = nearest(word, [str(each) for each in words]) if isinstance(words, dict | list | tuple) else ""
    return f"; nearest: “{near}”" if near else ""

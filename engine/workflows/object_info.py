"""What an endpoint says it can run: `/object_info`, read as types."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.model import Json
from engine.workflows.ranges import Number


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """One input of a node class."""

    type: str  # INT, FLOAT, STRING, BOOLEAN, MODEL, ...; COMBO for a list
    required: bool
    choices: tuple[str, ...] | None = None  # of a list; None for every other type
    min: Number | None = None
    max: Number | None = None
    upload: bool = False  # its choices are files that a client may add


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """One node class."""

    inputs: Mapping[str, InputSpec]
    outputs: tuple[str, ...]
    is_output: bool


def node_spec(object_info: Json, class_type: str) -> NodeSpec | None:
    """Read one node class; None if the endpoint has none of that name."""
    info = object_info.get(class_type) if isinstance(object_info, dict) else None
    if not isinstance(info, dict):
        return None
    groups = info.get("input")
    inputs: dict[str, InputSpec] = {}
    for group in ("required", "optional"):
        members = groups.get(group) if isinstance(groups, dict) else None
        for name, declared in members.items() if isinstance(members, dict) else ():
            inputs[name] = _input_spec(declared, required=group == "required")
    outputs = info.get("output")
    return NodeSpec(
        inputs=inputs,
        outputs=tuple(_type_name(output) for output in outputs) if isinstance(outputs, list) else (),
        is_output=info.get("output_node") is True,
    )


def choices(object_info: Json, class_type: str, name: str) -> tuple[str, ...]:
    """Give what an endpoint lists for an input: models, samplers, ...; empty if it has no such list."""
    spec = node_spec(object_info, class_type)
    return (spec.inputs[name].choices or ()) if spec is not None and name in spec.inputs else ()


def fits(output: str, wanted: str) -> bool:
    """Whether an output of one type may be wired to an input of another: equal, one of "A,B", or "*" for any."""
    if "*" in (output, wanted) or wanted == "COMBO":
        return True
    return bool(set(output.split(",")) & set(wanted.split(",")))


def _input_spec(declared: Json, *, required: bool) -> InputSpec:
    """Read `[type, extras?]`, where type is a name or, for a list, the list itself (newer: "COMBO" with `options`)."""
    parts = declared if isinstance(declared, list) else [declared]
    head, extras = (parts or ["*"])[0], parts[1] if len(parts) > 1 else {}
    extras = extras if isinstance(extras, dict) else {}
    listed = head if isinstance(head, list) else extras.get("options") if head == "COMBO" else None
    low, high = extras.get("min"), extras.get("max")
    return InputSpec(
        type="COMBO" if isinstance(head, list) else str(head),
        required=required,
        choices=tuple(str(choice) for choice in listed) if isinstance(listed, list) else None,
        min=low if isinstance(low, int | float) else None,
        max=high if isinstance(high, int | float) else None,
        upload=any(key.endswith("_upload") and value is True for key, value in extras.items()),
    )


def _type_name(output: Json) -> str:
    return "COMBO" if isinstance(output, list) else str(output)

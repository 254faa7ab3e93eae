"""A ComfyUI graph in API format, read and checked: node id -> {class_type, inputs, _meta: {title}}."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from engine.model import Graph, Json


class GraphInvalid(ValueError):
    """The JSON is no graph in API format; the text says where and why."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A wire: output number `output` of the node `node`."""

    node: str
    output: int


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of a graph."""

    id: str
    class_type: str
    title: str  # `_meta.title`; the class where there is none, as ComfyUI shows it
    inputs: Mapping[str, Json] = field(repr=False)

    def links(self) -> Iterator[tuple[str, Link]]:
        """Its wired inputs, by name."""
        for name, value in self.inputs.items():
            link = as_link(value)
            if link is not None:
                yield name, link


def as_link(value: Json) -> Link | None:
    """Read an input's value as a wire: `["4", 0]`; None if it is a plain value."""
    match value:
        case [str() as node, int() as output] if not isinstance(output, bool):
            return Link(node=node, output=output)
        case _:
            return None


def parse(document: Json) -> Graph:
    """Check a JSON document and give it as a graph. Raises GraphInvalid.

    Every node has a class and inputs, every wire ends at a node of the graph, and no wires form a ring.
    """
    if not isinstance(document, dict) or not document:
        raise GraphInvalid("it is no graph: it must be an object of nodes by id")
    if "nodes" in document and "links" in document:
        raise GraphInvalid("it is a graph as the editor saves it; save it with “Export (API)” instead")
    nodes = {identifier: _parse_node(identifier, value) for identifier, value in document.items()}
    for node in nodes.values():
        for name, link in node.links():
            if link.node not in nodes:
                raise GraphInvalid(f"{label(node)}: input “{name}” comes from node {link.node}, which is not there")
            if link.output < 0:
                raise GraphInvalid(f"{label(node)}: input “{name}” comes from output {link.output}")
    order(nodes)
    return document


def _parse_node(identifier: str, value: Json) -> Node:
    if not isinstance(value, dict):
        raise GraphInvalid(f"node {identifier} is no object")
    class_type, inputs, meta = value.get("class_type"), value.get("inputs", {}), value.get("_meta", {})
    if not isinstance(class_type, str) or not class_type:
        raise GraphInvalid(f"node {identifier} has no class_type")
    if not isinstance(inputs, dict):
        raise GraphInvalid(f"node {identifier}: its inputs are no object")
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(
        id=identifier,
        class_type=class_type,
        title=title if isinstance(title, str) and title else class_type,
        inputs=inputs,
    )


def nodes_of(graph: Graph) -> dict[str, Node]:
    """Give the nodes of a checked graph by id."""
    return {identifier: _parse_node(identifier, value) for identifier, value in graph.items()}


def by_title(nodes: Mapping[str, Node]) -> dict[str, tuple[Node, ...]]:
    """Group nodes by title; only a title that one node bears can be bound."""
    groups: dict[str, tuple[Node, ...]] = {}
    for node in nodes.values():
        groups[node.title] = (*groups.get(node.title, ()), node)
    return groups


def order(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Give the ids so that every node comes after those it is wired to. Raises GraphInvalid for a ring."""
    sorter = TopologicalSorter({node.id: {link.node for _, link in node.links()} for node in nodes.values()})
    try:
        return tuple(sorter.static_order())
    except CycleError as error:
        ring = " → ".join(label(nodes[identifier]) for identifier in error.args[1])
        raise GraphInvalid(f"these nodes wait for one another: {ring}") from None


def label(node: Node) -> str:
    """Name a node for people: its title and id."""
    return f"“{node.title}” (node {node.id})"

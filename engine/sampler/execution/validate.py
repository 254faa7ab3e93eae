"""Whether a graph can run, and what of it: pure but for the listings that it is given.

Messages and shapes are those that ComfyUI 0.3.64 answers (tests/data/comfyui/http.json). A node is judged once; what
is wrong with it is told with each output that depends on it. An output without faults runs even if others have some.
Two things are better than there: a cycle is named (`dependency_cycle`), and a text where a model is due is refused now.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.sampler.execution import values
from engine.sampler.execution.describe import Listing, Once, choices, input_config
from engine.sampler.execution.model import Json, JsonObject, Link, Node, Value
from engine.sampler.nodes.registry import Input, NodeDeclaration

MOST_NODES = 5000  # keeps the worst case, every output depending on every node, within a second
_ANY_TYPE = "*"
_PICTURES = ("input", "output")  # folders whose files need not be listed to be taken


class Choices(Listing, Protocol):
    """Listings, and whether an uploaded file is there."""

    def exists(self, folder: str, name: str) -> bool:
        """Whether that file can be loaded now; False also for names that leave the folder."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """At least one output can run."""

    outputs: tuple[str, ...]
    nodes: Mapping[str, Node]  # what these outputs need, in the order of the graph
    graph: JsonObject  # as it came, with values in their declared types
    node_errors: JsonObject  # of the outputs that will not run


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Nothing can run."""

    error: JsonObject
    node_errors: JsonObject = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """Give the body of the 400."""
        return {"error": self.error, "node_errors": self.node_errors}


def refusal(kind: str, message: str, details: str = "") -> Rejected:
    """Give the answer for a prompt that is wrong as a whole."""
    return Rejected(error={"type": kind, "message": message, "details": details, "extra_info": {}})


def validate(
    prompt: Json,
    declarations: Mapping[str, NodeDeclaration],
    listing: Choices,
    targets: Collection[str] | None = None,
) -> Accepted | Rejected:
    """Judge a graph in API format; `targets` restricts it to those output nodes. Never raises for what clients send."""
    if isinstance(prompt, list) and not prompt:
        prompt = {}
    if not isinstance(prompt, dict):
        return refusal("invalid_prompt", "The prompt must be an object of nodes.")
    if len(prompt) > MOST_NODES:
        return refusal("invalid_prompt", f"The prompt has more than {MOST_NODES} nodes.")
    for node_id, node in prompt.items():
        if refused := _malformed(node_id, node, declarations):
            return refused
    judge = _Judge(prompt, declarations, listing)
    outputs = [
        node_id
        for node_id in prompt
        if judge.declaration(node_id).output_node and (targets is None or node_id in targets)
    ]
    if not outputs:
        return refusal("prompt_no_outputs", "Prompt has no outputs")
    return judge.verdict(outputs)


def _malformed(node_id: str, node: Json, declarations: Mapping[str, NodeDeclaration]) -> Rejected | None:
    details = f"Node ID '#{node_id}'"
    if not isinstance(node, dict) or "class_type" not in node:
        return refusal("invalid_prompt", "Cannot execute because a node is missing the class_type property.", details)
    class_type = node["class_type"]
    if not isinstance(class_type, str) or class_type not in declarations:
        return refusal("invalid_prompt", f"Cannot execute because node {class_type} does not exist.", details)
    if not isinstance(node.get("inputs", {}), dict):
        return refusal("invalid_prompt", "Cannot execute because the inputs of a node are no object.", details)
    return None


@dataclass(kw_only=True)
class _Finding:
    """What is known of one node by itself."""

    node: Node
    errors: list[Json] = field(default_factory=list)
    broken: Exception | None = None  # a link that leads nowhere; ComfyUI lets this end the node's judgement
    follow: list[tuple[str, str]] = field(default_factory=list)  # (input, node) of its sound links

    @property
    def sound(self) -> bool:
        return not self.errors and self.broken is None


class _Judge:
    """The judgement of one graph, whose nodes all have known classes."""

    def __init__(self, graph: JsonObject, declarations: Mapping[str, NodeDeclaration], listing: Choices) -> None:
        self._graph = graph
        self._declarations = declarations
        self._exists = listing.exists
        self._listing = Once(listing)
        self._findings: dict[str, _Finding] = {}
        self._via: dict[str, tuple[str, str]] = {}  # node -> (the node that led to it, by which input)

    def declaration(self, node_id: str) -> NodeDeclaration:
        """Give the declaration of a node of the graph."""
        return self._declarations[str(_object(self._graph[node_id])["class_type"])]

    def verdict(self, outputs: list[str]) -> Accepted | Rejected:
        """Judge the outputs one by one."""
        good: list[str] = []
        needed: set[str] = set()
        node_errors: JsonObject = {}
        for output in outputs:
            reached, cycle = self._descend(output)
            if cycle:
                self._report_cycle(cycle)
            if all(self._findings[node_id].sound for node_id in reached):
                good.append(output)
                needed.update(reached)
            else:
                self._report(output, reached, node_errors)
        if not good:
            failed = refusal("prompt_outputs_failed_validation", "Prompt outputs failed validation")
            return Rejected(error=failed.error, node_errors=node_errors)
        return Accepted(
            outputs=tuple(good),
            nodes={node_id: self._findings[node_id].node for node_id in self._graph if node_id in needed},
            graph={node_id: self._converted(node_id, node) for node_id, node in self._graph.items()},
            node_errors=node_errors,
        )

    def _descend(self, output: str) -> tuple[list[str], list[str]]:
        """Give the nodes that an output depends on and the first circle among them, empty if there is none.

        Written without recursion: the depth of a graph is the client's choice.
        """
        seen = {output: None}
        cycle: list[str] = []
        path = [output]
        on_path = {output}
        branches: list[Iterator[tuple[str, str]]] = [iter(self._find(output).follow)]
        while branches:
            step = next(branches[-1], None)
            if step is None:
                branches.pop()
                on_path.discard(path.pop())
                continue
            name, child = step
            if child in on_path and not cycle:
                cycle = [*path[path.index(child) :], child]
            if child not in seen:
                seen[child] = None
                self._via.setdefault(child, (path[-1], name))
                path.append(child)
                on_path.add(child)
                branches.append(iter(self._find(child).follow))
        return list(seen), cycle

    def _find(self, node_id: str) -> _Finding:
        if node_id not in self._findings:
            self._findings[node_id] = self._judge(node_id)
        return self._findings[node_id]

    def _judge(self, node_id: str) -> _Finding:
        declaration = self.declaration(node_id)
        written = _inputs(self._graph[node_id])
        taken: dict[str, Link | Value] = {}
        finding = _Finding(node=Node(id=node_id, class_type=declaration.class_type, inputs=taken))
        for given in declaration.inputs:
            if given.name not in written:
                if given.required:
                    finding.errors.append(
                        _error("required_input_missing", "Required input is missing", given.name, input_name=given.name)
                    )
                continue
            value = written[given.name]
            try:
                if isinstance(value, list):
                    link = taken[given.name] = self._link(given, value)
                    finding.follow.append((given.name, link.node))
                else:
                    taken[given.name] = Value(value=self._value(given, value))
            except values.BadValue as bad:
                config: JsonObject = {
                    "input_name": given.name,
                    "input_config": list(input_config(given, self._listing, modern=declaration.modern)),
                }
                finding.errors.append(_error(bad.type, bad.message, bad.details, **{**config, **bad.extra}))
            except LookupError as error:
                finding.broken = error
                break
        return finding

    def _link(self, given: Input, value: list[Json]) -> Link:
        """Read a link. Raises BadValue, and LookupError for a node or an output that is not there."""
        match value:
            case [str(source), int(slot)] if not isinstance(slot, bool):
                pass
            case _:
                raise values.bad_link(given, value)
        if source not in self._graph:
            raise KeyError(source)
        offered = self.declaration(source).outputs
        if not 0 <= slot < len(offered):
            raise IndexError("tuple index out of range")
        if not _matches(offered[slot], given.type):
            details = f"{given.name}, received_type({offered[slot]}) mismatch input_type({given.type})"
            message = "Return type mismatch between linked nodes"
            extra: JsonObject = {"received_type": offered[slot], "linked_node": value}
            raise values.BadValue(type="return_type_mismatch", message=message, details=details, extra=extra)
        return Link(node=source, slot=slot)

    def _value(self, given: Input, value: Json) -> Json:
        if given.type != "COMBO":
            return values.convert(given, value)
        if given.folder in _PICTURES:
            if not isinstance(value, str) or not self._exists(given.folder, value):
                details = f"{given.name} - Invalid image file: {value}"
                message = "Custom validation failed for node"
                extra: JsonObject = {"received_value": value}
                raise values.BadValue(type="custom_validation_failed", message=message, details=details, extra=extra)
            return value
        values.check_choice(given, value, choices(given, self._listing))
        return value

    def _report(self, output: str, reached: list[str], node_errors: JsonObject) -> None:
        for node_id in reached:
            finding = self._findings[node_id]
            if finding.sound:
                continue
            entry = node_errors.get(node_id)
            if not isinstance(entry, dict):
                errors: list[Json] = [self._broken(node_id, finding.broken)] if finding.broken else finding.errors
                entry = {"errors": errors, "dependent_outputs": [], "class_type": finding.node.class_type}
                node_errors[node_id] = entry
            dependent = entry["dependent_outputs"]
            if isinstance(dependent, list):
                dependent.append(output)

    def _report_cycle(self, cycle: list[str]) -> None:
        finding = self._findings[cycle[0]]
        if finding.sound:
            way = " -> ".join(cycle)
            finding.errors.append(_error("dependency_cycle", "The graph goes in a circle", way, cycle=list(cycle)))

    def _broken(self, node_id: str, error: Exception) -> JsonObject:
        """Tell of a link that leads nowhere, from where ComfyUI tells it: the node's consumer, if it has one."""
        what: JsonObject = {"exception_type": type(error).__name__, "traceback": []}
        if node_id not in self._via:
            return _error("exception_during_validation", "Exception when validating node", str(error), **what)
        consumer, name = self._via[node_id]
        declaration = self.declaration(consumer)
        given = next(given for given in declaration.inputs if given.name == name)
        return _error(
            "exception_during_inner_validation",
            "Exception when validating inner node",
            str(error),
            input_name=name,
            input_config=list(input_config(given, self._listing, modern=declaration.modern)),
            exception_message=str(error),
            **what,
            linked_node=_inputs(self._graph[consumer])[name],
        )

    def _converted(self, node_id: str, node: Json) -> Json:
        if node_id not in self._findings:
            return node
        taken = self._findings[node_id].node.inputs
        converted = {name: given.value for name, given in taken.items() if isinstance(given, Value)}
        return {**_object(node), "inputs": {**_inputs(node), **converted}}


def _matches(received: str, wanted: str) -> bool:
    if _ANY_TYPE in (received, wanted):
        return True
    return set(received.split(",")) <= set(wanted.split(","))


def _error(kind: str, message: str, details: str, **extra: Json) -> JsonObject:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _object(node: Json) -> JsonObject:
    return node if isinstance(node, dict) else {}


def _inputs(node: Json) -> JsonObject:
    return _object(_object(node).get("inputs", {}))

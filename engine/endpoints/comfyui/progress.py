"""From a prompt's frames to what people see of it: stage, step of steps, preview (pure).

Stages: "queued" until it starts, "loading" until a sampler has done a step, "sampling" until no sampler is to come,
"saving" from there on. Steps are counted over all samplers of the graph, so that a second pass does not begin anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.endpoints.comfyui.messages import (
    Executing,
    ExecutionCached,
    ExecutionStarted,
    Frame,
    NodeExecuted,
    NodeProgress,
    Preview,
    ProgressReport,
)
from engine.model import Graph, Json, Progress

_STAGES = ("queued", "loading", "sampling", "saving")


@dataclass(frozen=True, kw_only=True)
class _Node:
    """What the tracker needs of a node of the graph."""

    class_type: str
    title: str
    parents: frozenset[str]  # the nodes whose outputs it takes
    steps: int  # as its inputs say; 0 if they do not


class ProgressTracker:
    """Turns the frames of one prompt into `Progress`; stages and steps never go back."""

    def __init__(self, prompt_id: str, graph: Graph) -> None:
        """`prompt_id` is the one that listeners know, whatever the server calls the prompt."""
        self._nodes = {node_id: _node(value) for node_id, value in graph.items()}
        samplers = {node_id for node_id, node in self._nodes.items() if "sampler" in node.class_type.lower()}
        self._steps = {node_id: self._nodes[node_id].steps for node_id in samplers}
        self._counts_any = not samplers  # an upscaler's tiles are its steps; beside a sampler they would confuse
        self._after = self._after_last(samplers)
        self._done: dict[str, int] = {}
        self._current = Progress(prompt_id=prompt_id, stage="queued", steps=sum(self._steps.values()))

    @property
    def current(self) -> Progress:
        """The latest progress, without its preview."""
        return self._current

    def advance(self, frame: Frame) -> Progress | None:
        """Take a frame of this prompt; the new progress, or None if people would see no difference."""
        before = self._current
        match frame:
            case ExecutionStarted():
                self._move("loading")
            case ExecutionCached(nodes=nodes):
                for node in nodes & self._steps.keys():
                    self._steps[node] = 0  # its steps will not be done, so they must not be waited for
            case Executing(node=str(node)) | NodeExecuted(node=node):
                self._enter(node)
            case ProgressReport(nodes=nodes):
                for report in nodes:
                    self._count(report)
            case Preview(image=image, node=node):
                return self._shown(node, preview=image)
            case _:
                return None
        after = self._shown(self._current.node)
        return after if after != before else None

    def saving(self) -> Progress:
        """Say that all nodes ran and results are being fetched."""
        self._move("saving")
        return self._current

    def _enter(self, node_id: str) -> None:
        self._move("saving" if node_id in self._after else "loading")
        self._shown(node_id)

    def _count(self, report: NodeProgress) -> None:
        counts = report.node in self._steps or (self._counts_any and report.maximum > 1)
        if not counts or report.maximum < 1 or report.state == "pending":
            return
        # Before a sampler's first step `progress_state` gives 0 of 1 as a placeholder; its inputs know better.
        if report.maximum > 1 or report.value or not self._steps.get(report.node):
            self._steps[report.node] = report.maximum
        self._done[report.node] = max(self._done.get(report.node, 0), min(report.value, report.maximum))
        if report.value:
            self._move("sampling")

    def _move(self, stage: str) -> None:
        if _STAGES.index(stage) > _STAGES.index(self._current.stage):
            self._set(stage=stage, node=self._current.node)

    def _shown(self, node_id: str, preview: bytes | None = None) -> Progress:
        node = self._nodes.get(node_id)
        self._set(stage=self._current.stage, node=node.title if node else self._current.node)
        return replace(self._current, preview=preview)

    def _set(self, *, stage: str, node: str) -> None:
        steps = sum(self._steps.values())
        step = min(sum(self._done.values()), steps)
        step = max(step, min(self._current.step, steps))
        self._current = replace(self._current, stage=stage, step=step, steps=steps, node=node)

    def _after_last(self, samplers: set[str]) -> frozenset[str]:
        """Find the nodes that take a sampler's work and give none to another; without samplers, those nobody takes."""
        if not samplers:
            taken = {parent for node in self._nodes.values() for parent in node.parents}
            return frozenset(self._nodes.keys() - taken)
        above = {node_id for sampler in samplers for node_id in self._ancestors(sampler)}
        return frozenset(
            node_id
            for node_id in self._nodes.keys() - above - samplers
            if any(ancestor in samplers for ancestor in self._ancestors(node_id))
        )

    def _ancestors(self, node_id: str) -> set[str]:
        found: set[str] = set()
        waiting = list(self._nodes[node_id].parents)
        while waiting:
            parent = waiting.pop()
            if parent in self._nodes and parent not in found:
                found.add(parent)
                waiting.extend(self._nodes[parent].parents)
        return found


def _node(value: Json) -> _Node:
    fields = value if isinstance(value, dict) else {}
    inputs = fields.get("inputs")
    values = inputs if isinstance(inputs, dict) else {}
    class_type = str(fields.get("class_type", ""))
    meta = fields.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    steps = values.get("steps")
    return _Node(
        class_type=class_type,
        title=title if isinstance(title, str) and title else class_type,
        parents=frozenset(_links(values)),
        steps=steps if isinstance(steps, int) and steps > 0 else 0,
    )


def _links(inputs: dict[str, Json]) -> Iterator[str]:
    for value in inputs.values():
        match value:
            case [str(node_id), int()]:
                yield node_id

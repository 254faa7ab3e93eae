"""One prompt, from its first node to its entry in the history, in the thread that calls it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from engine.sampler.execution.cache import Computed, NodeCache, signatures
from engine.sampler.execution.model import Events, HistoryEntry, Json, JsonObject, Link, Node, Store
from engine.sampler.execution.order import by_ancestors, needed
from engine.sampler.execution.queue import Running
from engine.sampler.execution.report import failure, is_out_of_memory, type_name
from engine.sampler.execution.telling import Telling
from engine.sampler.nodes.registry import InterruptedPrompt, NodeDeclaration, NodeResult, Runtime

Implementation = Callable[..., tuple[object, ...] | NodeResult]
_LOOK_UP = 0.1  # seconds between looks at the interrupt while another prompt computes the same node


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What all prompts of a server share."""

    declarations: Mapping[str, NodeDeclaration]
    implementation: Callable[[NodeDeclaration], Implementation]
    store: Store
    cache: NodeCache
    events: Events
    runtime: Runtime


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a node may use besides its inputs: `registry.NodeContext`."""

    prompt_id: str
    node_id: str
    folders: Store
    runtime: Runtime
    graph: Mapping[str, object]
    extra_pnginfo: Mapping[str, object]
    telling: Telling
    interrupted: threading.Event

    def progress(self, value: int, maximum: int, preview: bytes | None = None) -> None:
        """Report steps done; `preview` is a finished JPEG of at most 512 pixels a side."""
        self.telling.steps(self.node_id, value, maximum, preview)

    def check_interrupted(self) -> None:
        """Raise InterruptedPrompt if this prompt was interrupted."""
        if self.interrupted.is_set():
            raise InterruptedPrompt


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a prompt ended."""

    entry: HistoryEntry
    how: str  # "success", "interrupted" or the name of an exception's type
    out_of_memory: bool
    tell_end: Callable[[], None]  # called when the entry is in the history, for the client will look there
    tell_over: Callable[[], None]  # the last frame


class PromptRun:
    """The run of one prompt."""

    def __init__(self, running: Running, workshop: Workshop) -> None:
        self._prompt = running.prompt
        self._interrupted = running.interrupted
        self._shop = workshop
        self._results: dict[str, Computed] = {}  # of nodes that ran or were in the cache
        self._executed: list[str] = []
        self._at: Node | None = None
        self._taken: dict[str, object] = {}  # the inputs of the node that runs
        self._telling = Telling(running.prompt, workshop.events)

    def run(self) -> Ending:
        """Run the prompt. An error's stack and the nodes' values are let go, for memory may have to be freed now."""
        out_of_memory = False
        try:
            self._work()
        except InterruptedPrompt:
            how, event, data = "interrupted", "execution_interrupted", self._where()
        except Exception as error:
            how, out_of_memory = type_name(error), is_out_of_memory(error)
            current: list[Json] = [*self._results, *([self._at.id] if self._at else [])]
            event = "execution_error"
            data = {**self._where(), **failure(error, self._taken), "current_outputs": current}
        else:
            how, event, data = "success", "execution_success", {}
        frame = self._telling.note(event, data)
        entry = self._entry(completed=how == "success")
        self._results.clear()
        self._taken.clear()
        return Ending(
            entry=entry,
            how=how,
            out_of_memory=out_of_memory,
            tell_end=lambda: self._telling.send(event, frame),
            tell_over=self._telling.over,
        )

    def _work(self) -> None:
        self._telling.noted("execution_start", {})
        shop, nodes = self._shop, self._prompt.nodes
        order = by_ancestors(nodes)
        signed = signatures(order, shop.declarations, shop.store, self._prompt)
        for node in nodes.values():
            if found := self._from_cache(node, signed[node.id]):
                self._results[node.id] = found
        self._telling.noted("execution_cached", {"nodes": list(self._results)})
        to_run = needed(self._prompt.outputs, nodes, self._results)
        for output in self._prompt.outputs:
            if output in self._results:
                self._show(output)
        for node in by_ancestors(to_run):
            self._run_node(node, signed[node.id])

    def _from_cache(self, node: Node, signature: str) -> Computed | None:
        """Find a node's result; one whose files are gone does not count, or it could never be made again."""
        found = self._shop.cache.get(signature)
        if found is None or all(self._is_there(item) for items in found.ui.values() for item in _items(items)):
            return found
        self._shop.cache.drop(signature)
        return None

    def _is_there(self, item: Json) -> bool:
        match item:
            case {"filename": str(name), "subfolder": str(subfolder), "type": str(kind)}:
                return self._shop.store.exists(kind, f"{subfolder}/{name}" if subfolder else name)
        return True

    def _run_node(self, node: Node, signature: str) -> None:
        self._at = node
        self._check_interrupted()
        self._telling.begins(node.id)
        self._taken = {
            name: self._results[given.node].values[given.slot] if isinstance(given, Link) else given.value
            for name, given in node.inputs.items()
        }
        result = self._shop.cache.compute(signature, lambda: self._call(node), self._wait)
        self._results[node.id] = result
        self._executed.append(node.id)
        self._show(node.id)
        self._at = None
        self._taken = {}

    def _show(self, node_id: str) -> None:
        if ui := self._results[node_id].ui:
            self._telling.shows(node_id, ui)
        self._telling.ends(node_id)

    def _call(self, node: Node) -> Computed:
        declaration = self._shop.declarations[node.class_type]
        extra = self._prompt.extra_data.get("extra_pnginfo")
        context = Context(
            prompt_id=self._prompt.id,
            node_id=node.id,
            folders=self._shop.store,
            runtime=self._shop.runtime,
            graph=self._prompt.graph,
            extra_pnginfo=extra if isinstance(extra, dict) else {},
            telling=self._telling,
            interrupted=self._interrupted,
        )
        made = self._shop.implementation(declaration)(context, **self._taken)
        values, ui = (made.values, dict(made.ui)) if isinstance(made, NodeResult) else (made, {})
        if len(values) != len(declaration.outputs):
            raise RuntimeError(f"{node.class_type} gave {len(values)} outputs instead of {len(declaration.outputs)}")
        return Computed(values=tuple(values), ui=cast(JsonObject, ui))

    def _wait(self, flight: threading.Event) -> None:
        # The other prompt may itself wait for room in memory that this one's models take.
        self._shop.runtime.let_go(self._prompt.id)
        flight.wait(_LOOK_UP)
        self._check_interrupted()

    def _check_interrupted(self) -> None:
        if self._interrupted.is_set():
            raise InterruptedPrompt

    def _where(self) -> JsonObject:
        node = self._at
        return {
            "node_id": node.id if node else "",
            "node_type": node.class_type if node else "",
            "executed": list(self._executed),
        }

    def _entry(self, *, completed: bool) -> HistoryEntry:
        shown = {output: self._results[output].ui for output in self._prompt.outputs if output in self._results}
        return HistoryEntry(
            prompt=self._prompt,
            outputs={node_id: ui for node_id, ui in shown.items() if ui},
            completed=completed,
            messages=self._telling.messages,
            meta={node_id: _meta(node_id) for node_id, ui in shown.items() if ui},
        )


def _meta(node_id: str) -> JsonObject:
    return {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []

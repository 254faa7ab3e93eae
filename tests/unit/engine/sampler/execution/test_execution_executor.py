"""Prompts through the executor: order, concurrency, faults, and that declarations and implementations agree."""

import ast
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.sampler import nodes
from engine.sampler.execution.cache import NodeCache
from engine.sampler.execution.executor import Executor
from engine.sampler.execution.model import JsonObject, Prompt
from engine.sampler.execution.queue import PromptQueue
from engine.sampler.execution.validate import Accepted, validate
from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.registry import Input, InterruptedPrompt, NodeContext, NodeDeclaration, NodeResult


class Store:
    """No files."""

    def names(self, folder: str) -> tuple[str, ...]:
        return ()

    def exists(self, folder: str, name: str) -> bool:
        return False

    def fingerprint(self, folder: str, name: str) -> str:
        return ""

    def model_path(self, folder: str, name: str) -> Path:
        raise FileNotFoundError

    def file_path(self, kind: str, name: str, subfolder: str = "") -> Path:
        return Path("nowhere") / name

    def save_path(self, kind: str, prefix: str) -> tuple[Path, str, int]:
        raise FileNotFoundError


class Listener:
    """Hears everything, and waits for ends."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, JsonObject]] = []
        self.previews: list[bytes] = []
        self._heard = threading.Condition()

    def send(self, client_id: str | None, event: str, data: JsonObject) -> None:
        with self._heard:
            self.frames.append((event, data))
            self._heard.notify_all()

    def preview(self, client_id: str | None, *, prompt_id: str, node_id: str, image: bytes) -> None:
        self.previews.append(image)

    def wait_for_end(self, prompt_id: str) -> None:
        end = {"node": None, "prompt_id": prompt_id}
        with self._heard:
            assert self._heard.wait_for(lambda: ("executing", end) in self.frames, timeout=10)


class Runtime:
    """Does nothing; may fail to free."""

    device_name = "cpu"

    def memory(self) -> tuple[int, int]:
        return 0, 0

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        raise RuntimeError("nothing can be freed")

    def prefetch(self, path: Path) -> bool:
        return False

    def let_go(self, prompt_id: str) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing to close."""


def declare(name: str, *inputs: str, outputs: int = 1, output_node: bool = False, **more: Any) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=name,
        inputs=tuple(Input(name=given, type="*", required=False) for given in inputs),
        outputs=("*",) * outputs,
        implementation=name,
        output_node=output_node,
        **more,
    )


DECLARATIONS = {
    found.class_type: found
    for found in (
        declare("One"),
        declare("Join", "a", "b"),
        declare("Show", "a", outputs=0, output_node=True),
        declare("Clock", uncached=True),
        declare("Short", outputs=2),
        declare("Stop"),
        declare("Full"),
    )
}


class Bench:
    """An executor with nodes that note their calls."""

    def __init__(self, executor: Executor, queue: PromptQueue, listener: Listener, calls: list[str]) -> None:
        self.executor = executor
        self.listener = listener
        self.calls = calls
        self._queue = queue
        self._count = 0

    def run(self, **graph: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        self._count += 1
        prompt_id = f"p{self._count}"
        written: Any = {node_id: {"class_type": kind, "inputs": inputs} for node_id, (kind, inputs) in graph.items()}
        verdict = validate(written, DECLARATIONS, Store())
        assert isinstance(verdict, Accepted), verdict
        prompt = Prompt(
            id=prompt_id, number=1, graph=verdict.graph, nodes=verdict.nodes, outputs=verdict.outputs, client_id="me"
        )
        self._queue.put(prompt)
        self.listener.wait_for_end(prompt_id)
        found: Any = self._queue.history_of(prompt_id)[prompt_id]
        return dict(found)


@contextmanager
def bench() -> Iterator[Bench]:
    calls: list[str] = []

    def find(declaration: NodeDeclaration) -> Callable[..., tuple[object, ...] | NodeResult]:
        def call(context: NodeContext, **inputs: Any) -> tuple[object, ...] | NodeResult:
            calls.append(context.node_id)
            match declaration.class_type:
                case "One" | "Clock":
                    return (context.node_id,)
                case "Join":
                    return ("+".join(inputs.values()),)
                case "Show":
                    return NodeResult(ui={"text": [inputs["a"]]})
                case "Stop":
                    raise InterruptedPrompt
                case "Full":
                    raise MemoryError
            return ("only one",)

        return call

    listener = Listener()
    queue = PromptQueue(lambda *_: None)
    executor = Executor(
        declarations=DECLARATIONS,
        store=Store(),
        queue=queue,
        events=listener,
        node_cache=NodeCache(),
        at_once=2,
        implementation=find,
    )
    executor.start(Runtime())
    yield Bench(executor, queue, listener, calls)
    assert executor.stop(grace=10)


def test_a_diamond_runs_each_node_once_in_order_and_nothing_else() -> None:
    with bench() as made:
        entry = made.run(
            show=("Show", {"a": ["join", 0]}),
            join=("Join", {"a": ["left", 0], "b": ["right", 0]}),
            left=("Join", {"a": ["top", 0]}),
            right=("Join", {"a": ["top", 0], "b": ["left", 0]}),
            top=("One", {}),
            unused=("One", {}),
        )
        assert entry["outputs"] == {"show": {"text": ["top+top+top"]}}
        assert made.calls == ["top", "left", "right", "join", "show"]


def test_what_is_cached_is_not_asked_for_its_ancestors() -> None:
    with bench() as made:
        graph: dict[str, Any] = {"show": ("Show", {"a": ["a", 0]}), "a": ("Join", {"a": ["b", 0]}), "b": ("One", {})}
        made.run(**graph)
        made.run(**graph, second=("Show", {"a": ["a", 0]}), third=("Show", {"a": ["b", 0]}))
        assert made.calls == ["b", "a", "show", "third"], "second shows the same as show"


def test_uncached_nodes_run_each_time_and_what_follows_them_too() -> None:
    with bench() as made:
        graph: dict[str, Any] = {"show": ("Show", {"a": ["clock", 0]}), "clock": ("Clock", {})}
        made.run(**graph)
        made.run(**graph)
        assert made.calls == ["clock", "show"] * 2


def test_an_implementation_that_gives_too_little_fails_its_prompt() -> None:
    with bench() as made:
        entry = made.run(show=("Show", {"a": ["short", 1]}), short=("Short", {}))
        assert entry["status"]["messages"][-1][1]["exception_message"] == "Short gave 1 outputs instead of 2\n"
        assert made.run(show=("Show", {"a": ["one", 0]}), one=("One", {}))["status"]["completed"]


def test_outputs_that_were_made_before_a_failure_stay() -> None:
    with bench() as made:
        entry = made.run(
            one=("One", {}), good=("Show", {"a": ["one", 0]}), bad=("Show", {"a": ["full", 0]}), full=("Full", {})
        )
        assert entry["outputs"] == {"good": {"text": ["one"]}}
        assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
        assert entry["status"]["messages"][-1][1]["exception_type"] == "MemoryError"


def test_memory_that_cannot_be_freed_does_not_stop_the_executor() -> None:
    with bench() as made:
        for _ in range(5):
            made.run(show=("Show", {"a": ["full", 0]}), full=("Full", {}))
        assert made.run(show=("Show", {"a": ["one", 0]}), one=("One", {}))["status"]["completed"]


def test_a_runtime_that_closes_interrupts() -> None:
    with bench() as made:
        entry = made.run(show=("Show", {"a": ["stop", 0]}), stop=("Stop", {}))
        assert entry["status"]["messages"][-1][0] == "execution_interrupted"


def test_progress_after_a_nodes_end_is_not_told() -> None:
    kept: list[NodeContext] = []
    listener = Listener()
    queue = PromptQueue(lambda *_: None)

    def find(_: NodeDeclaration) -> Callable[..., tuple[object, ...] | NodeResult]:
        def call(context: NodeContext, **_: Any) -> NodeResult:
            kept.append(context)
            context.progress(1, 2, b"\xff\xd8")
            return NodeResult()

        return call

    executor = Executor(
        declarations=DECLARATIONS,
        store=Store(),
        queue=queue,
        events=listener,
        node_cache=NodeCache(),
        implementation=find,
    )
    executor.start(Runtime())
    written: Any = {"1": {"class_type": "Show"}}
    verdict = validate(written, DECLARATIONS, Store())
    assert isinstance(verdict, Accepted)
    queue.put(Prompt(id="p", number=1, graph={}, nodes=verdict.nodes, outputs=("1",), client_id="me"))
    listener.wait_for_end("p")
    told = len(listener.frames)
    kept[0].progress(2, 2, b"late")
    assert len(listener.frames) == told
    assert listener.previews == [b"\xff\xd8"]
    assert executor.stop(grace=10)


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_declaration_has_an_implementation_that_takes_its_inputs(name: str) -> None:
    declaration = built_in()[name]
    module, _, function = declaration.implementation.partition(":")
    source = Path(str(nodes.__file__)).with_name(f"{module}.py")
    tree = ast.parse(source.read_text())
    found = next(item for item in tree.body if isinstance(item, ast.FunctionDef) and item.name == function)
    assert [argument.arg for argument in found.args.args] == ["context"]
    taken = {argument.arg for argument in found.args.kwonlyargs}
    needed = {
        argument.arg
        for argument, default in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True)
        if default is None
    }
    assert taken == {given.name for given in declaration.inputs}
    assert needed <= {given.name for given in declaration.inputs if given.required}

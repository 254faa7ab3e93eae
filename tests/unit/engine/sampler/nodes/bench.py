"""A workbench for nodes: real folders, a real runtime, a context that notes what it is told, and a graph runner."""

import importlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from engine.sampler.models.runtime import TorchRuntime
from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.registry import InterruptedPrompt, NodeResult

ROOT = Path(__file__).parents[5]
DATA = ROOT / "tests" / "data" / "parity"
TINY = ROOT / "config" / "models" / "tiny"
TINY_NAME = "atelier-tiny.safetensors"


@dataclass(frozen=True, kw_only=True)
class BenchFolders:
    """Folders below one directory; checkpoints are named by hand, other models lie in folders of their own."""

    base: Path
    checkpoints: Mapping[str, Path]

    def names(self, folder: str) -> tuple[str, ...]:
        """List the checkpoints."""
        return tuple(sorted(self.checkpoints)) if folder == "checkpoints" else ()

    def model_path(self, folder: str, name: str) -> Path:
        """Find a model."""
        path = self.checkpoints.get(name) if folder == "checkpoints" else self.base / folder / name
        if path is None or not path.exists():
            raise FileNotFoundError(name)
        return path

    def file_path(self, kind: str, name: str, subfolder: str = "") -> Path:
        """Give a path below the base."""
        return self.base / kind / subfolder / name

    def save_path(self, kind: str, prefix: str) -> tuple[Path, str, int]:
        """Give the next counter of a prefix."""
        path = self.base / kind / prefix
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.parent, path.name, len(list(path.parent.glob(f"{path.name}_*_.png"))) + 1


@dataclass(kw_only=True)
class BenchContext:
    """What a node is given, with what it reported."""

    folders: BenchFolders
    runtime: TorchRuntime
    graph: Mapping[str, Any] = field(default_factory=dict)
    extra_pnginfo: Mapping[str, Any] = field(default_factory=dict)
    prompt_id: str = "prompt"
    node_id: str = "1"
    steps: list[tuple[int, int]] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    interrupted: threading.Event = field(default_factory=threading.Event)
    on_progress: Callable[[int], None] = lambda _: None

    def progress(self, value: int, maximum: int, preview: bytes | None = None) -> None:
        """Note a step."""
        self.steps.append((value, maximum))
        if preview is not None:
            self.previews.append(preview)
        self.on_progress(value)

    def check_interrupted(self) -> None:
        """Raise when the test has interrupted."""
        if self.interrupted.is_set():
            raise InterruptedPrompt


Graph = Mapping[str, Mapping[str, Any]]


def run_graph(context: BenchContext, graph: Graph) -> dict[str, object]:
    """Run every node of a graph, its ancestors first; give their results by node id."""
    done: dict[str, object] = {}
    declared = built_in()

    def value(written: object) -> object:
        if not isinstance(written, list):
            return written
        source, slot = written
        result = run(source)
        values = result.values if isinstance(result, NodeResult) else cast(tuple[object, ...], result)
        return values[slot]

    def run(node_id: str) -> object:
        if node_id not in done:
            node = graph[node_id]
            inputs = {name: value(written) for name, written in node["inputs"].items()}
            module, _, name = declared[node["class_type"]].implementation.partition(":")
            function = getattr(importlib.import_module(f"engine.sampler.nodes.{module}"), name)
            done[node_id] = function(context, **inputs)
        return done[node_id]

    for node_id in graph:
        run(node_id)
    return done

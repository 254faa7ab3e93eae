"""What a node is: its declaration, as `/object_info` shows it, and the contract between executor and implementation.

A declaration names its implementation as "module:function" (below `engine.sampler.nodes`), which the executor imports
when the node first runs: declarations cost no torch. An implementation is a plain function

    def ksampler(context: NodeContext, *, model: Model, seed: int, ...) -> tuple[object, ...] | NodeResult

that is called in a worker thread with its inputs by name, may block, calls `context.check_interrupted()` between long
pieces of work, and returns one value per output. Several prompts run at once, each in a thread of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of a node.

    `type` is ComfyUI's type name (INT, FLOAT, STRING, BOOLEAN, MODEL, LATENT, ...), or COMBO with `choices`, or COMBO
    with `folder` (the choices are the files in that models folder, or "input" for uploaded images).
    """

    name: str
    type: str
    required: bool = True
    default: str | int | float | bool | None = None
    min: int | float | None = None
    max: int | float | None = None
    step: int | float | None = None
    choices: tuple[str, ...] = ()
    folder: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)  # further keys of object_info: tooltip, multiline, ...


@dataclass(frozen=True, kw_only=True)
class NodeDeclaration:
    """One node class, as `/object_info` shows it."""

    class_type: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    implementation: str
    output_names: tuple[str, ...] = ()  # defaults to `outputs`
    output_tooltips: tuple[str, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)  # e.g. {"prompt": "PROMPT"}
    display_name: str = ""
    description: str = ""
    category: str = ""
    output_node: bool = False
    uncached: bool = False  # runs anew each time: its result depends on more than its inputs
    module: str = "nodes"  # where ComfyUI has it, `python_module`
    modern: bool = False  # shown in the newer of ComfyUI's two shapes
    extra: Mapping[str, object] = field(default_factory=dict)  # further keys of object_info


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """An output node's result: its values, and what `/history` and the `executed` frame show."""

    values: tuple[object, ...] = ()
    ui: Mapping[str, list[Any]] = field(default_factory=dict)


class InterruptedPrompt(Exception):
    """Raised by `check_interrupted` when this prompt was interrupted."""


class Folders(Protocol):
    """The folders of a sampler; names come from users and are refused (ValueError) when they leave their folder."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Files of a models folder ("checkpoints", "loras", ...) or of "input", sorted; the built-in model included."""

    def model_path(self, folder: str, name: str) -> Path:
        """The file (for the built-in model its directory) of a listed model. Raises FileNotFoundError, ValueError."""

    def file_path(self, kind: str, name: str, subfolder: str = "") -> Path:
        """A file below "input", "output" or "temp"; it need not exist. `name` may end in " [input]", as in ComfyUI."""

    def save_path(self, kind: str, prefix: str) -> tuple[Path, str, int]:
        """Where SaveImage writes next: (directory, file name stem, first free counter), as `STEM_00001_.png`.

        Thread-safe: no two callers are given the same counter.
        """


class Runtime(Protocol):
    """The torch side; built once, in the sampler's own thread, by `engine.sampler.models.runtime.build`."""

    @property
    def device_name(self) -> str:
        """E.g. "cpu" or "cuda:0 NVIDIA H200"."""

    def memory(self) -> tuple[int, int]:
        """Total and free bytes of the device's memory."""

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Drop cached models and memory (`POST /free`)."""

    def prefetch(self, path: Path) -> bool:
        """Load a checkpoint that will soon be wanted if there is room for it; whether it did. May raise anything."""

    def let_go(self, prompt_id: str) -> None:
        """Let go of the models that a prompt used: it ended, or waits for another prompt's work."""

    def close(self) -> None:
        """Stop the batcher's thread; running samples raise InterruptedPrompt."""


class NodeContext(Protocol):
    """What an implementation may use besides its inputs; all of it thread-safe."""

    @property
    def prompt_id(self) -> str:
        """The prompt that runs."""

    @property
    def node_id(self) -> str:
        """The node that runs."""

    @property
    def folders(self) -> Folders:
        """Where files are."""

    @property
    def runtime(self) -> Any:
        """The torch side: a `engine.sampler.models.runtime.TorchRuntime`."""

    @property
    def graph(self) -> Mapping[str, Any]:
        """The whole prompt, for PNG metadata."""

    @property
    def extra_pnginfo(self) -> Mapping[str, Any]:
        """`extra_data.extra_pnginfo` of the request, for PNG metadata."""

    def progress(self, value: int, maximum: int, preview: bytes | None = None) -> None:
        """Report steps done; `preview` is a finished JPEG of at most 512 pixels a side."""

    def check_interrupted(self) -> None:
        """Raise InterruptedPrompt if this prompt was interrupted."""

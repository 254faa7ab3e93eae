"""Damaged files, numbers that break down and interrupts in every phase, on the real nodes.

Whom it concerns is told in a sentence; the others get their pictures.
"""

import asyncio
import importlib.util
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.sampler.compose import Options, build
from engine.sampler.execution.executor import built_in_implementation
from engine.sampler.nodes.registry import NodeDeclaration
from engine.sampler.server.files import BUILT_IN_MODEL
from tests.wire.sampler.support import Server, StandIns, seed_graph, serving

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the extra `local` is not installed")
LORA = "odd-lora.safetensors"


class Pauses:
    """The real nodes, one class of which waits for an interrupt the first time that it looks for one."""

    def __init__(self) -> None:
        self.class_type = ""
        self.reached = threading.Event()

    def find(self, declaration: NodeDeclaration) -> Callable[..., Any]:
        """Give the node's own function, called with a context that may wait."""
        function = built_in_implementation(declaration)

        def call(context: Any, **inputs: Any) -> Any:
            if declaration.class_type == self.class_type:
                context = _Waiting(context, self.reached)
            return function(context, **inputs)

        return call


class _Waiting:
    """A context whose first look for an interrupt lasts until there is one."""

    def __init__(self, context: Any, reached: threading.Event) -> None:
        self._context = context
        self._reached = reached

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def check_interrupted(self) -> None:
        self._reached.set()
        assert self._context.interrupted.wait(60)
        self._context.check_interrupted()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest_asyncio.fixture
async def server(tmp_path: Path, pauses: Pauses) -> AsyncIterator[Server]:
    from engine.sampler.models.runtime import build as build_torch

    options = Options(models=tmp_path / "models", temp=tmp_path / "temp")
    for folder in ("checkpoints", "loras"):
        (options.models / folder).mkdir(parents=True)
    sampler = build(options, implementation=pauses.find)
    runtime = await asyncio.to_thread(build_torch, sampler.folders, device="cpu", max_batch=4)
    try:
        async with serving(sampler, nodes=StandIns(), runtime=runtime) as started:
            yield started
    finally:
        runtime.close()


def graph(seed: int = 0, checkpoint: str = BUILT_IN_MODEL, *, prefix: str = "x", lora: str = "") -> dict[str, Any]:
    """A small picture."""
    made = seed_graph(seed=seed, steps=2)
    made["4"]["inputs"]["ckpt_name"] = checkpoint
    made["5"]["inputs"].update(width=64, height=64)
    made["9"]["inputs"]["filename_prefix"] = prefix
    made["6"]["inputs"]["text"] = f"a house {seed}"
    if lora:
        made["20"] = {
            "class_type": "LoraLoader",
            "inputs": {
                "model": ["4", 0],
                "clip": ["4", 1],
                "lora_name": lora,
                "strength_model": 1.0,
                "strength_clip": 1.0,
            },
        }
        made["3"]["inputs"]["model"] = ["20", 0]
    return made


async def failure(server: Server, broken: dict[str, Any]) -> dict[str, Any]:
    """Run a prompt that fails beside one that does not; give the frame that tells of the error."""
    frames, good = await asyncio.gather(
        server.run_and_listen(broken, client_id="broken"), server.run_and_listen(graph(7), client_id="good")
    )
    assert "execution_success" in [frame["type"] for frame in good if isinstance(frame, dict)]
    (told,) = [frame["data"] for frame in frames if isinstance(frame, dict) and frame["type"] == "execution_error"]
    assert await server.finished(await server.submit(graph(8)))
    return dict(told)


def _write_damaged(path: Path, how: str) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {"a.lora_up.weight": torch.zeros(4, 2), "a.lora_down.weight": torch.zeros(2, 4)}
    match how:
        case "cut":
            save_file({"a": torch.zeros(5000)}, path)
            path.write_bytes(path.read_bytes()[:3000])
        case "words":
            path.write_text("these are words " * 100)
        case "header":
            path.write_bytes(b"\xff" * 4096)
        case "foreign":
            save_file(tensors, path)
        case "other":
            save_file({"weight": torch.zeros(3)}, path)
        case "pickle":
            torch.save({"state_dict": {}}, path)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("cut", "not a whole .safetensors file"),
        ("words", "not a whole .safetensors file"),
        ("header", "not a whole .safetensors file"),
        ("foreign", "is no checkpoint"),
        ("pickle", "pickle"),
    ],
)
async def test_a_damaged_checkpoint(server: Server, how: str, says: str) -> None:
    _write_damaged(server.sampler.folders.models / "checkpoints" / "odd.safetensors", how)
    told = await failure(server, graph(checkpoint="odd.safetensors"))
    assert (told["node_id"], told["node_type"]) == ("4", "CheckpointLoaderSimple")
    assert told["exception_message"].startswith("odd.safetensors ")
    assert says in told["exception_message"]
    assert str(server.sampler.folders.models) not in json.dumps(told)


@pytest.mark.parametrize(
    ("how", "says"),
    [("cut", "not a whole"), ("foreign", "another kind of model"), ("other", "is no LoRA"), ("pickle", "pickle")],
)
async def test_a_damaged_lora(server: Server, how: str, says: str) -> None:
    _write_damaged(server.sampler.folders.models / "loras" / LORA, how)
    told = await failure(server, graph(lora=LORA))
    assert (told["node_id"], told["node_type"]) == ("20", "LoraLoader")
    assert LORA in told["exception_message"]
    assert says in told["exception_message"]


async def test_numbers_that_break_down_in_the_autoencoder_are_no_black_square(server: Server) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from tests.unit.engine.sampler.small_checkpoint import write_small

    path = write_small(server.sampler.folders.models / "checkpoints" / "nan.safetensors")
    tensors = load_file(path)
    tensors["first_stage_model.decoder.conv_out.bias"] = torch.full((3,), torch.nan).half()
    save_file(tensors, path)
    told = await failure(server, graph(checkpoint="nan.safetensors"))
    assert (told["node_id"], told["node_type"]) == ("8", "VAEDecode")
    assert "NaN" in told["exception_message"]
    assert "Take another autoencoder" in told["exception_message"]
    assert not list(server.sampler.folders.output.glob("nan*"))


@pytest.mark.parametrize("phase", ["CheckpointLoaderSimple", "CLIPTextEncode", "KSampler", "VAEDecode", "SaveImage"])
async def test_an_interrupt_in_every_phase(server: Server, pauses: Pauses, phase: str) -> None:
    pauses.class_type = phase
    prompt_id = await server.submit(graph(1, prefix="stopped"))
    assert await asyncio.to_thread(pauses.reached.wait, 60)
    pauses.class_type = ""
    good = await server.submit(graph(2, prefix="good"))
    assert await server.post("/interrupt", {"prompt_id": prompt_id}) == (200, "")
    entry = await server.finished(prompt_id)
    assert entry["status"]["completed"] is False
    (message,) = [data for kind, data in entry["status"]["messages"] if kind == "execution_interrupted"]
    assert message["node_type"] == phase
    assert (await server.finished(good))["status"]["completed"]
    assert [path.name[:4] for path in server.sampler.folders.output.glob("*.png")] == ["good"]

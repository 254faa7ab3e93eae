"""A sampler over real sockets with nodes of the tests' own, and ComfyUI's recordings."""

import asyncio
import json
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import structlog.testing
from aiohttp import web

from engine.sampler.compose import Options, Sampler, build
from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.registry import Input, NodeContext, NodeDeclaration, NodeResult

RECORDINGS = Path(__file__).parents[2] / "data" / "comfyui"
CHECKPOINT = "rand-sd15.safetensors"


def recorded(name: str) -> Any:
    """Read one of ComfyUI's recordings."""
    return json.loads((RECORDINGS / name).read_text())


def exchange(name: str) -> dict[str, Any]:
    """Find one recorded request with its answer."""
    return next(found for found in recorded("http.json") if found["name"] == name)


def seed_graph(**sampler: Any) -> dict[str, Any]:
    """Give the recorded seed workflow; keyword arguments change the KSampler's inputs."""
    graph = exchange("seed_workflow: POST /prompt")["request"]["json"]["prompt"]
    graph["3"]["inputs"].update(sampler)
    return graph


def png(width: int = 8, height: int = 8, colour: bytes = b"\xff\x00\x00") -> bytes:
    """Encode a plain PNG without a library."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\x00" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@dataclass
class StandInRuntime:
    """A runtime without torch, which counts."""

    freed: int = 0
    closed: bool = False
    prefetched: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    @property
    def device_name(self) -> str:
        return "cpu"

    def memory(self) -> tuple[int, int]:
        return 2 << 30, 1 << 30

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        self.freed += 1

    def prefetch(self, path: Path) -> bool:
        self.prefetched.append(path.name)
        return True

    def let_go(self, prompt_id: str) -> None:
        self.over.append(prompt_id)

    def close(self) -> None:
        self.closed = True


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


OutOfMemoryError.__module__ = "torch"


class StandIns:
    """Implementations that do next to nothing, as the declarations name them, and count their calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.step_seconds = 0.0
        self.reached = threading.Event()  # a sampler began
        self.hold = threading.Event()  # samplers wait until it is set
        self.hold.set()
        self.at_once = 0
        self.most_at_once = 0
        self.preview: bytes | None = None
        self._lock = threading.Lock()

    def find(self, declaration: NodeDeclaration) -> Callable[..., Any]:
        """Resolve a declaration's implementation."""
        function = getattr(self, declaration.implementation.partition(":")[2], None)

        def call(context: NodeContext, **inputs: Any) -> Any:
            with self._lock:
                self.calls.append(declaration.class_type)
            if function is None:
                return tuple(f"{declaration.class_type}.{index}" for index in range(len(declaration.outputs)))
            return function(context, **inputs)

        return call

    def ksampler(self, context: NodeContext, *, steps: int, seed: int, **_: Any) -> tuple[object, ...]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.reached.set()
            while not self.hold.wait(0.01):
                context.check_interrupted()
            for step in range(steps):
                context.check_interrupted()
                time.sleep(self.step_seconds)
                context.progress(step + 1, steps, self.preview)
            return (f"latent {seed}",)
        finally:
            with self._lock:
                self.at_once -= 1

    def save_image(self, context: NodeContext, *, images: object, filename_prefix: str) -> NodeResult:
        directory, stem, counter = context.folders.save_path("output", filename_prefix)
        name = f"{stem}_{counter:05}_.png"
        (directory / name).write_bytes(png())
        return NodeResult(ui={"images": [{"filename": name, "subfolder": "", "type": "output"}]})

    def failing(self, _: NodeContext, *, how: str) -> tuple[object, ...]:
        if how == "memory":
            raise OutOfMemoryError("CUDA out of memory.")
        if how == "path":
            raise FileNotFoundError(2, "No such file", "/home/somebody/secret/models/x.safetensors")
        raise ValueError(how)


def declarations() -> dict[str, NodeDeclaration]:
    """Give the built-in nodes and those besides them that the recordings name."""
    size = tuple(Input(name=name, type="INT", default=512, min=1, max=16384) for name in ("width", "height"))
    count = Input(name="batch_size", type="INT", default=1, min=1, max=4096)
    how = Input(name="how", type="STRING")
    more = (
        _node("EmptySD3LatentImage", (*size, count), ("LATENT",)),
        _node("Failing", (how,), ("IMAGE",), "test:failing"),
    )
    return {**built_in(), **{node.class_type: node for node in more}}


def _node(name: str, inputs: tuple[Input, ...], outputs: tuple[str, ...], how: str = "test:nothing") -> NodeDeclaration:
    return NodeDeclaration(class_type=name, inputs=inputs, outputs=outputs, implementation=how)


@dataclass
class Server:
    """A running sampler and a client of it."""

    sampler: Sampler
    nodes: StandIns
    runtime: StandInRuntime
    url: str
    http: aiohttp.ClientSession

    async def get(self, path: str, **options: Any) -> Any:
        """GET JSON."""
        async with self.http.get(self.url + path, **options) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """POST JSON; give the status and the answer."""
        async with self.http.post(self.url + path, json=body, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def submit(self, graph: dict[str, Any], **more: Any) -> str:
        """Queue a graph and give its id."""
        status, answer = await self.post("/prompt", {"prompt": graph, **more})
        assert status == 200, answer
        return str(answer["prompt_id"])

    async def finished(self, prompt_id: str) -> dict[str, Any]:
        """Wait for a prompt's entry in the history."""
        async with asyncio.timeout(20):
            while True:
                if found := await self.get(f"/history/{prompt_id}"):
                    return dict(found[prompt_id])
                await asyncio.sleep(0.01)

    async def runs(self, count: int) -> None:
        """Wait until that many prompts run."""

        async def so_many() -> bool:
            return len((await self.get("/queue"))["queue_running"]) == count

        await eventually(so_many)

    async def lost(self, client_id: str) -> None:
        """Wait until that client is not connected."""

        async def gone() -> bool:
            return client_id not in self.sampler.hub.connected

        await eventually(gone)

    @asynccontextmanager
    async def socket(self, client_id: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connect a WebSocket."""
        query = f"?clientId={client_id}" if client_id else ""
        async with self.http.ws_connect(f"{self.url}/ws{query}") as socket:
            yield socket

    async def run_and_listen(self, graph: dict[str, Any], client_id: str = "rec-1", **more: Any) -> list[Any]:
        """Queue a graph over a fresh connection and give all frames until its end; binary ones as bytes."""
        async with self.socket(client_id) as socket:
            prompt_id = await self.submit(graph, client_id=client_id, **more)
            return await until_end(socket, prompt_id)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


async def until_end(socket: aiohttp.ClientWebSocketResponse, prompt_id: str) -> list[Any]:
    """Read frames until that prompt's `executing` null."""
    frames: list[Any] = []
    async with asyncio.timeout(20):
        async for message in socket:
            frame = message.data if message.type is aiohttp.WSMsgType.BINARY else json.loads(message.data)
            frames.append(frame)
            if isinstance(frame, dict) and frame["type"] == "executing":
                data = frame["data"]
                if data["node"] is None and data["prompt_id"] == prompt_id:
                    return frames
    raise AssertionError(f"the socket closed after {frames}")


def checkpoint_bytes(metadata: dict[str, str] | None = None) -> bytes:
    """Give a safetensors file without tensors."""
    header = json.dumps({"__metadata__": metadata} if metadata else {}).encode()
    return struct.pack("<Q", len(header)) + header


@asynccontextmanager
async def running(folder: Path, *, ready: bool = True, key: str = "", **more: Any) -> AsyncIterator[Server]:
    """Run a sampler in this process, its server on a real socket, its models below `folder`."""
    with structlog.testing.capture_logs():
        async with _serving(folder, ready=ready, key=key, **more) as server:
            yield server


@asynccontextmanager
async def _serving(folder: Path, *, ready: bool, key: str, **more: Any) -> AsyncIterator[Server]:
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    (checkpoints / CHECKPOINT).write_bytes(checkpoint_bytes())
    nodes, runtime = StandIns(), StandInRuntime()
    options = Options(models=folder / "models", temp=folder / "temp", built_in=False, key=key, **more)
    sampler = build(options, declarations=declarations(), implementation=nodes.find)
    async with serving(sampler, nodes=nodes, runtime=runtime, ready=ready) as server:
        yield server


@asynccontextmanager
async def serving(sampler: Sampler, *, nodes: StandIns, runtime: Any, ready: bool = True) -> AsyncIterator[Server]:
    """Open a sampler's doors, with its executor running on that runtime."""
    key = sampler.options.key
    sampler.hub.bind(asyncio.get_running_loop())
    runner = web.AppRunner(sampler.app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        if ready:
            sampler.executor.start(runtime)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http:
            yield Server(sampler=sampler, nodes=nodes, runtime=runtime, url=url, http=http)
    finally:
        nodes.hold.set()
        assert await asyncio.to_thread(sampler.executor.stop, grace=10), "a worker thread did not end"
        await sampler.hub.close()
        await runner.cleanup()
        sampler.scratch.remove()

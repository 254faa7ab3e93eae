"""A ComfyUI server for tests: real sockets on loopback, recorded answers and frames, and faults on demand.

Prompts run one after the other, as there: each replays the frames of a recording with its own prompt id in the place
of the recorded one, and ends in the recorded history.
"""

import asyncio
import copy
import io
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import WSMsgType, web
from PIL import Image

RECORDED = Path(__file__).parents[1] / "data" / "comfyui"


def recorded_frames(name: str) -> list[dict[str, Any]]:
    """Every frame of a recorded run, in order."""
    return json.loads((RECORDED / f"{name}.json").read_text())


def recorded_answer(name: str) -> dict[str, Any]:
    """A recorded HTTP response: status, headers and body."""
    exchanges = json.loads((RECORDED / "http.json").read_text())
    return next(exchange["response"] for exchange in exchanges if exchange["name"] == name)


def recorded_object_info() -> dict[str, Any]:
    """What a server with one checkpoint can run; our built-in model is on its list too."""
    info = json.loads((RECORDED / "object_info.core.json").read_text())
    info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].append("atelier-tiny.safetensors")
    return info


def png(colour: str = "red", side: int = 16) -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Behaviour:
    """What the server does next; tests change it while it runs."""

    frames: str = "ws_seed_workflow"
    history: str = "seed_workflow"
    hold_at: int | None = None  # waits before this frame until `release`
    drop_at: int | None = None  # closes all sockets before this frame and sends no more of it
    refuse_sockets: bool = False
    ignores_prompt_id: bool = False  # a server older than mid-2025
    refusal: str = ""  # the recorded answer to POST /prompt instead of running it
    status: int = 0  # of every answer to POST /prompt, if not 0
    headers: dict[str, str] = field(default_factory=dict)
    slow_submit: float = 0.0  # seconds before a POST /prompt is carried out
    lost_answers: int = 0  # so many POST /prompt are carried out, but their connection breaks before the answer
    garbage: frozenset[str] = frozenset()  # routes that answer something that is no JSON
    down: bool = False  # every connection is cut without an answer
    silent: bool = False  # nothing is ever answered
    outputs: dict[str, Any] | None = None  # instead of the recorded ones
    drops_status: bool = False  # history without status, as servers of 2023 wrote it
    preview: str = ""  # "plain" or "metadata": one preview before the last frame
    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)  # by filename, subfolder, type
    missing_files: bool = False
    busy_views: int = 0  # so many GET /view are answered with 503 first
    object_info: dict[str, Any] = field(default_factory=recorded_object_info)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)  # by model file


@dataclass
class Prompt:
    """A prompt on the fake server."""

    number: int
    prompt_id: str
    graph: dict[str, Any]
    extra_data: dict[str, Any]
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)

    def item(self) -> list[Any]:
        """As queue and history show it."""
        return [self.number, self.prompt_id, self.graph, self.extra_data, ["9"]]


class FakeComfy:
    """The server; `async with` starts and stops it."""

    def __init__(self, *, key: str = "") -> None:
        self.behaviour = Behaviour()
        self.released = asyncio.Event()
        self.url = ""
        self.bodies: list[dict[str, Any]] = []  # of POST /prompt
        self.asked: list[str] = []  # "METHOD /path" of every request
        self.uploads: dict[str, bytes] = {}
        self.history: dict[str, Any] = {}
        self._key = key
        self._pending: list[Prompt] = []
        self._running: Prompt | None = None
        self._number = 0
        self._work = asyncio.Event()
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self.features: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        """Listen on a free loopback port."""
        app = web.Application(middlewares=[self._misbehave], client_max_size=2**28)
        app.add_routes(
            [
                web.get("/ws", self._ws),
                web.post("/prompt", self._submit),
                web.get("/queue", self._queue),
                web.post("/queue", self._unqueue),
                web.post("/interrupt", self._interrupt),
                web.get("/history", self._recent),
                web.get("/history/{id}", self._one),
                web.get("/view", self._view),
                web.post("/upload/image", self._upload),
                web.get("/object_info", self._info),
                web.get("/system_stats", self._stats),
                web.get("/view_metadata/{folder}", self._metadata),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._worker = asyncio.create_task(self._keep_working())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, cutting every connection."""
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        await self.drop_sockets()
        await self._runner.cleanup()

    @property
    def listeners(self) -> tuple[str, ...]:
        """The client ids that have said what they support: their sockets are in use."""
        return tuple(sid for sid in self._sockets if sid in self.features)

    def release(self) -> None:
        """Let prompts that wait at `hold_at` go on."""
        self.released.set()

    async def restart(self) -> None:
        """Forget everything, as a new process would."""
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        self._pending.clear()
        self._running = None
        self.history.clear()
        await self.drop_sockets()
        self._worker = asyncio.create_task(self._keep_working())

    async def drop_sockets(self) -> None:
        """Close every WebSocket."""
        for socket in list(self._sockets.values()):
            await socket.close()
        self._sockets.clear()

    async def send_to_all(self, frame: str | bytes) -> None:
        """Send any frame, good or bad, to whoever listens."""
        for socket in list(self._sockets.values()):
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.behaviour.silent:
            await asyncio.sleep(3600)
        if self.behaviour.down:
            request.transport.close()
            return web.Response(status=500)
        if self._key and request.headers.get("Authorization") != f"Bearer {self._key}":
            return web.Response(status=401)
        if request.path in self.behaviour.garbage:
            return web.Response(text="<html>Welcome to nginx!</html>", content_type="text/html")
        return await handler(request)

    async def _ws(self, request: web.Request) -> web.StreamResponse:
        if self.behaviour.refuse_sockets:
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.query.get("clientId", "anonymous")
        self._sockets[sid] = socket
        first = recorded_frames("ws_seed_workflow")[0]
        await socket.send_json({**first, "data": {**first["data"], "sid": sid}})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                said = message.json()
                if said.get("type") == "feature_flags":
                    self.features[sid] = said["data"]
        if self._sockets.get(sid) is socket:
            del self._sockets[sid]
        return socket

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        behaviour = self.behaviour
        await asyncio.sleep(behaviour.slow_submit)
        if behaviour.status:
            return web.Response(status=behaviour.status, headers=behaviour.headers, text="no")
        unknown = [node for node in body["prompt"].values() if node["class_type"] not in behaviour.object_info]
        refusal = behaviour.refusal or ("unknown node" if unknown else "")
        answer = recorded_answer(refusal) if refusal else recorded_answer("seed_workflow: POST /prompt")
        if answer["status"] != 200:
            return web.json_response(answer["body"], status=answer["status"])
        self._number += 1
        ours = None if behaviour.ignores_prompt_id else body.get("prompt_id")
        prompt = Prompt(
            number=self._number,
            prompt_id=ours or f"server-{self._number}",
            graph=body["prompt"],
            extra_data={**body.get("extra_data", {}), "client_id": body.get("client_id")},
        )
        self._pending.append(prompt)
        self._work.set()
        if behaviour.lost_answers:
            behaviour.lost_answers -= 1
            request.transport.close()
        return web.json_response({**answer["body"], "prompt_id": prompt.prompt_id, "number": prompt.number})

    async def _queue(self, _: web.Request) -> web.Response:
        running = [self._running.item()] if self._running else []
        pending = [prompt.item() for prompt in reversed(self._pending)]  # a heap's order is not the queue's
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def _unqueue(self, request: web.Request) -> web.Response:
        gone = (await request.json()).get("delete", [])
        self._pending = [prompt for prompt in self._pending if prompt.prompt_id not in gone]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        wanted = (await request.json()).get("prompt_id")
        if self._running and (self.behaviour.ignores_prompt_id or wanted in {None, self._running.prompt_id}):
            self._running.interrupted.set()
        return web.Response()

    async def _recent(self, request: web.Request) -> web.Response:
        count = int(request.query.get("max_items", "1000"))
        return web.json_response(dict(list(self.history.items())[-count:]))

    async def _one(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        return web.json_response({prompt_id: self.history[prompt_id]} if prompt_id in self.history else {})

    async def _view(self, request: web.Request) -> web.Response:
        query = request.query
        wanted = (query["filename"], query.get("subfolder", ""), query.get("type", "output"))
        if self.behaviour.busy_views:
            self.behaviour.busy_views -= 1
            return web.Response(status=503)
        if self.behaviour.missing_files:
            return web.Response(status=404)
        if wanted in self.behaviour.files:
            return web.Response(body=self.behaviour.files[wanted])
        if wanted[1:] == ("", "output"):
            return web.Response(body=png(), content_type="image/png")
        return web.Response(status=404)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        part, subfolder = form["image"], str(form.get("subfolder", ""))
        data = part.file.read()
        part.file.close()
        name = f"{subfolder}/{part.filename}" if subfolder else part.filename
        if self.uploads.get(name, data) != data:
            stem, _, suffix = name.rpartition(".")
            name = f"{stem} (1).{suffix}"
        self.uploads[name] = data
        return web.json_response({"name": name.rpartition("/")[2], "subfolder": subfolder, "type": "input"})

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response(self.behaviour.object_info)

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(recorded_answer("system_stats")["body"])

    async def _metadata(self, request: web.Request) -> web.Response:
        found = self.behaviour.metadata.get(request.query["filename"])
        return web.json_response(found) if found is not None else web.Response(status=404)

    async def _keep_working(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                self._running = prompt = self._pending.pop(0)
                ended_as = await self._replay(prompt)
                self.history[prompt.prompt_id] = self.entry(prompt, ended_as)
                self._running = None
                await self._send(prompt, {"type": "executing", "data": {"node": None, "prompt_id": prompt.prompt_id}})

    async def _replay(self, prompt: Prompt) -> str:
        """Send the frames; gives the name of the recorded history that it ends in."""
        behaviour = copy.copy(self.behaviour)
        frames = recorded_frames(behaviour.frames)
        recorded_id = frames[-1]["data"]["prompt_id"]
        for position, frame in enumerate(frames[1:-1], start=1):  # the greeting and the farewell are not its own
            if position == behaviour.drop_at:
                await self.drop_sockets()
                return behaviour.history
            if position == behaviour.hold_at and await self._interrupted_while_held(prompt):
                stop = recorded_frames("ws_interrupted")[-3]
                await self._send(prompt, {**stop, "data": {**stop["data"], "prompt_id": prompt.prompt_id}})
                return "interrupted"
            if position == len(frames) - 4 and behaviour.preview:
                await self._preview(prompt, with_metadata=behaviour.preview == "metadata")
            await self._send(prompt, json.loads(json.dumps(frame).replace(recorded_id, prompt.prompt_id)))
        return behaviour.history

    async def _interrupted_while_held(self, prompt: Prompt) -> bool:
        waits = [asyncio.create_task(event.wait()) for event in (self.released, prompt.interrupted)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return prompt.interrupted.is_set()

    async def _preview(self, prompt: Prompt, *, with_metadata: bool) -> None:
        if with_metadata:
            about = json.dumps({"node_id": "3", "prompt_id": prompt.prompt_id, "image_type": "image/png"}).encode()
            frame = struct.pack(">II", 4, len(about)) + about + png("blue")
        else:
            frame = struct.pack(">II", 1, 2) + png("blue")
        socket = self._sockets.get(prompt.extra_data["client_id"])
        if socket is not None and not socket.closed:
            await socket.send_bytes(frame)

    async def _send(self, prompt: Prompt, frame: dict[str, Any]) -> None:
        sockets = list(self._sockets.values()) if frame["type"] == "status" else []
        own = self._sockets.get(prompt.extra_data["client_id"])
        for socket in sockets or [own]:
            if socket is not None and not socket.closed:
                await socket.send_json(frame)

    def entry(self, prompt: Prompt, name: str) -> dict[str, Any]:
        body = recorded_answer(f"{name}: GET /history/{{id}}")["body"]
        (recorded_id,) = body
        entry = json.loads(json.dumps(body[recorded_id]).replace(recorded_id, prompt.prompt_id))
        entry["prompt"] = prompt.item()
        if self.behaviour.outputs is not None and name != "interrupted":
            entry["outputs"] = self.behaviour.outputs
        if self.behaviour.drops_status:
            del entry["status"]
        return entry

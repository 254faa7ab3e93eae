"""WebSocket clients and the frames that go to them; one slow or dead client never holds up another, nor a prompt.

Each client has an outbox of its own and a task that empties it. When a client does not keep up, previews are dropped
first; at the hard bound it is disconnected, for it can poll. Frames go to the clients that share a prompt's client id.
"""

import asyncio
import contextlib
import json
import struct
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiohttp import WSMsgType, web

from engine.sampler.execution.model import JsonObject

MOST_FRAMES_WAITING = 2048
MOST_BYTES_WAITING = 64 << 20
_PREVIEWS_STOP_AT = 16  # frames waiting; a preview that comes late shows what is over
_STATUS_PAUSE = 0.1  # seconds
_HEARTBEAT = 30.0  # seconds between pings; a dead peer is found within one and a half
_LONGEST_MESSAGE = 1 << 20  # bytes, from a client
_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4  # events of binary frames
_PNG_SIGNATURE = b"\x89PNG"
_log = structlog.get_logger(__name__)

SERVER_FEATURES: JsonObject = {"supports_preview_metadata": True, "max_upload_size": 100 << 20}


@dataclass(kw_only=True, eq=False)
class _Client:
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    sid: str
    outbox: deque[str | bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    told: int = 0  # the length of the queue that it knows
    preview_metadata: bool = False
    hopeless: bool = False


class SocketHub:
    """All WebSocket clients of a server. `send`, `preview` and `status` may be called from any thread."""

    def __init__(self) -> None:
        self._remaining = 0
        self._status_due = False
        self._clients: dict[str, list[_Client]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop on which sockets live; before that and after its end frames go nowhere."""
        self._loop = loop

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until it goes."""
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT, max_msg_size=_LONGEST_MESSAGE)
        await socket.prepare(request)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        client = _Client(socket=socket, transport=request.transport, sid=sid, told=self._remaining)
        self._clients.setdefault(client.sid, []).append(client)
        self._post(client, _frame("status", {"status": self._queue_state(), "sid": client.sid}))
        writer = asyncio.create_task(self._write(client))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._heard(client, message.data)
        finally:
            self._remove(client)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def close(self) -> None:
        """Say goodbye to everybody."""
        clients = [client for sharing in self._clients.values() for client in sharing]
        self._clients.clear()
        goodbyes = (client.socket.close(code=1001, message=b"the sampler shuts down") for client in clients)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*goodbyes, return_exceptions=True), timeout=1)

    @property
    def connected(self) -> frozenset[str]:
        """The ids of the clients that are connected."""
        return frozenset(self._clients)

    def status(self, remaining: int, client_id: str | None) -> None:
        """Tell how many prompts wait or run: that client at once, as ComfyUI does, everybody else a moment later.

        With hundreds of clients and prompts, telling everybody of every change would be most of the work.
        """
        self._on_loop(lambda: self._note_status(remaining, client_id))

    def send(self, client_id: str | None, event: str, data: JsonObject) -> None:
        """Tell the clients of that id; nobody if None."""
        if client_id is not None:
            self._on_loop(lambda: self._send(client_id, event, data))

    def preview(self, client_id: str | None, *, prompt_id: str, node_id: str, image: bytes) -> None:
        """Show the clients of that id a JPEG or PNG; those that do not keep up miss it."""
        if client_id is None:
            return
        plain, rich = preview_frames(image, prompt_id=prompt_id, node_id=node_id)
        self._on_loop(lambda: self._show(client_id, plain=plain, rich=rich))

    def _on_loop(self, action: Callable[[], None]) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:
            return  # the loop is closed: nobody listens any more

    def _note_status(self, remaining: int, client_id: str | None) -> None:
        self._remaining = remaining
        frame = _frame("status", {"status": self._queue_state()})
        for client in self._clients.get(client_id or "", ()):
            client.told = remaining
            self._post(client, frame)
        if not self._status_due and self._loop is not None:
            self._status_due = True
            self._loop.call_later(_STATUS_PAUSE, self._tell_status)

    def _tell_status(self) -> None:
        self._status_due = False
        frame = _frame("status", {"status": self._queue_state()})
        for sharing in self._clients.values():
            for client in sharing:
                if client.told != self._remaining:
                    client.told = self._remaining
                    self._post(client, frame)

    def _send(self, client_id: str, event: str, data: JsonObject) -> None:
        if sharing := self._clients.get(client_id):
            frame = _frame(event, data)
            for client in sharing:
                self._post(client, frame)

    def _show(self, client_id: str, *, plain: bytes, rich: bytes) -> None:
        for client in self._clients.get(client_id, ()):
            self._post(client, rich if client.preview_metadata else plain)

    def _post(self, client: _Client, frame: str | bytes) -> None:
        if client.hopeless or (isinstance(frame, bytes) and len(client.outbox) >= _PREVIEWS_STOP_AT):
            return
        if len(client.outbox) >= MOST_FRAMES_WAITING or client.waiting_bytes > MOST_BYTES_WAITING:
            client.hopeless = True
            client.outbox.clear()
            if client.transport is not None:
                client.transport.abort()  # a polite goodbye would wait behind what it does not read
            _log.warning("a client did not keep up", action="socket_drop")
            return
        client.outbox.append(frame)
        client.waiting_bytes += len(frame)
        client.filled.set()

    async def _write(self, client: _Client) -> None:
        while True:
            await client.filled.wait()
            client.filled.clear()
            while client.outbox and not client.hopeless:
                frame = client.outbox.popleft()
                client.waiting_bytes -= len(frame)
                try:
                    if isinstance(frame, str):
                        await client.socket.send_str(frame)
                    else:
                        await client.socket.send_bytes(frame)
                except (ConnectionError, RuntimeError):
                    return  # it went; `handle` notices too

    def _heard(self, client: _Client, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        match message:
            case {"type": "feature_flags", "data": dict(features)}:
                client.preview_metadata = features.get("supports_preview_metadata") is True
                self._post(client, _frame("feature_flags", SERVER_FEATURES))

    def _remove(self, client: _Client) -> None:
        sharing = self._clients.get(client.sid, [])
        if client in sharing:
            sharing.remove(client)
        if not sharing:
            self._clients.pop(client.sid, None)

    def _queue_state(self) -> JsonObject:
        return {"exec_info": {"queue_remaining": self._remaining}}


def preview_frames(image: bytes, *, prompt_id: str, node_id: str) -> tuple[bytes, bytes]:
    """Give the plain preview frame (event 1) and the one with metadata (event 4); numbers are big-endian."""
    is_png = image.startswith(_PNG_SIGNATURE)
    plain = struct.pack(">II", _PREVIEW, 2 if is_png else 1) + image
    about = {
        "node_id": node_id,
        "prompt_id": prompt_id,
        "display_node_id": node_id,
        "parent_node_id": None,
        "real_node_id": node_id,
        "image_type": "image/png" if is_png else "image/jpeg",
    }
    header = json.dumps(about).encode()
    return plain, struct.pack(">II", _PREVIEW_WITH_METADATA, len(header)) + header + image


def _frame(event: str, data: JsonObject) -> str:
    return json.dumps({"type": event, "data": data})

"""A typed client of the ComfyUI HTTP and WebSocket API: one method per route, one function for all that goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import structlog

from engine.endpoints.comfyui.answers import (
    Accepted,
    FileRef,
    HistoryEntry,
    QueueState,
    parse_accepted,
    parse_history,
    parse_queue,
    parse_uploaded,
    rejection_reason,
)
from engine.endpoints.comfyui.messages import (
    BadMessage,
    Frame,
    OtherFrame,
    as_object,
    parse_binary_frame,
    parse_json,
    parse_text_frame,
)
from engine.errors import (
    EndpointBusy,
    EndpointError,
    EndpointLost,
    ExecutionFailed,
    GraphRejected,
    OutputMissing,
)
from engine.model import Graph, Json

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_LONG = 256 * 1024  # bytes of JSON that are parsed off the event loop
_MIB = 2**20
_TAKES_INPUT = frozenset({"/prompt", "/upload/image"})


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server is and the key that it wants, if any."""

    url: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that is read from an endpoint, in bytes."""

    json: int = 64 * _MIB  # an /object_info with many custom nodes has some 20 MiB
    file: int = 256 * _MIB
    frame: int = 32 * _MIB


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long an endpoint may take, in seconds."""

    connect: float = 10.0
    answer: float = 30.0  # a whole JSON answer
    silence: float = 60.0  # between two pieces of a file
    heartbeat: float = 30.0  # between WebSocket pings


LIMITS = Limits()
TIMEOUTS = Timeouts()


class TooLarge(Exception):
    """An answer is larger than its limit; `limit` in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit} bytes")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer, read whole."""

    route: str
    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None  # seconds


def error_from(endpoint: str, problem: Reply | Exception) -> EndpointError:
    """Map whatever went wrong with a request to the error tree; details carry no body, so no prompt."""
    if isinstance(problem, EndpointError):
        return problem
    if isinstance(problem, Reply) and problem.status in {400, 413} and problem.route in _TAKES_INPUT:
        reason = _refusal(problem)
        return GraphRejected(f"{endpoint} refuses the graph: {reason}", endpoint=endpoint, reason=reason)
    retry_after: float | None = None
    kind: type[EndpointError] = EndpointLost
    match problem:
        case Reply(status=400 | 403 | 404, route="/view"):
            kind, detail = OutputMissing, "does not have the file that it named"
        case Reply(status=401 | 403):
            detail = "refuses our key"
        case Reply(status=429 | 503):
            kind, detail, retry_after = EndpointBusy, "takes no more now", problem.retry_after
        case Reply():
            detail = f"answers {problem.status} to {problem.route}"
        case TooLarge() | BadMessage():
            detail = f"answers what no ComfyUI would: {problem}"
        case TimeoutError():
            detail = "does not answer in time"
        case _:
            detail = f"cannot be reached ({type(problem).__name__})"
    return kind(f"{endpoint} {detail}", retry_after=retry_after, endpoint=endpoint)


def _refusal(reply: Reply) -> str:
    if reply.status == 413:
        return "it is too large"
    if reply.route == "/upload/image":
        return "it does not take the input file"
    try:
        return rejection_reason(parse_json(reply.body))
    except BadMessage:
        return "the graph is not valid"


class ComfyClient:
    """Talks to one server; every method raises EndpointError and nothing else. To be closed by its owner."""

    def __init__(
        self, *, endpoint: str, address: Address, limits: Limits = LIMITS, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        """Needs a running event loop. `endpoint` is the name that errors carry."""
        self.endpoint = endpoint
        self._url = address.url.rstrip("/")
        self._limits = limits
        self._timeouts = timeouts
        headers = {"Authorization": f"Bearer {address.key}"} if address.key else {}
        # A server may keep many prompts' polls waiting, so the number of connections is not limited here.
        self._session = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def system_stats(self) -> Json:
        """`GET /system_stats`."""
        return await self._json("GET", "/system_stats")

    async def object_info(self) -> Json:
        """`GET /object_info`: all node classes."""
        info = await self._json("GET", "/object_info")
        return self._parsed(as_object, info)

    async def view_metadata(self, folder: str, filename: str) -> dict[str, str]:
        """`GET /view_metadata/{folder}`: what a model file says of itself; empty if it says nothing."""
        reply = await self._ask("GET", f"/view_metadata/{quote(folder, safe='')}", params={"filename": filename})
        if reply.status in {400, 404}:
            return {}
        fields = self._parsed(as_object, await self._read_json(reply))
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}

    async def upload_image(self, data: bytes, *, filename: str, subfolder: str) -> str:
        """`POST /upload/image` without overwriting; gives the name under which a LoadImage node finds the file."""
        form = aiohttp.FormData()
        form.add_field("image", data, filename=filename, content_type="application/octet-stream")
        form.add_field("type", "input")
        form.add_field("subfolder", subfolder)
        answer = await self._json("POST", "/upload/image", data=form, transfer=True)
        return self._parsed(parse_uploaded, answer)

    async def submit(self, graph: Graph, *, prompt_id: str, client_id: str, extra_data: dict[str, Json]) -> Accepted:
        """`POST /prompt`. Raises GraphRejected with a readable reason, EndpointBusy, EndpointLost."""
        body: dict[str, Json] = {
            "prompt": graph,
            "prompt_id": prompt_id,
            "client_id": client_id,
            "extra_data": extra_data,
        }
        return self._parsed(parse_accepted, await self._json("POST", "/prompt", body=body))

    async def queue(self) -> QueueState:
        """`GET /queue`."""
        return self._parsed(parse_queue, await self._json("GET", "/queue"))

    async def unqueue(self, prompt_id: str) -> None:
        """`POST /queue`: drop a prompt that has not started; without effect on others."""
        await self._done("POST", "/queue", body={"delete": [prompt_id]})

    async def interrupt(self, prompt_id: str) -> None:
        """`POST /interrupt`; servers older than mid-2025 ignore the id and stop whatever runs."""
        await self._done("POST", "/interrupt", body={"prompt_id": prompt_id})

    async def history(self, prompt_id: str) -> HistoryEntry | None:
        """`GET /history/{prompt_id}`; None if it runs, waits or is unknown."""
        answer = await self._json("GET", f"/history/{quote(prompt_id, safe='')}")
        return self._parsed(parse_history, answer).get(prompt_id)

    async def recent_history(self, count: int) -> tuple[HistoryEntry, ...]:
        """`GET /history?max_items=`: the latest prompts of anybody."""
        answer = await self._json("GET", "/history", params={"max_items": str(count)})
        return tuple(self._parsed(parse_history, answer).values())

    async def view(self, ref: FileRef) -> bytes:
        """`GET /view`: a file. Raises OutputMissing if it is gone, ExecutionFailed if it is too large to take."""
        params = {"filename": ref.filename, "subfolder": ref.subfolder, "type": ref.folder}
        try:
            reply = await self._fetch("GET", "/view", params=params, limit=self._limits.file, transfer=True)
        except TooLarge as error:
            reason = f"a result is larger than {error.limit / _MIB:g} MiB"
            raise ExecutionFailed(reason, endpoint=self.endpoint, node=ref.node_id, reason=reason) from error
        return self._checked(reply).body

    @asynccontextmanager
    async def socket(self, client_id: str) -> AsyncIterator[AsyncIterator[Frame]]:
        """`GET /ws`: open the WebSocket; the frames end when it does. Raises EndpointLost if it does not open."""
        self._check_open()
        try:
            async with asyncio.timeout(self._timeouts.connect):
                socket = await self._session.ws_connect(
                    f"{self._url}/ws",
                    params={"clientId": client_id},
                    heartbeat=self._timeouts.heartbeat,
                    max_msg_size=self._limits.frame,
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise error_from(self.endpoint, error) from error
        try:
            features: Json = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
            await socket.send_str(json.dumps(features))
            yield self._frames(socket)
        except (aiohttp.ClientError, OSError) as error:
            raise error_from(self.endpoint, error) from error
        finally:
            await socket.close()

    async def _frames(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Frame]:
        async for message in socket:
            frame: Frame
            try:
                if message.type is aiohttp.WSMsgType.TEXT:
                    frame = parse_text_frame(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    frame = parse_binary_frame(message.data)
                else:
                    return
            except BadMessage as error:
                _log.debug("a frame was skipped", action="endpoint.frame", endpoint=self.endpoint, reason=str(error))
                frame = OtherFrame(type="bad")
            yield frame

    async def _done(self, method: str, route: str, *, body: Json) -> None:
        self._checked(await self._ask(method, route, body=body))

    async def _json(
        self,
        method: str,
        route: str,
        *,
        body: Json = None,
        params: Mapping[str, str] | None = None,
        data: aiohttp.FormData | None = None,
        transfer: bool = False,
    ) -> Json:
        reply = await self._ask(method, route, body=body, params=params, data=data, transfer=transfer)
        return await self._read_json(self._checked(reply))

    async def _read_json(self, reply: Reply) -> Json:
        try:
            if len(reply.body) > _LONG:
                return await asyncio.to_thread(parse_json, reply.body)
            return parse_json(reply.body)
        except BadMessage as error:
            raise error_from(self.endpoint, error) from error

    def _parsed(self, parse: Callable[[Json], T], answer: Json) -> T:
        try:
            return parse(answer)
        except BadMessage as error:
            raise error_from(self.endpoint, error) from error

    def _checked(self, reply: Reply) -> Reply:
        if reply.status != 200:
            raise error_from(self.endpoint, reply)
        return reply

    async def _ask(
        self,
        method: str,
        route: str,
        *,
        body: Json = None,
        params: Mapping[str, str] | None = None,
        data: aiohttp.FormData | None = None,
        transfer: bool = False,
    ) -> Reply:
        """Ask and read a JSON-sized answer, whatever its status. Raises EndpointLost."""
        limit = self._limits.json
        try:
            return await self._fetch(method, route, body=body, params=params, data=data, limit=limit, transfer=transfer)
        except TooLarge as error:
            raise error_from(self.endpoint, error) from error

    async def _fetch(
        self,
        method: str,
        route: str,
        *,
        limit: int,
        body: Json = None,
        params: Mapping[str, str] | None = None,
        data: aiohttp.FormData | None = None,
        transfer: bool = False,
    ) -> Reply:
        """Ask and read at most `limit` bytes; a `transfer` may take long as long as it moves. Raises also TooLarge."""
        self._check_open()
        seconds = self._timeouts
        timeout = aiohttp.ClientTimeout(
            total=None if transfer else seconds.answer, sock_connect=seconds.connect, sock_read=seconds.silence
        )
        try:
            async with self._session.request(
                method,
                f"{self._url}{route}",
                params=params,
                json=body,
                data=data,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _bounded(response, limit)
                retry_after = _seconds(response.headers.get("Retry-After", ""))
                return Reply(route=route, status=response.status, body=content, retry_after=retry_after)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise error_from(self.endpoint, error) from error

    def _check_open(self) -> None:
        if self._session.closed:
            raise EndpointLost(f"{self.endpoint} is closed", endpoint=self.endpoint)


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        raise TooLarge(limit)
    content = bytearray()
    async for piece in response.content.iter_chunked(_LONG):
        content += piece
        if len(content) > limit:
            raise TooLarge(limit)
    return bytes(content)


def _seconds(header: str) -> float | None:
    """Read a `Retry-After`; its other form, a date, is not worth trusting two clocks for."""
    return float(header) if header.isdecimal() and len(header) < 6 else None

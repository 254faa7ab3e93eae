"""The wire between bot and sampler: a proxy that keeps the endpoint's log and can cut every connection at once."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp import WSMsgType, web

HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "host", "upgrade", "keep-alive"}
TIMEOUT = aiohttp.ClientTimeout(total=None, connect=2)


class Wire:
    """Passes HTTP and WebSockets on; `pass_point` is told of each call before it goes on and once it was answered."""

    def __init__(self, upstream: str, log: Path, pass_point: Callable[[str], None]) -> None:
        self.url = ""
        self.prompts: Counter[str] = Counter()  # how often the sampler took a prompt, by its id
        self.cut = 0  # connections
        self._upstream = upstream
        self._log = log
        self._pass_point = pass_point
        self._open: set[asyncio.Transport | asyncio.BaseTransport] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=256 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut_all()
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def cut_all(self) -> None:
        """Drop every connection, in the middle of whatever it carries."""
        for transport in list(self._open):
            self.cut += 1
            if isinstance(transport, asyncio.Transport):
                transport.abort()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return web.Response(status=502)
        self._open.add(transport)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._pass_socket(request)
            return await self._pass_call(request)
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            if isinstance(transport, asyncio.Transport):
                transport.abort()  # a sampler that is not there answers nothing
            return web.Response(status=502)
        finally:
            self._open.discard(transport)

    async def _pass_call(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        body = await request.read()
        point = f"{request.method} /{'/'.join(request.path.split('/')[1:3])}".rstrip("/")
        point = re.sub(r"^(GET /history).*", r"\1", point)
        self._pass_point(f"{point}:before")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_HEADERS}
        url = self._upstream + request.path_qs
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            content = await answer.read()
            if point == "POST /prompt":
                self._note(body, answer.status)
            self._pass_point(f"{point}:after")
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_HEADERS}
            return web.Response(status=answer.status, body=content, headers=kept)

    async def _pass_socket(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        headers = {"Authorization": request.headers["Authorization"]} if "Authorization" in request.headers else {}
        async with self._session.ws_connect(self._upstream + request.path_qs, headers=headers, max_msg_size=0) as there:
            here = web.WebSocketResponse(max_msg_size=0)
            await here.prepare(request)
            ends = [asyncio.create_task(_pump(there, here)), asyncio.create_task(_pump(here, there))]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            await here.close()
            return here

    def _note(self, body: bytes, status: int) -> None:
        try:
            prompt = str(json.loads(body).get("prompt_id", ""))
        except ValueError:
            prompt = ""
        if status == 200:
            self.prompts[prompt] += 1
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"prompt": prompt, "status": status}) + "\n")


async def _pump(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)

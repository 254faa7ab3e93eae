"""The client against servers that answer too much, too little, or from somewhere else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from engine.endpoints.comfyui.answers import FileRef
from engine.endpoints.comfyui.client import Address, ComfyClient, Limits, Timeouts
from engine.errors import EndpointBusy, EndpointLost, ExecutionFailed, OutputMissing
from tests.fakes.comfyui import FakeComfy

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REF = FileRef(node_id="9", kind="images", filename="a b&c=d.png", subfolder="x/y", folder="output")


@asynccontextmanager
async def client_of(handler: Handler, **options: object) -> AsyncIterator[ComfyClient]:
    """A client of a server that answers everything in one way."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/behind/a/prefix/"
    client = ComfyClient(endpoint="comfy", address=Address(url=url, key="k"), **options)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


async def endless(request: web.Request) -> web.StreamResponse:
    """Send more than anybody wants, without saying how much it will be."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b" " * 65536)
    except ConnectionError:
        return response


async def test_an_endless_answer_is_cut_off() -> None:
    limits = Limits(json=2**20, file=2**20)
    async with client_of(endless, limits=limits) as client:
        with pytest.raises(EndpointLost):
            await client.object_info()
        with pytest.raises(EndpointLost):
            await client.view_metadata("checkpoints", "x")
        with pytest.raises(ExecutionFailed) as caught:
            await client.view(REF)
    assert caught.value.fields["node"] == "9"


async def test_redirects_are_not_followed() -> None:
    """They would carry the key to somebody else."""

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://127.0.0.1:1/")

    async with client_of(elsewhere) as client:
        with pytest.raises(EndpointLost, match="302"):
            await client.system_stats()


async def test_names_and_prefixes_arrive_as_they_are() -> None:
    seen: list[tuple[str, dict[str, str], str]] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append((request.raw_path.partition("?")[0], dict(request.query), request.headers["Authorization"]))
        return web.json_response({})

    async with client_of(note) as client:
        await client.view(REF)
        await client.history("../queue")
        assert await client.view_metadata("check/points", "a/b.safetensors") == {}
    assert seen == [
        (
            "/behind/a/prefix/view",
            {"filename": REF.filename, "subfolder": "x/y", "type": "output"},
            "Bearer k",
        ),
        ("/behind/a/prefix/history/..%2Fqueue", {}, "Bearer k"),
        ("/behind/a/prefix/view_metadata/check%2Fpoints", {"filename": "a/b.safetensors"}, "Bearer k"),
    ]


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", None), ("Sun, 22 Nov 2026 20:31:41 GMT", None), ("-5", None)]
)
async def test_retry_after(header: str, seconds: float | None) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": header})

    async with client_of(busy) as client:
        with pytest.raises(EndpointBusy) as caught:
            await client.queue()
    assert caught.value.retry_after == seconds


async def test_a_file_that_stalls_is_given_up() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x")
        raise ConnectionResetError

    async with client_of(stall, timeouts=Timeouts(silence=0.2)) as client:
        with pytest.raises(EndpointLost):
            await client.view(REF)


async def test_nobody_listens() -> None:
    async with FakeComfy() as server:
        url = server.url
    client = ComfyClient(endpoint="comfy", address=Address(url=url))
    try:
        for call in (client.queue(), client.view(REF), client.view_metadata("a", "b"), client.interrupt("p")):
            with pytest.raises(EndpointLost):
                await call
        with pytest.raises(EndpointLost):
            async with client.socket("me"):
                raise AssertionError
    finally:
        await client.close()
    with pytest.raises(EndpointLost, match="closed"):
        await client.queue()


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_file_that_is_not_given_is_missing(status: int) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with client_of(refuse) as client:
        with pytest.raises(OutputMissing):
            await client.view(REF)


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(Address(url="http://127.0.0.1", key="secret"))

"""The suite itself cannot leave this machine (tests/conftest.py)."""

import asyncio
import socket

import aiohttp
import pytest


def refused() -> pytest.RaisesExc[RuntimeError]:
    """Expect the guard's own refusal, which is no OSError."""
    return pytest.raises(RuntimeError, match="tests use loopback only")


@pytest.mark.parametrize("host", ["example.org", b"example.org", "192.0.2.1", "2001:db8::1", "localhost.example"])
def test_names_outside_are_not_resolved(host: str | bytes) -> None:
    with refused():
        socket.getaddrinfo(host, 80)


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 80)), (socket.AF_INET, ("0.0.0.0", 80))],
)
def test_addresses_outside_are_not_connected_to(family: socket.AddressFamily, address: tuple[str, int]) -> None:
    with socket.socket(family) as stream, socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        with refused():
            stream.connect(address)
        with refused():
            stream.connect_ex(address)
        with refused():
            datagrams.sendto(b"hello", address)


async def test_asyncio_and_aiohttp_are_held_too() -> None:
    with refused():
        await asyncio.open_connection("192.0.2.1", 80)
    async with aiohttp.ClientSession() as session:
        with refused():
            await session.get("http://example.org/")


async def test_loopback_and_pairs_work() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            reader, writer = await asyncio.open_connection(host, port)
            assert await reader.read() == b"hello"
            writer.close()
            await writer.wait_closed()
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"pair")
        assert right.recv(4) == b"pair"

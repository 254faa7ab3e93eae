"""What holds for every test: no network but this machine's own loopback."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine; no OSError, so that code under test cannot take it for a bad connection."""


def _check(host: object) -> None:
    """Let pass None, "" and localhost (this machine) and loopback addresses; refuse every other host."""
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    try:
        inside = ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        inside = name == "localhost"
    if not inside:
        raise NetworkRefused(f"tests use loopback only, not {name}")


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Refuse to resolve, connect or send to anything but loopback; UNIX sockets and socket pairs work."""
    resolve, connect, connect_ex, sendto = (
        socket.getaddrinfo,
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.socket.sendto,
    )

    def guarded_resolve(host: Any, *rest: Any, **options: Any) -> Any:
        _check(host)
        return resolve(host, *rest, **options)

    def guard(sock: socket.socket, address: Any) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            _check(address[0])

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        guard(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        guard(sock, address)
        return connect_ex(sock, address)

    def guarded_sendto(sock: socket.socket, data: Any, *rest: Any) -> int:
        guard(sock, rest[-1])
        return sendto(sock, data, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket.socket, "sendto", guarded_sendto)
        yield

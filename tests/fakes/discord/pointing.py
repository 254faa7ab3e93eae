"""discord.py, unmodified, pointed at a loopback Discord."""

from collections.abc import Iterator
from contextlib import contextmanager

import yarl

from discord.gateway import DiscordWebSocket
from discord.http import Route
from tests.fakes.discord.server import FakeDiscord


@contextmanager
def pointed_at(server: FakeDiscord) -> Iterator[None]:
    """While it lasts, every client of this process talks to that server."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api_base, yarl.URL(server.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before

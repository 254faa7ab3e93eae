"""python-telegram-bot's client as we use it: flood waits and outages as errors of their own, generous with uploads.

What it makes of a 429 warns of a change to come unless the environment says otherwise; here it never gets that far.
"""

import json
from typing import Any

from telegram import Bot
from telegram.error import NetworkError, TelegramError
from telegram.request import HTTPXRequest

CONNECT, READ, WRITE, POOL = 10.0, 30.0, 30.0, 20.0  # seconds
UPLOAD = 100.0  # seconds in which 50 MB are sent
CONNECTIONS = 64  # at once
POLL = 30  # seconds that Telegram holds a poll open
UNTOLD = 5.0  # seconds, where a 429 does not say how many


class Flooded(TelegramError):
    """Telegram answered 429: `seconds` says how long to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"429, {seconds:g} s")
        self.seconds = seconds


class Outage(NetworkError):
    """Telegram, or something before it, answered 5xx: what was asked may have been done."""


class Client(HTTPXRequest):
    """One pool of connections."""

    async def do_request(self, *arguments: Any, **more: Any) -> tuple[int, bytes]:
        """See `BaseRequest.do_request`."""
        status, payload = await super().do_request(*arguments, **more)
        if status == 429:
            raise Flooded(_wait(payload))
        if status >= 500:
            raise Outage(f"{status}")
        return status, payload


def _wait(payload: bytes) -> float:
    try:
        return max(0.0, float(json.loads(payload)["parameters"]["retry_after"]))
    except (ValueError, KeyError, TypeError):
        return UNTOLD


def make_bot(token: str, *, api_base: str, file_base: str) -> Bot:
    """Make the client of a bot; polls have a connection of their own, and one more for when a poll was cut off."""
    calls = Client(
        connection_pool_size=CONNECTIONS,
        connect_timeout=CONNECT,
        read_timeout=READ,
        write_timeout=WRITE,
        media_write_timeout=UPLOAD,
        pool_timeout=POOL,
    )
    polls = Client(connection_pool_size=2, connect_timeout=CONNECT, read_timeout=READ, pool_timeout=POOL)
    return Bot(
        token,
        base_url=f"{api_base.rstrip('/')}/bot",
        base_file_url=f"{file_base.rstrip('/')}/bot",
        request=calls,
        get_updates_request=polls,
    )

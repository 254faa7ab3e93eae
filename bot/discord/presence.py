"""What stands beside our name: how many jobs there are and how many machines make them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import discord
import structlog

from bot.discord.client import Client
from bot.discord.words import Words

log = structlog.get_logger(__name__)
Census: TypeAlias = Callable[[], Awaitable[tuple[int, int]]]
"""Tells how many jobs wait or run, and how many machines are there."""

INTERVAL = 15.0  # seconds; Discord takes no more than five changes in 20 seconds


async def keep_presence(
    client: Callable[[], Client | None], census: Census, words: Words, locale: str, interval: float = INTERVAL
) -> None:
    """Show the newest figures until cancelled, when they changed and at most once in an interval."""
    shown: tuple[object, str] = (None, "")
    while True:
        now = client()
        if now is not None and now.shards:
            try:
                jobs, machines = await census()
                said = words.say(locale, "presence", jobs=jobs, machines=machines)
                if (now, said) != shown:
                    await now.change_presence(activity=discord.CustomActivity(name=said))
                    shown = (now, said)
            except Exception as error:  # figures beside a name are worth no more than a line
                log.info("presence_not_shown", error=type(error).__name__)
        await asyncio.sleep(interval)

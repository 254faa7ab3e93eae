"""The connection to Discord for as long as the service runs: logged in, commands told, shards connected, and again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import discord
import structlog

from bot.discord.address import log_in
from bot.discord.client import Client
from bot.discord.commands_sync import sync
from bot.discord.errors import UNANSWERED
from engine.errors import StartError
from engine.model import Json

log = structlog.get_logger(__name__)

START_WAIT = 10.0  # seconds that the service waits for Discord; then it goes on without, and Discord comes later
FIRST_RETRY, LAST_RETRY = 1.0, 60.0  # seconds; doubles with each try
CLOSE_WAIT = 10.0  # seconds
_LOST = (*UNANSWERED, discord.DiscordException, aiohttp.ClientError)


class Connection:
    """Keeps one bot connected."""

    def __init__(
        self,
        *,
        make: Callable[[], Client],
        token: str,
        api_base: str,
        commands: Sequence[Json],
        kept: Path,
        first_shard: bool,
    ) -> None:
        """`kept` remembers which commands Discord knows; only the owner of the first shard tells it of them."""
        self._make = make
        self._token = token
        self._api_base = api_base
        self._commands = commands
        self._kept = kept
        self._first_shard = first_shard
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self.client: Client | None = None  # once it is logged in

    async def open(self) -> None:
        """Return once events flow, or after a while in which Discord was not to be reached.

        Raises StartError for a token that Discord does not know.
        """
        self._task = asyncio.create_task(self._run(), name="discord")
        flowing = asyncio.create_task(self._connected.wait())
        await asyncio.wait({self._task, flowing}, timeout=START_WAIT, return_when=asyncio.FIRST_COMPLETED)
        flowing.cancel()
        if self._task.done():
            self._task.result()
        if not self._connected.is_set():
            log.warning("discord_not_reached_yet")

    async def close(self) -> None:
        """Leave."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        wait, known = FIRST_RETRY, False
        while True:
            client = self._make()
            try:
                await log_in(client, token=self._token, api_base=self._api_base)
                known, wait = True, FIRST_RETRY
                self.client = client
                await self._tell_commands(client)
                await self._follow(client)
                log.warning("discord_closed")
            except discord.LoginFailure as error:
                if not known:
                    raise StartError(
                        "Discord refused the token; set ATELIER_DISCORD__TOKEN to the bot's own"
                    ) from error
                log.error("discord_token_refused")
            except _LOST as error:
                log.error("discord_lost", error=type(error).__name__, code=getattr(error, "code", 0))
            finally:
                self.client = None
                await _closed(client)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LAST_RETRY)

    async def _follow(self, client: Client) -> None:
        """Stay connected until discord.py gives up."""
        announced = asyncio.create_task(self._announce(client))
        try:
            await client.connect()
        finally:
            announced.cancel()

    async def _announce(self, client: Client) -> None:
        await client.wait_for("connect")
        log.info("discord_connected", bot=client.user.name if client.user is not None else "")
        self._connected.set()

    async def _tell_commands(self, client: Client) -> None:
        """Commands that could not be told are told at the next start; those that Discord knows go on working."""
        if not self._first_shard:
            return
        try:
            await sync(client, self._commands, self._kept)
        except UNANSWERED as error:
            log.error(
                "commands_not_synced", error=type(error).__name__, code=getattr(error, "code", 0), said=_said(error)
            )


def _said(error: BaseException) -> str:
    return error.text[:500] if isinstance(error, discord.HTTPException) else ""


async def _closed(client: Client) -> None:
    """Close a client that may not even have been logged in."""
    closing: Awaitable[None] = client.close()
    try:
        async with asyncio.timeout(CLOSE_WAIT):
            await closing
    except Exception as error:
        log.info("discord_not_closed", error=type(error).__name__)

"""Which Discord: the one function that points discord.py at a server, and logs in there."""

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route


async def log_in(client: discord.Client, *, token: str, api_base: str) -> None:
    """Log in at `api_base`, and let the gateway be the one that this server names.

    discord.py keeps both addresses on classes, so that a process talks to one Discord. Raises discord.LoginFailure,
    discord.HTTPException, discord.GatewayNotFound, OSError or aiohttp.ClientError.
    """
    Route.BASE = api_base
    await client.login(token)
    _, gateway, _ = await client.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)

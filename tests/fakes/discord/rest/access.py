"""Whether the bot may be where a call wants it."""

from typing import TYPE_CHECKING

from tests.fakes.discord.calls import Call
from tests.fakes.discord.errors import Refusal
from tests.fakes.discord.permissions import P, in_channel
from tests.fakes.discord.world import Channel, Guild

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord


def seen_channel(server: "FakeDiscord", call: Call) -> Channel:
    """The channel of the path: 10003 if there is none, 50001 if the bot may not see it."""
    channel = server.world.channels.get(call.ident("channel_id"))
    if channel is None:
        raise Refusal(10003)
    bot = server.world.app.bot
    if not in_channel(bot, channel, now=server.clock.now()) & P.VIEW_CHANNEL:
        raise Refusal(50001)
    return channel


def require(server: "FakeDiscord", channel: Channel, needed: P) -> None:
    """50013 unless the bot has all of these in the channel."""
    if needed & ~in_channel(server.world.app.bot, channel, now=server.clock.now()):
        raise Refusal(50013)


def seen_guild(server: "FakeDiscord", call: Call) -> Guild:
    """The guild of the path: 10004 if there is none, or the bot is no member."""
    guild = server.world.guilds.get(call.ident("guild_id"))
    if guild is None or server.world.app.bot.id not in guild.members:
        raise Refusal(10004)
    return guild

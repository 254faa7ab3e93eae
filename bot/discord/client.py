"""discord.py's client as we use it: guilds' events and interactions, nothing privileged and nothing remembered."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import discord
import structlog

from bot.discord.buttons import ITEMS, Receiver
from bot.discord.watch import Watch

log = structlog.get_logger(__name__)
Interaction: TypeAlias = "discord.Interaction[Any]"

LONGEST_SLEEP = 30.0  # seconds, the least that discord.py takes: what has to wait longer comes back as an error


class Events(Receiver, Protocol):
    """Takes what happens."""

    async def received(self, interaction: Interaction) -> None:
        """Take an interaction that just came."""

    async def joined(self, client: "Client", guild: discord.Guild) -> None:
        """Take notice of a guild that we were invited to."""


class Client(discord.AutoShardedClient):
    """One connection to Discord: all shards of this service."""

    def __init__(self, *, events: Events, watch: Watch, shard_count: int = 0, shard_ids: Sequence[int] = ()) -> None:
        """A `shard_count` of 0 lets Discord say how many."""
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks
        super().__init__(
            intents=discord.Intents(guilds=True),
            shard_count=shard_count or None,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=LONGEST_SLEEP,
            http_trace=watch.trace(),
        )
        if shard_ids:
            self.shard_ids = list(shard_ids)
        self.receiver = events
        self.events = events
        self.add_dynamic_items(*ITEMS)

    async def on_interaction(self, interaction: Interaction) -> None:
        """Hand it over; presses that one of our items is found for come by themselves, too."""
        await self.events.received(interaction)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Hand it over."""
        log.info("guild_joined", guild=guild.id)
        await self.events.joined(self, guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Results that were to go there go to their owners: the delivery finds that out by itself."""
        log.info("guild_left", guild=guild.id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """discord.py connects again and goes on where it was."""
        log.info("shard_disconnected", shard=shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Nothing was missed."""
        log.info("shard_resumed", shard=shard_id)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """An event's error ends nothing else; its arguments may hold prompts and are not logged."""
        log.exception("event_broke", event_name=event_method)

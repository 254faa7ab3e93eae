"""A guild that invited us is told what to do first."""

from collections.abc import Callable

import discord
import structlog

from bot.discord.answers import NOBODY
from bot.discord.cards import Cards
from bot.discord.errors import UNANSWERED
from bot.discord.incoming import first_missing
from bot.replies import Reply

log = structlog.get_logger(__name__)


class Guilds:
    """Greets guilds."""

    def __init__(self, *, cards: Cards, guide: Callable[[str], Reply]) -> None:
        self._cards = cards
        self._guide = guide

    async def joined(self, client: discord.Client, guild: discord.Guild) -> None:
        """Post the guide where the guild has its own notices, or else to its owner, where either may be."""
        card = self._cards.card(self._guide(str(guild.id)), str(guild.preferred_locale))
        channel = guild.system_channel
        try:
            if channel is not None and not first_missing(channel.permissions_for(guild.me), channel):
                await channel.send(view=card.view, allowed_mentions=NOBODY)
            elif guild.owner_id is not None:
                owner = await client.create_dm(discord.Object(guild.owner_id))
                await owner.send(view=card.view, allowed_mentions=NOBODY)
        except UNANSWERED as error:
            log.info("guide_not_shown", guild=guild.id, error=type(error).__name__)

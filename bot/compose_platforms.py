"""Builds the platforms for `bot/compose.py`: those that have a token."""

from bot.adapter import Adapter
from bot.compose_discord import build_discord
from bot.compose_studio import build_image_limits
from bot.compose_telegram import build_telegram, telegram_webhook
from bot.door import Handler
from bot.texts import Texts
from config.settings import Settings
from engine.endpoints.pool import Pool
from engine.ports import Books
from engine.ports_places import Moves
from engine.studio import Studio


def build_platforms(
    settings: Settings, texts: Texts, studio: Studio, books: Books, moves: Moves, pool: Pool
) -> tuple[list[Adapter], dict[str, Handler]]:
    """Their adapters, and what the door lets in for them, by path."""
    limits = build_image_limits(settings)
    discord = build_discord(settings, texts, studio, books, pool, limits)
    telegram = build_telegram(settings, texts, moves, limits)
    adapters: list[Adapter] = [each for each in (discord, telegram) if each is not None]
    return adapters, telegram_webhook(settings, telegram)

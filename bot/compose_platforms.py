"""Builds the platforms for `bot/compose.py`: those that have a token."""

from bot.adapter import Adapter
from bot.compose_discord import build_discord
from bot.compose_studio import build_image_limits
from bot.compose_telegram import build_telegram, telegram_webhook
from bot.door import Handler
from bot.replies import Reply
from bot.replies_guide import guide_reply
from bot.template_commands import template_commands
from bot.texts import Texts
from config.settings import Settings
from engine.endpoints.pool import Pool
from engine.ports import Books
from engine.ports_places import Moves
from engine.studio import Studio
from engine.workflows.library import Library


def build_platforms(
    settings: Settings, texts: Texts, studio: Studio, books: Books, moves: Moves, pool: Pool
) -> tuple[list[Adapter], dict[str, Handler]]:
    """Their adapters, and what the door lets in for them, by path."""
    limits = build_image_limits(settings)
    own = Library.load([settings.workflows_dir]).all() if settings.workflows_dir else ()
    templates = template_commands(own)

    def guide(place: str) -> Reply:
        """What a guild or chat is told first; `place` is "platform:id", as the settings name it."""
        return guide_reply(place, served=settings.access == "open" or place in settings.allowlist)

    discord = build_discord(settings, texts, studio, books, pool, limits, templates, guide)
    telegram = build_telegram(settings, texts, moves, limits, templates, guide)
    adapters: list[Adapter] = [each for each in (discord, telegram) if each is not None]
    return adapters, telegram_webhook(settings, telegram)

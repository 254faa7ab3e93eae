"""Builds the Discord bot, where there is a token for one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bot.completions import Completions
from bot.replies import Reply
from bot.template_commands import TemplateCommand
from bot.texts import Texts
from config.settings import Settings
from engine.endpoints.pool import Pool
from engine.images import ImageLimits
from engine.ports import Books
from engine.studio import Studio

if TYPE_CHECKING:
    from bot.discord.adapter import DiscordAdapter

COMMANDS_FILE = "discord-commands"
"""In `data_dir`: which commands Discord was told last."""


def build_discord(
    settings: Settings,
    texts: Texts,
    studio: Studio,
    books: Books,
    pool: Pool,
    limits: ImageLimits,
    templates: Sequence[TemplateCommand],
    guide: Callable[[str], Reply],
) -> "DiscordAdapter | None":
    """The Discord bot; None without a token."""
    if settings.discord.token is None:
        return None
    # A console does without discord.py, which takes a while to load.
    from bot.discord.adapter import DiscordAdapter, Options
    from bot.discord.attachments import Attachments
    from bot.discord.words import Words

    async def census() -> tuple[int, int]:
        counts = await books.counts()
        jobs = sum(number for status, number in counts.items() if not status.ended)
        return jobs, sum(endpoint.ready for endpoint in pool.endpoints)

    return DiscordAdapter(
        options=Options(
            token=settings.discord.token.get_secret_value(),
            api_base=settings.discord.api_base,
            kept=settings.data_dir / COMMANDS_FILE,
            locale=settings.locale,
            shard_count=settings.discord.shard_count,
            shard_ids=settings.discord.shard_ids,
        ),
        words=Words(texts),
        attachments=Attachments(cdn_base=settings.discord.cdn_base, limits=limits),
        completions=Completions(studio),
        templates=templates,
        census=census,
        guide=lambda guild: guide(f"discord:{guild}"),
    )

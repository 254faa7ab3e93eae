"""Builds the Telegram bot, where there is a token for one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.door import Handler
from bot.downloads import Downloads
from bot.replies import Reply
from bot.template_commands import TemplateCommand
from bot.texts import Texts
from config.settings import Settings
from engine.images import ImageLimits
from engine.ports_places import Moves

if TYPE_CHECKING:
    from bot.telegram.adapter import TelegramAdapter

MENUS_FILE = "telegram-menus"
"""In `data_dir`: which commands Telegram was told last."""
SENT_FILE = "telegram-sent"
"""In `data_dir`: what was sent in the last minute."""


def build_telegram(
    settings: Settings,
    texts: Texts,
    moves: Moves,
    limits: ImageLimits,
    templates: Sequence[TemplateCommand],
    guide: Callable[[str], Reply],
) -> "TelegramAdapter | None":
    """The Telegram bot; None without a token."""
    given = settings.telegram
    if given.token is None:
        return None
    # A console does without python-telegram-bot, which takes a while to load.
    from bot.telegram.adapter import Options, TelegramAdapter
    from bot.telegram.words import Words

    async def moved(old: str, new: str) -> None:
        await moves.moved("telegram", old, new)

    named = [each.removeprefix("telegram:") for each in settings.operators if each.startswith("telegram:")]
    return TelegramAdapter(
        options=Options(
            token=given.token.get_secret_value(),
            api_base=given.api_base,
            file_base=given.file_base,
            kept=settings.data_dir / MENUS_FILE,
            sent=settings.data_dir / SENT_FILE,
            locale=settings.locale,
            operators=tuple(int(each) for each in named if each.isdigit()),
            webhook_url=given.webhook_url or "",
            webhook_secret=given.webhook_secret.get_secret_value() if given.webhook_secret else "",
        ),
        words=Words(texts),
        downloads=Downloads(base=given.file_base, limits=limits),
        templates=templates,
        guide=lambda chat: guide(f"telegram:{chat}"),
        moved=moved,
    )


def telegram_webhook(settings: Settings, telegram: "TelegramAdapter | None") -> dict[str, Handler]:
    """What the door lets in for it, by path; nothing where it polls."""
    if telegram is None or settings.telegram.webhook_url is None:
        return {}
    return {urlsplit(settings.telegram.webhook_url).path: telegram.webhook}

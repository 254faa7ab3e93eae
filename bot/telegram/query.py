"""A press that waits for its answer: given once, and in time."""

import structlog
from telegram import CallbackQuery
from telegram.error import TelegramError

from bot.telegram.errors import is_late
from bot.telegram.words import MOST_NOTICE, shortened

log = structlog.get_logger(__name__)
_BRIEF = 60  # characters of what passes by at the top; what is longer has to be read


class Query:
    """One press."""

    def __init__(self, query: CallbackQuery) -> None:
        self._query = query
        self.is_answered = False

    async def answer(self, text: str = "", *, alert: bool = False, url: str = "") -> None:
        """Take the spinner away, perhaps with a word for that person alone, or by opening our conversation."""
        if self.is_answered:
            return
        self.is_answered = True
        try:
            await self._query.answer(
                shortened(text, MOST_NOTICE) or None, show_alert=(alert or len(text) > _BRIEF) or None, url=url or None
            )
        except TelegramError as error:
            level = log.info if is_late(error) else log.warning
            level("press_not_answered", error=type(error).__name__)

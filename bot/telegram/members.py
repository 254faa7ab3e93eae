"""Who moderates a chat: its administrators, as Telegram says, asked at most once a minute for each of them."""

import time
from collections import OrderedDict
from collections.abc import Callable

import structlog
from telegram import Bot
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError

from engine.model import Power

log = structlog.get_logger(__name__)

FRESH = 60.0  # seconds that an answer holds
MOST = 10_000  # people of whom it is known
_OUTSIDE = (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED)
_ADMINISTRATORS = (ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.OWNER)


class Members:
    """What people are in groups."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[int, int], tuple[float, Power]] = OrderedDict()

    async def standing(self, bot: Bot, chat: int, user: int) -> Power:
        """Give somebody's power in a group: nobody's if they are not in it, or Telegram does not say."""
        now = self._clock()
        known = self._known.get((chat, user))
        if known is not None and known[0] > now:
            return known[1]
        try:
            member = await bot.get_chat_member(chat, user)
        except TelegramError as error:
            log.info("member_not_known", error=type(error).__name__)
            return Power.NOBODY
        power = Power.MODERATOR if member.status in _ADMINISTRATORS else Power.MEMBER
        if member.status in _OUTSIDE or getattr(member, "is_member", True) is False:
            power = Power.NOBODY
        self._known[chat, user] = (now + FRESH, power)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return power

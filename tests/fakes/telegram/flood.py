"""Flood control: what a bot may send in a chat, in a group and in all, and who went over it.

Telegram's rules as its FAQ states them: a message a second in a chat with short bursts, 20 a minute in a group, 30 a
second in all. Here each message of an album counts, and so does every edit. Windows are a little shorter than said, so
that the jitter of a network never makes a bot guilty that keeps to them.
"""

import math
from collections import deque
from dataclasses import dataclass, field, replace

from tests.fakes.telegram.clock import Clock
from tests.fakes.telegram.errors import Refusal, too_many_requests
from tests.fakes.telegram.model import Chat

GRACE = 0.25  # seconds in which a call may arrive that was sent before its bot heard of the wait


@dataclass(frozen=True, kw_only=True)
class FloodLimits:
    """How much is allowed; 0 switches a rule off."""

    chat_per_second: float = 1.0
    chat_burst: float = 3.0  # messages that a chat takes at once after a rest
    group_per_minute: int = 20
    all_per_second: int = 30
    minute: float = 59.0  # seconds
    second: float = 0.8

    def faster(self, factor: float) -> "FloodLimits":
        """The same rules on a clock that runs so many times faster, for long evenings in short tests."""
        return replace(
            self,
            chat_per_second=self.chat_per_second * factor,
            minute=self.minute / factor,
            second=self.second / factor,
        )


NO_LIMITS = FloodLimits(chat_per_second=0, group_per_minute=0, all_per_second=0)


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A call over a limit, or one that went on during a flood wait."""

    at: float
    method: str
    chat_id: int
    rule: str  # "chat", "group", "all", or "wait"
    retry_after: int


@dataclass
class _Budget:
    """What a chat has left."""

    tokens: float
    at: float
    sent: deque[float] = field(default_factory=deque)
    wait_until: float = 0.0
    told_at: float = 0.0


class Flood:
    """Counts what goes to every chat; `excesses` lists what was too much, injected waits are not in it."""

    def __init__(self, clock: Clock, limits: FloodLimits) -> None:
        self.clock = clock
        self.limits = limits
        self.excesses: list[Excess] = []
        self._budgets: dict[int, _Budget] = {}
        self._all = _Budget(tokens=0, at=0)

    def check(self, method: str, chat: Chat, messages: int = 1) -> None:
        """Take so many messages from the budgets, or raise 429 for the longest wait that is due."""
        now = self.clock.now()
        budget = self._budget(chat.id, now)
        for waiting in (budget, self._all):
            if waiting.wait_until > now:
                self._refuse("wait", waiting, method, chat, waiting.wait_until - now)
        self._slide(budget.sent, now - self.limits.minute)
        self._slide(self._all.sent, now - self.limits.second)
        limits = self.limits
        if limits.chat_per_second and budget.tokens < 1:
            self._refuse("chat", budget, method, chat, (1 - budget.tokens) / limits.chat_per_second)
        too_many = len(budget.sent) + messages - limits.group_per_minute
        if chat.is_group and limits.group_per_minute and too_many > 0:
            last = budget.sent[min(too_many, len(budget.sent)) - 1] if budget.sent else now
            self._refuse("group", budget, method, chat, last + limits.minute - now)
        if limits.all_per_second and len(self._all.sent) + messages > limits.all_per_second:
            self._refuse("all", self._all, method, chat, 1.0)
        budget.tokens -= messages
        budget.sent.extend([now] * messages)
        self._all.sent.extend([now] * messages)

    def wait(self, chat: Chat | None, seconds: int) -> Refusal:
        """A flood wait of the server's own making, in one chat or in all."""
        budget = self._budget(chat.id, self.clock.now()) if chat else self._all
        budget.told_at = self.clock.now()
        budget.wait_until = budget.told_at + seconds
        return too_many_requests(seconds)

    def _budget(self, chat_id: int, now: float) -> _Budget:
        limits = self.limits
        budget = self._budgets.setdefault(chat_id, _Budget(tokens=limits.chat_burst, at=now))
        budget.tokens = min(limits.chat_burst, budget.tokens + (now - budget.at) * limits.chat_per_second)
        budget.at = now
        return budget

    def _slide(self, sent: deque[float], since: float) -> None:
        while sent and sent[0] <= since:
            sent.popleft()

    def _refuse(self, rule: str, budget: _Budget, method: str, chat: Chat, seconds: float) -> None:
        now, retry_after = self.clock.now(), max(1, math.ceil(seconds))
        if rule != "wait":
            budget.told_at, budget.wait_until = now, now + retry_after
        if rule != "wait" or now > budget.told_at + GRACE:
            excess = Excess(at=now, method=method, chat_id=chat.id, rule=rule, retry_after=retry_after)
            self.excesses.append(excess)
        raise too_many_requests(retry_after)

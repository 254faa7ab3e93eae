"""Questions that wait for their answer, in memory: after a restart they are asked again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.adapter import Command
from bot.discord.attachments import Attachment
from engine.ids import new_id

LIFE = 15 * 60.0  # seconds; Discord lets the message that asks be changed as long
MOST = 500  # questions; pictures may hang on them


@dataclass(frozen=True, kw_only=True)
class Question:
    """A command that waits to be confirmed or filled in."""

    command: Command
    attachment: Attachment | None = None  # a picture that is fetched once the command is given


class Questions:
    """The open ones, by key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[float, Question]] = {}

    def ask(self, question: Question) -> str:
        """Keep a question; gives its key."""
        self._forget()
        key = new_id()
        self._open[key] = (self._clock() + LIFE, question)
        return key

    def peek(self, key: str, person_id: str) -> Question | None:
        """Look at a question of that person's; None if there is none any more."""
        self._forget()
        _, question = self._open.get(key, (0.0, None))
        return question if question is not None and question.command.identity.id == person_id else None

    def take(self, key: str, person_id: str) -> Question | None:
        """Take a question away, to be answered once."""
        question = self.peek(key, person_id)
        if question is not None:
            del self._open[key]
        return question

    def _forget(self) -> None:
        now = self._clock()
        for key in [key for key, (until, _) in self._open.items() if until <= now]:
            del self._open[key]
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]

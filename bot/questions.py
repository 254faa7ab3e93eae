"""Questions that wait for their answer, in memory: after a restart they are asked again."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from engine.ids import new_id

Q = TypeVar("Q")
LIFE = 15 * 60.0  # seconds
MOST = 500  # questions; pictures may hang on them


class OpenQuestions(Generic[Q]):
    """The open ones, by key; each is one person's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[float, str, Q]] = {}

    def put(self, person_id: str, question: Q) -> str:
        """Keep a question; gives its key."""
        self._forget()
        key = new_id()
        self._open[key] = (self._clock() + LIFE, person_id, question)
        return key

    def peek(self, key: str, person_id: str) -> Q | None:
        """Look at a question of that person's; None if there is none any more."""
        self._forget()
        found = self._open.get(key)
        return found[2] if found is not None and found[1] == person_id else None

    def take(self, key: str, person_id: str) -> Q | None:
        """Take a question away, to be answered once."""
        question = self.peek(key, person_id)
        if question is not None:
            del self._open[key]
        return question

    def _forget(self) -> None:
        now = self._clock()
        for key in [key for key, (until, _, _) in self._open.items() if until <= now]:
            del self._open[key]
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]

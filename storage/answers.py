"""Answers from threads to the event loops that wait for them: one wake-up for all that are ready.

To wake an event loop from another thread costs a system call and usually a change of threads, more than most of what
is asked of a database. So answers that are ready together arrive together.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Answer(Generic[T]):
    """What a coroutine waits for; made on its event loop, and given by any thread.

    A caller that was cancelled is not there any more when its answer comes; the work goes on without it.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self._value: T
        self._error: BaseException | None = None

    def value(self, value: T) -> None:
        """Answer with a value, once `deliver` is called."""
        self._value, self._error = value, None

    def error(self, error: BaseException) -> None:
        """Answer with an error, once `deliver` is called."""
        self._error = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error  # futures take no other

    def arrive(self) -> None:
        """Tell whoever waits; called on the event loop."""
        if self.future.done():
            return
        if self._error is None:
            self.future.set_result(self._value)
        else:
            self.future.set_exception(self._error)


class Postbox:
    """Delivers answers to their event loops; what comes before a loop has woken up goes with what woke it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: dict[asyncio.AbstractEventLoop, list[Answer[object]]] = defaultdict(list)

    def deliver(self, answers: Iterable[Answer[object]]) -> None:
        """Have these answers arrive; may be called from any thread."""
        asleep: set[asyncio.AbstractEventLoop] = set()
        with self._lock:
            for answer in answers:
                ready = self._ready[answer.loop]
                if not ready:
                    asleep.add(answer.loop)
                ready.append(answer)
        for loop in asleep:
            try:
                loop.call_soon_threadsafe(self._arrive, loop)
            except RuntimeError:  # it is closed, and nobody waits there any more
                self._take(loop)

    def _arrive(self, loop: asyncio.AbstractEventLoop) -> None:
        for answer in self._take(loop):
            answer.arrive()

    def _take(self, loop: asyncio.AbstractEventLoop) -> list[Answer[object]]:
        with self._lock:
            return self._ready.pop(loop, [])

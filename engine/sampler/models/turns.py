"""Taking turns at a device: whoever waits can be interrupted, and can be served by whoever works."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_POLL = 0.05  # seconds between looks at an interrupt

Between = Callable[[], None]
"""Called between pieces of work, in the thread that asked for it; what it raises ends the work."""


def proceed() -> None:
    """Never end the work."""


@contextmanager
def turn(lock: threading.Lock, between: Between) -> Iterator[None]:
    """Hold a lock, waiting for it as long as `between` does not raise."""
    while not lock.acquire(timeout=_POLL):
        between()
    try:
        yield
    finally:
        lock.release()


_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[_Task, _Result]):
    task: _Task
    kind: object  # tasks of equal kinds can be done together
    results: list[_Result] = field(default_factory=list)  # one when done

    @property
    def done(self) -> bool:
        return bool(self.results)


class Shared(Generic[_Task, _Result]):
    """Work on a device that is done for several threads at once.

    Whoever gets the lock works for those too who wait with tasks of the same kind. If that fails, or its own prompt is
    interrupted meanwhile, the others stay in line and are served by another turn.
    """

    def __init__(self, *, lock: threading.Lock, most: int) -> None:
        self._lock = lock
        self._most = most  # tasks at once
        self._guard = threading.Lock()
        self._line: list[_Ticket[_Task, _Result]] = []

    def do(
        self, task: _Task, *, kind: object, work: Callable[[list[_Task]], list[_Result]], between: Between
    ) -> _Result:
        """Do a task by `work`, perhaps together with others; raises what it and `between` raise."""
        mine: _Ticket[_Task, _Result] = _Ticket(task, kind)
        with self._guard:
            self._line.append(mine)
        try:
            with turn(self._lock, lambda: self._look(mine, between)):
                if not mine.done:
                    self._serve(mine, work)
        except _Served:
            pass
        finally:
            with self._guard:
                self._line.remove(mine)
        return mine.results[0]

    @staticmethod
    def _look(mine: "_Ticket[_Task, _Result]", between: Between) -> None:
        if mine.done:
            raise _Served
        between()

    def _serve(self, mine: "_Ticket[_Task, _Result]", work: Callable[[list[_Task]], list[_Result]]) -> None:
        with self._guard:
            others = [one for one in self._line if one is not mine and not one.done and one.kind == mine.kind]
        together = [mine, *others[: self._most - 1]]
        for ticket, result in zip(together, work([ticket.task for ticket in together]), strict=True):
            ticket.results.append(result)


class _Served(Exception):
    """Another thread did it meanwhile."""

"""Faults on demand: flood waits, errors of the server, broken connections, answers that take their time."""

import fnmatch
from dataclasses import dataclass, field
from enum import StrEnum

from tests.fakes.telegram.model import Chat


class What(StrEnum):
    """What goes wrong."""

    FLOOD = "flood"  # 429; the wait then holds for the chat
    STATUS = "status"  # a 5xx with no JSON in it, nothing is done
    DROP = "drop"  # the connection breaks, nothing is done
    LOSE = "lose"  # it is done, and then the connection breaks before the answer
    SLOW = "slow"  # it is done, and the answer comes late


@dataclass(eq=False)
class Fault:
    """One thing that goes wrong for the next `times` calls that match."""

    what: What
    method: str  # a pattern: "send*"
    times: int
    chat: Chat | None = None
    number: float = 0.0  # seconds, or the status
    happened: int = field(default=0, init=False)


class Faults:
    """What is to go wrong; the first fault that matches a call happens."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.down = False  # every connection is cut without an answer

    def flood(self, method: str = "*", *, retry_after: int = 2, times: int = 1, chat: Chat | None = None) -> Fault:
        """Answer 429 with these seconds to wait."""
        return self._add(Fault(What.FLOOD, method, times, chat, retry_after))

    def fail(self, method: str = "*", *, status: int = 502, times: int = 1, chat: Chat | None = None) -> Fault:
        """Answer with a status of 5xx."""
        return self._add(Fault(What.STATUS, method, times, chat, status))

    def drop(self, method: str = "*", *, times: int = 1, chat: Chat | None = None) -> Fault:
        """Break the connection before anything is done."""
        return self._add(Fault(What.DROP, method, times, chat))

    def lose_answer(self, method: str = "*", *, times: int = 1, chat: Chat | None = None) -> Fault:
        """Do it, then break the connection."""
        return self._add(Fault(What.LOSE, method, times, chat))

    def slow(self, method: str = "*", *, seconds: float, times: int = 1, chat: Chat | None = None) -> Fault:
        """Do it, then wait before the answer."""
        return self._add(Fault(What.SLOW, method, times, chat, seconds))

    def take(self, method: str, chat: Chat | None) -> Fault | None:
        """The fault of this call, counted as happened."""
        for fault in self.waiting:
            if fault.happened < fault.times and fnmatch.fnmatch(method, fault.method) and fault.chat in {None, chat}:
                fault.happened += 1
                return fault
        return None

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.waiting.clear()
        self.down = False

    def _add(self, fault: Fault) -> Fault:
        self.waiting.append(fault)
        return fault

"""What goes wrong on demand."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happens to a call."""

    STATUS = "status"  # it is answered with a status, and not carried out
    LIMITED = "limited"  # 429 with retry_after, and not carried out
    LOST = "lost"  # it is carried out, and the connection breaks before the answer
    CUT = "cut"  # the connection breaks before it is carried out
    SLOW = "slow"  # it is carried out, and the answer takes its time
    LATE = "late"  # it is carried out only after a time


@dataclass(eq=False, kw_only=True)
class Fault:
    """So many of the calls that match go wrong in this way."""

    kind: Kind
    method: str = ""  # any
    route: str = ""  # a part of the path template or of the path; any
    times: int = 1
    status: int = 500
    seconds: float = 1.0  # retry_after of a 429, or how long a slow answer takes
    scope: str = "user"  # of a 429: user, shared or global
    after: int = 0  # so many that match go well first
    hits: int = 0

    def meets(self, method: str, route: str, path: str) -> bool:
        """Whether this call goes wrong; counts it."""
        if self.times <= 0 or (self.method and self.method != method):
            return False
        if self.route and self.route not in route and self.route not in path:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        self.hits += 1
        return True


class Faults:
    """The faults that are due; `lift` ends them all."""

    def __init__(self) -> None:
        self.due: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """One more; its `hits` tells later how often it struck."""
        self.due.append(fault)
        return fault

    def status(self, status: int, *, method: str = "", route: str = "", times: int = 1, after: int = 0) -> Fault:
        """The next calls are answered with this status (500, 502, 503, 401, 403, ...) and not carried out."""
        return self.add(Fault(kind=Kind.STATUS, status=status, method=method, route=route, times=times, after=after))

    def limited(
        self, seconds: float, *, method: str = "", route: str = "", times: int = 1, scope: str = "user"
    ) -> Fault:
        """The next calls are answered with 429 and this `retry_after`."""
        return self.add(Fault(kind=Kind.LIMITED, seconds=seconds, method=method, route=route, times=times, scope=scope))

    def lost(self, *, method: str = "", route: str = "", times: int = 1, after: int = 0) -> Fault:
        """The next calls happen, but nobody hears the answer."""
        return self.add(Fault(kind=Kind.LOST, method=method, route=route, times=times, after=after))

    def cut(self, *, method: str = "", route: str = "", times: int = 1) -> Fault:
        """The next calls do not happen, and their connections break."""
        return self.add(Fault(kind=Kind.CUT, method=method, route=route, times=times))

    def slow(self, seconds: float, *, method: str = "", route: str = "", times: int = 1) -> Fault:
        """The next calls happen at once, and are answered later."""
        return self.add(Fault(kind=Kind.SLOW, seconds=seconds, method=method, route=route, times=times))

    def late(self, seconds: float, *, method: str = "", route: str = "", times: int = 1) -> Fault:
        """The next calls happen only after a time."""
        return self.add(Fault(kind=Kind.LATE, seconds=seconds, method=method, route=route, times=times))

    def lift(self, faults: Iterable[Fault] | None = None) -> None:
        """End these, or all."""
        ended = list(self.due if faults is None else faults)
        self.due = [fault for fault in self.due if fault not in ended]

    def strike(self, method: str, route: str, path: str) -> Fault | None:
        """The fault of this call, if any."""
        return next((fault for fault in self.due if fault.meets(method, route, path)), None)

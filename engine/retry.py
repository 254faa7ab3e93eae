"""Whether a failed attempt is worth another, and where: a pure policy; the queue does the waiting."""

from collections import defaultdict
from dataclasses import dataclass

from engine.errors import (
    AtelierError,
    AttemptTimeout,
    AttemptUnknown,
    EndpointBusy,
    EndpointFull,
    EndpointLost,
    OutOfMemory,
    OutputMissing,
)

_NO_FAULT_OF_THE_TASK = (EndpointLost, EndpointBusy, EndpointFull, AttemptUnknown)
_OTHERS_MAY_DO_BETTER = (EndpointLost, EndpointFull, OutOfMemory, AttemptTimeout, OutputMissing)
NO_FAULT_FACTOR = 4
FIRST_REST, LONGEST_REST = 0.25, 15.0  # seconds
CALM = 8  # attempts that must succeed before an endpoint that ran out of memory is given one more at once


@dataclass(frozen=True, kw_only=True)
class Retry:
    """What to do after an attempt failed."""

    again: bool  # the task waits for another try
    elsewhere: bool = False  # on another endpoint, if one can run it
    fewer: bool = False  # the endpoint gets fewer attempts at once


def decide(error: AtelierError, tries: int, max_tries: int) -> Retry:
    """Say what follows when attempt number `tries` (1 is the first) of a task has ended with `error`.

    Errors that another try cannot mend (a graph that is refused, a node that raises) are final at once. An endpoint
    that went away is no fault of the task, so it may be tried `NO_FAULT_FACTOR` times as often: a crash loop ends, an
    evening of restarts does not cost anybody a picture. Memory that ran out may do on a larger GPU, or on the same one
    with fewer beside it.
    """
    limit = max_tries * (NO_FAULT_FACTOR if isinstance(error, _NO_FAULT_OF_THE_TASK) else 1)
    again = error.retryable and tries < limit
    return Retry(
        again=again,
        elsewhere=again and isinstance(error, _OTHERS_MAY_DO_BETTER),
        fewer=isinstance(error, OutOfMemory),
    )


class Rests:
    """Which endpoints are left alone for a while because they were lost: longer each time, until an attempt succeeds.

    A dead endpoint answers every attempt at once, so that without a rest a task's tries are used up in a moment. Times
    are seconds of a clock that never goes back.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._length: dict[str, float] = {}

    def lost(self, endpoint: str, now: float) -> None:
        """Note that an attempt lost its endpoint; several at once are one loss."""
        if self.resting(endpoint, now):
            return
        self._length[endpoint] = min(LONGEST_REST, 2 * self._length.get(endpoint, FIRST_REST / 2))
        self._until[endpoint] = now + self._length[endpoint]

    def succeeded(self, endpoint: str) -> None:
        """Note that an attempt succeeded: the next loss is a first one."""
        self._until.pop(endpoint, None)
        self._length.pop(endpoint, None)

    def resting(self, endpoint: str, now: float) -> bool:
        """Whether the endpoint gets no attempt now."""
        return now < self._until.get(endpoint, now)


class Crowds:
    """How many attempts each endpoint is given at once: all that it takes, fewer after it ran out of memory.

    Halved with each such failure, down to one; one more after `CALM` attempts in a row that succeeded.
    """

    def __init__(self) -> None:
        self._limits: dict[str, int] = {}
        self._calm: defaultdict[str, int] = defaultdict(int)

    def limit(self, endpoint: str, slots: int) -> int:
        """Give the most attempts at once for an endpoint that takes `slots`."""
        return min(slots, self._limits.get(endpoint, slots))

    def too_many(self, endpoint: str, running: int) -> None:
        """Note that the endpoint ran out of memory while it ran this many."""
        self._limits[endpoint] = max(1, running // 2)
        self._calm[endpoint] = 0

    def succeeded(self, endpoint: str) -> None:
        """Note that an attempt succeeded there."""
        if endpoint not in self._limits:
            return
        self._calm[endpoint] += 1
        if self._calm[endpoint] >= CALM:
            self._calm[endpoint] = 0
            self._limits[endpoint] += 1

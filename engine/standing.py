"""The types of the queue as people see it: whether it is paused, and what a job waits for."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Somebody has paused the queue."""

    by: str  # "platform:id"
    reason: str  # in their words; may be empty
    at: float


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What a job waits for."""

    held: bool = False  # somebody holds it
    paused: bool = False  # the queue is paused
    pause_reason: str = ""  # in the words of who paused it; may be empty
    needs: tuple[str, ...] = ()  # of its tasks that wait
    tasks_of_others: int = 0  # whose turn comes before
    people: int = 0  # how many others these are of
    own_jobs: int = 0  # of the same person, whose turn comes before
    own_running: int = 0  # tasks of the same person that run now
    running_cap: int | None = None  # how many of these may run at once
    endpoint_away: bool = False  # no endpoint that is ready can run it

"""Start-time fair queueing: tags that share the GPUs by weight, whatever the number of jobs that somebody sends.

Source: P. Goyal, H. M. Vin, H. Cheng, "Start-time Fair Queueing: A Scheduling Algorithm for Integrated Services Packet
Switching Networks", SIGCOMM 1996. A flow is a person within a lane, a packet is a task, its length is the task's cost:

    start  = max(V at arrival, finish of the person's previous task)
    finish = start + cost / weight

Tasks are claimed by rising start tag; V, the lane's virtual time, is the start tag of the task claimed last. A person
with one task waits, after it arrived, no longer than it takes to run one task of every other person (the paper's
theorem 4), even if somebody else has 200 queued.

Two things differ from a single link. Several endpoints claim at once, and each only what it can run: a task may pass
over a lower tag. V then moves to the lowest tag that still waits, not to the task's own, so that nobody who arrives
later stands behind a backlog that a special endpoint has skipped (`advance`). And cancelled work that never ran gives
its place back (`finish_without`).

Tags and V are integers in mgs of virtual time: no rounding drift, the same order in every database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tag:
    """Where one task stands in its lane."""

    start: int  # mgs of virtual time
    finish: int


def tags(*, virtual_time: int, last_finish: int, costs: Sequence[int], weight: float = 1.0) -> tuple[Tag, ...]:
    """Tag tasks of one person that arrive together, in order; the last tag's finish is the person's new last finish.

    `costs` are in mgs; `weight` > 0 is the person's share relative to others. Every task takes at least 1 mgs of
    virtual time, so that free work cannot starve paid work. Raises ValueError for a weight that is not positive.
    """
    if not weight > 0:
        raise ValueError(f"a weight is positive, not {weight}")
    tagged = []
    start = max(virtual_time, last_finish)
    for cost in costs:
        finish = start + max(1, round(cost / weight))
        tagged.append(Tag(start=start, finish=finish))
        start = finish
    return tuple(tagged)


def advance(*, virtual_time: int, claimed: int, lowest_waiting: int | None) -> int:
    """Give V after a claim; it never goes back.

    `claimed` is the start tag of the task claimed, `lowest_waiting` that of the lane's first task still waiting.
    """
    head = claimed if lowest_waiting is None else min(claimed, lowest_waiting)
    return max(virtual_time, head)


def finish_without(*, served_finish: int, waiting_finishes: Iterable[int]) -> int:
    """Give a person's last finish after waiting tasks of theirs were cancelled.

    What was claimed stays used (`served_finish`, the highest finish tag ever claimed); of the rest only what still
    waits counts.
    """
    return max(served_finish, *waiting_finishes, 0)

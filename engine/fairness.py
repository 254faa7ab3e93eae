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

What goes first is chosen among the heads of the queue's lines (`choose`), with two bounds. Each endpoint keeps to both
by itself, with debts of its own: else the work that one claims in its turn would pay for what another puts before it,
and whoever only the other can serve might wait for ever.

- Fast goes before relaxed, but while there is relaxed work that an endpoint could do, the fast work that it claims
  earns relaxed work a share: each mgs adds share / (100 - share) mgs to the endpoint's credit, and when that covers the
  relaxed task that is next, this task goes. So before the endpoint has claimed relaxed work of c mgs together it claims
  at most c * (100 - share) / share mgs of fast work, and one fast task.
- An endpoint that has a checkpoint loaded may take work of that checkpoint before its turn, as long as the work that it
  has put ahead so in that lane comes to no more than `affinity` mgs; work of the lane that it claims in its turn pays
  that back, mgs for mgs. So a task before which an endpoint would claim S mgs of its lane in strict order sees it claim
  at most 2 * S + affinity mgs of the lane.

Tags and V are integers in mgs of virtual time: no rounding drift, the same order in every database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.model import Lane


@dataclass(frozen=True, kw_only=True)
class Tag:
    """Where one task stands in its lane."""

    start: int  # mgs of virtual time
    finish: int


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How far the order of tags may be left."""

    relaxed_share: int = 10  # per cent of the work that relaxed tasks get while fast ones wait too; 0 to 90
    affinity: int = 20_000  # mgs of work for a loaded checkpoint that an endpoint may put ahead of its turn in a lane


@dataclass(frozen=True, kw_only=True)
class Head:
    """The first task of a line: of those alike in lane, needs and community."""

    sequence: int  # order of arrival
    lane: Lane
    start: int  # mgs of virtual time
    cost: int  # mgs
    model: str  # the checkpoint; empty if it needs none


@dataclass(frozen=True, kw_only=True)
class Debts:
    """What the bounds have to remember of one endpoint between its claims, in mgs."""

    relaxed_credit: int = 0  # what its fast work has earned for relaxed work
    fast_ahead: int = 0  # fast work that affinity has put before its turn, not yet paid back
    relaxed_ahead: int = 0  # the same of relaxed work


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The task to claim, and the debts after that."""

    head: Head
    debts: Debts


def choose(heads: Iterable[Head], *, loaded: str, debts: Debts, bounds: Bounds) -> Choice | None:
    """Choose among the heads of the lines that an endpoint can run, whose `debts` and checkpoint `loaded` are its own.

    None without any. The rules stand in this module's docstring. Every task counts as at least 1 mgs.
    """
    fast: list[Head] = []
    relaxed: list[Head] = []
    for head in sorted(heads, key=lambda head: (head.start, head.sequence)):
        (fast if head.lane is Lane.FAST else relaxed).append(head)
    if not fast and not relaxed:
        return None
    if relaxed:
        head, ahead = _next_in(relaxed, loaded, debts.relaxed_ahead, bounds)
        left = debts.relaxed_credit - max(1, head.cost)
        if left >= 0 or not fast:
            return Choice(head=head, debts=replace(debts, relaxed_credit=max(0, left), relaxed_ahead=ahead))
    head, ahead = _next_in(fast, loaded, debts.fast_ahead, bounds)
    earned = -(-max(1, head.cost) * bounds.relaxed_share // (100 - bounds.relaxed_share)) if relaxed else 0
    return Choice(head=head, debts=replace(debts, relaxed_credit=debts.relaxed_credit + earned, fast_ahead=ahead))


def _next_in(lane: Sequence[Head], loaded: str, ahead: int, bounds: Bounds) -> tuple[Head, int]:
    """Choose in a lane, sorted by turn: the loaded checkpoint's first task, if it may go before its turn, or the first.

    Also gives what is ahead then.
    """
    found = next((head for head in lane if head.model == loaded), lane[0]) if loaded else lane[0]
    if found is not lane[0]:
        further = ahead + max(1, found.cost)
        if further <= bounds.affinity:
            return found, further
    return lane[0], max(0, ahead - max(1, lane[0].cost))


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

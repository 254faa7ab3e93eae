"""How fast endpoints really are: the quotes' milli-GPU-seconds that each gets done in a second, learnt as work ends.

It is learnt by kind of work: template, model and size class (`kind_of`). What is learnt is kept in the books, written
in the transaction that settles the work, and read again at the next start.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import exp, log2

from engine.model import JobView, Learnt, TaskStatus
from engine.ports import Clock

LEARNING_RATE = 0.25  # weight of the newest measurement in the moving average, once there are a few


def kind_of(template: str, model: str, width: int, height: int) -> str:
    """Name a kind of work; sizes are alike within a factor of about the square root of two in pixels."""
    size = round(2 * log2(max(1, width * height)))
    return f"{template}/{model}/{size}"


def work_left(view: JobView, load: float = 0.0) -> Mapping[str, float]:
    """Give the work until a job's last picture, in mgs by kind, as if all endpoints did it one after the other.

    While m tasks run side by side, the next of them to end has on the average 1 / (m + 1) of a task's time to go, and a
    task that has begun takes m times what it would take of all endpoints together. So of work `ahead` that waits, work
    `running` and own tasks of cost c, of which the last begins when all others have begun:

        work = overtaking * ahead + running / (m + 1) + (n - 1) * c + m * c

    New work of people who have less on its way goes before a job that stands deep in its own person's queue. While
    work keeps coming at `load` (seconds of work in a second), what is ahead grows to ahead / (1 - load); but never
    beyond what every person who is in the queue now can have before the job's tag: its depth for each of them.
    """
    side_by_side = max(1, view.running)
    work: defaultdict[str, float] = defaultdict(float)
    states = [task.status for task in view.tasks]
    waiting, own_running = states.count(TaskStatus.QUEUED), states.count(TaskStatus.RUNNING)
    each = max((task.cost for task in view.tasks), default=0)
    if waiting:
        for kind, cost in view.work_running.items():
            work[kind] += cost / (side_by_side + 1)
        ahead = sum(view.work_ahead.values())
        most = view.depth * view.people / ahead if ahead else 1.0
        overtaking = max(1.0, min(most, 1 / (1 - load) if load < 1 else most))
        for kind, cost in view.work_ahead.items():
            work[kind] += overtaking * cost
    if waiting or own_running:
        work[view.kind] += (max(0, waiting - 1) + side_by_side) * each
    return work


@dataclass(kw_only=True)
class Load:
    """How much work people ask for, in seconds of all endpoints for each second; an average that forgets slowly."""

    memory: float = 600.0  # seconds after which what was asked counts for 1/e
    _sum: float = 0.0
    _at: float | None = None
    _since: float = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Note that work of so many seconds was asked for."""
        if self._at is None:
            self._since = now
        self._sum = self._faded(now) + seconds
        self._at = now

    def rate(self, now: float) -> float:
        """Give the seconds of work that come in each second; 0 until that has been seen for a minute."""
        if self._at is None or now - self._since < 60.0:
            return 0.0
        return self._faded(now) / (self.memory * (1 - exp(-(now - self._since) / self.memory)))

    def _faded(self, now: float) -> float:
        return 0.0 if self._at is None else self._sum * exp(-max(0.0, now - self._at) / self.memory)


class Pace:
    """Throughput by endpoint and kind of work, for ETAs.

    What is not known of a kind is guessed from the endpoint's other work, and at first from its configured weight
    (1.0: 1000 mgs a second).
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Average] = {}
        self._endpoints: defaultdict[str, _Average] = defaultdict(_Average)

    def load(self, learnt: Iterable[Learnt]) -> None:
        """Take up what earlier processes have learnt."""
        for one in learnt:
            if one.mgs_per_second > 0:
                self._kinds[one.endpoint, one.kind] = _Average(value=1 / one.mgs_per_second, count=_WARM)
                self._endpoints[one.endpoint].add(1 / one.mgs_per_second)

    def observe(self, endpoint: str, kind: str, cost: int, share: float) -> Learnt | None:
        """Learn that work quoted at `cost` mgs took `share` seconds of the endpoint; gives what is known now."""
        if cost <= 0 or share <= 0:
            return None
        average = self._kinds.setdefault((endpoint, kind), _Average())
        average.add(share / cost)
        self._endpoints[endpoint].add(share / cost)
        return Learnt(endpoint=endpoint, kind=kind, mgs_per_second=1 / average.value)

    def seconds(self, work: Mapping[str, float], endpoints: Iterable[tuple[str, float]]) -> float | None:
        """Say how long work (mgs by kind) takes on these endpoints (name, weight) together; None without any."""
        able = tuple(endpoints)
        total = 0.0
        for kind, cost in work.items():
            rate = sum(self._rate(name, weight, kind) for name, weight in able)
            if rate <= 0:
                return None
            total += cost / rate
        return total if able else None

    def _rate(self, endpoint: str, weight: float, kind: str) -> float:
        known = self._kinds.get((endpoint, kind)) or self._endpoints.get(endpoint)
        return 1000 * weight if known is None or known.value <= 0 else 1 / known.value


_WARM = 4  # measurements after which the newest counts for LEARNING_RATE


@dataclass(kw_only=True)
class _Average:
    """A moving average of seconds per mgs; the plain mean of the first few."""

    value: float = 0.0
    count: int = 0

    def add(self, seconds_per_mgs: float) -> None:
        """Take a measurement in."""
        self.count += 1
        self.value += max(LEARNING_RATE, 1 / self.count) * (seconds_per_mgs - self.value)


@dataclass(kw_only=True)
class Share:
    """The part of an endpoint's time that one attempt used: seconds, and their share when others ran beside it."""

    elapsed: float = 0.0
    used: float = 0.0

    def of(self, seconds: float) -> float:
        """Scale a duration that the endpoint measured to this attempt's share of it."""
        return seconds * (self.used / self.elapsed) if self.elapsed > 0 else seconds


@dataclass(kw_only=True)
class ShareMeter:
    """Splits an endpoint's time evenly among the attempts that run at once.

    Keeps a virtual time that runs at 1/n of real time while n attempts run; an attempt used what it advanced.
    """

    clock: Clock
    running: int = 0
    _virtual: float = 0.0
    _at: float = field(default=0.0)

    def _advance(self) -> None:
        now = self.clock.now()
        if self.running:
            self._virtual += max(0.0, now - self._at) / self.running
        self._at = now

    @contextmanager
    def attempt(self) -> Iterator[Share]:
        """Measure one attempt; the share is complete after the block."""
        self._advance()
        self.running += 1
        share = Share()
        virtual, started = self._virtual, self._at
        try:
            yield share
        finally:
            self._advance()
            self.running -= 1
            share.elapsed = max(0.0, self._at - started)
            share.used = self._virtual - virtual

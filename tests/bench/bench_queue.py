"""How long a claim takes with little and with much in the queue, and how good ETAs are on a load that changes."""

import asyncio
import heapq
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from engine.model import Person
from engine.pace import Load, Pace, kind_of, work_left
from storage.policy import Policy
from tests.bench.conftest import Report
from tests.fakes.books import NEEDS as ONLY
from tests.fakes.books import OpenBooks, books_in, new_job, picture, somebody

WIDE = Policy(grant=10**9, max_queued_jobs=10**6, max_running_tasks=1000)
ROUNDS = 20
AT_ONCE = 25  # claims that share a commit: its time is the disk's, not the queue's
NEEDS = [f"needs {number}" for number in range(5)]


async def queue_times(folder: Path, queued: int) -> tuple[float, float]:
    """Seconds that a claim takes with this many tasks queued, with the look at what waits; and the places of all."""
    folder.mkdir()
    async with books_in(folder, WIDE) as opened:
        who = [await somebody(opened.books, f"person {number}") for number in range(100)]
        for number in range(queued // 100):
            job = new_job(who[number % 100], f"job {number}", costs=(100,) * 100, needs=NEEDS[number % 5])
            await opened.books.accept(job)
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(AT_ONCE):
                assert set(await opened.books.waiting_needs()) == set(NEEDS)
            claims = await asyncio.gather(*(opened.books.claim("gpu", NEEDS) for _ in range(AT_ONCE)))
            assert all(claims)
            times.append((time.perf_counter() - began) / AT_ONCE)
        places = opened.deliveries
        looks = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert await places.positions()
            looks.append(time.perf_counter() - began)
    return median(times), median(looks)


async def bench_claims(tmp_path: Path, report: Report) -> None:
    """The first rounds warm up; medians do not see them."""
    few, few_places = await queue_times(tmp_path / "few", 1_000)
    many, many_places = await queue_times(tmp_path / "many", 100_000)
    report.figures(
        "a claim with 100,000 queued, to one with 1,000",
        many / few,
        f"{many * 1000:.2f} ms to {few * 1000:.2f} ms",
    )
    report.figures(
        "the places of who waits with 100,000 tasks queued, to those with 1,000",
        many_places / few_places,
        f"{many_places * 1000:.1f} ms to {few_places * 1000:.1f} ms",
    )


@dataclass(frozen=True)
class Kind:
    """Work of one size."""

    name: str
    cost: int  # mgs


KINDS = (Kind(kind_of("txt2img", "m", 512, 512), 1000), Kind(kind_of("txt2img", "m", 1024, 1024), 4000))
SPEEDS = {"one": 1.3, "two": 0.7}  # of the reference, as nobody has told the pace
JOBS = 600
SLOWER_FROM = 300  # from this job on endpoint "one" takes twice as long
ENDPOINTS = [(name, 1.0) for name in SPEEDS]


class Replay:
    """People ask, two endpoints draw one picture at a time, and the clock jumps from event to event."""

    def __init__(self, opened: OpenBooks, seed: int) -> None:
        self.opened, self.random = opened, random.Random(seed)
        self.pace, self.load = Pace(), Load()
        self.done: list[tuple[float, str, str, Kind, float]] = []  # a heap: end, endpoint, attempt, kind, duration
        self.kinds: dict[str, Kind] = {}
        self.promised: dict[str, tuple[float, float]] = {}  # by job: submitted at, ETA
        self.scores: list[float] = []
        self.arrived = 0

    async def run(self, who: list[Person]) -> list[float]:
        """Play it all; the relative errors of the ETAs that were told at submit."""
        arrivals = 0.0
        begin = self.opened.clock.time
        while self.arrived < JOBS or self.done:
            coming = begin + arrivals if self.arrived < JOBS else float("inf")
            if self.done and self.done[0][0] <= coming:
                await self.finish()
            else:
                self.opened.clock.time = coming
                await self.submit(who[self.random.randrange(len(who))])
                arrivals += self.random.expovariate(0.95)  # a second: a little more than is drawn, for a while
            await self.fill()
        return self.scores

    async def submit(self, person: Person) -> None:
        """One job of one picture, and what is said of it."""
        kind = self.random.choices(KINDS, (4, 1))[0]
        new = new_job(person, f"job {self.arrived}", costs=(kind.cost,))
        job = await self.opened.books.accept(replace(new, tasks=(replace(new.tasks[0], kind=kind.name),)))
        view = await self.opened.books.job(job.id)
        assert view is not None
        now = self.opened.clock.time
        self.load.add(self.pace.seconds({kind.name: kind.cost}, ENDPOINTS) or 0.0, now)
        eta = self.pace.seconds(work_left(view, self.load.rate(now)), ENDPOINTS)
        assert eta is not None
        self.promised[job.id] = (self.opened.clock.time, eta)
        self.kinds[job.id] = kind
        self.arrived += 1

    async def fill(self) -> None:
        """Give each endpoint that has nothing to do its next task."""
        busy = {entry[1] for entry in self.done}
        for name, speed in SPEEDS.items():
            if name in busy:
                continue
            attempt = await self.opened.books.claim(name, [ONLY])
            if attempt is None:
                return
            await self.opened.books.start(attempt.id)
            kind = self.kinds[attempt.job_id]
            slower = 2.0 if name == "one" and self.arrived >= SLOWER_FROM else 1.0
            duration = kind.cost / 1000 / speed * slower * self.random.lognormvariate(0.0, 0.3)
            heapq.heappush(self.done, (self.opened.clock.time + duration, name, attempt.id, kind, duration))

    async def finish(self) -> None:
        """The next picture is done; score the ETA of its job if it had to wait."""
        at, name, attempt_id, kind, duration = heapq.heappop(self.done)
        self.opened.clock.time = at
        learnt = self.pace.observe(name, kind.name, kind.cost, duration)
        job = await self.opened.books.settle(attempt_id, [picture(attempt_id)], duration, kind.cost, learnt=learnt)
        submitted, eta = self.promised[job.id]
        assert job.started_at is not None
        if job.started_at - submitted >= 3 * duration:
            self.scores.append(abs(eta - (at - submitted)) / (at - submitted))


async def bench_etas(tmp_path: Path, report: Report) -> None:
    """Durations lognormal with 30 % spread, one endpoint slowing to half, arrivals going on."""
    errors: list[float] = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        async with books_in(folder, WIDE) as opened:
            who = list(await asyncio.gather(*(somebody(opened.books, f"person {n}") for n in range(50))))
            errors += await Replay(opened, seed).run(who)
    assert len(errors) >= 100
    p90 = quantiles(errors, n=10)[8]
    report.figures(
        "error of the ETA told at submit, of jobs that wait three service times or more",
        None,
        f"median {100 * median(errors):.0f} %, p90 {100 * p90:.0f} %, {len(errors)} jobs",
    )

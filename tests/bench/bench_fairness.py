"""How fair the queue is, on a virtual clock: one person with 200 jobs against 31 with one, and a thousand traces."""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

from engine.fairness import advance, tags
from storage.policy import Policy
from tests.bench.conftest import Report
from tests.fakes.books import NEEDS, books_in, new_job, picture, somebody

TRACES = 1000
WIDE = Policy(grant=10**9, max_queued_jobs=10**6)


@dataclass(frozen=True)
class Ask:
    """A job of one picture that somebody asks for."""

    at: int  # mgs of the one endpoint's time: it does one mgs a tick
    person: str
    cost: int


@dataclass
class Server:
    """One endpoint that takes the lowest tag, by the rules that the books use; `fifo`: the oldest instead."""

    fifo: bool = False
    now: int = 0
    virtual_time: int = 0
    last_finish: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[int, int, Ask]] = field(default_factory=list)
    arrived: int = 0

    def accept(self, ask: Ask) -> None:
        """Put a job into the queue."""
        (tag,) = tags(virtual_time=self.virtual_time, last_finish=self.last_finish.get(ask.person, 0), costs=[ask.cost])
        self.last_finish[ask.person] = tag.finish
        self.arrived += 1
        heapq.heappush(self.waiting, (0 if self.fifo else tag.start, self.arrived, ask))

    def serve(self) -> Ask:
        """Do the next job to its end."""
        start, _, ask = heapq.heappop(self.waiting)
        lowest = self.waiting[0][0] if self.waiting else None
        self.virtual_time = advance(virtual_time=self.virtual_time, claimed=start, lowest_waiting=lowest)
        self.now += ask.cost
        return ask


def played(asks: Sequence[Ask], *, fifo: bool = False) -> Iterator[tuple[Ask, int]]:
    """Play a trace; each job with the time of its end."""
    server, coming = Server(fifo=fifo), sorted(asks, key=lambda ask: ask.at)
    index = 0
    while index < len(coming) or server.waiting:
        if not server.waiting:
            server.now = max(server.now, coming[index].at)
        while index < len(coming) and coming[index].at <= server.now:
            server.accept(coming[index])
            index += 1
        ask = server.serve()
        yield ask, server.now


def flood(cost: int = 1000) -> list[Ask]:
    """One person with 200 jobs, and 31 who ask for one each while these are drawn."""
    singles = [Ask(at=1 + number * 3 * cost, person=f"single {number}", cost=cost) for number in range(31)]
    return [Ask(at=0, person="flood", cost=cost)] * 200 + singles


def waits(asks: Sequence[Ask], *, fifo: bool = False) -> list[int]:
    """How long those with one job waited for its end, in mgs."""
    return [end - ask.at for ask, end in played(asks, fifo=fifo) if ask.person.startswith("single")]


def bound(asks: Sequence[Ask]) -> int:
    """Theorem 4 of the paper: the longest job of every other person, the one that is under way, and one's own."""
    longest: dict[str, int] = {}
    for ask in asks:
        longest[ask.person] = max(longest.get(ask.person, 0), ask.cost)
    return sum(longest.values()) + max(longest.values())


def random_trace(chance: random.Random) -> list[Ask]:
    """Somebody with very many jobs, some with some, and up to 31 with one, at any time."""
    asks = [Ask(at=0, person="flood", cost=chance.randint(100, 5000)) for _ in range(200)]
    for number in range(chance.randint(0, 4)):
        cost = chance.randint(100, 5000)
        asks += [Ask(at=chance.randint(0, 10**5), person=f"some {number}", cost=cost)] * chance.randint(2, 30)
    for number in range(chance.randint(1, 31)):
        asks.append(Ask(at=chance.randint(0, 3 * 10**5), person=f"single {number}", cost=chance.randint(100, 5000)))
    return asks


def jain(shares: Sequence[float]) -> float:
    """Jain's index: 1 where all have the same, 1/n where one has all. Jain, Chiu, Hawe, DEC-TR-301, 1984."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def backlogged_share(chance: random.Random) -> float:
    """Jain's index of what people who always have work waiting got, until the first of them runs out."""
    count = chance.randint(2, 16)
    asks = [
        Ask(at=0, person=f"person {number}", cost=chance.randint(100, 5000))
        for number in range(count)
        for _ in range(chance.randint(60, 200))
    ]
    chance.shuffle(asks)
    left = {f"person {number}": sum(ask.person == f"person {number}" for ask in asks) for number in range(count)}
    got = dict.fromkeys(left, 0)
    for ask, _ in played(asks):
        got[ask.person] += ask.cost
        left[ask.person] -= 1
        if not left[ask.person]:
            break
    return jain(list(got.values()))


def bench_one_against_many(report: Report) -> None:
    """FIFO is the control: there the small wait for all of the flood."""
    fair, fifo = waits(flood()), waits(flood(), fifo=True)
    assert max(fair) <= bound(flood())
    report.figures(
        "wait of 31 people with one job beside one with 200, first come first served to fair",
        mean(fifo) / mean(fair),
        f"mean {mean(fifo) / 1000:.0f} to {mean(fair) / 1000:.1f} jobs, longest {max(fifo) / 1000:.0f} to"
        f" {max(fair) / 1000:.1f}, bound {bound(flood()) / 1000:.0f}",
    )


def bench_random_traces(report: Report) -> None:
    """Every light wait is within the algorithm's bound, and who always has work gets an equal share."""
    chance = random.Random(0)
    shares = []
    for _ in range(TRACES):
        asks = random_trace(chance)
        shares += [wait / bound(asks) for wait in waits(asks)]
    indices = [backlogged_share(chance) for _ in range(TRACES)]
    assert max(shares) <= 1
    assert min(indices) >= 0.95
    report.figures(
        f"longest light wait in {TRACES} random traces, to its bound",
        max(shares),
        f"median {median(shares):.2f}, {len(shares)} waits",
    )
    report.figures(f"Jain's index of people with work waiting, lowest of {TRACES} traces", None, f"{min(indices):.3f}")


async def bench_the_books_agree(tmp_path: Path, report: Report) -> None:
    """The same trace through the real books gives the same order."""
    asks = sorted(flood(), key=lambda ask: ask.at)
    expected = [ask.person for ask, _ in played(asks)]
    order, names, now, index = [], {}, 0, 0
    async with books_in(tmp_path, WIDE) as opened:
        while len(order) < len(asks):
            while index < len(asks) and asks[index].at <= now:
                person = await somebody(opened.books, asks[index].person)
                new = new_job(person, f"job {index}", costs=(asks[index].cost,))
                names[(await opened.books.accept(new)).id] = asks[index].person
                index += 1
            attempt = await opened.books.claim("gpu", [NEEDS])
            assert attempt is not None
            order.append(names[attempt.job_id])
            await opened.books.settle(attempt.id, [picture(attempt.id)], 1.0, attempt.cost)
            now += attempt.cost
    assert order == expected
    report.figures("order of that trace in the real books", None, f"the same for all {len(order)} jobs")

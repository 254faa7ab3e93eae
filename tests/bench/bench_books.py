"""How many jobs the books take through their whole life, beside a loop of one-row transactions on the same disk."""

import asyncio
import gc
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from engine.model import JobStatus, Person
from engine.ports import Books
from storage.database_sqlite import COMMON_PRAGMAS
from storage.policy import Policy
from tests.bench.conftest import Report
from tests.fakes.books import NEEDS, books_in, new_job, picture, somebody

JOBS = 1500
IN_FLIGHT = 100
RAW_TRANSACTIONS = 400
RATE = 200  # accepts a second, whether the last one has returned or not
SECONDS = 10
WIDE = Policy(grant=10**9, max_queued_jobs=10**6)


def raw_rate(folder: Path) -> float:
    """Transactions a second of a bare loop: one row each, committed before the next."""
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as connection:
        for pragma in COMMON_PRAGMAS:
            connection.execute(pragma)
        connection.execute("CREATE TABLE IF NOT EXISTS line (id INTEGER PRIMARY KEY, text TEXT, at REAL)")
        began = time.perf_counter()
        for number in range(RAW_TRANSACTIONS):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO line (text, at) VALUES (?, ?)", ("x" * 200, number))
            connection.execute("COMMIT")
        return RAW_TRANSACTIONS / (time.perf_counter() - began)


async def people(books: Books, count: int) -> list[Person]:
    found = await asyncio.gather(*(somebody(books, f"person {number}") for number in range(count)))
    await asyncio.gather(*(books.balance(person.wallet_id) for person in found))
    return list(found)


async def live(books: Books, who: Sequence[Person], numbers: Sequence[int]) -> None:
    """Take jobs from submit to delivered, `IN_FLIGHT` at once; the endpoint is instant."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int) -> None:
        async with slots:
            await books.accept(new_job(who[number % len(who)], f"job {number}"))
            attempt = await books.claim("gpu", [NEEDS])
            assert attempt is not None
            assert await books.start(attempt.id)
            await books.settle(attempt.id, [picture(attempt.id)], 1.0, 700)
            delivery = await books.delivery(attempt.job_id)
            assert delivery is not None
            assert await books.delivery_sending(delivery.id)
            await books.delivery_done(delivery.id)

    await asyncio.gather(*(one(number) for number in numbers))


async def bench_whole_lives(tmp_path: Path, report: Report) -> None:
    """Acknowledged means committed, for every verb of every job."""
    async with books_in(tmp_path, WIDE) as opened:
        who = await people(opened.books, 50)
        await live(opened.books, who, range(JOBS, JOBS + 100))  # compiles the statements
        before = raw_rate(tmp_path)
        began = time.perf_counter()
        await live(opened.books, who, range(JOBS))
        rate = JOBS / (time.perf_counter() - began)
        raw = (before + raw_rate(tmp_path)) / 2
        assert (await opened.books.counts())[JobStatus.DONE] == JOBS + 100
    report.figures(
        "jobs through their whole life, to transactions of a bare loop",
        rate / raw,
        f"{rate:.0f} jobs/s to {raw:.0f} transactions/s",
    )


async def bench_accepting(tmp_path: Path, report: Report) -> None:
    """An open loop: what comes does not wait for what came before."""
    async with books_in(tmp_path, WIDE) as opened:
        who = await people(opened.books, 500)
        waits: list[float] = []

        async def one(number: int, due: float) -> None:
            await opened.books.accept(new_job(who[number % 500], f"job {number}"))
            waits.append(time.perf_counter() - due)

        began = time.perf_counter() + 0.1
        tasks = []
        for number in range(RATE * SECONDS):
            due = began + number / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(number, due)))
        await asyncio.gather(*tasks)
    p50, p99 = median(waits) * 1000, quantiles(waits, n=100)[98] * 1000
    report.figures(f"submit to acknowledged, {RATE}/s by 500 people", None, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")


async def bench_memory(tmp_path: Path, report: Report) -> None:
    """What 10,000 queued jobs add to the process."""
    async with books_in(tmp_path, WIDE) as opened:
        who = await people(opened.books, 100)
        for first in range(0, 2000, 500):  # caches of SQLite and SQLAlchemy fill
            await asyncio.gather(
                *(opened.books.accept(new_job(who[n % 100], f"warm {n}")) for n in range(first, first + 500))
            )
        before = resident()
        for first in range(0, 10_000, 500):
            await asyncio.gather(
                *(opened.books.accept(new_job(who[n % 100], f"job {n}")) for n in range(first, first + 500))
            )
        grown = resident() - before
    report.figures("memory of 10,000 queued jobs", None, f"{grown / 2**20:.1f} MiB")


def resident() -> int:
    """Bytes of the process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

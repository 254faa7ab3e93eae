"""How many jobs the books take through their whole life, beside loops of bare transactions on the same disk."""

import asyncio
import gc
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from bot.delivery import BATCH
from engine.model import Delivery, JobStatus, NewJob, Person, Picture
from engine.ports import Books
from storage.database import Database
from storage.database_sqlite import COMMON_PRAGMAS
from storage.policy import Policy
from storage.proof import prove
from tests.bench.conftest import Report
from tests.fakes.books import NEEDS, OpenBooks, books_in, new_job, picture, somebody

JOBS = 1500
IN_FLIGHT = 100
ROWS = 200  # characters in a row of the bare loops
VERBS = (8, 7, 2, 12, 2, 4)  # rows that each durable verb of a job of one picture writes at most
RAW_TRANSACTIONS = JOBS // 2
RAW_LIVES = 100
RATE = 200  # accepts a second, whether the last one has returned or not
SECONDS = 10
PROVED = 100_000  # jobs
KEPT = 24_000  # jobs
WIDE = Policy(grant=10**9, max_queued_jobs=10**6)


def bare_rate(folder: Path, rows: Sequence[int], times: int) -> float:
    """How often a second a bare loop does these transactions of so many rows, each committed before the next."""
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as connection:
        for pragma in COMMON_PRAGMAS:
            connection.execute(pragma)
        connection.execute("CREATE TABLE IF NOT EXISTS line (id INTEGER PRIMARY KEY, text TEXT, at REAL)")
        began = time.perf_counter()
        for number in range(times):
            for count in rows:
                connection.execute("BEGIN IMMEDIATE")
                for _ in range(count):
                    connection.execute("INSERT INTO line (text, at) VALUES (?, ?)", ("x" * ROWS, number))
                connection.execute("COMMIT")
        return times / (time.perf_counter() - began)


def fsync_time(folder: Path) -> float:
    """Seconds that the disk takes to keep an append of one page."""
    times = []
    with (folder / "synced").open("ab", buffering=0) as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times)


async def people(books: Books, count: int) -> list[Person]:
    found = await asyncio.gather(*(somebody(books, f"person {number}") for number in range(count)))
    await asyncio.gather(*(books.balance(person.wallet_id) for person in found))
    return list(found)


class Life(NamedTuple):
    """What somebody asks for, and what an endpoint makes of it."""

    new: NewJob
    picture: Picture


def lives(who: Sequence[Person], numbers: Sequence[int]) -> list[Life]:
    """Make them beforehand: what clients and endpoints do is not the books' work."""
    return [Life(new_job(who[n % len(who)], f"job {n}"), picture(f"picture {n}")) for n in numbers]


async def live(books: Books, asked: Sequence[Life]) -> None:
    """Take jobs from submit to delivered, `IN_FLIGHT` at once; the endpoint and the platform are instant."""
    slots, due = asyncio.Semaphore(IN_FLIGHT), asyncio.Event()

    async def work(life: Life) -> None:
        await slots.acquire()
        await books.accept(life.new)
        attempt = await books.claim("gpu", [NEEDS])
        assert attempt is not None
        assert await books.start(attempt.id)
        await books.settle(attempt.id, [life.picture], 1.0, 700)
        due.set()

    async def send(delivery: Delivery) -> None:
        await books.delivery_done(delivery.id)
        slots.release()

    async def deliver() -> None:
        """As `bot.delivery` does: what is due is taken together, and sent each by itself."""
        left = len(asked)
        while left:
            await due.wait()
            due.clear()
            taken = await books.take_deliveries(("test",), BATCH)
            left -= len(taken)
            for delivery in taken:
                sending.create_task(send(delivery))

    async with asyncio.TaskGroup() as sending:
        sending.create_task(deliver())
        for life in asked:
            sending.create_task(work(life))


async def rows_written(database: Database) -> int:
    """Rows that the writer has changed since it was opened."""
    return await database.write(lambda tx: int(tx.connection().exec_driver_sql("SELECT total_changes()").scalar_one()))


async def bench_whole_lives(tmp_path: Path, report: Report) -> None:
    """Acknowledged means committed, for every verb of every job; the bare loops run before and after."""
    statements: list[str] = []
    async with books_in(tmp_path, WIDE, on_statement=statements.append) as opened:
        who = await people(opened.books, 50)
        await live(opened.books, lives(who, range(JOBS, JOBS + 100)))  # compiles the statements
        asked = lives(who, range(JOBS))
        single, same_rows = [bare_rate(tmp_path, [1], RAW_TRANSACTIONS)], [bare_rate(tmp_path, VERBS, RAW_LIVES)]
        rows = await rows_written(opened.database)
        statements.clear()
        cpu, began = time.process_time(), time.perf_counter()
        await live(opened.books, asked)
        rate, cpu = JOBS / (time.perf_counter() - began), (time.process_time() - cpu) / JOBS
        count = sum(text != "committed" for text in statements) / JOBS
        rows = await rows_written(opened.database) - rows
        assert rows / JOBS <= sum(VERBS)
        single.append(bare_rate(tmp_path, [1], RAW_TRANSACTIONS))
        same_rows.append(bare_rate(tmp_path, VERBS, RAW_LIVES))
        assert (await opened.books.counts())[JobStatus.DONE] == JOBS + 100
    settled = bare_rate(tmp_path, [1], 2 * JOBS)  # by now its log is not extended any more, but written over
    report.figures(
        "jobs through their whole life, to as many transactions of a bare loop",
        rate / (sum(single) / 2),
        f"{rate:.0f} jobs/s to {sum(single) / 2:.0f} transactions/s ({settled:.0f} later, over an old log);"
        f" {cpu * 1000:.2f} ms of processor and {count:.0f} statements a job, an fsync takes"
        f" {fsync_time(tmp_path) * 1000:.2f} ms",
    )
    report.figures(
        "the same, to a bare loop that commits as often and writes as many rows",
        rate / (sum(same_rows) / 2),
        f"{rate:.0f} jobs/s to {sum(same_rows) / 2:.0f}/s of {len(VERBS)} transactions with {rows / JOBS:.0f} rows",
    )


async def bench_growth(tmp_path: Path, report: Report) -> None:
    """Whether the books slow down with all that they keep."""
    rates = []
    async with books_in(tmp_path, WIDE) as opened:
        who = await people(opened.books, 500)
        await live(opened.books, lives(who, range(100)))  # compiles the statements
        for begin in range(100, KEPT + 100, JOBS):
            asked = lives(who, range(begin, begin + JOBS))
            began = time.perf_counter()
            await live(opened.books, asked)
            rates.append(JOBS / (time.perf_counter() - began))
    early, late = median(rates[:3]), median(rates[-3:])
    report.figures(
        f"jobs through their whole life with {KEPT:,} kept, to those with few",
        late / early,
        f"{late:.0f} to {early:.0f} jobs/s, 500 people",
    )


async def bench_verbs_alone(tmp_path: Path, report: Report) -> None:
    """One job at a time: nothing shares a commit, and each verb waits for its own fsync."""
    async with books_in(tmp_path, WIDE) as opened:
        who = await people(opened.books, 50)
        await live(opened.books, lives(who, range(100)))
        began = time.perf_counter()
        for number in range(200):
            await live(opened.books, lives(who, [1000 + number]))
        took = (time.perf_counter() - began) / 200
    report.figures("a job alone through its whole life", None, f"{took * 1000:.1f} ms for {len(VERBS)} commits")


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


async def bench_proof(tmp_path: Path, report: Report) -> None:
    """Whether the books add up, asked of many jobs: a hundred were lived, the others are copies of them."""
    took = {}
    for folder, copies in (("few", 10), ("many", PROVED // 100)):
        (tmp_path / folder).mkdir()
        async with books_in(tmp_path / folder, WIDE) as opened:
            await live(opened.books, lives(await people(opened.books, 50), range(100)))
        multiply(tmp_path / folder / "atelier.db", copies)
        async with books_in(tmp_path / folder, WIDE) as opened:
            took[folder] = await timed_proof(opened)
            assert (await opened.books.counts())[JobStatus.DONE] == 100 * copies
    report.figures(
        f"proof of {PROVED:,} jobs, to 100 proofs of {PROVED // 100:,}",
        took["many"] / took["few"] / 100,
        f"{took['many']:.1f} s to {took['few'] * 1000:.0f} ms",
    )


async def timed_proof(opened: OpenBooks) -> float:
    """Seconds that a proof takes; the first one compiles its statements."""
    for _ in range(2):
        began = time.perf_counter()
        assert await opened.database.read(prove) == []
    return time.perf_counter() - began


def multiply(path: Path, times: int) -> None:
    """Make of each job in a closed database so many, alike but for their names."""
    ids = {
        "job": ("id", "request_key"),
        "task": ("id", "job_id"),
        "attempt": ("id", "task_id", "job_id", "prompt_id"),
        "delivery": ("id", "job_id"),
        "ledger_entry": ("key", "job_id"),
    }
    with closing(sqlite3.connect(path)) as connection:
        for table, named in ids.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "sequence"]
            made = [f"\"{name}\" || '-' || copy" if name in named else f'"{name}"' for name in columns]
            listed = ", ".join(f'"{name}"' for name in columns)
            kept = " WHERE job_id IS NOT NULL" if table == "ledger_entry" else ""
            connection.execute(
                f"WITH RECURSIVE copies (copy) AS (SELECT 2 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {times})"
                f" INSERT INTO {table} ({listed})"
                f" SELECT {', '.join(made)} FROM {table}, copies{kept}"
            )
        sums = "SELECT sum(amount) FROM ledger_entry WHERE wallet_id = wallet.id"
        connection.execute(f"UPDATE wallet SET balance = coalesce(({sums}), 0)")
        connection.commit()


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

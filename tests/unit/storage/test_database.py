"""Transactions: together where they can be, apart where they must, durable when they return."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from engine.errors import DiskFull, QueueFull, StorageError
from storage.database import Database
from storage.tables import BlobRow, IdentityRow


class Points:
    """A fault hook that counts what it is told, and can hold the writer or break it."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.gate = threading.Event()
        self.gate.set()
        self.errors: list[Exception] = []

    def __call__(self, point: str) -> None:
        self.seen[point] += 1
        if point == "commit":
            self.gate.wait(30)
            if self.errors:
                raise self.errors.pop()


@pytest.fixture
def points() -> Points:
    return Points()


@pytest.fixture
async def database(tmp_path: Path, points: Points) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "atelier.db", fault=points)
    yield database
    points.gate.set()
    await database.close()


def put(session: Session, name: str, size: int = 1) -> str:
    session.add(BlobRow(name=name, size=size, created_at=0.0))
    return name


def names(session: Session) -> list[str]:
    return sorted(row.name for row in session.exec(select(BlobRow)))


async def test_transactions_that_wait_together_are_committed_together(database: Database, points: Points) -> None:
    points.gate.clear()
    first = asyncio.create_task(database.write(lambda session: put(session, "first")))
    await asyncio.sleep(0.05)
    rest = [asyncio.create_task(database.write(lambda session, n=n: put(session, f"{n:03}"))) for n in range(100)]
    await asyncio.sleep(0.05)
    assert not first.done()
    points.gate.set()
    assert await asyncio.gather(*rest) == [f"{n:03}" for n in range(100)]
    assert points.seen["commit"] == points.seen["committed"] == 2
    assert len(await database.read(names)) == 101


async def test_one_that_refuses_leaves_the_others_alone(database: Database, points: Points) -> None:
    def refuse(session: Session) -> str:
        put(session, "half")
        session.flush()
        raise QueueFull

    def fail(session: Session) -> str:
        put(session, "other half")
        raise KeyError("a mistake")

    def leave(session: Session) -> str:
        put(session, "third half")
        raise SystemExit

    points.gate.clear()
    first = asyncio.create_task(database.write(lambda session: put(session, "a")))
    await asyncio.sleep(0.05)
    group = [
        asyncio.create_task(database.write(verb))
        for verb in (refuse, lambda session: put(session, "b"), fail, lambda session: put(session, "c"))
    ]
    await asyncio.sleep(0.05)
    points.gate.set()
    results = await asyncio.gather(first, *group, return_exceptions=True)
    assert [type(result) for result in results] == [str, QueueFull, str, KeyError, str]
    assert points.seen["commit"] == 2
    assert await database.read(names) == ["a", "b", "c"]


async def test_one_that_breaks_a_rule_of_the_database_is_run_apart(database: Database, points: Points) -> None:
    points.gate.clear()
    first = asyncio.create_task(database.write(lambda session: put(session, "a")))
    await asyncio.sleep(0.05)
    group = [asyncio.create_task(database.write(lambda session, name=name: put(session, name))) for name in "bacd"]
    await asyncio.sleep(0.05)
    points.gate.set()
    results = await asyncio.gather(first, *group, return_exceptions=True)
    assert [type(result) for result in results] == [str, str, StorageError, str, str]
    assert await database.read(names) == ["a", "b", "c", "d"]


async def test_a_full_disk_refuses_what_does_not_fit_and_loses_nothing(database: Database, points: Points) -> None:
    """SQLite's page limit gives the same SQLITE_FULL, with the same rollback of everything, as a disk without space."""

    def limit(session: Session, more: int) -> None:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages + more}")

    await database.write(lambda session: put(session, "before"))
    await database.write(lambda session: limit(session, 6))
    points.gate.clear()
    first = asyncio.create_task(database.write(lambda session: put(session, "first")))
    await asyncio.sleep(0.05)
    large = "x" * 4096 * 50
    group = [asyncio.create_task(database.write(lambda session, n=n: put(session, n))) for n in ("a", large, "b")]
    await asyncio.sleep(0.05)
    points.gate.set()
    results = await asyncio.gather(first, *group, return_exceptions=True)
    assert [type(result) for result in results] == [str, str, DiskFull, str]
    assert await database.read(names) == ["a", "b", "before", "first"]
    with pytest.raises(DiskFull):
        await database.write(lambda session: put(session, large))
    await database.write(lambda session: limit(session, 1000))
    await database.write(lambda session: put(session, large))
    assert len(await database.read(names)) == 5


async def test_a_cancelled_caller_leaves_its_transaction_running(database: Database, points: Points) -> None:
    points.gate.clear()
    callers = [
        asyncio.create_task(database.write(lambda session, n=n: put(session, n))) for n in ("running", "waiting")
    ]
    await asyncio.sleep(0.05)
    for caller in callers:
        caller.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*callers, return_exceptions=True)
    )
    points.gate.set()
    await database.write(lambda session: put(session, "later"))
    assert await database.read(names) == ["later", "running", "waiting"]


async def test_an_error_that_nobody_thought_of_does_not_stop_the_writer(database: Database, points: Points) -> None:
    points.errors = [RuntimeError("unthinkable")]
    with pytest.raises(RuntimeError, match="unthinkable"):
        await database.write(lambda session: put(session, "lost"))
    points.errors = [OSError(28, "No space left on device")]
    with pytest.raises(DiskFull):
        await database.write(lambda session: put(session, "lost too"))
    assert await database.read(names) == []
    await database.write(lambda session: put(session, "kept"))
    assert await database.read(names) == ["kept"]


async def test_a_reader_sees_what_was_committed_and_changes_nothing(database: Database) -> None:
    for n in range(20):
        await database.write(lambda session, n=n: put(session, f"{n:02}"))
        assert len(await database.read(names)) == n + 1

    def meddle(session: Session) -> None:
        put(session, "by a reader")
        session.commit()

    with pytest.raises(StorageError):
        await database.read(meddle)


async def test_the_event_loop_goes_on_while_the_database_waits(database: Database, points: Points) -> None:
    points.gate.clear()
    write = asyncio.create_task(database.write(lambda session: put(session, "slow")))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert await asyncio.wait_for(database.read(names), 10) == []
    points.gate.set()
    await write


async def test_sqlite_is_as_safe_as_promised(database: Database) -> None:
    def pragma(session: Session, name: str) -> object:
        return session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()

    for run in (database.read, database.write):
        assert await run(lambda session: pragma(session, "journal_mode")) == "wal"
        assert await run(lambda session: pragma(session, "synchronous")) == 2  # FULL
        assert await run(lambda session: pragma(session, "foreign_keys")) == 1
    with pytest.raises(StorageError):
        await database.write(
            lambda session: session.add(IdentityRow(platform="x", external_id="y", person_id="nobody", name=""))
        )


async def test_closing_commits_what_waits_and_refuses_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    database = await Database.open(path)
    writes = [asyncio.create_task(database.write(lambda session, n=n: put(session, str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*writes)) == 50
    for late in (database.write(names), database.read(names)):
        with pytest.raises(StorageError, match="closed"):
            await late
    await database.close()
    again = await Database.open(path)
    assert len(await again.read(names)) == 50
    await again.close()

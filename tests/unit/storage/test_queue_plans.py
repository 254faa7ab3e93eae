"""Every statement of a job's life is an index search, and places are told to few: time does not grow with the queue."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.model import Person
from engine.ports import Books
from storage.deliveries import open_deliveries, positions
from storage.transaction import Transaction
from tests.fakes.books import NEEDS, books_in, new_job, picture, somebody

SMALL = {"lane", "pause", "walk"}  # two rows, one row, and one row for each line of the queue


def scans(path: Path, statement: str) -> list[str]:
    """Name the tables that a statement would read from one end to the other."""
    with closing(sqlite3.connect(path)) as connection:
        marks = [None] * statement.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", marks)]
    return [found.group(1) for step in plan if (found := re.match(r"SCAN (?!CONSTANT ROW)(\w+)", step))]


async def live(books: Books, who: Person, key: str) -> None:
    """Take a job through its whole life."""
    await books.accept(new_job(who, key))
    attempt = await books.claim("gpu", ["n1", NEEDS])
    assert attempt is not None
    await books.start(attempt.id)
    await books.settle(attempt.id, [picture(key)], 1.0, 1)
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_done(due.id)


async def test_claiming_reads_no_table_from_end_to_end(tmp_path: Path) -> None:
    seen: list[str] = []
    async with books_in(tmp_path, on_statement=seen.append) as opened:
        books = opened.books
        ada = await somebody(books)
        await asyncio.gather(*(books.accept(new_job(ada, f"a{n}", needs=f"n{n % 3}")) for n in range(9)))
        first = await books.claim("gpu", ["n0"])
        assert first is not None
        seen.clear()
        assert len(await books.waiting_needs()) == 3
        await live(books, ada, "last")
    statements = [text for text in dict.fromkeys(seen) if text.split()[0] in {"SELECT", "UPDATE", "WITH", "INSERT"}]
    assert len(statements) >= 20
    read = {text: set(scans(tmp_path / "atelier.db", text)) - SMALL for text in statements}
    assert {text: tables for text, tables in read.items() if tables} == {}


async def test_a_job_costs_no_more_steps_however_many_are_kept(tmp_path: Path) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def watch(tx: Transaction) -> None:
        """Be called for each step of SQLite's machine; the writer has one connection."""
        driver = tx.connection().connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(count, 1)

    async with books_in(tmp_path) as opened:
        await opened.database.write(watch)

        async def steps_of_life(number: int) -> int:
            who = await somebody(opened.books, f"person {number}")
            await opened.books.balance(who.wallet_id)
            before = steps
            await live(opened.books, who, f"job {number}")
            return steps - before

        first = [await steps_of_life(number) for number in range(10)]
        for number in range(10, 200):
            await steps_of_life(number)
        last = [await steps_of_life(number) for number in range(200, 210)]
    assert max(last) <= 1.1 * max(first)


async def test_places_are_told_to_those_whose_turn_comes_soon(tmp_path: Path) -> None:
    async with books_in(tmp_path) as opened:
        ada, bob = await somebody(opened.books), await somebody(opened.books, "bob")
        first = await opened.books.accept(new_job(ada, "first", costs=(10, 10)))
        second = await opened.books.accept(new_job(bob, "second", costs=(20,)))
        last = await opened.books.accept(new_job(bob, "last", costs=(30,)))
        everyone = await open_deliveries(opened.database, opened.clock).positions()
        assert everyone == {first.id: 1, second.id: 2, last.id: 3}
        assert await opened.database.read(lambda tx: positions(tx, first=3)) == {first.id: 1, second.id: 2}

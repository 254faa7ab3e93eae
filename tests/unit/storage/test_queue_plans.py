"""What is asked of the database is an index search, and places are told to few: no time grows with what is kept."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from engine.accounts import AuditLine
from engine.errors import EndpointLost
from engine.model import Person, PictureRef
from engine.policies import CommunityPolicy, Payer
from engine.ports import Books
from storage.deliveries import positions
from storage.policy import Policy
from storage.reviews import open_reviews
from storage.transaction import Transaction
from tests.fakes.books import NEEDS, books_in, new_job, picture, somebody

ENOUGH = Policy(grant=10**9, max_queued_jobs=10**6)
SMALL = {"lane", "pause", "walk", "asked"}  # two rows, one, one for each line of the queue, and what was asked


def scans(path: Path, statement: str) -> list[str]:
    """Name the tables that a statement would read from one end to the other."""
    with closing(sqlite3.connect(path)) as connection:
        marks = [None] * statement.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", marks)]
    return [found.group(1) for step in plan if (found := re.match(r"SCAN (?!CONSTANT ROW|\d+ CONSTANT)(\w+)", step))]


def read_from_end_to_end(path: Path, seen: Sequence[str]) -> dict[str, set[str]]:
    """Give those of these statements that read whole tables, with their names; there are 20 statements or more."""
    asked = [
        text for text in dict.fromkeys(seen) if text.split()[0] in {"SELECT", "UPDATE", "WITH", "INSERT", "DELETE"}
    ]
    assert len(asked) >= 20
    read = {text: set(scans(path, text)) - SMALL for text in asked}
    return {text: tables for text, tables in read.items() if tables}


async def live(books: Books, who: Person, key: str, community_id: str | None = None) -> None:
    """Take a job through its whole life."""
    await books.accept(new_job(who, key, community_id=community_id))
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
    assert read_from_end_to_end(tmp_path / "atelier.db", seen) == {}


async def test_looking_at_what_was_made_reads_no_table_from_end_to_end(tmp_path: Path) -> None:
    seen: list[str] = []
    async with books_in(tmp_path, on_statement=seen.append) as opened:
        books, gallery = opened.books, opened.gallery
        ada = await somebody(books)
        club = await books.community("test", "club", "Club")
        await live(books, ada, "first", club.id)
        seen.clear()
        (view,) = await books.jobs(person_id=ada.id)
        ref = PictureRef(job_id=view.job.id, number=1)
        assert await books.job(view.job.id) == view
        assert await books.jobs(community_id=club.id) == (view,)
        assert await gallery.history(ada.id) == (view,)
        assert await gallery.keep(ada.id, ref)
        assert len(await gallery.favourites(ada.id)) == 1
        assert len(await gallery.planned(view.job.id)) == 1
        assert (await opened.accounts.statement(ada.wallet_id)).entries
        assert await open_reviews(opened.database, opened.clock).report(view.job.id, ada.id, 1, "")
        assert await opened.deliveries.again(view.job.id, view.job.place)
        assert await gallery.delete(view.job.id, "deleted by owner")
    assert read_from_end_to_end(tmp_path / "atelier.db", seen) == {}


class Steps:
    """Counts the steps of SQLite's machine that the writer takes, which has one connection."""

    def __init__(self) -> None:
        self.count = 0

    async def of(self, verb: Awaitable[object]) -> int:
        """Give the steps of a verb."""
        before = self.count
        await verb
        return self.count - before

    def watch(self, tx: Transaction) -> None:
        """Begin to count."""
        driver = tx.connection().connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(self._step, 1)

    def _step(self) -> None:
        self.count += 1


@pytest.mark.parametrize(("people", "payer"), [(1000, Payer.PERSON), (1, Payer.PERSON), (1, Payer.COMMUNITY)])
async def test_a_job_takes_no_more_steps_however_many_are_kept(tmp_path: Path, people: int, payer: Payer) -> None:
    steps = Steps()
    async with books_in(tmp_path, ENOUGH) as opened:
        club = await opened.books.community("test", "club", "Club")
        line = AuditLine(actor="test:op", action="policy", target=club.id)
        await opened.accounts.set_policy(club.id, CommunityPolicy(payer=payer), line)
        await opened.accounts.mint("gift", club.wallet_id, 10**9, line)
        await opened.database.write(steps.watch)

        async def life(number: int) -> int:
            who = await somebody(opened.books, f"person {number % people}")
            await opened.books.balance(who.wallet_id)
            await opened.books.balance(club.wallet_id)
            return await steps.of(live(opened.books, who, f"job {number}", club.id))

        first = [await life(number) for number in range(10)]
        for number in range(10, 200):
            await life(number)
        opened.clock.time += ENOUGH.period_seconds  # an allowance is of one period
        last = [await life(number) for number in range(200, 210)]
    assert max(last) <= 1.1 * max(first)


async def verbs_in_a_queue(folder: Path, waiting: int) -> dict[str, int]:
    """Give the steps of each verb of one person's jobs, behind and before so many that wait."""
    folder.mkdir()
    steps = Steps()
    async with books_in(folder, ENOUGH) as opened:
        books = opened.books
        place = (await books.community("test", "guild", "Guild")).id
        ada, bob = await somebody(books), await somebody(books, "bob")
        jobs = [await books.accept(new_job(ada, f"a{n}", community_id=place)) for n in range(8)]
        await asyncio.gather(*(books.accept(new_job(bob, f"b{n}", community_id=place)) for n in range(waiting)))
        await opened.database.write(steps.watch)
        taken = {
            "accept": await steps.of(books.accept(new_job(ada, "new", community_id=place))),
            "amend": await steps.of(books.amend(jobs[1].id, new_job(ada, "a1", community_id=place))),
            "hold": await steps.of(books.hold(jobs[1].id, "")),
            "release": await steps.of(books.release(jobs[1].id, "")),
            "move": await steps.of(books.move(jobs[2].id)),
            "move behind": await steps.of(books.move(jobs[2].id, jobs[3].id)),
            "cancel": await steps.of(books.cancel(jobs[4].id, "")),
            "claim": await steps.of(books.claim("gpu", [NEEDS], job_id=jobs[5].id)),
        }
        attempt = await books.claim("gpu", [NEEDS], job_id=jobs[6].id)
        assert attempt is not None
        taken["fail"] = await steps.of(books.fail(attempt.id, EndpointLost(), retry=True))
        taken["heartbeat"] = await steps.of(books.heartbeat())
        taken["clear"] = await steps.of(books.clear("", person_id=ada.id))
    return taken


async def test_no_verb_takes_more_steps_however_many_wait(tmp_path: Path) -> None:
    few, many = await verbs_in_a_queue(tmp_path / "few", 20), await verbs_in_a_queue(tmp_path / "many", 400)
    assert {verb: (few[verb], steps) for verb, steps in many.items() if steps > 1.1 * few[verb]} == {}


async def test_places_are_told_to_those_whose_turn_comes_soon(tmp_path: Path) -> None:
    async with books_in(tmp_path) as opened:
        ada, bob = await somebody(opened.books), await somebody(opened.books, "bob")
        first = await opened.books.accept(new_job(ada, "first", costs=(10, 10)))
        second = await opened.books.accept(new_job(bob, "second", costs=(20,)))
        last = await opened.books.accept(new_job(bob, "last", costs=(30,)))
        everyone = await opened.deliveries.positions()
        assert everyone == {first.id: 1, second.id: 2, last.id: 3}
        assert await opened.database.read(lambda tx: positions(tx, first=3)) == {first.id: 1, second.id: 2}

"""The proof sees every way in which the books can be wrong; the tables refuse the worst of them themselves."""

from pathlib import Path

import pytest
from sqlalchemy import text

from engine.errors import ChatGone, StorageError
from storage.proof import prove
from storage.transaction import Transaction
from tests.fakes.books import NEEDS, books_in, new_job, picture, somebody

WRONGS = [
    ("DELETE FROM ledger_entry WHERE kind = 'hold'", "hold of its quote"),
    ("DELETE FROM ledger_entry WHERE kind = 'charge'", "ended 0 times"),
    ("UPDATE ledger_entry SET key = key || '!', job_id = (SELECT min(id) FROM job) WHERE kind = 'charge'", "hold"),
    ("UPDATE ledger_entry SET charged_mgs = charged_mgs + 1 WHERE kind = 'charge'", "not the quote"),
    ("UPDATE ledger_entry SET amount = amount + 1 WHERE kind = 'charge'", "not the quote"),
    ("UPDATE ledger_entry SET amount = amount - 1 WHERE kind = 'release'", "release is not the quote"),
    ("UPDATE ledger_entry SET amount = amount - 1 WHERE kind = 'refund'", "refund is not the charge"),
    ("DELETE FROM ledger_entry WHERE kind = 'refund'", "entries say otherwise"),
    ("UPDATE job SET charged = charged - 1 WHERE charged > 0", "entries say otherwise"),
    ("UPDATE ledger_entry SET amount = 0 WHERE kind = 'grant'", "owes"),
    ("UPDATE ledger_entry SET sequence = 1000 WHERE kind = 'grant'", "owed credits after"),
    ("UPDATE wallet SET balance = balance + 1", "where its entries come to"),
    ("UPDATE job SET quote = quote + 1", "not the sum of its tasks"),
    ("UPDATE job SET status = 'running' WHERE status = 'done'", "with 0 open tasks"),
    ("UPDATE job SET finished_at = 1 WHERE status = 'running'", "its end is 1.0"),
    ("UPDATE job SET finished_at = NULL WHERE status = 'done'", "its end is None"),
    ("UPDATE task SET status = 'queued' WHERE status = 'running'", "with 1 open attempts"),
    ("UPDATE attempt SET status = 'lost' WHERE status = 'sent'", "with 0 open attempts"),
    ("UPDATE task SET status = 'failed' WHERE status = 'done'", "with 1 successful"),
    ("DELETE FROM delivery", "0 deliveries"),
    ("UPDATE delivery SET status = 'due' WHERE status = 'waiting'", "its delivery due"),
    ("UPDATE delivery SET status = 'sending' WHERE status = 'delivered'", "its delivery sending"),
    ("UPDATE delivery SET status = 'undeliverable' WHERE status = 'delivered'", "not refunded"),
    (
        "INSERT INTO ledger_entry (key, wallet_id, kind, amount, charged_mgs, at, note)"
        " SELECT 'transfer:1', id, 'transfer', 5, 0, 0, '' FROM wallet",
        "out of nothing",
    ),
]
REFUSED = [
    "INSERT INTO ledger_entry (key, wallet_id, kind, amount, charged_mgs, job_id, at, note)"
    " SELECT key, wallet_id, kind, amount, charged_mgs, job_id, at, note FROM ledger_entry WHERE kind = 'charge'",
    "UPDATE ledger_entry SET kind = 'gift'",
    "UPDATE ledger_entry SET amount = -amount WHERE kind = 'hold'",
    "UPDATE ledger_entry SET amount = -1 WHERE kind = 'grant'",
    "UPDATE ledger_entry SET charged_mgs = 1 WHERE kind = 'release'",
    "UPDATE job SET status = 'lost'",
    "UPDATE job SET charged = quote + 1",
    "UPDATE task SET status = 'held'",
    "DELETE FROM person",
    "UPDATE job SET request_key = 'same'",
    "UPDATE attempt SET prompt_id = 'same'",
]


async def fill(folder: Path) -> None:
    """Leave one job of each kind: delivered, cancelled, undeliverable, running and waiting."""
    async with books_in(folder) as opened:
        books = opened.books
        ada = await somebody(books)
        for key in ("delivered", "undeliverable"):
            await books.accept(new_job(ada, key))
            attempt = await books.claim("gpu", [NEEDS])
            assert attempt is not None
            await books.settle(attempt.id, [picture(key)], 1.0, 600)
            (due,) = await books.take_deliveries(["test"])
            if key == "delivered":
                await books.delivery_done(due.id)
            else:
                await books.delivery_failed(due.id, ChatGone(), None)
        cancelled = await books.accept(new_job(ada, "cancelled"))
        await books.cancel(cancelled.id, "cancelled by owner")
        await books.accept(new_job(ada, "running"))
        attempt = await books.claim("gpu", [NEEDS])
        assert attempt is not None
        await books.start(attempt.id)
        await books.accept(new_job(ada, "waiting"))
        assert await opened.database.read(prove) == []


async def test_every_wrong_is_seen(tmp_path: Path) -> None:
    await fill(tmp_path)
    seen = []

    def wrong(session: Transaction, statement: str) -> None:
        result = session.connection().execute(text(statement))
        assert result.rowcount > 0
        seen.append(prove(session))
        raise KeyError("rolls back")

    async with books_in(tmp_path) as opened:
        for statement, sentence in WRONGS:
            with pytest.raises(KeyError):
                await opened.database.write(lambda session, statement=statement: wrong(session, statement))
            assert any(sentence in problem for problem in seen[-1]), (statement, seen[-1])
        assert await opened.database.read(prove) == []


async def test_the_tables_refuse_the_worst(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with books_in(tmp_path) as opened:
        for statement in REFUSED:
            with pytest.raises(StorageError):
                await opened.database.write(
                    lambda session, statement=statement: session.connection().execute(text(statement)).rowcount
                )
        assert await opened.database.read(prove) == []

"""What waited under the first tables is claimed under today's, and what was there to spend still is."""

from pathlib import Path

from alembic import command
from sqlmodel import Session

from engine.model import Lane
from storage import ledger, migrations
from storage.books import open_books
from storage.database import Database
from storage.database_sqlite import writing_engine
from storage.intake import line_of
from tests.fakes.books import NEEDS, POLICY, HandClock

OLD = [
    "INSERT INTO wallet (id, kind, granted_period) VALUES ('w', 'person', -1)",
    "INSERT INTO person (id, name, wallet_id, created_at) VALUES ('p', 'ada', 'w', 0)",
    "INSERT INTO job (id, request_key, person_id, wallet_id, status, ending, reason, lane, place, template,"
    " template_hash, model, options, text, count, private, spoiler, quote, charged, created_at) VALUES ('j', 'k', 'p',"
    " 'w', 'queued', '', '', 'fast', '{\"platform\": \"test\", \"chat\": \"c\"}', 't', 'h', 'm', '{}', '', 1, 0, 0, 5,"
    " 0, 0)",
    'INSERT INTO task (id, job_id, "index", status, lane, start_tag, finish_tag, cost, measured, tries, endpoint,'
    " error, seed, needs, inputs, graph) VALUES ('t', 'j', 0, 'queued', 'fast', 0, 5, 5, 0, 0, '', '', '1', :needs,"
    " '[]', '{}')",
    *(
        "INSERT INTO ledger_entry (key, wallet_id, kind, amount, charged_mgs, job_id, at, note)"
        f" VALUES ('{key}', 'w', '{kind}', {amount}, 0, {job}, 0, '')"
        for key, kind, amount, job in [("grant:w:0", "grant", 12, "NULL"), ("hold:j", "hold", -5, "'j'")]
    ),
    "INSERT INTO wallet (id, kind, granted_period) VALUES ('new', 'person', -1)",
]


async def test_a_task_that_waited_before_the_queue_had_lines_is_claimed(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    engine = writing_engine(path)
    config = migrations.configuration()
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD:
            connection.exec_driver_sql(statement.replace(":needs", f"'{NEEDS}'"))
    engine.dispose()
    database = await Database.open(path)
    try:
        books = open_books(database, HandClock(), POLICY)
        assert await books.waiting_needs() == (NEEDS,)

        def line(session: Session) -> str:
            return str(session.connection().exec_driver_sql("SELECT line FROM task").scalar_one())

        assert await database.read(line) == line_of(Lane.FAST, NEEDS, None)
        assert [await database.read(lambda tx, id=id: ledger.available(tx, id)) for id in ("w", "new")] == [7, 0]
        attempt = await books.claim("gpu", [NEEDS])
        assert attempt is not None
        assert (attempt.job_id, attempt.model) == ("j", "m")
    finally:
        await database.close()

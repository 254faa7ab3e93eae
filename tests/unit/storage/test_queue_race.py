"""Claims race from writers of their own, threads and processes, without the service's single writer to line them up."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, select

from engine.model import Identity
from engine.policies import CommunityPolicy
from storage import intake, queue
from storage.database import Database
from storage.database_sqlite import writing_engine
from storage.people import person, set_policy
from storage.proof import prove
from storage.tables import TaskRow
from storage.transaction import Transaction
from tests.fakes.books import NEEDS, POLICY, books_in, new_job, somebody

TASKS = 30
CLAIMER = """
import sys
from storage.database_sqlite import writing_engine
from storage.queue import Claim, claim
from storage.transaction import Transaction
from tests.fakes.books import POLICY
from pathlib import Path

engine = writing_engine(Path(sys.argv[1]))
while True:
    with engine.connect() as connection, connection.begin():
        attempt = claim(Transaction(connection, len), Claim(endpoint="gpu", needs=[sys.argv[2]]), POLICY, 0.0)
    if attempt is None:
        break
    print(attempt.task_id)
engine.dispose()
"""


def filled(path: Path) -> None:
    database = Database.open_blocking(path)
    database.close_blocking()
    engine = writing_engine(path)
    with engine.connect() as connection, connection.begin(), Transaction(connection, len) as tx:
        for number in range(TASKS // 6):
            somebody = person(tx, Identity(platform="test", id=f"{number % 3}", name=""), 0.0)
            tx.flush()
            intake.accept(tx, new_job(somebody, f"k{number}", costs=[10] * 6), POLICY, 0.0)
        tx.flush()
    engine.dispose()


def proved(path: Path) -> list[str]:
    engine = writing_engine(path)
    with engine.connect() as connection, connection.begin():
        problems = prove(Transaction(connection, len))
    engine.dispose()
    return problems


def claim_all(engine: Engine) -> list[str]:
    claimed = []
    while True:
        with engine.connect() as connection, connection.begin():
            wanted = queue.Claim(endpoint="gpu", needs=[NEEDS])
            attempt = queue.claim(Transaction(connection, len), wanted, POLICY, 0.0)
        if attempt is None:
            return claimed
        claimed.append(attempt.task_id)


def test_threads_with_writers_of_their_own_never_claim_the_same_task(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    filled(path)
    engines = [writing_engine(path) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        claimed = [task for tasks in threads.map(claim_all, engines) for task in tasks]
    for engine in engines:
        engine.dispose()
    assert len(claimed) == len(set(claimed)) == TASKS
    assert proved(path) == []


def test_processes_never_claim_the_same_task(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    filled(path)
    command = [sys.executable, "-c", CLAIMER, str(path), NEEDS]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [racer.communicate(timeout=120) for racer in racers]
    assert [(racer.returncode, err) for racer, (_, err) in zip(racers, ends, strict=True)] == [(0, "")] * 3
    claimed = [task for out, _ in ends for task in out.split()]
    assert len(claimed) == len(set(claimed)) == TASKS
    assert proved(path) == []


async def test_a_communitys_weight_is_its_peoples_share(tmp_path: Path) -> None:
    async with books_in(tmp_path) as opened:
        books = opened.books
        room = await books.community("test", "guild", "Guild")

        def double(session: Session) -> None:
            set_policy(session, room.id, CommunityPolicy(weight=2.0))

        await opened.database.write(double)
        ada, bob = await somebody(books), await somebody(books, "bob")
        await books.accept(new_job(ada, "a", costs=(1000, 1000), community_id=room.id))
        await books.accept(new_job(bob, "b", costs=(1000, 1000)))
        tags = await opened.database.read(
            lambda session: [(row.start_tag, row.finish_tag) for row in session.exec(select(TaskRow))]
        )
        assert tags == [(0, 500), (500, 1000), (0, 1000), (1000, 2000)]

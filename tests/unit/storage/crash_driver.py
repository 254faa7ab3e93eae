"""Runs the books and is killed; started by `test_crash.py` as a process of its own.

`crash_driver.py every FOLDER STRIDE` kills a run before every STRIDEth of its statements and commits in turn, and after
each death opens the books again, proves them and works on to the end. `crash_driver.py loop FOLDER` works until
somebody kills it, `crash_driver.py check FOLDER` is what follows a death. Each verb that has returned is written down
before the next one is called: what is written down was acknowledged.
"""

import asyncio
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from engine.errors import AttemptUnknown, ChatGone, EndpointLost
from engine.model import DeliveryStatus, Person, TaskStatus
from engine.ports import Books
from storage.books import open_books
from storage.database import Database
from storage.deliveries import open_deliveries
from storage.proof import prove
from tests.fakes.books import NEEDS, POLICY, HandClock, new_job, picture, somebody

KEYS = {"pays": (1000, 1000), "cancelled": (500, 500), "undeliverable": (300,), "fails": (200,)}


class Notes:
    """What was acknowledged, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def __call__(self, *words: str) -> None:
        self._file.write(" ".join(words) + "\n")


async def accept_all(books: Books, person: Person, note: Notes, round_: str = "") -> dict[str, str]:
    """Accept one job of each kind, all at once, so that they share a commit."""

    async def one(key: str, costs: tuple[int, ...]) -> tuple[str, str]:
        job = await books.accept(new_job(person, round_ + key, costs=costs))
        note("accepted", round_ + key, job.id)
        return key, job.id

    return dict(await asyncio.gather(*(one(key, costs) for key, costs in KEYS.items())))


async def run_task(books: Books, job_id: str, note: Notes, *, fails: bool = False) -> None:
    attempt = await books.claim("gpu", [NEEDS], job_id=job_id)
    if attempt is None:
        return
    await books.start(attempt.id)
    if fails:
        await books.fail(attempt.id, EndpointLost(), retry=False)
        note("ended", attempt.task_id)
    else:
        await books.settle(attempt.id, [picture(attempt.id)], 1.0, 700)
        note("ended", attempt.task_id)


async def deliver(books: Books, lost: set[str], note: Notes) -> None:
    for due in await books.take_deliveries(["test"]):
        await books.delivery_posted(due.id, "message")
        if due.job_id in lost:
            await books.delivery_failed(due.id, ChatGone(), None)
        else:
            await books.delivery_done(due.id)
        note("delivered", due.id)


async def work(books: Books, note: Notes, round_: str = "") -> None:
    """Go through every verb once."""
    ada = await somebody(books)
    await books.balance(ada.wallet_id)
    jobs = await accept_all(books, ada, note, round_)
    await run_task(books, jobs["pays"], note)
    first = await books.claim("gpu", [NEEDS], job_id=jobs["pays"])
    if first is not None:
        await books.start(first.id)
        await books.fail(first.id, EndpointLost(), retry=True)
    await run_task(books, jobs["pays"], note)
    await run_task(books, jobs["cancelled"], note)
    await books.claim("gpu", [NEEDS], job_id=jobs["cancelled"])
    await asyncio.gather(
        run_task(books, jobs["undeliverable"], note),
        run_task(books, jobs["fails"], note, fails=True),
        books.cancel(jobs["cancelled"], "cancelled by owner"),
    )
    await deliver(books, {jobs["undeliverable"]}, note)
    await books.audit("operator", "watch", "", None)


async def mend(books: Books, note: Notes) -> None:
    """Do what a service does after a restart, and finish everything."""
    for attempt in await books.open_attempts():
        await books.fail(attempt.id, AttemptUnknown(), retry=True)
    while (attempt := await books.claim("gpu", [NEEDS])) is not None:
        await books.start(attempt.id)
        await books.settle(attempt.id, [picture(attempt.id)], 1.0, 700)
    await deliver(books, set(), note)


async def check(folder: Path) -> None:
    """Open the books after a death: nothing acknowledged is lost, the proof holds, and everything can end."""
    database = await Database.open(folder / "atelier.db")
    books = open_books(database, HandClock(), POLICY)
    try:
        assert await database.read(prove) == []
        views = {view.job.id: view for view in await books.jobs(limit=10_000)}
        tasks = {task.id: task for view in views.values() for task in view.tasks}
        found = await open_deliveries(database, HandClock()).of_jobs(views)
        deliveries = {delivery.id: delivery.status for delivery in found}
        for words in map(str.split, (folder / "notes").read_text().splitlines()):
            match words:
                case ["accepted", key, job_id]:
                    assert views[job_id].job.request_key == key
                case ["ended", task_id]:
                    assert tasks[task_id].status in {TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.CANCELLED}
                case ["delivered", delivery_id]:
                    assert deliveries[delivery_id] in {DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERABLE}
        note = Notes(folder / "notes after")
        ada = await somebody(books)
        before = {view.job.request_key: view.job.id for view in views.values()}
        for key, job_id in before.items():  # the platform sends every event again
            again = await books.accept(new_job(ada, key))
            assert again.id == job_id
        await mend(books, note)
        ended = await books.jobs(limit=10_000)
        assert all(view.job.status.ended for view in ended)
        assert await books.open_attempts() == ()
        assert await books.backlog() == 0
        balance = await books.balance(ada.wallet_id)
        charged = sum(view.job.charged for view in ended)
        assert (balance.held, balance.available) == (0, POLICY.grant - charged)
        assert await database.read(prove) == []
    finally:
        await database.close()


async def run(folder: Path, fault: Callable[[str], None]) -> None:
    database = await Database.open(folder / "atelier.db", fault=fault)
    await work(open_books(database, HandClock(), POLICY), Notes(folder / "notes"))
    await database.close()


async def loop(folder: Path) -> None:
    database = await Database.open(folder / "atelier.db")
    books = open_books(database, HandClock(), POLICY)
    note = Notes(folder / "notes")
    for round_ in itertools.count():
        await work(books, note, f"{os.getpid()}-{round_}:")


def dies_at(point: int) -> Callable[[str], None]:
    passed = itertools.count()

    def fault(_: str) -> None:
        if next(passed) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return fault


def in_child(action: Callable[[], None]) -> int:
    """Run in a forked process and give its wait status."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def every(folder: Path, stride: int) -> int:
    """Die at every `stride`th point in turn; give the number of deaths."""
    empty = folder / "empty"
    empty.mkdir()
    assert in_child(lambda: Database.open_blocking(empty / "atelier.db").close_blocking()) == 0
    for deaths in itertools.count():
        point = deaths * stride
        here = folder / str(point)
        shutil.copytree(empty, here)
        (here / "notes").touch()
        end = in_child(lambda here=here, point=point: asyncio.run(run(here, dies_at(point))))  # type: ignore[misc]
        if end not in {0, signal.SIGKILL}:
            sys.exit(f"the run failed before point {point}")
        if in_child(lambda here=here: asyncio.run(check(here))):  # type: ignore[misc]
            sys.exit(f"what a death at point {point} leaves cannot be mended")
        shutil.rmtree(here)
        if end == 0:
            return deaths
    raise AssertionError


if __name__ == "__main__":
    match sys.argv[1]:
        case "every":
            print(every(Path(sys.argv[2]), int(sys.argv[3])))
        case "loop":
            asyncio.run(loop(Path(sys.argv[2])))
        case "check":
            asyncio.run(check(Path(sys.argv[2])))

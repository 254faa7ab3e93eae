"""Answers from threads: each arrives once, together with what was ready, and nobody who is gone holds up the rest."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlmodel import Session, select

from engine.errors import QueueFull, StorageError
from storage.answers import Answer, Postbox
from storage.database import Database
from storage.tables import BlobRow
from storage.transaction import Transaction


def from_a_thread(postbox: Postbox, *batches: Sequence[Answer[object]]) -> None:
    """Deliver batch after batch while the event loop stands still."""
    thread = threading.Thread(target=lambda: [postbox.deliver(batch) for batch in batches])
    thread.start()
    thread.join()


async def answered(value: object) -> Answer[object]:
    answer = Answer[object]()
    answer.value(value)
    return answer


async def test_what_is_ready_while_the_loop_is_busy_wakes_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, wake_ups = asyncio.get_running_loop(), []
    really = loop.call_soon_threadsafe

    def counted(callback: object, *args: object) -> object:
        wake_ups.append(callback)
        return really(callback, *args)  # type: ignore[arg-type]  # whatever it is called with

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    postbox = Postbox()
    answers = [await answered(number) for number in range(100)]
    from_a_thread(postbox, *([answer] for answer in answers))
    assert await asyncio.gather(*(answer.future for answer in answers)) == list(range(100))
    assert len(wake_ups) == 1
    later = await answered("later")
    from_a_thread(postbox, [later])
    assert await later.future == "later"
    assert len(wake_ups) == 2


async def test_errors_and_callers_who_left_disturb_nobody() -> None:
    gone, refused, stopped, fine = [await answered("fine") for _ in range(4)]
    gone.future.cancel()
    refused.error(QueueFull())
    stopped.error(StopIteration())  # a future would not take it
    from_a_thread(Postbox(), [gone, refused, stopped, fine])
    assert await fine.future == "fine"
    assert gone.future.cancelled()
    for answer, error in ((refused, QueueFull), (stopped, RuntimeError)):
        with pytest.raises(error):
            await answer.future


async def test_a_loop_that_ended_is_no_trouble() -> None:
    answer = await asyncio.to_thread(asyncio.run, answered("lost"))
    postbox, fine = Postbox(), await answered("fine")
    from_a_thread(postbox, [answer, fine], [answer])
    assert await fine.future == "fine"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "atelier.db")
    yield database
    await database.close()


async def test_readers_answer_a_burst_whatever_one_of_it_does(database: Database) -> None:
    """More questions than readers, so that they share transactions; each gets its own answer."""
    await database.write(lambda session: session.add(BlobRow(name="kept", size=1, created_at=0.0)))

    def look(number: int) -> object:
        def verb(tx: Transaction) -> object:
            if number % 10 == 3:
                raise KeyError(number)
            if number % 10 == 7:
                tx.connection().exec_driver_sql("SELECT nonsense")
            if number % 10 == 9:
                tx.add(BlobRow(name="meddled", size=1, created_at=0.0))
            return number, list(tx.exec(select(BlobRow.name)))

        return database.read(verb)

    found = await asyncio.gather(*(look(number) for number in range(200)), return_exceptions=True)  # type: ignore[call-overload]
    for number, answer in enumerate(found):
        match number % 10:
            case 3:
                assert isinstance(answer, KeyError)
            case 7 | 9:
                assert isinstance(answer, StorageError)
            case _:
                assert answer == (number, ["kept"])


async def test_rows_of_one_question_are_not_those_of_the_next(database: Database) -> None:
    def spoil(session: Session) -> None:
        for row in session.exec(select(BlobRow)):
            row.size = 99

    await database.write(lambda session: session.add(BlobRow(name="kept", size=1, created_at=0.0)))
    asked = []
    for _ in range(20):
        asked += [database.read(spoil), database.read(lambda session: session.get_one(BlobRow, "kept").size)]
    assert set(await asyncio.gather(*asked)) == {None, 1}

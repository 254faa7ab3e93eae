"""Real books on a real file, with a clock that a test moves by hand, and jobs to put into them."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.clock import SystemClock
from engine.gallery import Gallery
from engine.model import BoundTask, Delivery, GraphInput, Identity, Lane, NewJob, Person, Picture, Place, Request
from engine.ports import Accounts, Books, Deliveries
from storage.accounts import open_accounts
from storage.books import open_books
from storage.database import Database
from storage.deliveries import open_deliveries
from storage.gallery import open_gallery
from storage.policy import Policy

POLICY = Policy(grant=100_000, period_seconds=1000.0, max_queued_jobs=10)
NEEDS = '{"classes": ["KSampler"]}'


class HandClock(SystemClock):
    """Stands still until a test moves it."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start

    def now(self) -> float:
        """Where the test has put it."""
        return self.time


@dataclass(frozen=True, kw_only=True)
class OpenBooks:
    """Books with what is under them."""

    books: Books
    accounts: Accounts
    deliveries: Deliveries
    gallery: Gallery
    database: Database
    clock: HandClock


@asynccontextmanager
async def books_in(
    folder: Path,
    policy: Policy = POLICY,
    clock: HandClock | None = None,
    on_statement: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[OpenBooks]:
    """Open the books in a folder, as after a start of the process, and close them.

    `on_statement` is called with the text of each statement before it is run, and at each commit.
    """
    database = await Database.open(folder / "atelier.db", fault=on_statement, on_read=on_statement)
    try:
        time = clock or HandClock()
        yield OpenBooks(
            books=open_books(database, time, policy),
            accounts=open_accounts(database, time, policy),
            deliveries=open_deliveries(database, time),
            gallery=open_gallery(database, time),
            database=database,
            clock=time,
        )
    finally:
        await database.close()


async def somebody(books: Books, name: str = "ada") -> Person:
    """Give a person of the test platform."""
    return await books.person(Identity(platform="test", id=name, name=name))


async def delivery_of(deliveries: Deliveries, job_id: str) -> Delivery:
    """Give the delivery of a job that is there."""
    (found,) = await deliveries.of_jobs([job_id])
    return found


def new_job(
    person: Person,
    key: str,
    *,
    costs: Sequence[int] = (1000,),
    needs: str = NEEDS,
    lane: Lane = Lane.FAST,
    community_id: str | None = None,
    model: str = "tiny.safetensors",
) -> NewJob:
    """Give a job of one task per cost, ready for `Books.accept`."""
    return NewJob(
        request=Request(
            request_key=key,
            template="txt2img",
            options={"prompt": "a red house", "seed": 2**64 - 1, "cfg": 7.5, "tiled": True},
            count=len(costs),
            lane=lane,
            place=Place(platform="test", chat="room", locale="zh-CN", owner=person.name),
            text="a red house --seed 18446744073709551615",
        ),
        person_id=person.id,
        community_id=community_id,
        template_hash="0123abcd",
        model=model,
        tasks=tuple(
            BoundTask(
                index=index,
                seed=2**64 - 1 - index,
                graph={"1": {"class_type": "KSampler", "inputs": {"seed": 2**64 - 1 - index}}},
                inputs=(GraphInput(node_id="1", input="image", blob="ab" * 32, filename="a.png"),),
                needs=needs,
                cost=cost,
            )
            for index, cost in enumerate(costs)
        ),
    )


def picture(text: str = "x") -> Picture:
    """Give a picture whose blob is named after a text."""
    name = hashlib.sha256(text.encode()).hexdigest()
    return Picture(blob=name, filename="a_00001_.png", kind="images", mime="image/png", size=3, width=128, height=64)

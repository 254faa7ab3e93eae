"""What every implementation of `engine.gallery.Gallery` keeps; run on the real one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.gallery import DELETED, is_deleted
from engine.model import DeliveryStatus, Person, PictureRef
from storage.proof import prove
from tests.fakes.books import NEEDS, OpenBooks, books_in, delivery_of, new_job, picture, somebody


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path) as opened:
        yield opened
        assert await opened.database.read(prove) == []


async def make(opened: OpenBooks, person: Person, key: str, *, shows: str = "", message: str = "message") -> str:
    """Make a job of one picture and bring it to its end; gives its id."""
    books = opened.books
    job = await books.accept(new_job(person, key))
    attempt = await books.claim("gpu", [NEEDS], job_id=job.id)
    assert attempt is not None
    await books.start(attempt.id)
    await books.settle(attempt.id, [picture(shows or key)], 1.0, 400)
    (due,) = [due for due in await books.take_deliveries(["test"]) if due.job_id == job.id]
    if message:
        await books.delivery_posted(due.id, message)
    await books.delivery_done(due.id)
    return job.id


def ids(found: object) -> list[str]:
    return [view.job.id for view in found]  # type: ignore[attr-defined]


async def test_history_is_read_page_by_page(opened: OpenBooks) -> None:
    ada, bob = await somebody(opened.books), await somebody(opened.books, "bob")
    made = [await make(opened, ada, f"k{number}") for number in range(5)]
    await make(opened, bob, "other")
    first = await opened.gallery.history(ada.id, limit=2)
    assert ids(first) == [made[4], made[3]]
    assert ids(await opened.gallery.history(ada.id, before=made[3], limit=9)) == [made[2], made[1], made[0]]
    assert await opened.gallery.history(ada.id, before=made[0]) == ()
    assert await opened.gallery.history(ada.id, before="no-such-job") == ()


async def test_favourites_are_kept_once_and_read_page_by_page(opened: OpenBooks) -> None:
    gallery = opened.gallery
    ada, bob = await somebody(opened.books), await somebody(opened.books, "bob")
    refs = [PictureRef(job_id=await make(opened, ada, f"k{number}"), number=1) for number in range(4)]
    for number, ref in enumerate(refs):
        opened.clock.time += number % 2  # two of them at the same moment
        assert await gallery.keep(ada.id, ref)
    assert not await gallery.keep(ada.id, refs[0])
    assert await gallery.keep(bob.id, refs[0]), "anybody who may see it may keep it"
    first = await gallery.favourites(ada.id, limit=3)
    assert [favourite.ref for favourite in first] == [refs[3], refs[2], refs[1]]
    assert [favourite.ref for favourite in await gallery.favourites(ada.id, before=refs[1])] == [refs[0]]
    assert await gallery.favourites(ada.id, before=PictureRef(job_id="gone", number=1)) == ()
    assert first[0].job.id == refs[3].job_id
    assert await gallery.let_go(ada.id, refs[3])
    assert not await gallery.let_go(ada.id, refs[3])
    assert len(await gallery.favourites(ada.id)) == 3


async def test_a_jobs_tasks_are_given_as_they_were_planned(opened: OpenBooks) -> None:
    ada = await somebody(opened.books)
    new = new_job(ada, "k", costs=(1000, 500))
    job = await opened.books.accept(new)
    assert await opened.gallery.planned(job.id) == new.tasks
    assert await opened.gallery.planned("no-such-job") == ()
    await opened.accounts.forget(ada.id)
    assert await opened.gallery.planned(job.id) == ()


async def test_deleting_removes_what_nobody_else_shows_and_has_the_message_edited(opened: OpenBooks) -> None:
    books, gallery = opened.books, opened.gallery
    ada, bob = await somebody(books), await somebody(books, "bob")
    first, second = await make(opened, ada, "one", shows="same"), await make(opened, ada, "two", shows="same")
    await gallery.keep(bob.id, PictureRef(job_id=first, number=1))
    charged = await opened.books.balance(ada.wallet_id)
    assert await gallery.delete(first, f"{DELETED}owner") == frozenset(), "the other job shows the same picture"
    view = await books.job(first)
    assert view is not None
    assert is_deleted(view.job)
    assert view.pictures == ()
    assert await gallery.favourites(bob.id) == ()
    assert ids(await gallery.history(ada.id)) == [second]
    (due,) = await books.take_deliveries(["test"])
    assert (due.job_id, due.message_id, due.fallback) == (first, "message", None)
    assert await gallery.delete(first, f"{DELETED}owner") == frozenset()
    gone = await gallery.delete(second, f"{DELETED}moderator")
    assert picture("same").blob in gone
    assert await books.balance(ada.wallet_id) == charged, "what was paid stays paid"


async def test_what_never_had_a_message_gets_none_by_being_deleted(opened: OpenBooks) -> None:
    ada = await somebody(opened.books)
    job = await make(opened, ada, "k", message="")
    await opened.gallery.delete(job, f"{DELETED}owner")
    assert (await delivery_of(opened.deliveries, job)).status is DeliveryStatus.DELIVERED


async def test_what_is_on_its_way_is_not_deleted(opened: OpenBooks) -> None:
    ada = await somebody(opened.books)
    job = await opened.books.accept(new_job(ada, "k"))
    assert await opened.gallery.delete(job.id, f"{DELETED}owner") == frozenset()
    view = await opened.books.job(job.id)
    assert view is not None
    assert not is_deleted(view.job)


async def test_forgetting_and_export_know_favourites(opened: OpenBooks) -> None:
    books, gallery = opened.books, opened.gallery
    ada, bob = await somebody(books), await somebody(books, "bob")
    ref = PictureRef(job_id=await make(opened, ada, "k"), number=1)
    await gallery.keep(ada.id, ref)
    await gallery.keep(bob.id, ref)
    record = (await opened.accounts.record(bob.id)).data
    assert isinstance(record, dict)
    assert record["jobs"] == []
    assert record["favourites"] == [{"job_id": ref.job_id, "number": 1, "at": opened.clock.time}]
    await opened.accounts.forget(bob.id)
    assert await gallery.favourites(bob.id) == ()
    assert len(await gallery.favourites(ada.id)) == 1
    await gallery.keep(ada.id, ref)
    await opened.accounts.forget(ada.id)
    assert await gallery.favourites(ada.id) == ()

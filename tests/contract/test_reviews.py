"""What every implementation of `engine.ports_moderation.Reviews` keeps; run on the real one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.accounts import AuditLine
from engine.errors import Interrupted, UnknownJob
from engine.model import DeliveryStatus, Job, JobStatus, Person
from engine.ports import Accounts, Books
from engine.ports_moderation import Reviews
from engine.reviews import Kind, Outcome
from engine.safety.verdicts import Finding, Ruling, Screening, Verdict
from storage.proof import prove
from storage.reviews import open_reviews
from tests.fakes.books import NEEDS, OpenBooks, books_in, delivery_of, new_job, picture, somebody

LINE = AuditLine(actor="test:mod", action="decided", target="x")
HOLD = Ruling(verdict=Verdict.HOLD, finding=Finding(category="sexual", rule="r"))
SPOILER = Ruling(verdict=Verdict.SPOILER, finding=Finding(category="sexual", rule="r"))


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Books with an inbox."""

    opened: OpenBooks
    reviews: Reviews
    ada: Person

    @property
    def books(self) -> Books:
        return self.opened.books

    @property
    def accounts(self) -> Accounts:
        return self.opened.accounts

    async def made(
        self,
        key: str = "1",
        *,
        screening: Screening = Screening.NONE,
        ruling: Ruling | None = None,
        community_id: str | None = None,
        costs: tuple[int, ...] = (1000,),
    ) -> Job:
        """Make a job's pictures; gives it as it is then."""
        new = replace(
            new_job(self.ada, key, costs=costs, community_id=community_id),
            screening=screening,
            flagged="gore" if screening else "",
        )
        job = await self.books.accept(new)
        for number, _ in enumerate(costs):
            attempt = await self.books.claim("gpu", [NEEDS], job_id=job.id)
            assert attempt is not None
            assert await self.books.start(attempt.id)
            more = {} if ruling is None else {"ruling": ruling}
            job = await self.books.settle(attempt.id, [picture(f"{key}-{number}")], 1.0, 900, **more)  # type: ignore[arg-type]
        return job

    async def shown(self, job: Job) -> Job:
        """Deliver what is due: this job's, and nothing else."""
        (due,) = await self.books.take_deliveries(["test"])
        assert due.job_id == job.id
        await self.books.delivery_done(due.id)
        return await self.job(job.id)

    async def job(self, job_id: str) -> Job:
        view = await self.books.job(job_id)
        assert view is not None
        return view.job

    async def available(self) -> int:
        return (await self.books.balance(self.ada.wallet_id)).available


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with books_in(tmp_path) as opened:
        reviews = open_reviews(opened.database, opened.clock)
        yield Desk(opened=opened, reviews=reviews, ada=await somebody(opened.books))
        assert await opened.database.read(prove) == []


@pytest.mark.parametrize(("screening", "ruling"), [(Screening.ASKED, None), (Screening.NONE, HOLD)])
async def test_held_pictures_are_made_charged_and_shown_to_nobody(
    desk: Desk, screening: Screening, ruling: Ruling | None
) -> None:
    before = await desk.available()
    job = await desk.made(screening=screening, ruling=ruling)
    assert (job.status, job.screening, job.charged) == (JobStatus.DELIVERING, Screening.HELD, 900)
    assert await desk.available() == before - 900
    view = await desk.books.job(job.id)
    assert view is not None
    assert view.pictures == ()
    assert await desk.books.take_deliveries(["test"]) == ()
    assert (await delivery_of(desk.opened.deliveries, job.id)).status is DeliveryStatus.HELD
    (review,) = await desk.reviews.inbox(None)
    assert (review.kind, review.reports, len(review.view.pictures)) == (Kind.HELD, 0, 1)
    assert review.reasons == (job.flagged,) == (("gore",) if screening else ("sexual",))
    assert await desk.reviews.waiting() == 1


async def test_what_nothing_was_made_of_is_not_held(desk: Desk) -> None:
    new = replace(new_job(desk.ada, "1"), screening=Screening.ASKED, flagged="sexual")
    job = await desk.books.accept(new)
    await desk.books.cancel(job.id, "cancelled by owner")
    assert await desk.reviews.inbox(None) == ()
    assert (await desk.shown(job)).status is JobStatus.CANCELLED


async def test_one_flagged_picture_holds_all_of_a_job_and_a_spoiler_hides_all(desk: Desk) -> None:
    new = new_job(desk.ada, "1", costs=(500, 500))
    job = await desk.books.accept(new)
    for number, ruling in enumerate((HOLD, SPOILER)):
        attempt = await desk.books.claim("gpu", [NEEDS], job_id=job.id)
        assert attempt is not None
        await desk.books.settle(attempt.id, [picture(str(number))], 1.0, 400, ruling=ruling)
    job = await desk.job(job.id)
    assert (job.screening, job.spoiler) == (Screening.HELD, True)
    (review,) = await desk.reviews.inbox(None)
    assert len(review.view.pictures) == 2


@pytest.mark.parametrize("outcome", [Outcome.APPROVED, Outcome.SPOILER])
async def test_what_is_let_through_is_delivered_once(desk: Desk, outcome: Outcome) -> None:
    job = await desk.made(screening=Screening.ASKED)
    decided = await desk.reviews.decide(job.id, outcome, "", LINE)
    assert decided.done
    assert decided.blobs == frozenset()
    ended = await desk.shown(job)
    assert (ended.status, ended.screening, ended.charged) == (JobStatus.DONE, Screening.PASSED, 900)
    assert ended.spoiler is (outcome is Outcome.SPOILER)
    view = await desk.books.job(job.id)
    assert view is not None
    assert len(view.pictures) == 1
    assert not (await desk.reviews.decide(job.id, Outcome.REJECTED, "", LINE)).done
    assert [line.action for line in await desk.accounts.audit_lines(None)] == ["decided"]


async def test_what_is_rejected_is_gone_refunded_and_said(desk: Desk) -> None:
    before = await desk.available()
    job = await desk.made(screening=Screening.ASKED)
    blob = (await desk.reviews.inbox(None))[0].view.pictures[0].blob
    decided = await desk.reviews.decide(job.id, Outcome.REJECTED, "too much", LINE)
    assert decided.done
    assert decided.blobs == {blob}
    assert await desk.available() == before
    ended = await desk.shown(job)
    assert (ended.status, ended.screening) == (JobStatus.FAILED, Screening.REJECTED)
    assert (ended.reason, ended.charged) == ("too much", 0)
    assert await desk.books.unreferenced([blob]) == {blob}
    assert not (await desk.reviews.decide(job.id, Outcome.REJECTED, "", LINE)).done
    assert await desk.available() == before


async def test_a_picture_that_another_job_has_too_stays(desk: Desk) -> None:
    await desk.shown(await desk.made("same"))
    job = await desk.books.accept(replace(new_job(desk.ada, "2"), screening=Screening.ASKED, flagged="x"))
    attempt = await desk.books.claim("gpu", [NEEDS], job_id=job.id)
    assert attempt is not None
    await desk.books.settle(attempt.id, [picture("same-0")], 1.0, 400)
    assert (await desk.reviews.decide(job.id, Outcome.REJECTED, "", LINE)).blobs == frozenset()


async def test_of_many_who_decide_at_once_one_does(desk: Desk) -> None:
    before = await desk.available()
    for round_ in range(5):
        job = await desk.made(str(round_), screening=Screening.ASKED)
        outcomes = [Outcome.APPROVED, Outcome.REJECTED, Outcome.SPOILER, Outcome.REJECTED]
        decided = await asyncio.gather(*(desk.reviews.decide(job.id, each, "", LINE) for each in outcomes))
        assert sum(each.done for each in decided) == 1
        ended = await desk.shown(job)
        assert ended.charged == (0 if ended.screening is Screening.REJECTED else 900)
        before -= ended.charged
    assert await desk.available() == before
    assert len(await desk.accounts.audit_lines(None)) == 5


async def test_held_pictures_survive_a_restart(tmp_path: Path) -> None:
    async with books_in(tmp_path) as opened:
        desk = Desk(
            opened=opened, reviews=open_reviews(opened.database, opened.clock), ada=await somebody(opened.books)
        )
        job = await desk.made(screening=Screening.ASKED)
    async with books_in(tmp_path) as opened:
        desk = Desk(
            opened=opened, reviews=open_reviews(opened.database, opened.clock), ada=await somebody(opened.books)
        )
        assert [review.view.job.id for review in await desk.reviews.inbox(None)] == [job.id]
        assert (await desk.reviews.decide(job.id, Outcome.APPROVED, "", LINE)).done
        assert (await desk.shown(job)).status is JobStatus.DONE
        assert await opened.database.read(prove) == []


async def test_an_inbox_is_a_communitys_own(desk: Desk) -> None:
    club = await desk.books.community("test", "club", "Club")
    here = await desk.made("1", screening=Screening.ASKED, community_id=club.id)
    direct = await desk.made("2", screening=Screening.ASKED)
    assert [review.view.job.id for review in await desk.reviews.inbox(club.id)] == [here.id]
    assert [review.view.job.id for review in await desk.reviews.inbox(None)] == [here.id, direct.id]
    assert [review.view.job.id for review in await desk.reviews.inbox(None, limit=1)] == [here.id]


async def test_a_report_counts_once_for_each_person(desk: Desk) -> None:
    job = await desk.shown(await desk.made())
    bob = await somebody(desk.books, "bob")
    cy = await somebody(desk.books, "cy")
    assert await desk.reviews.report(job.id, bob.id, 1, "that is my face")
    assert not await desk.reviews.report(job.id, bob.id, 0, "again")
    assert await desk.reviews.report(job.id, cy.id, 0, "")
    (review,) = await desk.reviews.inbox(None)
    assert (review.kind, review.reports, review.numbers) == (Kind.REPORTED, 2, (1,))
    assert review.reasons == ("that is my face",)
    with pytest.raises(UnknownJob):
        await desk.reviews.report("nothing", bob.id, 0, "")


async def test_dismissed_reports_change_nothing_and_new_ones_come_again(desk: Desk) -> None:
    job = await desk.shown(await desk.made())
    bob, cy = await somebody(desk.books, "bob"), await somebody(desk.books, "cy")
    await desk.reviews.report(job.id, bob.id, 1, "")
    assert not (await desk.reviews.decide(job.id, Outcome.APPROVED, "", LINE)).done
    assert (await desk.reviews.decide(job.id, Outcome.DISMISSED, "", LINE)).done
    assert await desk.reviews.inbox(None) == ()
    assert not await desk.reviews.report(job.id, bob.id, 1, "")
    assert await desk.reviews.report(job.id, cy.id, 1, "")
    assert len(await desk.reviews.inbox(None)) == 1


async def test_hidden_pictures_are_taken_back_and_paid(desk: Desk) -> None:
    job = await desk.shown(await desk.made())
    bob = await somebody(desk.books, "bob")
    await desk.reviews.report(job.id, bob.id, 1, "")
    assert (await desk.reviews.decide(job.id, Outcome.HIDDEN, "a face", LINE)).done
    view = await desk.books.job(job.id)
    assert view is not None
    assert (view.pictures, view.job.screening, view.job.reason) == ((), Screening.HIDDEN, "a face")
    assert (view.job.status, view.job.charged) == (JobStatus.DONE, 900)
    assert not await desk.reviews.report(job.id, desk.ada.id, 0, "")
    assert not (await desk.reviews.decide(job.id, Outcome.HIDDEN, "", LINE)).done
    await desk.shown(job)


async def test_what_is_on_its_way_is_hidden_when_it_is_there(desk: Desk) -> None:
    job = await desk.shown(await desk.made())
    await desk.reviews.report(job.id, desk.ada.id, 0, "")
    await desk.opened.deliveries.again(job.id, job.place)
    assert not (await desk.reviews.decide(job.id, Outcome.HIDDEN, "", LINE)).done
    assert len(await desk.reviews.inbox(None)) == 1
    await desk.shown(job)
    assert (await desk.reviews.decide(job.id, Outcome.HIDDEN, "", LINE)).done


async def test_what_nobody_looked_at_is_found(desk: Desk) -> None:
    job = await desk.made(screening=Screening.ASKED)
    now = desk.opened.clock.now()
    assert await desk.reviews.overdue(now) == ()
    desk.opened.clock.time += 100
    await desk.made("2", screening=Screening.ASKED)
    assert await desk.reviews.overdue(now + 50) == (job.id,)


async def test_a_result_that_cannot_be_brought_after_all_is_refunded_once(desk: Desk) -> None:
    before = await desk.available()
    job = await desk.made(screening=Screening.ASKED)
    await desk.reviews.decide(job.id, Outcome.REJECTED, "", LINE)
    (due,) = await desk.books.take_deliveries(["test"])
    await desk.books.delivery_failed(due.id, Interrupted(), None)
    assert await desk.available() == before
    assert (await desk.job(job.id)).status is JobStatus.FAILED


async def test_forgetting_takes_reviews_along(desk: Desk) -> None:
    job = await desk.made(screening=Screening.ASKED)
    other = await desk.shown(await desk.made("2"))
    bob = await somebody(desk.books, "bob")
    await desk.reviews.report(other.id, bob.id, 0, "bob's words")
    await desk.accounts.forget(bob.id)
    assert [review.kind for review in await desk.reviews.inbox(None)] == [Kind.HELD]
    gone = await desk.accounts.forget(desk.ada.id)
    assert len(gone.blobs) == 3  # with the one that all these jobs start from
    assert await desk.reviews.inbox(None) == ()
    assert (await desk.job(job.id)).status.ended


async def test_things_are_counted_for_ever(desk: Desk) -> None:
    for _ in range(3):
        await desk.reviews.count("refused-minors")
    tallies = await desk.opened.deliveries.tallies()
    assert tallies["refused-minors"] == 3

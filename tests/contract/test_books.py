"""What every implementation of `engine.ports.Books` keeps; run on the real one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.errors import (
    AttemptUnknown,
    ChatGone,
    DeliveryDelayed,
    EndpointBusy,
    EndpointLost,
    ExecutionFailed,
    Forbidden,
    InsufficientCredits,
    QueueFull,
    UnknownJob,
)
from engine.model import AttemptStatus, DeliveryStatus, Identity, JobStatus, Lane, TaskStatus
from engine.ports import Books
from storage.proof import prove
from tests.fakes.books import NEEDS, POLICY, HandClock, OpenBooks, books_in, delivery_of, new_job, picture, somebody


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path) as opened:
        yield opened
        assert await opened.database.read(prove) == []


@pytest.fixture
def books(opened: OpenBooks) -> Books:
    return opened.books


@pytest.fixture
def clock(opened: OpenBooks) -> HandClock:
    return opened.clock


async def run_one(books: Books, *, measured: int = 400, job_id: str | None = None) -> str:
    """Run the next task to its end and give its attempt's id."""
    attempt = await books.claim("gpu", [NEEDS], job_id=job_id)
    assert attempt is not None
    assert await books.start(attempt.id)
    await books.settle(attempt.id, [picture(attempt.id)], 1.5, measured)
    return attempt.id


async def status(books: Books, job_id: str) -> JobStatus:
    view = await books.job(job_id)
    assert view is not None
    return view.job.status


async def test_one_job_walks_from_accept_to_delivered(opened: OpenBooks, clock: HandClock) -> None:
    books = opened.books
    ada = await somebody(books)
    new = new_job(ada, "k1", costs=(1000, 2000))
    job = await books.accept(new)
    assert (job.status, job.quote, job.charged, job.reason) == (JobStatus.QUEUED, 3000, 0, "")
    assert (job.options, job.place, job.text) == (new.request.options, new.request.place, new.request.text)
    balance = await books.balance(ada.wallet_id)
    assert (balance.available, balance.held, balance.grant) == (97_000, 3000, 100_000)
    delivery = await delivery_of(opened.deliveries, job.id)
    assert (delivery.status, delivery.place) == (DeliveryStatus.WAITING, job.place)
    await books.delivery_posted(delivery.id, "m1")
    assert await books.take_deliveries(["test"]) == ()

    clock.time += 5
    first = await books.claim("gpu", [NEEDS])
    assert first is not None
    assert (first.graph, first.inputs) == (new.tasks[0].graph, new.tasks[0].inputs)
    assert (first.status, first.number, len(first.prompt_id)) == (AttemptStatus.CLAIMED, 1, 36)
    assert await status(books, job.id) is JobStatus.RUNNING
    assert await books.start(first.id)
    assert not await books.start(first.id)
    assert await books.backlog() == 3000
    assert (await books.settle(first.id, [picture("1")], 0.5, 900)).status is JobStatus.RUNNING
    await run_one(books, measured=5000)

    view = await books.job(job.id)
    assert view is not None
    assert view.job.status is JobStatus.DELIVERING
    assert view.job.charged == 3000  # measured 5900, never more than the quote
    assert [task.seed for task in view.tasks] == [2**64 - 1, 2**64 - 2]
    assert [task.status for task in view.tasks] == [TaskStatus.DONE, TaskStatus.DONE]
    assert [task.endpoint for task in view.tasks] == ["gpu", "gpu"]
    assert view.pictures[0] == picture("1")
    assert (view.position, view.queue_length, view.ahead) == (0, 0, 0)

    (due,) = await books.take_deliveries(["other", "test"])
    assert (due.job_id, due.message_id, due.status) == (job.id, "m1", DeliveryStatus.DUE)
    assert await books.take_deliveries(["test"]) == ()
    await books.delivery_done(due.id)
    await books.delivery_done(due.id)
    view = await books.job(job.id)
    assert view is not None
    assert view.job.status is JobStatus.DONE
    assert (view.job.started_at, view.job.finished_at) == (1_000_005, 1_000_005)
    assert (await books.balance(ada.wallet_id)).available == 97_000
    assert await books.take_deliveries(["test"]) == ()
    counts = await books.counts()
    assert counts[JobStatus.DONE] == 1
    assert set(counts) == set(JobStatus)


async def test_a_request_key_is_its_owners(books: Books) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    job = await books.accept(new_job(ada, "k"))
    with pytest.raises(Forbidden):
        await books.accept(new_job(bob, "k"))
    assert (await books.accept(new_job(ada, "k"))).id == job.id
    assert len(await books.jobs()) == 1
    assert (await books.balance(bob.wallet_id)).held == 0


async def test_the_charge_is_measured_where_that_is_less(books: Books) -> None:
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k", costs=(1000, 1000)))
    await run_one(books, measured=400)
    await run_one(books, measured=0)
    view = await books.job(job.id)
    assert view is not None
    assert view.job.charged == 400
    balance = await books.balance(ada.wallet_id)
    assert (balance.available, balance.held) == (99_600, 0)


async def test_a_redelivered_event_is_the_same_job(books: Books) -> None:
    ada = await somebody(books)
    jobs = await asyncio.gather(*(books.accept(new_job(ada, "same")) for _ in range(8)))
    assert len({job.id for job in jobs}) == 1
    assert (await books.balance(ada.wallet_id)).held == 1000


async def test_credits_cannot_be_spent_twice(books: Books, clock: HandClock) -> None:
    ada = await somebody(books)
    tries = (books.accept(new_job(ada, f"k{n}", costs=(60_000,))) for n in range(4))
    results = await asyncio.gather(*tries, return_exceptions=True)
    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    assert len(refused) == 3
    assert refused[0].fields == {"cost": "60.0", "available": "40.0", "resets": 1000}
    assert refused[0].retry_after == 1000
    assert (await books.balance(ada.wallet_id)).available == 40_000


async def test_the_queue_of_one_person_is_bounded(books: Books) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    for n in range(POLICY.max_queued_jobs):
        await books.accept(new_job(ada, f"k{n}"))
    with pytest.raises(QueueFull) as refused:
        await books.accept(new_job(ada, "one more"))
    assert refused.value.fields == {"limit": 10, "queued": 10}
    await books.accept(new_job(ada, "k3"))  # a redelivered event is no new job
    await books.accept(new_job(bob, "bob's"))


async def test_grants_top_up_once_a_period_and_do_not_pile_up(books: Books, clock: HandClock) -> None:
    ada = await somebody(books)
    assert (await books.balance(ada.wallet_id)).available == 100_000
    await books.accept(new_job(ada, "k", costs=(30_000,)))
    await run_one(books, measured=30_000)
    assert (await books.balance(ada.wallet_id)).available == 70_000
    clock.time += 999
    balance = await books.balance(ada.wallet_id)
    assert (balance.available, balance.resets_at) == (70_000, 1_001_000)
    clock.time += 5001
    found = await asyncio.gather(*(books.balance(ada.wallet_id) for _ in range(5)))
    assert {balance.available for balance in found} == {100_000}
    await books.accept(new_job(ada, "k2", costs=(30_000,)))
    clock.time -= 4000  # a clock that was set back grants nothing
    assert (await books.balance(ada.wallet_id)).available == 70_000
    clock.time += 4500
    assert (await books.balance(ada.wallet_id)).available == 70_000


async def test_a_grant_that_gives_nothing_still_counts_for_its_period(books: Books, clock: HandClock) -> None:
    ada = await somebody(books)
    await books.balance(ada.wallet_id)
    clock.time += 1000
    assert (await books.balance(ada.wallet_id)).available == 100_000
    await books.accept(new_job(ada, "k", costs=(100_000,)))
    with pytest.raises(InsufficientCredits):
        await books.accept(new_job(ada, "k2"))


async def test_a_failed_attempt_waits_again_and_the_tries_end(books: Books) -> None:
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k"))
    for number in (1, 2, 3):
        attempt = await books.claim("gpu", [NEEDS])
        assert attempt is not None
        assert attempt.number == number
        await books.start(attempt.id)
        job = await books.fail(attempt.id, EndpointLost(), retry=number < 3)
        assert await books.fail(attempt.id, EndpointLost(), retry=True) == job
    assert (job.status, job.reason, job.charged) == (JobStatus.DELIVERING, "endpoint-lost", 0)
    balance = await books.balance(ada.wallet_id)
    assert (balance.available, balance.held) == (100_000, 0)
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_done(due.id)
    assert await status(books, job.id) is JobStatus.FAILED


async def test_an_attempt_that_reached_no_endpoint_is_no_try(books: Books) -> None:
    ada = await somebody(books)
    await books.accept(new_job(ada, "k"))
    for number in range(1, 7):
        attempt = await books.claim("gpu", [NEEDS])
        assert attempt is not None
        assert attempt.number == number
        if number % 2:
            await books.start(attempt.id)
            await books.fail(attempt.id, EndpointBusy(), retry=True)
        else:
            await books.fail(attempt.id, AttemptUnknown(), retry=True)
    view = (await books.jobs())[0]
    assert (view.tasks[0].tries, view.tasks[0].status, view.tasks[0].error) == (0, TaskStatus.QUEUED, "attempt-unknown")
    await run_one(books)
    assert (await books.jobs())[0].tasks[0].error == ""


async def test_a_job_with_one_picture_is_done_and_pays_for_that(books: Books) -> None:
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k", costs=(1000, 1000)))
    attempt = await books.claim("gpu", [NEEDS])
    assert attempt is not None
    await books.fail(attempt.id, ExecutionFailed(), retry=False)
    await run_one(books, measured=5000)
    view = await books.job(job.id)
    assert view is not None
    assert (view.job.status, view.job.reason, view.job.charged) == (JobStatus.DELIVERING, "", 1000)
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_done(due.id)
    assert await status(books, job.id) is JobStatus.DONE


async def test_a_result_without_pictures_is_a_failure(books: Books) -> None:
    ada = await somebody(books)
    await books.accept(new_job(ada, "k"))
    attempt = await books.claim("gpu", [NEEDS])
    assert attempt is not None
    job = await books.settle(attempt.id, [], 1.0, 1000)
    assert (job.status, job.reason, job.charged) == (JobStatus.DELIVERING, "output-missing", 0)


async def test_settling_again_changes_nothing(books: Books) -> None:
    ada = await somebody(books)
    await books.accept(new_job(ada, "k"))
    attempt = await books.claim("gpu", [NEEDS])
    assert attempt is not None
    await asyncio.gather(*(books.settle(attempt.id, [picture("1")], 1.0, n) for n in (300, 400, 500)))
    await books.fail(attempt.id, EndpointLost(), retry=True)
    view = (await books.jobs())[0]
    assert (view.job.charged, len(view.pictures)) == (300, 1)


async def test_cancel_frees_what_waits_and_names_what_runs(books: Books) -> None:
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k", costs=(1000, 1000, 1000)))
    await run_one(books, measured=700)
    running = await books.claim("gpu", [NEEDS])
    assert running is not None
    await books.start(running.id)
    cancelled, attempts = await books.cancel(job.id, "cancelled by owner")
    assert [attempt.prompt_id for attempt in attempts] == [running.prompt_id]
    assert (cancelled.status, cancelled.charged, cancelled.reason) == (
        JobStatus.DELIVERING,
        700,
        "cancelled by owner",
    )
    again, none = await books.cancel(job.id, "again")
    assert (again, none) == (cancelled, ())
    late = await books.settle(running.id, [picture("late")], 1.0, 900)
    assert late == cancelled
    view = await books.job(job.id)
    assert view is not None
    assert len(view.pictures) == 1
    assert [task.status for task in view.tasks] == [TaskStatus.DONE, TaskStatus.CANCELLED, TaskStatus.CANCELLED]
    assert await books.open_attempts() == ()
    assert await books.claim("gpu", [NEEDS]) is None
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_done(due.id)
    assert await status(books, job.id) is JobStatus.CANCELLED


async def test_a_cancelled_claim_is_not_sent(books: Books) -> None:
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k"))
    attempt = await books.claim("gpu", [NEEDS])
    assert attempt is not None
    await books.cancel(job.id, "cancelled by owner")
    assert not await books.start(attempt.id)
    assert (await books.balance(ada.wallet_id)).available == 100_000


async def test_what_nobody_knows_is_said(opened: OpenBooks) -> None:
    books = opened.books
    for verb in (
        books.start("nothing"),
        books.settle("nothing", [], 0.0, 0),
        books.fail("nothing", EndpointLost(), retry=True),
        books.cancel("nothing", ""),
    ):
        with pytest.raises(UnknownJob):
            await verb
    assert await books.job("nothing") is None
    assert await books.take_deliveries([]) == ()
    assert await opened.deliveries.of_jobs([]) == ()
    assert await opened.deliveries.of_jobs(["nothing"]) == ()
    await books.delivery_done("nothing")
    await books.delivery_failed("nothing", ChatGone(), None)
    await books.delivery_posted("nothing", "m")
    assert await books.jobs() == ()


async def test_what_cannot_be_delivered_is_refunded_once(opened: OpenBooks) -> None:
    books = opened.books
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k"))
    await run_one(books, measured=800)
    assert (await books.balance(ada.wallet_id)).available == 99_200
    (due,) = await books.take_deliveries(["test"])
    for _ in range(2):
        await books.delivery_failed(due.id, ChatGone(), None)
    assert (await books.balance(ada.wallet_id)).available == 100_000
    view = await books.job(job.id)
    assert view is not None
    assert (view.job.status, view.job.reason, view.job.charged) == (JobStatus.DONE, "chat-gone", 0)
    await books.delivery_done(due.id)
    assert (await delivery_of(opened.deliveries, job.id)).status is DeliveryStatus.UNDELIVERABLE


async def test_a_delayed_delivery_is_due_again(books: Books, clock: HandClock) -> None:
    ada = await somebody(books)
    await books.accept(new_job(ada, "k"))
    await run_one(books)
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_failed(due.id, DeliveryDelayed(), clock.now() + 30)
    assert await books.take_deliveries(["test"]) == ()
    clock.time += 30
    (again,) = await books.take_deliveries(["test"])
    assert (again.id, again.tries) == (due.id, 1)


async def test_after_a_restart_the_unfinished_is_found(tmp_path: Path) -> None:
    async with books_in(tmp_path) as first:
        ada = await somebody(first.books)
        await first.books.accept(new_job(ada, "half sent"))
        await run_one(first.books)
        (due,) = await first.books.take_deliveries(["test"])
        await first.books.accept(new_job(ada, "half run"))
        attempt = await first.books.claim("gpu", [NEEDS])
        assert attempt is not None
        assert await first.books.start(attempt.id)
    async with books_in(tmp_path) as second:
        (open_attempt,) = await second.books.open_attempts()
        assert (open_attempt.prompt_id, open_attempt.status) == (attempt.prompt_id, AttemptStatus.SENT)
        assert open_attempt.graph == attempt.graph
        (left,) = await second.books.take_deliveries(["test"])
        assert left.id == due.id
        assert await second.books.take_deliveries(["test"]) == ()
        assert await second.database.read(prove) == []


async def test_claims_are_fair_and_fast_goes_first(books: Books) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    slow = await books.accept(new_job(bob, "slow", lane=Lane.RELAXED))
    many = [await books.accept(new_job(ada, f"a{n}")) for n in range(4)]
    one = await books.accept(new_job(bob, "b"))
    positions = [view.position for job in (*many, one, slow) if (view := await books.job(job.id))]
    assert positions == [1, 3, 4, 5, 2, 6]
    view = await books.job(many[1].id)
    assert view is not None
    assert (view.queue_length, view.ahead) == (6, 2000)
    claimed = [await books.claim("gpu", [NEEDS]) for _ in range(6)]
    order = [attempt.job_id for attempt in claimed if attempt]
    assert order == [many[0].id, one.id, many[1].id, many[2].id, many[3].id, slow.id]


async def test_a_claim_takes_only_what_it_is_asked_for(books: Books) -> None:
    ada = await somebody(books)
    mine = await books.accept(new_job(ada, "a", needs="sdxl"))
    other = await books.accept(new_job(ada, "b"))
    assert await books.waiting_needs() == tuple(sorted((NEEDS, "sdxl")))
    assert await books.waiting_needs(job_id=other.id) == (NEEDS,)
    assert await books.claim("gpu", ["flux"]) is None
    assert await books.claim("gpu", []) is None
    assert await books.claim("gpu", [NEEDS], job_id=mine.id) is None
    attempt = await books.claim("gpu", [NEEDS, "sdxl"], job_id=other.id)
    assert attempt is not None
    assert attempt.job_id == other.id


async def test_a_skipped_backlog_does_not_hold_up_who_comes_later(books: Books) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    for n in range(5):
        await books.accept(new_job(ada, f"a{n}"))
    special = await books.accept(new_job(ada, "special", needs="flux"))
    attempt = await books.claim("flux-gpu", ["flux"])
    assert attempt is not None
    assert attempt.job_id == special.id
    later = await books.accept(new_job(bob, "b"))
    view = await books.job(later.id)
    assert view is not None
    assert view.position == 2


async def test_cancelled_work_gives_its_place_back(books: Books) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    for job in [await books.accept(new_job(ada, f"a{n}")) for n in range(8)]:
        await books.cancel(job.id, "cancelled by owner")
    await books.accept(new_job(bob, "b1"))
    await books.accept(new_job(bob, "b2"))
    again = await books.accept(new_job(ada, "again"))
    view = await books.job(again.id)
    assert view is not None
    assert view.position == 2


async def test_racing_claims_never_get_the_same_task(books: Books) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    for n in range(10):
        await books.accept(new_job(ada, f"a{n}", costs=(10, 10)))
        await books.accept(new_job(bob, f"b{n}", costs=(10,)))
    claimed = await asyncio.gather(*(books.claim(f"gpu-{n}", [NEEDS]) for n in range(40)))
    tasks = [attempt.task_id for attempt in claimed if attempt]
    assert len(tasks) == len(set(tasks)) == 30


async def test_people_and_communities_are_found_again(books: Books) -> None:
    both = await asyncio.gather(*(somebody(books) for _ in range(5)))
    assert len({person.id for person in both}) == 1
    renamed = await books.person(Identity(platform="test", id="ada", name="Ada L."))
    assert (renamed.id, renamed.name) == (both[0].id, "Ada L.")
    nameless = await books.person(Identity(platform="test", id="ada"))
    assert nameless == renamed
    assert (await books.person(Identity(platform="other", id="ada"))).id != renamed.id
    rooms = await asyncio.gather(*(books.community("test", "guild", "Guild") for _ in range(5)))
    assert len({room.id for room in rooms}) == 1
    assert (await books.community("test", "guild", "")).name == "Guild"
    assert (await books.community("test", "guild", "New name")).name == "New name"
    assert (await books.balance(rooms[0].wallet_id)).grant == 0


async def test_jobs_are_listed_newest_first(books: Books, clock: HandClock) -> None:
    ada, bob = await somebody(books), await somebody(books, "bob")
    first = await books.accept(new_job(ada, "1"))
    second = await books.accept(new_job(bob, "2"))
    third = await books.accept(new_job(ada, "3"))
    await books.cancel(first.id, "cancelled by owner")
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_done(due.id)
    assert [view.job.id for view in await books.jobs()] == [third.id, second.id, first.id]
    assert [view.job.id for view in await books.jobs(person_id=ada.id)] == [third.id, first.id]
    assert [view.job.id for view in await books.jobs(active=True, limit=1)] == [third.id]
    assert [view.job.id for view in await books.jobs(person_id=ada.id, active=True)] == [third.id]
    await books.audit("operator", "cancel", first.id, {"reason": "spam", "jobs": [first.id]})

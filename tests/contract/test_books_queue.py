"""The queue of the books: whose turn it is, who is passed over, and what people with power do with it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engine.errors import EndpointLost, InsufficientCredits, OutOfMemory, QueueFull, UnknownJob
from engine.fairness import Bounds
from engine.model import AttemptStatus, JobStatus, Lane, Learnt, Person, TaskStatus
from engine.policies import CommunityPolicy
from engine.ports import Books
from storage.books import LEASE, open_books
from storage.people import set_policy
from storage.policy import Policy
from storage.proof import prove
from tests.fakes.books import NEEDS, POLICY, HandClock, OpenBooks, books_in, new_job, picture, somebody

BOUNDS = Bounds(relaxed_share=25, affinity=2500)
RULES = replace(POLICY, max_running_tasks=2, max_wait_seconds=3600.0, bounds=BOUNDS)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path, RULES) as opened:
        yield opened
        assert await opened.database.read(prove) == []


@pytest.fixture
def books(opened: OpenBooks) -> Books:
    return opened.books


async def people(books: Books, count: int) -> list[Person]:
    return [await somebody(books, f"person {number}") for number in range(count)]


async def claimed_jobs(books: Books, count: int, **how: object) -> list[str]:
    """Claim and settle one task after the other; the jobs that they were of, "" where there was nothing."""
    jobs = []
    for _ in range(count):
        attempt = await books.claim("gpu", [NEEDS], **how)  # type: ignore[arg-type]
        jobs.append("" if attempt is None else attempt.job_id)
        if attempt is not None:
            await books.settle(attempt.id, [picture(attempt.id)], 1.0, attempt.cost)
    return jobs


async def test_jobs_looked_at_together_have_the_places_that_each_has_alone(opened: OpenBooks) -> None:
    books, dice = opened.books, Random(7)
    who = await people(books, 5)
    for number in range(40):
        costs = [dice.randrange(1, 900) for _ in range(dice.randrange(1, 5))]
        lane = dice.choice([Lane.FAST, Lane.FAST, Lane.RELAXED])
        new, kind = new_job(who[number % 5], f"{number}", costs=costs, lane=lane), dice.choice("ab")
        await books.accept(replace(new, tasks=tuple(replace(task, kind=kind) for task in new.tasks)))
    for _ in range(9):
        assert await books.claim("gpu", [NEEDS])
    together = {view.job.id: view for view in await books.jobs(limit=40)}
    waiting = {job_id: view.position for job_id, view in together.items() if view.position}
    assert waiting == await opened.deliveries.positions()
    assert len(waiting) > 30
    for job_id, view in together.items():
        assert await books.job(job_id) == view


async def test_relaxed_work_gets_its_share_while_fast_work_waits(books: Books) -> None:
    """A quarter: after 3000 mgs of fast work a relaxed task of 1000 goes."""
    who = await people(books, 3)
    relaxed = [(await books.accept(new_job(who[0], f"r{n}", lane=Lane.RELAXED))).id for n in range(3)]
    fast = [(await books.accept(new_job(who[1 + n % 2], f"f{n}"))).id for n in range(10)]
    order = await claimed_jobs(books, 13)
    assert ["relaxed" if job in relaxed else "fast" for job in order] == ((["fast"] * 3 + ["relaxed"]) * 3 + ["fast"])
    assert set(order) == {*relaxed, *fast}


async def test_a_loaded_checkpoint_may_go_first_within_its_bound_and_pays_back(books: Books) -> None:
    who = await people(books, 8)
    old = [(await books.accept(new_job(who[n], f"old {n}", needs="old", model="old"))).id for n in range(4)]
    new = [(await books.accept(new_job(who[4 + n], f"new {n}", needs="new", model="new"))).id for n in range(4)]
    order = []
    for _ in range(8):
        attempt = await books.claim("gpu", ["old", "new"], loaded="new")
        assert attempt is not None
        order.append(attempt.job_id)
        await books.settle(attempt.id, [picture(attempt.id)], 1.0, 0)
    assert order == [new[0], new[1], old[0], new[2], old[1], new[3], old[2], old[3]]


async def claims_in_turns(books: Books, rounds: int, **needs: str) -> list[str]:
    """Let endpoints claim and settle in turns, each what its letters say; the keys of what the last one claimed."""
    claimed = []
    for _ in range(rounds):
        for endpoint, letters in needs.items():
            attempt = await books.claim(endpoint, list(letters), loaded=letters[0])
            assert attempt is not None
            await books.settle(attempt.id, [picture(attempt.id)], 1.0, 0)
            view = await books.job(attempt.job_id)
            assert view is not None
            claimed.append(view.job.request_key)
    return claimed[len(needs) - 1 :: len(needs)]


async def test_what_one_endpoint_claims_in_its_turn_does_not_pay_for_another(books: Books) -> None:
    """Else who waits for the second one would wait as long as both have work that may go first."""
    for number, who in enumerate(await people(books, 8)):
        for needs in "xhb" if number == 0 else "xb":
            await books.accept(new_job(who, f"{needs}{number}", needs=needs, model=needs))
    order = await claims_in_turns(books, 4, one="x", two="bh")
    assert order.index("h0") == 2  # 2000 of the 2500 mgs that may go before


async def test_relaxed_work_that_one_endpoint_claims_does_not_use_up_anothers_share(books: Books) -> None:
    """A quarter: after 9000 mgs of fast work of the second one its relaxed task of 3000 goes."""
    who = await people(books, 40)
    await books.accept(new_job(who[0], "y-relaxed", needs="y", costs=(3000,), lane=Lane.RELAXED))
    for number in range(12):
        await books.accept(new_job(who[1 + number], f"x-relaxed{number}", needs="x", lane=Lane.RELAXED))
        for needs in "xy":
            await books.accept(new_job(who[13 + number], f"{needs}{number}", needs=needs))
    order = await claims_in_turns(books, 12, one="x", two="y")
    assert order.index("y-relaxed") == 9


async def test_who_is_at_their_running_cap_is_passed_over_and_not_lost(books: Books) -> None:
    ada, bob = await people(books, 2)
    mine = await books.accept(new_job(ada, "a", costs=(1, 1, 1)))
    theirs = await books.accept(new_job(bob, "b", costs=(5000,)))
    first = await books.claim("gpu", [NEEDS])
    assert first is not None
    got = [await books.claim("gpu", [NEEDS]) for _ in range(3)]
    assert [attempt and attempt.job_id for attempt in got] == [theirs.id, mine.id, None]
    assert (await books.waiting_needs()) == (NEEDS,)
    waiting = await books.waiting(mine.id)
    assert waiting is not None
    assert (waiting.own_running, waiting.running_cap) == (2, 2)
    await books.settle(first.id, [picture("1")], 1.0, 1)
    last = await books.claim("gpu", [NEEDS])
    assert last is not None
    assert last.job_id == mine.id


async def test_a_communitys_own_caps_go_before_the_settings(opened: OpenBooks) -> None:
    books = opened.books
    ada, bob = await people(books, 2)
    guild = await books.community("test", "guild", "Guild")
    rules = CommunityPolicy(max_queued=2, max_queued_together=3, max_running=1, max_running_together=2)
    await opened.database.write(lambda session: set_policy(session, guild.id, rules))
    for key in ("a1", "a2"):
        await books.accept(new_job(ada, key, community_id=guild.id))
    with pytest.raises(QueueFull) as here:
        await books.accept(new_job(ada, "a3", community_id=guild.id))
    assert here.value.fields == {"limit": 2, "queued": 2, "scope": "here"}
    elsewhere = await books.accept(new_job(ada, "a4"))
    await books.accept(new_job(bob, "b1", community_id=guild.id))
    with pytest.raises(QueueFull) as together:
        await books.accept(new_job(bob, "b2", community_id=guild.id))
    assert together.value.fields == {"limit": 3, "queued": 3, "scope": "together"}
    got = [await books.claim("gpu", [NEEDS]) for _ in range(4)]
    jobs = [attempt.job_id for attempt in got if attempt]
    assert len(jobs) == 3  # one of ada's and one of bob's there, and ada's elsewhere
    assert elsewhere.id in jobs


async def test_a_task_that_failed_here_runs_elsewhere_if_anything_else_can_run_it(books: Books) -> None:
    (ada,) = await people(books, 1)
    await books.accept(new_job(ada, "a"))
    attempt = await books.claim("one", [NEEDS])
    assert attempt is not None
    await books.start(attempt.id)
    await books.fail(attempt.id, OutOfMemory(), retry=True, elsewhere=True)
    assert await books.claim("one", [NEEDS]) is None
    again = await books.claim("one", [NEEDS], only_here=[NEEDS])
    assert again is not None
    await books.start(again.id)
    await books.fail(again.id, EndpointLost(), retry=True, elsewhere=True)
    other = await books.claim("two", [NEEDS])
    assert other is not None
    assert other.number == 3


async def test_a_held_job_stays_where_it_is_until_it_is_released(books: Books) -> None:
    ada, bob = await people(books, 2)
    first, second = await books.accept(new_job(ada, "a")), await books.accept(new_job(bob, "b"))
    assert (await books.hold(first.id, "looked at")).status is JobStatus.HELD
    assert (await books.hold(first.id, "again")).reason == "looked at"
    view, other = await books.job(first.id), await books.job(second.id)
    assert view is not None
    assert other is not None
    assert (view.position, other.position, other.queue_length) == (0, 1, 1)
    waiting = await books.waiting(first.id)
    assert waiting is not None
    assert waiting.held
    assert (await books.balance(ada.wallet_id)).held == 1000
    assert await claimed_jobs(books, 2) == [second.id, ""]
    third = await books.accept(new_job(bob, "b2"))
    assert (await books.release(first.id, "fine")).status is JobStatus.QUEUED
    assert await claimed_jobs(books, 2) == [first.id, third.id]
    assert (await books.hold(first.id, "too late")).status is JobStatus.DELIVERING


async def test_a_held_job_can_be_cancelled(books: Books) -> None:
    (ada,) = await people(books, 1)
    job = await books.accept(new_job(ada, "a"))
    await books.hold(job.id, "looked at")
    cancelled, _ = await books.cancel(job.id, "cancelled by owner")
    assert cancelled.status is JobStatus.DELIVERING
    assert (await books.balance(ada.wallet_id)).held == 0


async def test_a_job_moves_to_the_front_or_behind_another(books: Books) -> None:
    (ada,) = await people(books, 1)
    jobs = [await books.accept(new_job(ada, f"a{n}", costs=(100, 100))) for n in range(4)]
    await books.move(jobs[3].id)
    await books.move(jobs[0].id, behind=jobs[1].id)
    order = await claimed_jobs(books, 8)
    assert order == [job.id for job in (jobs[3], jobs[1], jobs[0], jobs[2]) for _ in range(2)]
    late = await books.accept(new_job(ada, "late"))
    with pytest.raises(UnknownJob):
        await books.move(late.id, behind=jobs[0].id)


async def test_a_paused_queue_gives_nothing_over_restarts_until_it_is_resumed(tmp_path: Path) -> None:
    async with books_in(tmp_path) as first:
        (ada,) = await people(first.books, 1)
        job = await first.books.accept(new_job(ada, "a"))
        await first.books.pause("test:1", "new cables")
        await first.books.pause("test:2", "too late")
    async with books_in(tmp_path) as second:
        books = second.books
        assert await books.claim("gpu", [NEEDS]) is None
        assert await books.waiting_needs() == ()
        pause, waiting, view = await books.paused(), await books.waiting(job.id), await books.job(job.id)
        assert pause is not None
        assert (pause.by, pause.reason) == ("test:1", "new cables")
        assert waiting is not None
        assert (waiting.paused, waiting.pause_reason) == (True, "new cables")
        assert view is not None
        assert view.paused
        await books.resume()
        await books.resume()
        assert await books.paused() is None
        assert await claimed_jobs(books, 1) == [job.id]


async def test_clearing_ends_what_has_not_started_and_nothing_else(books: Books) -> None:
    ada, bob = await people(books, 2)
    guild = await books.community("test", "guild", "Guild")
    running = await books.accept(new_job(ada, "runs"))
    await books.claim("gpu", [NEEDS])
    there = await books.accept(new_job(ada, "there", community_id=guild.id))
    elsewhere = await books.accept(new_job(ada, "elsewhere"))
    other = await books.accept(new_job(bob, "other", community_id=guild.id))
    await books.hold(other.id, "looked at")
    cleared = await books.clear("cancelled by moderator", person_id=ada.id, community_id=guild.id)
    assert [job.id for job in cleared] == [there.id]
    assert [job.id for job in await books.clear("x", community_id=guild.id)] == [other.id]
    assert [job.id for job in await books.clear("x", person_id=ada.id)] == [elsewhere.id]
    view = await books.job(running.id)
    assert view is not None
    assert view.job.status is JobStatus.RUNNING


async def test_a_waiting_job_becomes_another_in_its_place_at_its_price(books: Books) -> None:
    ada, bob = await people(books, 2)
    first = await books.accept(new_job(ada, "a", costs=(1000,)))
    await books.accept(new_job(bob, "b"))
    for costs in ((2000, 500), (300,), (300,)):
        after = await books.amend(first.id, new_job(ada, "a", costs=costs))
        assert (after.id, after.quote, after.count) == (first.id, sum(costs), len(costs))
        balance = await books.balance(ada.wallet_id)
        assert (balance.held, balance.available) == (sum(costs), POLICY.grant - sum(costs))
    with pytest.raises(InsufficientCredits):
        await books.amend(first.id, new_job(ada, "a", costs=(POLICY.grant + 1,)))
    view = await books.job(first.id)
    assert view is not None
    assert (view.position, view.job.quote) == (1, 300)
    assert await claimed_jobs(books, 1) == [first.id]
    assert (await books.amend(first.id, new_job(ada, "a", costs=(1,)))).quote == 300  # too late
    assert (await books.balance(ada.wallet_id)).available == POLICY.grant - 300


async def test_what_waits_too_long_expires_and_costs_nothing(opened: OpenBooks) -> None:
    books, clock = opened.books, opened.clock
    ada, bob = await people(books, 2)
    waits = await books.accept(new_job(ada, "waits", needs="away"))
    half = await books.accept(new_job(bob, "half", costs=(1000, 1000)))
    await claimed_jobs(books, 1)
    runs = await books.accept(new_job(bob, "runs", needs="runs"))
    assert await books.claim("gpu", ["runs"]) is not None
    clock.time += 3600
    assert await books.expire() == ()
    clock.time += 1
    later = await books.accept(new_job(ada, "later"))
    assert {job.id for job in await books.expire()} == {waits.id, half.id}
    assert await books.expire() == ()
    views = {job.id: await books.job(job.id) for job in (waits, half, runs, later)}
    ended = views[waits.id]
    assert ended is not None
    assert (ended.job.status, ended.job.reason, ended.job.charged) == (JobStatus.DELIVERING, "expired", 0)
    assert ended.tasks[0].status is TaskStatus.CANCELLED
    partly = views[half.id]
    assert partly is not None
    assert (partly.job.status, partly.job.charged, len(partly.pictures)) == (JobStatus.DELIVERING, 1000, 1)
    for due in await books.take_deliveries(["test"]):
        await books.delivery_done(due.id)
    statuses = [view.job.status for view in [await books.job(waits.id), await books.job(half.id)] if view]
    assert statuses == [JobStatus.FAILED, JobStatus.DONE]


async def test_leases_say_whose_attempt_it_is_where_several_processes_share_the_books(opened: OpenBooks) -> None:
    """As on PostgreSQL: two owners on one database, which does not say that it is alone."""
    clock = HandClock(opened.clock.time)
    policy: Policy = RULES
    shared = _Shared(opened)
    mine, theirs = open_books(shared, clock, policy), open_books(shared, clock, policy)  # type: ignore[arg-type]
    (ada,) = await people(mine, 1)
    await mine.accept(new_job(ada, "a", costs=(1, 1)))
    attempts = [await mine.claim("gpu", [NEEDS]) for _ in range(2)]
    assert attempts[0] is not None
    assert attempts[1] is not None
    assert await theirs.open_attempts() == await mine.open_attempts() == ()
    clock.time += LEASE - 1
    await mine.heartbeat()
    await theirs.heartbeat()  # renews nothing of mine
    clock.time += LEASE - 1
    assert await theirs.open_attempts() == ()
    clock.time += 2
    await mine.start(attempts[0].id)
    taken = await theirs.open_attempts()
    assert {(attempt.id, attempt.status) for attempt in taken} == {
        (attempts[0].id, AttemptStatus.SENT),
        (attempts[1].id, AttemptStatus.CLAIMED),
    }
    assert await theirs.open_attempts() == await mine.open_attempts() == ()


class _Shared:
    """An open database as if other processes used it too."""

    alone = False

    def __init__(self, opened: OpenBooks) -> None:
        self.write = opened.database.write
        self.read = opened.database.read


async def test_what_was_learnt_is_kept_with_the_work(tmp_path: Path) -> None:
    async with books_in(tmp_path) as first:
        (ada,) = await people(first.books, 1)
        for number, rate in enumerate((1000.0, 800.0)):
            await first.books.accept(new_job(ada, f"a{number}"))
            attempt = await first.books.claim("gpu", [NEEDS])
            assert attempt is not None
            learnt = Learnt(endpoint="gpu", kind="x", mgs_per_second=rate)
            await first.books.settle(attempt.id, [picture()], 1.0, 1, learnt=learnt)
            await first.books.settle(attempt.id, [], 1.0, 1, learnt=replace(learnt, mgs_per_second=1.0))
    async with books_in(tmp_path) as second:
        assert await second.books.learnt() == (Learnt(endpoint="gpu", kind="x", mgs_per_second=800.0),)


async def test_why_a_job_waits(books: Books) -> None:
    who = await people(books, 4)
    for number, person in enumerate(who[:3]):
        await books.accept(new_job(person, f"o{number}", costs=(10, 10)))
    first = await books.accept(new_job(who[3], "first"))
    job = await books.accept(new_job(who[3], "second"))
    waiting = await books.waiting(job.id)
    assert waiting is not None
    assert (waiting.people, waiting.tasks_of_others, waiting.own_jobs, waiting.needs) == (3, 6, 1, (NEEDS,))
    work = await books.work_before(who[3].id, Lane.FAST)
    assert sum(work.values()) == 6 * 10 + 2000
    await books.cancel(first.id, "cancelled by owner")
    assert await books.waiting(first.id) is None
    assert await books.waiting("nothing") is None

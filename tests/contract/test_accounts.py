"""What every implementation of `engine.ports.Accounts` keeps; run on the real one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.accounts import AuditLine, Ban, Movement
from engine.errors import AllowanceUsed, Banned, InsufficientCredits
from engine.model import Community, Identity, Person
from engine.policies import CommunityPolicy, Payer
from engine.ports import Accounts, Books
from storage.policy import Policy
from storage.proof import prove
from tests.fakes.books import NEEDS, HandClock, OpenBooks, books_in, new_job, picture, somebody

POLICY = Policy(grant=10_000, community_grant=50_000, period_seconds=1000.0, max_queued_jobs=50)
LINE = AuditLine(actor="test:mod", action="tried", target="x")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path, POLICY) as opened:
        yield opened
        assert await opened.database.read(prove) == []


@pytest.fixture
def books(opened: OpenBooks) -> Books:
    return opened.books


@pytest.fixture
def accounts(opened: OpenBooks) -> Accounts:
    return opened.accounts


@pytest.fixture
def clock(opened: OpenBooks) -> HandClock:
    return opened.clock


async def club(books: Books, name: str = "club") -> Community:
    return await books.community("test", name, name)


async def available(books: Books, wallet_id: str) -> int:
    return (await books.balance(wallet_id)).available


async def finish(
    books: Books, person: Person, key: str, *, community: Community | None = None, cost: int = 1000
) -> str:
    """Make a job of a person and run it to its delivery; gives its id."""
    new = new_job(person, key, costs=(cost,), community_id=community.id if community else None)
    job = await books.accept(new)
    attempt = await books.claim("gpu", [NEEDS], job_id=job.id)
    assert attempt is not None
    await books.start(attempt.id)
    await books.settle(attempt.id, [picture(key)], 1.0, cost)
    (due,) = [due for due in await books.take_deliveries(["test"]) if due.job_id == job.id]
    await books.delivery_done(due.id)
    return job.id


async def test_people_and_places_are_found_and_never_made(books: Books, accounts: Accounts) -> None:
    assert await accounts.find("test", "ada") is None
    ada = await somebody(books)
    assert await accounts.find("test", "ada") == ada
    assert await accounts.find("other", "ada") is None
    assert await accounts.person(ada.id) == ada
    assert await accounts.person("nobody") is None
    place = await club(books)
    assert await accounts.find_community("test", "club") == place
    assert await accounts.find_community("test", "pub") is None


async def test_a_grant_of_its_own_holds_from_the_next_period(
    books: Books, accounts: Accounts, clock: HandClock
) -> None:
    ada = await somebody(books)
    await accounts.set_grant(ada.wallet_id, 25_000, LINE)
    assert await available(books, ada.wallet_id) == 10_000
    clock.time += 1000
    assert await available(books, ada.wallet_id) == 25_000
    assert (await books.balance(ada.wallet_id)).grant == 25_000
    await accounts.set_grant(ada.wallet_id, 0, LINE)
    clock.time += 1000
    assert await available(books, ada.wallet_id) == 25_000  # what is there stays; nothing new comes
    await accounts.set_grant(ada.wallet_id, None, LINE)
    assert (await books.balance(ada.wallet_id)).grant == 10_000


async def test_a_transfer_happens_once_and_takes_no_more_than_there_is(books: Books, accounts: Accounts) -> None:
    place, ada = await club(books), await somebody(books)
    assert await accounts.transfer("k", place.wallet_id, ada.wallet_id, 20_000, LINE)
    assert not await accounts.transfer("k", place.wallet_id, ada.wallet_id, 20_000, LINE)
    assert (await available(books, place.wallet_id), await available(books, ada.wallet_id)) == (30_000, 30_000)
    with pytest.raises(InsufficientCredits) as refused:
        await accounts.transfer("k2", place.wallet_id, ada.wallet_id, 30_001, LINE)
    assert refused.value.fields["payer"] == "community"
    assert await available(books, place.wallet_id) == 30_000
    assert len(await accounts.audit_lines(None)) == 1  # what did not happen is not written down


async def test_a_gift_that_comes_before_the_first_look_is_not_swallowed_by_the_grant(
    books: Books, accounts: Accounts
) -> None:
    place, ada = await club(books), await somebody(books)
    await accounts.transfer("k", place.wallet_id, ada.wallet_id, 4000, LINE)
    assert await available(books, ada.wallet_id) == 14_000
    bob = await somebody(books, "bob")
    await accounts.mint("k", bob.wallet_id, 4000, LINE)
    assert await available(books, bob.wallet_id) == 14_000


async def test_of_many_grants_at_once_each_happens_once_and_none_overdraws(books: Books, accounts: Accounts) -> None:
    place, ada = await club(books), await somebody(books)
    tries = [accounts.transfer(f"k{n % 4}", place.wallet_id, ada.wallet_id, 20_000, LINE) for n in range(12)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(result is True for result in results) == 2
    assert all(isinstance(result, bool | InsufficientCredits) for result in results)
    assert (await available(books, place.wallet_id), await available(books, ada.wallet_id)) == (10_000, 50_000)


async def test_credits_are_minted_once(books: Books, accounts: Accounts) -> None:
    ada = await somebody(books)
    assert await accounts.mint("k", ada.wallet_id, 5000, LINE)
    assert not await accounts.mint("k", ada.wallet_id, 5000, LINE)
    assert await available(books, ada.wallet_id) == 15_000
    for nonsense in (0, -5):
        with pytest.raises(ValueError, match="minted"):
            await accounts.mint("k2", ada.wallet_id, nonsense, LINE)


async def test_of_many_refunds_at_once_one_happens(books: Books, accounts: Accounts) -> None:
    ada = await somebody(books)
    job_id = await finish(books, ada, "k1")
    assert await available(books, ada.wallet_id) == 9000
    amounts = await asyncio.gather(*(accounts.refund(job_id, LINE) for _ in range(5)))
    assert sorted(amounts) == [0, 0, 0, 0, 1000]
    assert await available(books, ada.wallet_id) == 10_000
    view = await books.job(job_id)
    assert view is not None
    assert view.job.charged == 0


async def test_a_job_is_made_good_once_whether_undone_or_paid_by_another_wallet(
    books: Books, accounts: Accounts
) -> None:
    place, ada = await club(books), await somebody(books)
    first, second = await finish(books, ada, "k1"), await finish(books, ada, "k2")
    assert await accounts.refund(first, LINE, source=place.wallet_id) == 1000
    assert await accounts.refund(first, LINE, source=place.wallet_id) == 0
    assert await accounts.refund(first, LINE) == 0
    assert await accounts.refund(second, LINE) == 1000
    assert await accounts.refund(second, LINE, source=place.wallet_id) == 0
    assert (await available(books, place.wallet_id), await available(books, ada.wallet_id)) == (49_000, 10_000)


async def test_what_is_on_its_way_is_not_refunded(books: Books, accounts: Accounts) -> None:
    ada = await somebody(books)
    job = await books.accept(new_job(ada, "k1"))
    assert await accounts.refund(job.id, LINE) == 0
    assert await accounts.refund("nothing", LINE) == 0
    assert await accounts.audit_lines(None) == ()


async def test_a_community_pays_for_its_people_where_it_says_so(books: Books, accounts: Accounts) -> None:
    place, ada = await club(books), await somebody(books)
    await finish(books, ada, "own", community=place)
    assert (await available(books, place.wallet_id), await available(books, ada.wallet_id)) == (50_000, 9000)
    await accounts.set_policy(place.id, CommunityPolicy(payer=Payer.COMMUNITY), LINE)
    job_id = await finish(books, ada, "theirs", community=place)
    await finish(books, ada, "direct")
    assert (await available(books, place.wallet_id), await available(books, ada.wallet_id)) == (49_000, 8000)
    assert await accounts.refund(job_id, LINE) == 1000
    assert await available(books, place.wallet_id) == 50_000
    assert await accounts.refund(job_id, LINE, source=place.wallet_id) == 0  # it would pay itself


async def test_a_communitys_people_share_by_allowance(books: Books, accounts: Accounts, clock: HandClock) -> None:
    place, ada, bob = await club(books), await somebody(books), await somebody(books, "bob")
    await accounts.set_policy(place.id, CommunityPolicy(payer=Payer.COMMUNITY, allowance=2500), LINE)
    await finish(books, ada, "k1", community=place, cost=1500)
    held = await books.accept(new_job(ada, "k2", community_id=place.id))
    with pytest.raises(AllowanceUsed) as refused:
        await books.accept(new_job(ada, "k3", community_id=place.id))
    assert refused.value.fields == {"cost": "1.0", "used": "2.5", "limit": "2.5", "resets": 1000}
    await books.accept(new_job(bob, "b1", costs=(2500,), community_id=place.id))
    await books.cancel(held.id, "cancelled by owner")
    await books.accept(new_job(ada, "k4", community_id=place.id))

    await accounts.set_allowance(place.id, ada.id, 5000, LINE)
    await books.accept(new_job(ada, "k5", community_id=place.id))
    share = await accounts.allowance(place.id, ada.id)
    assert share is not None
    assert (share.limit, share.used, share.balance.available) == (5000, 3500, 44_000)
    clock.time += 1000
    share = await accounts.allowance(place.id, ada.id)
    assert share is not None
    assert share.used == 0
    assert await accounts.allowance((await club(books, "pub")).id, ada.id) is None


async def test_a_community_that_has_nothing_left_says_so(books: Books, accounts: Accounts) -> None:
    place, ada = await club(books), await somebody(books)
    await accounts.set_policy(place.id, CommunityPolicy(payer=Payer.COMMUNITY), LINE)
    with pytest.raises(InsufficientCredits) as refused:
        await books.accept(new_job(ada, "k1", costs=(50_001,), community_id=place.id))
    assert refused.value.fields["payer"] == "community"


async def test_a_policy_is_kept_whole(books: Books, accounts: Accounts) -> None:
    place = await club(books)
    assert await accounts.policy(place.id) == CommunityPolicy()
    mine = CommunityPolicy(
        payer=Payer.COMMUNITY, allowance=5, weight=2.5, max_queued=3, retention_days=30, template="t"
    )
    await accounts.set_policy(place.id, mine, LINE)
    assert await accounts.policy(place.id) == mine
    assert await accounts.policy((await club(books, "pub")).id) == CommunityPolicy()


async def test_who_is_banned_is_told_why_and_until_when(books: Books, accounts: Accounts, clock: HandClock) -> None:
    place, ada = await club(books), await somebody(books)
    ban = Ban(
        person_id=ada.id, community_id=place.id, reason="spam", until=clock.time + 60, by="test:mod", at=clock.time
    )
    await accounts.ban(ban, LINE)
    assert await accounts.bans(place.id) == (ban,)
    with pytest.raises(Banned) as refused:
        await books.accept(new_job(ada, "k1", community_id=place.id))
    assert refused.value.fields == {"reason": "spam", "seconds": 60, "everywhere": "no"}
    await books.accept(new_job(ada, "direct"))
    await books.accept(new_job(ada, "pub", community_id=(await club(books, "pub")).id))
    clock.time += 60
    await books.accept(new_job(ada, "k2", community_id=place.id))
    assert await accounts.bans(place.id) == ()


async def test_a_ban_everywhere_holds_everywhere_until_it_is_lifted(
    books: Books, accounts: Accounts, clock: HandClock
) -> None:
    place, ada = await club(books), await somebody(books)
    ban = Ban(person_id=ada.id, community_id=None, reason="fraud", until=None, by="test:op", at=clock.time)
    await accounts.ban(replace(ban, community_id=place.id, reason="spam"), LINE)
    await accounts.ban(ban, LINE)
    for where in (None, place.id):
        with pytest.raises(Banned) as refused:
            await books.accept(new_job(ada, "k1", community_id=where))
        assert refused.value.fields == {"reason": "fraud", "seconds": "", "everywhere": "yes"}
    assert await accounts.unban(ada.id, None, LINE)
    assert not await accounts.unban(ada.id, None, LINE)
    await books.accept(new_job(ada, "k2"))
    with pytest.raises(Banned):
        await books.accept(new_job(ada, "k3", community_id=place.id))


async def test_a_statement_says_what_every_entry_was_for_page_by_page(
    books: Books, accounts: Accounts, clock: HandClock
) -> None:
    place, ada = await club(books), await somebody(books)
    job_id = await finish(books, ada, "k1", cost=1500)
    await accounts.transfer("k", place.wallet_id, ada.wallet_id, 700, replace(LINE, action="grant"))
    await accounts.mint("k", ada.wallet_id, 50, LINE)
    await accounts.refund(job_id, LINE)
    whole = await accounts.statement(ada.wallet_id)
    assert [(e.movement, e.amount, e.balance, e.job_id) for e in reversed(whole.entries)] == [
        (Movement.GRANT, 10_000, 10_000, None),
        (Movement.HOLD, -1500, 8500, job_id),
        (Movement.CHARGE, 0, 8500, job_id),
        (Movement.TRANSFER, 700, 9200, None),
        (Movement.MINT, 50, 9250, None),
        (Movement.REFUND, 1500, 10_750, job_id),
    ]
    assert whole.entries[2].note == "grant"
    assert whole.older == 0
    paged, before = [], 0
    while True:
        page = await accounts.statement(ada.wallet_id, before=before, limit=4)
        paged += page.entries
        before = page.older
        if not before:
            break
    assert tuple(paged) == whole.entries
    assert (await accounts.statement((await club(books, "pub")).wallet_id)).entries == ()


async def test_the_audit_log_is_read_by_community(books: Books, accounts: Accounts, clock: HandClock) -> None:
    place = await club(books)
    here = AuditLine(actor="test:mod", action="policy", target=place.id, detail={"weight": 2}, community_id=place.id)
    await accounts.set_policy(place.id, CommunityPolicy(weight=2.0), here)
    await books.audit("test:op", "pause", "queue", {})
    assert await accounts.audit_lines(place.id) == (replace(here, at=clock.time),)
    assert [line.action for line in await accounts.audit_lines(None)] == ["pause", "policy"]
    assert [line.action for line in await accounts.audit_lines(None, limit=1)] == ["pause"]
    assert await accounts.audit_lines("elsewhere") == ()


async def test_every_account_is_listed_with_its_owner(books: Books, accounts: Accounts) -> None:
    place, ada = await club(books), await books.person(Identity(platform="test", id="1", name="Ada"))
    assert [(a.kind, a.name, a.balance.available) for a in await accounts.accounts()] == [
        ("person", "Ada", 10_000),
        ("community", "club", 50_000),
    ]
    (mine,) = await accounts.accounts(ada.wallet_id)
    assert mine.identities == (Identity(platform="test", id="1", name="Ada"),)
    (ours,) = await accounts.accounts(place.wallet_id)
    assert ours.owner_id == place.id


async def test_the_proof_is_asked_for_as_sentences(accounts: Accounts) -> None:
    assert await accounts.prove() == ()

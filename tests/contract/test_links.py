"""What every implementation of `engine.linking.Links` keeps; run on the real one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from engine.accounts import AuditLine, Ban
from engine.errors import UnknownPerson
from engine.linking import CODE_LIVES, MOST_TRIES, TRIES_COUNT, Links, Outcome
from engine.model import Identity, Person, PictureRef
from engine.policies import Payer
from storage import preferences
from storage.linking import open_links
from storage.policy import Policy
from storage.proof import prove
from storage.tables import IdentityRow, PersonRow
from tests.fakes.books import NEEDS, OpenBooks, books_in, new_job, picture

POLICY = Policy(grant=10_000, community_grant=50_000, period_seconds=1000.0, max_queued_jobs=50)
LINE = AuditLine(actor="test:ada", action="link", target="x")
CODE = "ABCDEFGHJK"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path, POLICY) as opened:
        yield opened
        assert await opened.database.read(prove) == []


@pytest.fixture
def links(opened: OpenBooks) -> Links:
    return open_links(opened.database, opened.clock, POLICY)


async def ada_on(opened: OpenBooks, platform: str, name: str = "ada") -> Person:
    return await opened.books.person(Identity(platform=platform, id=name, name=f"{name} on {platform}"))


async def spend(opened: OpenBooks, person: Person, key: str, cost: int, *, end: bool = True) -> str:
    """Make a job of somebody, and end it; gives its id."""
    job = await opened.books.accept(new_job(person, key, costs=(cost,)))
    if end:
        attempt = await opened.books.claim("gpu", [NEEDS], job_id=job.id)
        assert attempt is not None
        await opened.books.start(attempt.id)
        await opened.books.settle(attempt.id, [picture(key)], 1.0, cost)
        (due,) = [due for due in await opened.books.take_deliveries(["test"]) if due.job_id == job.id]
        await opened.books.delivery_done(due.id)
    return job.id


async def available(opened: OpenBooks, person: Person) -> int:
    return (await opened.books.balance(person.wallet_id)).available


async def offered(opened: OpenBooks, links: Links, person: Person, code: str = CODE) -> None:
    await links.offer(person.id, code, opened.clock.now() + CODE_LIVES)


async def test_two_accounts_become_one_person(opened: OpenBooks, links: Links) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    await spend(opened, here, "a", 1000)
    made = await spend(opened, there, "b", 2000)
    await opened.gallery.keep(there.id, PictureRef(job_id=made, number=1))
    await offered(opened, links, here)
    looked = await links.look(there.id, CODE)
    assert [one.platform for one in looked.identities] == ["test"]
    assert (await links.join(there.id, CODE, LINE)).outcome is Outcome.DONE
    for platform in ("test", "other"):
        found = await opened.accounts.find(platform, "ada")
        assert found is not None
        assert found.id == here.id
    assert [one.platform for one in await links.identities(here.id)] == ["other", "test"]
    assert {view.job.id for view in await opened.gallery.history(here.id)} >= {made}
    assert len(await opened.gallery.favourites(here.id)) == 1
    assert await available(opened, here) == 10_000 - 3000
    record = (await opened.accounts.record(here.id)).data
    assert isinstance(record, dict)
    assert isinstance(record["identities"], list)
    assert len(record["identities"]) == 2
    assert await opened.accounts.person(there.id) is None


@pytest.mark.parametrize(
    ("own", "other", "minted", "after"),
    [
        (0, 0, 0, 10_000),  # a fresh account brings no second grant
        (10_000, 0, 0, 0),  # nor does it bring one back that was spent
        (4000, 7000, 0, 0),
        (4000, 5000, 0, 1000),
        (0, 0, 5000, 15_000),  # what was given besides is added
        (10_000, 10_000, 3000, 3000),  # and never lost
        (2000, 9000, 3000, 3000),
        (2000, 1000, 3000, 10_000),
    ],
)
async def test_a_grant_is_one_grant_whoever_joins_whom(
    opened: OpenBooks, links: Links, own: int, other: int, minted: int, after: int
) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    for person, cost in ((here, own), (there, other)):
        if cost:
            await spend(opened, person, f"{person.id}-spent", cost)
    if minted:
        await opened.accounts.mint("gift", there.wallet_id, minted, LINE)
    total = await available(opened, here) + await available(opened, there)
    await offered(opened, links, here)
    await links.join(there.id, CODE, LINE)
    shown = await available(opened, here)
    assert shown <= total
    assert shown == after


async def test_a_code_works_once_and_not_for_long(opened: OpenBooks, links: Links) -> None:
    here, there, third = await ada_on(opened, "test"), await ada_on(opened, "other"), await ada_on(opened, "third")
    await offered(opened, links, here)
    await offered(opened, links, here, "ZZZZZZZZZZ")
    assert (await links.join(there.id, CODE, LINE)).outcome is Outcome.UNKNOWN  # an earlier one is void
    assert (await links.join(there.id, "ZZZZZZZZZZ", LINE)).outcome is Outcome.DONE
    assert (await links.join(third.id, "ZZZZZZZZZZ", LINE)).outcome is Outcome.UNKNOWN  # replayed
    await offered(opened, links, here)
    opened.clock.time += CODE_LIVES
    assert (await links.join(third.id, CODE, LINE)).outcome is Outcome.UNKNOWN


async def test_guessing_ends_soon(opened: OpenBooks, links: Links) -> None:
    here, thief = await ada_on(opened, "test"), await ada_on(opened, "other", "eve")
    await offered(opened, links, here)
    for number in range(MOST_TRIES):
        assert (await links.look(thief.id, f"WRONG{number}")).outcome is Outcome.UNKNOWN
    assert (await links.join(thief.id, CODE, LINE)).outcome is Outcome.TRIES  # even the right one
    opened.clock.time += TRIES_COUNT
    await offered(opened, links, here)
    assert (await links.join(thief.id, CODE, LINE)).outcome is Outcome.DONE


async def test_whoever_has_work_on_its_way_stays(opened: OpenBooks, links: Links) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    await spend(opened, there, "open", 1000, end=False)
    await offered(opened, links, here)
    await links.join(there.id, CODE, LINE)
    found = await opened.accounts.find("test", "ada")
    assert found is not None
    assert found.id == there.id
    third = await ada_on(opened, "third")
    await spend(opened, third, "also", 1000, end=False)
    await offered(opened, links, there)
    assert (await links.join(third.id, CODE, LINE)).outcome is Outcome.BUSY


async def test_own_codes_and_two_accounts_of_a_platform_are_refused(opened: OpenBooks, links: Links) -> None:
    here, twin = await ada_on(opened, "test"), await ada_on(opened, "test", "bob")
    await offered(opened, links, here)
    assert (await links.join(here.id, CODE, LINE)).outcome is Outcome.OWN
    assert (await links.join(twin.id, CODE, LINE)).outcome is Outcome.PLATFORM


async def test_bans_preferences_and_allowances_are_one(opened: OpenBooks, links: Links) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    club = await opened.books.community("test", "club", "Club")
    now = opened.clock.now()
    for person, until in ((here, now + 10), (there, None)):
        ban = Ban(person_id=person.id, community_id=club.id, reason="spam", until=until, by="test:mod", at=now)
        await opened.accounts.ban(ban, LINE)
    policy = await opened.accounts.policy(club.id)
    await opened.accounts.set_policy(club.id, policy.__class__(payer=Payer.COMMUNITY), LINE)
    await opened.accounts.set_allowance(club.id, here.id, 500, LINE)
    await opened.accounts.set_allowance(club.id, there.id, 200, LINE)
    kept = preferences.open_preferences(opened.database, opened.clock)
    await kept.set("person", there.id, "locale", "zh-CN")
    await kept.set("person", there.id, "option.steps", "9")
    await kept.set("person", here.id, "option.steps", "7")
    await offered(opened, links, here)
    await links.join(there.id, CODE, LINE)
    (ban,) = await opened.accounts.bans(club.id)
    assert (ban.person_id, ban.until) == (here.id, None)
    share = await opened.accounts.allowance(club.id, here.id)
    assert share is not None
    assert share.limit == 200
    chosen = await kept.of([("person", here.id)])
    assert chosen["person", here.id] == {"locale": "zh-CN", "option.steps": "7"}


async def test_a_refund_of_before_goes_to_who_they_are_now(opened: OpenBooks, links: Links) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    job = await spend(opened, there, "b", 2000)
    await offered(opened, links, here)
    await links.join(there.id, CODE, LINE)
    assert await available(opened, here) == 8000
    assert await opened.accounts.refund(job, LINE) == 2000
    assert await available(opened, here) == 10_000


async def test_parting_gives_no_grant_and_lifts_no_ban(opened: OpenBooks, links: Links) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    await offered(opened, links, here)
    await links.join(there.id, CODE, LINE)
    now = opened.clock.now()
    await opened.accounts.ban(
        Ban(person_id=here.id, community_id=None, reason="", until=None, by="test:op", at=now), LINE
    )
    identity = Identity(platform="other", id="ada", name="ada on other")
    assert await links.part(identity, LINE) is Outcome.DONE
    assert await links.part(identity, LINE) is Outcome.ALONE
    found = await opened.accounts.find("other", "ada")
    assert found is not None
    assert found.id not in (here.id, there.id)
    assert await available(opened, found) == 0
    assert {ban.person_id for ban in await opened.accounts.bans(None)} == {here.id, found.id}
    opened.clock.time += POLICY.period_seconds
    assert await available(opened, found) == 10_000


async def test_many_race_for_one_code_and_one_wins(opened: OpenBooks, links: Links) -> None:
    here = await ada_on(opened, "test")
    racers = [await ada_on(opened, f"platform-{number}") for number in range(20)]
    await offered(opened, links, here)
    ended = await asyncio.gather(*(links.join(racer.id, CODE, LINE) for racer in racers))
    assert sorted(str(one.outcome) for one in ended) == ["done", *["unknown"] * 19]
    assert len(await links.identities(here.id)) == 2


async def test_joining_races_with_work_and_nothing_is_lost(opened: OpenBooks, links: Links) -> None:
    """A job is accepted before or after: never for somebody who is nobody any more, and never unpaid."""
    for number in range(10):
        here = await ada_on(opened, "test", f"ada-{number}")
        there = await ada_on(opened, "other", f"ada-{number}")
        await offered(opened, links, here, f"CODE{number}")
        work = [opened.books.accept(new_job(there, f"race-{number}-{n}", costs=(100,))) for n in range(5)]
        ended = await asyncio.gather(
            *work[:3], links.join(there.id, f"CODE{number}", LINE), *work[3:], return_exceptions=True
        )
        for one in ended:
            assert not isinstance(one, BaseException) or isinstance(one, UnknownPerson)
        assert len(await links.identities(here.id)) + len(await links.identities(there.id)) == 2


async def test_who_is_forgotten_leaves_no_code_and_no_account(opened: OpenBooks, links: Links) -> None:
    here, there = await ada_on(opened, "test"), await ada_on(opened, "other")
    await offered(opened, links, here)
    await links.join(there.id, CODE, LINE)
    await offered(opened, links, here)
    await opened.accounts.forget(here.id)

    rows = await opened.database.read(lambda session: list(session.scalars(select(IdentityRow)).all()))
    assert rows == []
    names = await opened.database.read(lambda session: [row.name for row in session.scalars(select(PersonRow)).all()])
    assert set(names) == {""}
    eve = await ada_on(opened, "third", "eve")
    assert (await links.join(eve.id, CODE, LINE)).outcome is Outcome.UNKNOWN

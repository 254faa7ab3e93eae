"""A chat with a new id: its community, what it chose and what is on its way there follow."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.accounts import AuditLine
from engine.model import Place
from engine.policies import CommunityPolicy
from storage.moves import SqlMoves
from storage.preferences import open_preferences
from storage.proof import prove
from tests.fakes.books import OpenBooks, books_in, delivery_of, new_job, somebody

LINE = AuditLine(actor="test:mod", action="tried", target="x")
OLD, NEW = "-5", "-1005"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path) as opened:
        yield opened
        assert await opened.database.read(prove) == []


async def test_everything_follows_once(opened: OpenBooks) -> None:
    ada = await somebody(opened.books)
    club = await opened.books.community("test", OLD, "Club")
    policy = CommunityPolicy(channels=(OLD, "7"), result_channel=OLD)
    await opened.accounts.set_policy(club.id, policy, LINE)
    preferences = open_preferences(opened.database, opened.clock)
    await preferences.set("channel", f"{club.id}:{OLD}", "option.steps", "9")
    there = Place(platform="test", chat=OLD, thread="3", reply_to="4", owner="ada", owner_id="1")
    elsewhere = replace(there, chat="-9")
    jobs = []
    for number, place in enumerate((there, elsewhere, replace(elsewhere, asked_in=OLD))):
        new = new_job(ada, f"key-{number}", community_id=club.id)
        jobs.append(await opened.books.accept(replace(new, request=replace(new.request, place=place))))
    for delivery in await opened.deliveries.of_jobs([job.id for job in jobs]):
        await opened.books.delivery_posted(delivery.id, "77")
    moves = SqlMoves(opened.database)
    assert await moves.moved("test", OLD, NEW)
    assert not await moves.moved("test", OLD, NEW)
    assert not await moves.moved("other", OLD, NEW)
    assert (await opened.books.community("test", NEW, "")).id == club.id
    after = await opened.accounts.policy(club.id)
    assert (after.channels, after.result_channel) == ((NEW, "7"), NEW)
    scope = ("channel", f"{club.id}:{NEW}")
    assert (await preferences.of([scope]))[scope] == {"option.steps": "9"}
    moved, kept, private = [await delivery_of(opened.deliveries, job.id) for job in jobs]
    assert moved.place == replace(there, chat=NEW, thread="", reply_to="")
    assert moved.message_id == ""
    assert (kept.place, kept.message_id) == (elsewhere, "77")
    assert (private.place.asked_in, private.message_id) == (NEW, "77")


async def test_a_community_that_was_made_of_the_new_id_gives_it_up(opened: OpenBooks) -> None:
    club = await opened.books.community("test", OLD, "Club")
    hasty = await opened.books.community("test", NEW, "Club")
    assert await SqlMoves(opened.database).moved("test", OLD, NEW)
    found = await opened.books.community("test", NEW, "")
    assert found.id == club.id != hasty.id
    assert found.wallet_id == club.wallet_id

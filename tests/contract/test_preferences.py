"""What every implementation of `Preferences` and `Drains` keeps; run on the real ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.accounts import AuditLine
from storage.drains import open_drains
from storage.preferences import MOST, open_preferences
from tests.fakes.books import OpenBooks, books_in, somebody

ADA, CLUB = ("person", "ada"), ("community", "club")
LINE = AuditLine(actor="test:mod", action="prefer", target="club", community_id="club")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path) as opened:
        yield opened


async def test_what_was_chosen_last_holds_in_its_scope_alone(opened: OpenBooks) -> None:
    preferences = open_preferences(opened.database, opened.clock)
    assert await preferences.of([ADA, CLUB]) == {ADA: {}, CLUB: {}}
    assert await preferences.set(*ADA, "option.steps", "20")
    assert await preferences.set(*ADA, "option.steps", "30")
    assert await preferences.set(*CLUB, "style.ink", "in ink", LINE)
    assert await preferences.of([ADA, CLUB]) == {ADA: {"option.steps": "30"}, CLUB: {"style.ink": "in ink"}}
    assert await preferences.of([("person", "club")]) == {("person", "club"): {}}
    assert await preferences.of([]) == {}
    assert await preferences.delete(*ADA, "option.steps")
    assert not await preferences.delete(*ADA, "option.steps")
    assert not await preferences.delete(*CLUB, "style.nothing", LINE)
    assert [line.action for line in await opened.accounts.audit_lines("club")] == ["prefer"]


async def test_there_is_room_for_so_many(opened: OpenBooks) -> None:
    preferences = open_preferences(opened.database, opened.clock)
    assert all([await preferences.set(*ADA, f"style.{n}", "x") for n in range(MOST)])
    assert not await preferences.set(*ADA, "one.more", "x")
    assert await preferences.set(*ADA, "style.1", "y")
    assert len((await preferences.of([ADA]))[ADA]) == MOST


async def test_a_persons_preferences_are_handed_over_and_forgotten(opened: OpenBooks) -> None:
    preferences = open_preferences(opened.database, opened.clock)
    ada = await somebody(opened.books)
    await preferences.set("person", ada.id, "suffix", "in ink")
    assert "in ink" in repr((await opened.accounts.record(ada.id)).data)
    await opened.accounts.forget(ada.id)
    assert await preferences.of([("person", ada.id)]) == {("person", ada.id): {}}


async def test_drained_endpoints_stay_so_over_restarts(tmp_path: Path) -> None:
    line = AuditLine(actor="test:op", action="drain", target="gpu-1")
    async with books_in(tmp_path) as opened:
        drains = open_drains(opened.database, opened.clock)
        assert await drains.drain("gpu-1", line)
        assert not await drains.drain("gpu-1", line)
    async with books_in(tmp_path) as opened:
        drains = open_drains(opened.database, opened.clock)
        assert await drains.drained() == {"gpu-1"}
        assert await drains.enable("gpu-1", line)
        assert not await drains.enable("gpu-1", line)
        assert await drains.drained() == frozenset()
        assert len(await opened.accounts.audit_lines(None)) == 2

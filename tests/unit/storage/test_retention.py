"""Pictures go when their time is over, and nothing that somebody needs goes with them."""

import asyncio
import hashlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.model import BoundTask, GraphInput, Picture
from storage.blobs import FileBlobs
from storage.leftovers import SamplerFolders
from storage.lock import backup_lock
from storage.proof import prove
from storage.retention import DAY, Retention
from tests.fakes.books import NEEDS, HandClock, OpenBooks, books_in, new_job, somebody


@dataclass(frozen=True, kw_only=True)
class Home:
    """Books, blobs and a sampler's folders, in one folder."""

    open: OpenBooks
    blobs: FileBlobs
    folder: Path

    def retention(self, days: int) -> Retention:
        return Retention(
            database=self.open.database,
            blobs=self.blobs,
            copies=SamplerFolders([self.folder / "sampler"]),
            clock=self.open.clock,
            days=days,
            copies_age=DAY,
        )

    async def made(self, key: str, *data: bytes, source: bytes = b"", community: str | None = None) -> list[str]:
        """A job that was done now, with these pictures, drawn from another one."""
        books = self.open.books
        person = await somebody(books)
        new = new_job(person, key, community_id=community)
        inputs = ()
        if source:
            blob = await self.blobs.put(source)
            inputs = (GraphInput(node_id="1", input="image", blob=blob, filename="a.png"),)
        task: BoundTask = replace(new.tasks[0], inputs=inputs)
        job = await books.accept(replace(new, tasks=(task,)))
        attempt = await books.claim("gpu", [NEEDS], job_id=job.id)
        assert attempt is not None
        await books.start(attempt.id)
        blobs = [await self.blobs.put(each) for each in data]
        pictures = [
            Picture(blob=blob, filename="a.png", kind="images", mime="image/png", size=len(each))
            for blob, each in zip(blobs, data, strict=True)
        ]
        await books.settle(attempt.id, pictures, 1.0, 500)
        (due,) = await books.take_deliveries(["test"])
        await books.delivery_done(due.id)
        return blobs

    async def later(self, days: float) -> None:
        """Let days pass, for the books and for the files."""
        self.open.clock.time += days * DAY
        self.blobs._recent.clear()
        for path in [*self.blobs.directory.rglob("*"), *(self.folder / "sampler").rglob("*")]:
            if path.is_file():
                past = path.stat().st_mtime - days * DAY
                os.utime(path, (past, past))

    def kept(self) -> set[str]:
        return {path.parent.name + path.name for path in self.blobs.directory.glob("??/*")}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    blobs = FileBlobs(tmp_path / "blobs")
    async with books_in(tmp_path, clock=HandClock(1_000_000.0)) as opened:
        yield Home(open=opened, blobs=blobs, folder=tmp_path)
    blobs.close()


async def test_pictures_go_after_their_days_and_the_books_stay(home: Home) -> None:
    old = await home.made("old", b"old 1", b"old 2", source=b"a sketch")
    await home.later(20)
    young = await home.made("young", b"young", source=b"another sketch")
    await home.later(15)
    sweep = home.retention(30)
    told = await sweep.sweep(dry_run=True)
    assert len(home.kept()) == 5
    swept = await sweep.sweep()
    assert (swept.jobs, swept.pictures, swept.files) == (told.jobs, told.pictures, told.files) == (1, 2, 3)
    assert swept.size == len(b"old 1") + len(b"old 2") + len(b"a sketch")
    assert home.kept() == {*young, hashlib.sha256(b"another sketch").hexdigest()}
    assert not home.kept() & set(old)
    views = await home.open.books.jobs()
    assert [(view.job.status, len(view.pictures)) for view in views] == [("done", 1), ("done", 0)]
    assert await home.open.database.read(prove) == []
    again = await sweep.sweep()
    assert (again.jobs, again.files) == (0, 0)


async def test_without_days_everything_is_kept_for_ever(home: Home) -> None:
    await home.made("k", b"picture", source=b"sketch")
    await home.later(10_000)
    assert (await home.retention(0).sweep()).files == 0
    assert len(home.kept()) == 2


async def test_a_community_has_its_own_days(home: Home) -> None:
    short = await home.open.books.community("test", "short", "Short")
    ever = await home.open.books.community("test", "ever", "Ever")
    with closing(sqlite3.connect(home.folder / "atelier.db")) as connection:
        for community, days in ((short, 1), (ever, 0)):
            policy = f'{{"retention_days": {days}}}'
            connection.execute("UPDATE community SET policy = ? WHERE id = ?", (policy, community.id))
        connection.commit()
    await home.made("short", b"short", community=short.id)
    kept = await home.made("ever", b"ever", community=ever.id)
    default = await home.made("none", b"none")
    await home.later(5)
    await home.retention(30).sweep()
    assert home.kept() == {*kept, *default}
    await home.later(30)
    await home.retention(30).sweep()
    assert home.kept() == set(kept)


async def test_a_blob_that_another_job_has_too_stays(home: Home) -> None:
    await home.made("old", b"the same", source=b"a sketch")
    await home.later(40)
    both = await home.made("young", b"the same", source=b"the same")
    await home.retention(30).sweep()
    assert home.kept() == set(both)


async def test_what_is_on_its_way_is_not_taken(home: Home) -> None:
    blobs = await home.made("k", b"picture")
    (view,) = await home.open.books.jobs()
    await home.later(40)
    await home.open.deliveries.again(view.job.id, view.job.place)
    assert (await home.retention(30).sweep()).jobs == 0
    assert home.kept() == set(blobs)


async def test_files_that_no_row_refers_to_go_once_they_are_a_day_old(home: Home) -> None:
    lost = await home.blobs.put(b"its process was killed before the row was there")
    assert (await home.retention(0).sweep()).files == 0
    await home.later(2)
    assert (await home.retention(0).sweep()).files == 1
    assert lost not in home.kept()


async def test_while_a_backup_is_made_no_file_goes(home: Home) -> None:
    await home.blobs.put(b"lost")
    await home.later(2)
    with backup_lock(home.blobs.directory):
        swept = await home.retention(0).sweep()
        assert (swept.files, swept.backup) == (0, True)
    assert (await home.retention(0).sweep()).files == 1


async def test_a_blob_that_is_put_again_while_it_is_collected_is_there_afterwards(home: Home) -> None:
    """The row follows: whoever was told that the bytes are stored finds them, however the two threads meet."""
    data = [f"picture {number}".encode() for number in range(60)]
    for round_ in range(5):
        names = [await home.blobs.put(each) for each in data]
        await home.later(2)
        puts = asyncio.gather(*(home.blobs.put(each) for each in data[round_::2]))
        collect = asyncio.gather(*(home.blobs.collect([name]) for name in names))
        stored, _ = await asyncio.gather(puts, collect)
        for name, each in zip(stored, data[round_::2], strict=True):
            assert await home.blobs.get(name) == each


async def test_a_clock_on_the_wall_that_jumps_takes_nothing_that_was_just_put(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await home.blobs.put(b"its row comes in a moment")
    now = time.time()
    monkeypatch.setattr("storage.blobs.time.time", lambda: now + 100 * DAY)
    assert (await home.blobs.collect([name])).files == 0
    assert await home.blobs.get(name)


async def test_the_samplers_old_copies_go(home: Home) -> None:
    folder = home.folder / "sampler" / "output"
    folder.mkdir(parents=True)
    (folder / "old.png").write_bytes(b"fetched long ago")
    await home.later(2)
    (folder / "new.png").write_bytes(b"about to be fetched")
    assert (await home.retention(0).sweep(dry_run=True)).copies == 1
    assert (await home.retention(0).sweep()).copies == 1
    assert [path.name for path in folder.iterdir()] == ["new.png"]

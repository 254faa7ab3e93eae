"""A backup holds one state, whatever goes on meanwhile; a restore is whole or has not happened."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import BackupBroken, DatabaseBroken, ServiceRunning, WouldOverwrite
from engine.model import Picture
from storage.backup import back_up, restore, verify
from storage.blobs import FileBlobs
from storage.migrations import SCRIPTS
from storage.proof import prove
from tests.fakes.books import NEEDS, books_in, new_job, somebody

DRIVER = Path(__file__).with_name("restore_driver.py")
ROOT = Path(__file__).parents[3]


async def make(folder: Path, *keys: str) -> None:
    """Do a job with a picture for each key, named after it."""
    blobs = FileBlobs(folder / "blobs")
    async with books_in(folder) as opened:
        ada = await somebody(opened.books)
        for key in keys:
            new = new_job(ada, key)
            new = replace(new, tasks=tuple(replace(task, inputs=()) for task in new.tasks))
            job = await opened.books.accept(new)
            attempt = await opened.books.claim("gpu", [NEEDS], job_id=job.id)
            assert attempt is not None
            await opened.books.start(attempt.id)
            data = f"the picture of {key}".encode()
            blob = await blobs.put(data)
            picture = Picture(blob=blob, filename="a.png", kind="images", mime="image/png", size=len(data))
            await opened.books.settle(attempt.id, [picture], 1.0, 500)
    blobs.close()


async def told(folder: Path) -> dict[str, bytes]:
    """What is in the books: each job with its picture's bytes."""
    blobs = FileBlobs(folder / "blobs")
    async with books_in(folder) as opened:
        assert await opened.database.read(prove) == []
        views = await opened.books.jobs(limit=1000)
        found = {view.job.request_key: await blobs.get(view.pictures[0].blob) for view in views}
    blobs.close()
    return found


def pictures_of(*keys: str) -> dict[str, bytes]:
    return {key: f"the picture of {key}".encode() for key in keys}


def archive_of(folder: Path, name: str = "backup.tar") -> Path:
    blobs = FileBlobs(folder / "blobs")
    target = folder.parent / name
    back_up(folder / "atelier.db", blobs, target, now=1.0)
    blobs.close()
    return target


def put_back(archive: Path, folder: Path, *, force: bool = False) -> None:
    blobs = FileBlobs(folder / "blobs")
    try:
        restore(archive, folder / "atelier.db", blobs, force=force)
    finally:
        blobs.close()


def kill_restore_at(point: str, archive: Path, folder: Path) -> None:
    command = [sys.executable, str(DRIVER), str(archive), str(folder), point]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=120, check=False)
    assert done.returncode == -9


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


async def test_what_was_backed_up_comes_back_elsewhere(home: Path, tmp_path: Path) -> None:
    await make(home, "a", "b")
    archive = archive_of(home)
    assert verify(archive).blobs == 2
    put_back(archive, tmp_path / "new")
    assert await told(tmp_path / "new") == pictures_of("a", "b")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["backup.tar"]
    assert not list((tmp_path / "new").glob("*.restoring*"))


async def test_it_is_one_state_while_the_service_writes(home: Path, tmp_path: Path) -> None:
    await make(home, *(f"before {number}" for number in range(5)))
    blobs = FileBlobs(home / "blobs")
    async with books_in(home) as opened:
        ada = await somebody(opened.books)

        async def go_on() -> None:
            for number in range(5):
                await opened.books.accept(new_job(ada, f"meanwhile {number}"))

        await asyncio.gather(
            asyncio.to_thread(back_up, home / "atelier.db", blobs, tmp_path / "b.tar", now=1.0), go_on()
        )
    blobs.close()
    put_back(tmp_path / "b.tar", tmp_path / "new")
    async with books_in(tmp_path / "new") as restored:
        assert await restored.database.read(prove) == []
        assert len(await restored.books.jobs(limit=100)) >= 5


async def test_a_picture_that_is_lost_is_said_and_does_not_stop_the_backup(home: Path, tmp_path: Path) -> None:
    await make(home, "a", "b")
    lost, damaged = sorted((home / "blobs").glob("??/*"))
    lost.unlink()
    damaged.write_bytes(b"torn")
    manifest = verify(archive_of(home))
    assert (manifest.blobs, len(manifest.missing)) == (0, 2)


async def test_nothing_is_overwritten_unasked(home: Path, tmp_path: Path) -> None:
    await make(home, "a")
    archive = archive_of(home)
    with pytest.raises(WouldOverwrite):
        archive_of(home)
    with pytest.raises(WouldOverwrite):
        put_back(archive, home)
    await make(home, "b")
    put_back(archive, home, force=True)
    assert await told(home) == pictures_of("a")
    with closing(sqlite3.connect(home / "atelier.db.before-restore")) as before:
        assert before.execute("SELECT count(*) FROM job").fetchall() == [(2,)]


async def test_a_running_service_keeps_its_database(home: Path, tmp_path: Path) -> None:
    await make(home, "a")
    archive = archive_of(home)
    async with books_in(home):
        with pytest.raises(ServiceRunning):
            put_back(archive, home, force=True)


async def test_a_damaged_archive_changes_nothing(home: Path, tmp_path: Path) -> None:
    await make(home, "a", "b")
    archive = archive_of(home)
    whole = archive.read_bytes()
    at = whole.index(b"the picture of a")
    broken = {
        "picture": whole[:at] + b"THE" + whole[at + 3 :],
        "database": whole.replace(b"SQLite format 3", b"SQLite format 4", 1),
        "half": whole[: len(whole) // 2],
        "text": b"no archive at all",
        "empty": b"",
    }
    for name, data in broken.items():
        path = tmp_path / f"{name}.tar"
        path.write_bytes(data)
        with pytest.raises(BackupBroken):
            put_back(path, home, force=True)
    with pytest.raises(BackupBroken):
        put_back(tmp_path / "nowhere.tar", home, force=True)
    assert await told(home) == pictures_of("a", "b")


async def test_an_archive_names_no_path_that_is_followed(home: Path, tmp_path: Path) -> None:
    await make(home, "a")
    archive = archive_of(home)
    evil = tmp_path / "evil.tar"
    with tarfile.open(archive) as source, tarfile.open(evil, "w") as target:
        for member in source.getmembers():
            data = source.extractfile(member)
            if member.name.startswith("blobs/"):
                member.name = "blobs/../../../evil"
            target.addfile(member, data)
    with pytest.raises(BackupBroken):
        put_back(evil, tmp_path / "new")
    assert not (tmp_path / "evil").exists()


async def test_an_older_database_is_migrated_and_a_newer_one_refused(home: Path, tmp_path: Path) -> None:
    await make(home, "a")
    archive = archive_of(home)
    for revision, name in (("9999", "newer"), (None, "older")):
        folder = tmp_path / name
        shutil.copytree(home, folder)
        with closing(sqlite3.connect(folder / "atelier.db")) as connection:
            if revision is not None:
                connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
            connection.commit()
    newer = archive_of(tmp_path / "newer", "newer.tar")
    with pytest.raises(DatabaseBroken, match="newer Atelier"):
        put_back(newer, home, force=True)
    assert await told(home) == pictures_of("a")
    put_back(archive, tmp_path / "restored")
    with closing(sqlite3.connect(tmp_path / "restored" / "atelier.db")) as connection:
        newest = max(path.name[:4] for path in (SCRIPTS / "versions").glob("0*.py"))
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]


@pytest.mark.parametrize("point", ["verified", "staged", "blobs", "folded", "kept"])
async def test_killed_half_way_the_old_state_is_whole_and_the_next_try_works(
    home: Path, tmp_path: Path, point: str
) -> None:
    await make(home, "new")
    archive = archive_of(home)
    old = tmp_path / "old"
    old.mkdir()
    await make(old, "old")
    kill_restore_at(point, archive, old)
    assert await told(old) == pictures_of("old")
    put_back(archive, old, force=True)
    assert await told(old) == pictures_of("new")
    assert not list(old.glob("*.restoring*"))


async def test_killed_after_the_last_rename_the_new_state_is_whole(home: Path, tmp_path: Path) -> None:
    await make(home, "new")
    archive = archive_of(home)
    old = tmp_path / "old"
    old.mkdir()
    await make(old, "old")
    kill_restore_at("taken over", archive, old)
    assert await told(old) == pictures_of("new")


async def test_a_broken_database_is_replaced_without_its_log(home: Path, tmp_path: Path) -> None:
    """A log of the old file must never be played into the new one."""
    await make(home, "good")
    archive = archive_of(home)
    (home / "atelier.db").write_bytes(b"this is no database" * 500)
    (home / "atelier.db-wal").write_bytes(b"a log of something else" * 500)
    put_back(archive, home, force=True)
    assert await told(home) == pictures_of("good")


async def test_the_manifest_says_what_it_is(home: Path) -> None:
    await make(home, "a")
    with tarfile.open(archive_of(home)) as tar:
        held = tar.extractfile("manifest.json")
        assert held is not None
        assert json.load(held)["format"] == 1

"""Works on a disk that is really full; started by `test_full_disk.py` with a small file system of its own."""

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot import delivery_platform
from engine.errors import DiskFull
from engine.model import JobStatus
from storage.backup import back_up
from storage.blobs import FileBlobs
from storage.leftovers import SamplerFolders
from storage.proof import prove
from storage.retention import Retention
from tests.fakes.adapter import FakeAdapter, Fault
from tests.fakes.books import HandClock, books_in
from tests.fakes.house import open_house, until


def fill(folder: Path) -> Path:
    """Leave no room for a single page."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return ballast


async def delivery(folder: Path) -> None:
    """The disk fills at the very moment when the platform takes the result: it is shown once, and ends once."""
    delivery_platform.STORAGE_WAIT = 0.1
    adapter = FakeAdapter(honours_nonce=False)

    def faults(what: str, place: object, reply: object) -> Fault | None:
        if reply.tone.final:  # type: ignore[attr-defined]
            fill(folder)
        return None

    adapter.faults = faults
    async with open_house(folder, adapter=adapter) as house:
        job_id = (await house.ask("imagine", "a house")).jobs[0]
        await until(lambda: adapter.results(job_id))
        refused = await house.ask("imagine", "another house")
        assert refused.lines[0].key == "error-disk-full", refused
        await asyncio.sleep(1)
        assert (await house.job(job_id)).job.status is JobStatus.DELIVERING
        assert house.delivery._tools.board.stalled == "disk-full"
        adapter.faults = lambda what, place, reply: None
        (folder / "ballast").unlink()
        await house.ended(job_id)
        assert len(adapter.results(job_id)) == 1
        assert len(adapter.posts(job_id)) == 1
        assert dict(await house.deliveries.tallies()) == {}
        assert await house.database.read(prove) == []


async def progress(folder: Path) -> None:
    """The disk fills at the very moment when a job's message is posted: whoever waits is told in it."""
    adapter = FakeAdapter(honours_nonce=False)

    def faults(what: str, place: object, reply: object) -> Fault | None:
        if what == "post":
            fill(folder)
        return None

    adapter.faults = faults
    await told(folder, adapter, lambda: None)


async def announcing(folder: Path) -> None:
    """The disk fills before a job's message can be announced: where a nonce keeps it from doubling, it is posted."""
    await told(folder, FakeAdapter(honours_nonce=True), lambda: fill(folder))


async def told(folder: Path, adapter: FakeAdapter, accepted: Callable[[], object]) -> None:
    """Have a job wait for the disk, and see that its message says so, and that there is one."""
    delivery_platform.STORAGE_WAIT = 0.1
    async with open_house(folder, adapter=adapter) as house:
        job_id = (await house.ask("imagine", "a house")).jobs[0]
        accepted()
        await until(lambda: "error-disk-full" in str([sent.reply for sent in adapter.log]))
        adapter.faults = lambda what, place, reply: None
        (folder / "ballast").unlink()
        await house.ended(job_id)
        assert len(adapter.results(job_id)) == 1
        assert len(adapter.posts(job_id)) == 1


async def retention(folder: Path) -> None:
    """What nobody needs goes even where nothing can be written, and makes room."""
    blobs = FileBlobs(folder / "blobs")
    async with books_in(folder) as opened:
        lost = await blobs.put(os.urandom(100_000))
        os.utime(blobs.path(lost), (0, 0))
        blobs._recent.clear()
        fill(folder)
        try:
            await blobs.put(b"a picture" * 1000)
        except DiskFull:
            pass
        else:
            raise AssertionError("there was room")
        copies = SamplerFolders([folder / "sampler"])
        sweep = Retention(
            database=opened.database, blobs=blobs, copies=copies, clock=HandClock(), days=30, copies_age=3600
        )
        assert (await sweep.sweep()).files == 1
        await blobs.put(b"a picture" * 1000)
    blobs.close()


async def backup(folder: Path) -> None:
    """A backup that does not fit is none, and leaves nothing behind."""
    blobs = FileBlobs(folder / "blobs")
    async with books_in(folder):
        pass
    fill(folder)
    try:
        back_up(folder / "atelier.db", blobs, folder / "backup.tar", now=1.0)
    except DiskFull:
        pass
    else:
        raise AssertionError("it fitted")
    assert not [path for path in folder.iterdir() if "backup" in path.name]
    blobs.close()


CASES: dict[str, Callable[[Path], Awaitable[None]]] = {
    "delivery": delivery,
    "progress": progress,
    "announcing": announcing,
    "retention": retention,
    "backup": backup,
}


async def main(case: str, folder: Path) -> None:
    await CASES[case](folder)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))

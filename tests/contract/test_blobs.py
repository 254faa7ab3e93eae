"""What every implementation of `engine.ports.Blobs` keeps; run on files."""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import BlobMissing
from storage.blobs import FileBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    blobs = FileBlobs(tmp_path / "blobs")
    yield blobs
    blobs.close()


async def test_bytes_come_back_under_the_name_of_their_hash(blobs: FileBlobs, tmp_path: Path) -> None:
    for data in (b"", b"a picture", bytes(range(256)) * 5000):
        name = await blobs.put(data)
        assert name == hashlib.sha256(data).hexdigest()
        assert await blobs.get(name) == data
        assert blobs.path(name) == tmp_path / "blobs" / name[:2] / name[2:]


async def test_the_same_bytes_are_stored_once(blobs: FileBlobs, tmp_path: Path) -> None:
    names = await asyncio.gather(*(blobs.put(b"same") for _ in range(20)))
    assert len(set(names)) == 1
    assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == 1


async def test_a_missing_blob_is_said(blobs: FileBlobs) -> None:
    name = await blobs.put(b"gone")
    await blobs.delete(name)
    await blobs.delete(name)
    with pytest.raises(BlobMissing):
        await blobs.get(name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "a/" + "b" * 62])
async def test_no_name_leaves_its_folder(blobs: FileBlobs, name: str) -> None:
    with pytest.raises(BlobMissing):
        await blobs.get(name)
    with pytest.raises(BlobMissing):
        await blobs.delete(name)


async def test_damaged_bytes_are_not_given_out(blobs: FileBlobs) -> None:
    name = await blobs.put(b"whole")
    blobs.path(name).write_bytes(b"torn!")
    with pytest.raises(BlobMissing, match="damaged"):
        await blobs.get(name)


async def test_damaged_bytes_are_mended_by_storing_them_again(blobs: FileBlobs) -> None:
    name = await blobs.put(b"whole")
    blobs.path(name).write_bytes(b"torn!")
    await blobs.put(b"whole")
    assert await blobs.get(name) == b"whole"


async def test_leftovers_of_a_crash_are_swept(blobs: FileBlobs) -> None:
    name = await blobs.put(b"kept")
    leftover = blobs.path(name).with_name(".0123.part")
    leftover.write_bytes(b"half")
    assert await blobs.sweep() == 1
    assert not leftover.exists()
    assert await blobs.get(name) == b"kept"


FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from engine.errors import DiskFull
from storage.blobs import FileBlobs

async def main():
    blobs = FileBlobs(Path(sys.argv[1]))
    small = await blobs.put(b"small")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # the kernel refuses to write more to any file
    try:
        await blobs.put(b"x" * 100_000)
    except DiskFull:
        pass
    else:
        sys.exit("stored what does not fit")
    assert await blobs.get(small) == b"small"
    await blobs.put(b"fits")
    blobs.close()

asyncio.run(main())
"""


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "blobs"
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, folder], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    files = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert files == [b"fits", b"small"]

"""Blobs as files: DIRECTORY/ab/cdef..., named by the SHA-256 of their bytes."""

import asyncio
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import BlobMissing, DiskFull, StorageError
from storage.driver_errors import NO_SPACE

T = TypeVar("T")
_NAME = re.compile(r"[0-9a-f]{64}\Z")
_THREADS = 4
_RECENT = 3600.0  # seconds
_YOUNG = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Files that were removed, or would be."""

    files: int = 0
    size: int = 0  # bytes


class FileBlobs:
    """Implements `engine.ports.Blobs` in a directory; all file work is done on threads of its own.

    A file appears under its name complete and durable or not at all: it is written beside, synced, renamed, and the
    directory is synced. What a crash leaves beside is removed by `sweep`, what no row refers to any more by `collect`.

    A blob is put before the row that refers to it is committed. So `collect` never takes what is young: what this
    process put within the last hour (by a clock that nobody sets), or a file that was written or put again within the
    last day (by the clock on the wall, for another process's sake). Both are looked at under the lock that `put` holds
    while it says that it needs the blob: either it comes first and the blob stays, or it finds no file and writes one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(_THREADS, "atelier-blobs")
        self._needed = threading.Lock()
        self._recent: dict[str, float] = {}  # when a blob was last put, by this process's own clock; oldest first

    @property
    def directory(self) -> Path:
        """Where the files are."""
        return self._directory

    async def put(self, data: bytes) -> str:
        """Store bytes durably and give their name; the same bytes twice are stored once. Raises DiskFull."""
        return await self._run(lambda: self.store(data))

    async def get(self, name: str) -> bytes:
        """Read bytes. Raises BlobMissing, also where the file no longer holds the bytes that its name says."""
        return await self._run(lambda: self.read(name))

    async def delete(self, name: str) -> None:
        """Remove a blob; harmless if it is not there."""
        await self._run(lambda: self.path(name).unlink(missing_ok=True))

    async def folders(self) -> tuple[str, ...]:
        """Give the folders that hold blobs, sorted: the first two characters of their names."""
        return await self._run(self._folders)

    async def names(self, folder: str) -> tuple[str, ...]:
        """Give the names of all blobs in one of the `folders`, sorted."""
        return await self._run(lambda: self._names(folder))

    async def collect(self, names: Collection[str], *, dry_run: bool = False) -> "Collected":
        """Remove those of these blobs that are not young; the caller knows that no row refers to them."""
        return await self._run(lambda: self._collect(names, dry_run))

    async def sweep(self) -> int:
        """Remove what crashes left half-written and give the number of files; only while nothing is being stored."""
        return await self._run(self._sweep)

    def path(self, name: str) -> Path:
        """Where a blob's file is, there or not. Raises BlobMissing for what is no blob's name."""
        if not _NAME.match(name):
            raise BlobMissing(f"{name!r} names no blob")
        return self._directory / name[:2] / name[2:]

    def close(self) -> None:
        """Finish what is being written and stop the threads; blocks until then."""
        self._threads.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(asyncio.wrap_future(self._threads.submit(work)))

    def store(self, data: bytes) -> str:
        """Store as `put` does, on the calling thread."""
        name = hashlib.sha256(data).hexdigest()
        path = self.path(name)
        self._need(name, path)
        try:
            if not _holds(path, name):
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_beside(path, data)
            # Also where the file was there: whoever wrote it may not have come this far.
            for folder in (path.parent, self._directory, self._directory.parent):
                _sync_directory(folder)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise DiskFull(f"no space left for {len(data)} bytes in {self._directory}") from error
            raise StorageError(f"{self._directory}: {error.strerror}") from error
        return name

    def read(self, name: str) -> bytes:
        """Read as `get` does, on the calling thread."""
        path = self.path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise BlobMissing(f"{path} is not there any more") from None
        except OSError as error:
            raise BlobMissing(f"{path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != name:
            raise BlobMissing(f"{path} is damaged: its bytes are not those that were stored")
        return data

    def _need(self, name: str, path: Path) -> None:
        """Keep a blob from being collected while its row is on the way."""
        with self._needed:
            now = time.monotonic()
            self._recent.pop(name, None)
            self._recent[name] = now
            while self._recent and now - next(iter(self._recent.values())) > _RECENT:
                del self._recent[next(iter(self._recent))]
            with suppress(OSError):  # it is not there yet, as a rule
                os.utime(path)

    def _collect(self, names: Collection[str], dry_run: bool) -> "Collected":
        collected = Collected()
        for name in names:
            with self._needed:
                now = time.monotonic()
                if now - self._recent.get(name, -_RECENT) < _RECENT:
                    continue
                try:
                    found = self.path(name).stat()
                    if found.st_mtime > time.time() - _YOUNG:
                        continue
                    if not dry_run:
                        self.path(name).unlink()
                except OSError:
                    continue
            collected = Collected(files=collected.files + 1, size=collected.size + found.st_size)
        return collected

    def _folders(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self._directory.glob("[0-9a-f][0-9a-f]") if path.is_dir()))

    def _names(self, folder: str) -> tuple[str, ...]:
        names = (folder + path.name for path in (self._directory / folder).iterdir())
        return tuple(sorted(name for name in names if _NAME.match(name)))

    def _sweep(self) -> int:
        leftovers = list(self._directory.glob("??/.*.part"))
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        return len(leftovers)


def _holds(path: Path, name: str) -> bool:
    """Say whether the file is there and whole; what the disk has damaged is written anew."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == name
    except OSError:
        return False


def _write_beside(path: Path, data: bytes) -> None:
    """Write and sync under another name, then rename; nothing stays where it fails."""
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

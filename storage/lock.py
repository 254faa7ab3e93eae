"""One service process per SQLite database: a lock that the kernel lets go when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from engine.errors import ServiceRunning

_BACKUP_LOCK = ".backup"


class ServiceLock:
    """Holds `PATH.lock` while the process uses the database at PATH; the file's text is the holder's process id."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, database: Path) -> Self:
        """Take the lock at once. Raises ServiceRunning, naming the file and the process that has it."""
        path = _lock_path(database)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise ServiceRunning(
                f"process {holder} is using this database (it holds {path})", path=str(database), pid=holder
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let the lock go; the file stays, for removing it would let two processes lock two files of one name."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def service_pid(database: Path) -> int | None:
    """Give the id of the process that uses the database at a path; None if nobody does."""
    try:
        descriptor = os.open(_lock_path(database), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)


def _lock_path(database: Path) -> Path:
    return database.with_name(database.name + ".lock")


@contextmanager
def backup_lock(blobs: Path) -> Iterator[None]:
    """Keep files from being collected in a folder of blobs while a backup copies them."""
    blobs.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(blobs / _BACKUP_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def backup_under_way(blobs: Path) -> bool:
    """Say whether somebody copies the files of a folder of blobs."""
    try:
        descriptor = os.open(blobs / _BACKUP_LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)

"""A data folder as one file, and back: the database, and every picture that it refers to.

The archive is a tar without compression (pictures do not get smaller): `atelier.db`, `blobs/NAME` each, and last
`manifest.json`. It appears under its name complete, verified and durable, or not at all. A service may run meanwhile:
the database is copied as one state by SQLite's backup API, and no file is collected until the archive is written.

A restore puts the pictures beside those that are there (they are named by their content: nothing is overwritten),
prepares the database in a file of its own, and then takes it over by one rename. Killed at any moment before that, the
old state is whole; what it left is removed by the next restore. The old database stays as `NAME.before-restore`.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col

from engine.errors import BackupBroken, BlobMissing, DatabaseBroken, DiskFull, StorageError, WouldOverwrite
from storage import database_sqlite
from storage.blobs import FileBlobs
from storage.database import Database
from storage.driver_errors import translated
from storage.lock import ServiceLock, backup_lock
from storage.tables import JobInputRow, PictureRow

FORMAT = 1
_DATABASE, _MANIFEST, _BLOBS = "atelier.db", "manifest.json", "blobs/"
_AT_ONCE = 8  # blobs that are stored together, each with its own wait for the disk
_PIECE = 2**20  # bytes
_ROOM = 2**16  # bytes free under which nothing of SQLite's has room

Progress = Callable[[str, int, int], None]
"""What is being done ("reading", "checking", "restoring"), how many files of how many."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an archive says of itself."""

    format: int
    created_at: float
    database: str  # SHA-256 of the database's file
    blobs: int
    missing: tuple[str, ...]  # blobs that were not there, or damaged, when the backup was made


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""


def back_up(database: Path, blobs: FileBlobs, target: Path, *, now: float, progress: Progress = _silent) -> Manifest:
    """Write an archive of a data folder; blocks. Raises WouldOverwrite, DatabaseBroken, DiskFull, StorageError."""
    if target.exists():
        raise WouldOverwrite(path=str(target))
    if not database.exists():
        raise DatabaseBroken(f"{database} is not there", path=str(database), reason="it is not there")
    database_sqlite.check_file(database)
    part, copy = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.db")
    with _system_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with backup_lock(blobs.directory):
                database_sqlite.back_up(database, copy)
                found = database_sqlite.problems(copy)
                if found:
                    raise DatabaseBroken(found[0], path=str(database), reason=found[0])
                manifest = _write(part, copy, blobs, now, progress)
            verify(part, progress=progress)
            part.replace(target)
            _sync(target.parent)
        finally:
            for leftover in (part, copy, copy.with_name(copy.name + ".part")):
                leftover.unlink(missing_ok=True)
    return manifest


def verify(archive: Path, *, progress: Progress = _silent) -> Manifest:
    """Read a whole archive and compare every file with its hash; blocks. Raises BackupBroken."""
    try:
        with tarfile.open(archive, "r:") as tar:
            return _verify(archive, tar, progress)
    except FileNotFoundError:
        raise BackupBroken(path=str(archive), reason="it is not there") from None
    except (OSError, tarfile.TarError, EOFError) as error:
        raise BackupBroken(str(error), path=str(archive), reason="it is no archive, or only part of one") from error


def restore(
    archive: Path,
    database: Path,
    blobs: FileBlobs,
    *,
    force: bool = False,
    progress: Progress = _silent,
    fault: Callable[[str], None] = lambda point: None,
) -> Manifest:
    """Make a data folder hold what an archive does; blocks. An older database is migrated.

    Raises ServiceRunning while a service runs, WouldOverwrite where there is something and not `force`, BackupBroken,
    DatabaseBroken (of a newer Atelier), DiskFull. `fault` is called at named points; tests kill there.
    """
    with _system_errors(database):
        database.parent.mkdir(parents=True, exist_ok=True)
        lock = ServiceLock.take(database)
        staged = database.with_name(f"{database.name}.restoring")
        try:
            _remove(staged)
            if database.exists() and database.stat().st_size and not force:
                raise WouldOverwrite(path=str(database))
            manifest = verify(archive, progress=progress)
            fault("verified")
            with tarfile.open(archive, "r:") as tar:
                _stage(tar, staged, archive)
                fault("staged")
                _put_blobs(tar, blobs, progress)
            fault("blobs")
            _take_over(staged, database, fault)
        finally:
            _remove(staged)
            lock.release()
    return manifest


def blob_names(session: Session) -> tuple[str, ...]:
    """Give every blob that a row refers to, sorted."""
    shown = session.scalars(select(col(PictureRow.blob)))
    used = session.scalars(select(col(JobInputRow.blob)))
    return tuple(sorted({*shown, *used}))


def _write(part: Path, copy: Path, blobs: FileBlobs, now: float, progress: Progress) -> Manifest:
    names = _names_in(copy)
    missing = []
    with part.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(copy, arcname=_DATABASE)
            for number, name in enumerate(names):
                progress("reading", number, len(names))
                try:
                    _add(tar, _BLOBS + name, blobs.read(name))
                except BlobMissing:
                    missing.append(name)
            manifest = Manifest(
                format=FORMAT,
                created_at=now,
                database=_hash_of(copy),
                blobs=len(names) - len(missing),
                missing=tuple(missing),
            )
            _add(tar, _MANIFEST, json.dumps(asdict(manifest)).encode())
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _names_in(copy: Path) -> tuple[str, ...]:
    engine = database_sqlite.reading_engine(copy, 1)
    try:
        with Session(engine) as session:
            return blob_names(session)
    except SQLAlchemyError as error:
        raise translated(error, str(copy)) from error
    finally:
        engine.dispose()


def _verify(archive: Path, tar: tarfile.TarFile, progress: Progress) -> Manifest:
    def broken(reason: str) -> BackupBroken:
        return BackupBroken(reason, path=str(archive), reason=reason)

    members = {member.name: member for member in tar.getmembers() if member.isfile()}
    if _MANIFEST not in members or _DATABASE not in members:
        raise broken("it is no backup of Atelier, or only part of one")
    try:
        held = json.loads(b"".join(_pieces(tar, members[_MANIFEST])))
        manifest = Manifest(**{**held, "missing": tuple(held["missing"])})
    except (ValueError, TypeError, KeyError):
        raise broken("its manifest cannot be read") from None
    if manifest.format != FORMAT:
        raise broken(f"it has format {manifest.format}, and this Atelier reads {FORMAT}")
    blobs = [name for name in members if name.startswith(_BLOBS)]
    if len(blobs) != manifest.blobs or len(members) != len(blobs) + 2:
        raise broken(f"it should hold {manifest.blobs} pictures, and holds {len(blobs)}")
    if _hash(tar, members[_DATABASE]) != manifest.database:
        raise broken("its database is damaged")
    for number, name in enumerate(blobs):
        progress("checking", number, len(blobs))
        if _hash(tar, members[name]) != name.removeprefix(_BLOBS):
            raise broken(f"the picture {name.removeprefix(_BLOBS)[:16]} in it is damaged")
    return manifest


def _stage(tar: tarfile.TarFile, staged: Path, archive: Path) -> None:
    """Write the archive's database beside the old one, look at it, and bring it to this code's tables."""
    with staged.open("xb") as file:
        for piece in _pieces(tar, tar.getmember(_DATABASE)):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if found := database_sqlite.problems(staged):
        raise BackupBroken(found[0], path=str(archive), reason=f"its database is damaged: {found[0]}")
    Database.open_blocking(staged).close_blocking()
    database_sqlite.fold_in_log(staged)


def _put_blobs(tar: tarfile.TarFile, blobs: FileBlobs, progress: Progress) -> None:
    members = [member for member in tar.getmembers() if member.name.startswith(_BLOBS)]
    with ThreadPoolExecutor(_AT_ONCE, "atelier-restore") as threads:
        for start in range(0, len(members), _AT_ONCE):
            progress("restoring", start, len(members))
            batch = [b"".join(_pieces(tar, member)) for member in members[start : start + _AT_ONCE]]
            list(threads.map(blobs.store, batch))


def _take_over(staged: Path, database: Path, fault: Callable[[str], None]) -> None:
    """Put the prepared database in the place of the old one, which stays beside it; the last rename is what counts."""
    kept = database.with_name(f"{database.name}.before-restore")
    if database.exists():
        database_sqlite.fold_in_log(database)
        fault("folded")
        _remove(kept)
        os.link(database, kept)
    for suffix in ("-wal", "-shm"):  # of a database that is too broken to fold its log in; never the new one's
        log = database.with_name(database.name + suffix)
        if log.exists():
            log.replace(kept.with_name(kept.name + suffix))
    fault("kept")
    staged.replace(database)
    _sync(database.parent)
    fault("taken over")


def _remove(path: Path) -> None:
    """Remove a database file that nobody uses, with all that SQLite and we leave beside one."""
    for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    for copy in path.parent.glob(f"{path.name}.before-*"):
        copy.unlink(missing_ok=True)


@contextmanager
def _system_errors(where: Path) -> Iterator[None]:
    """Give what the system or SQLite raises as an error of ours; SQLite says of a full disk only that I/O failed."""
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        problem = translated(error, str(where))
        full = type(problem) is StorageError and shutil.disk_usage(_existing(where)).free < _ROOM
        raise (DiskFull(f"no space left beside {where}") if full else problem) from error


def _existing(path: Path) -> Path:
    """Give the nearest folder above that is there."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _pieces(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = tar.extractfile(member)
    while file is not None and (piece := file.read(_PIECE)):
        yield piece


def _hash(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(tar, member):
        digest.update(piece)
    return digest.hexdigest()


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

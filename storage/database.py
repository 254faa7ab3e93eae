"""The database: transactions off the event loop, one writer with group commit, a few readers."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from engine.errors import DatabaseBroken, StorageError
from storage import database_sqlite, migrations
from storage.answers import Postbox
from storage.driver_errors import translated
from storage.lock import ServiceLock
from storage.readers import Readers
from storage.transaction import Transaction
from storage.writer import Fault, Writer

T = TypeVar("T")
_READERS = 4


def _no_fault(point: str) -> None:
    """Let everything happen; tests give another."""


class Database:
    """An open database.

    A verb is a plain function of a transaction, which is a session too. `write` runs it as one transaction on the
    writer's thread and returns when it is durable; `read` runs it on a reader's thread, against one consistent state
    that holds all that was committed before. Both raise StorageError (DiskFull, DatabaseBroken), never a driver's
    exception. A caller that is cancelled while it waits leaves its transaction alone: it is committed whole, or not at
    all.
    """

    def __init__(
        self,
        *,
        writing: Engine,
        reading: Engine,
        where: str,
        path: Path | None,
        lock: ServiceLock | None,
        fault: Fault,
        on_read: Fault = _no_fault,
    ) -> None:
        self.where = where
        self._path = path
        self._engines = (writing, reading)
        self._lock = lock
        postbox = Postbox()
        self._writer = Writer(writing, self._translate, fault, postbox)
        self._readers = Readers(reading, _READERS, self._translate, on_read, postbox)
        self._closing = threading.Lock()
        self._closed = False

    @classmethod
    async def open(cls, url: str | Path, *, fault: Fault = _no_fault, on_read: Fault = _no_fault) -> Self:
        """Open a database file or URL (`sqlite:///FILE`, `postgresql+psycopg://...`), migrated to this code's tables.

        On SQLite a lock keeps a second service process out. `fault` is called before each statement of the writer (with
        its text), before each commit ("commit") and after it ("committed"), `on_read` before each statement of a
        reader. Raises ServiceRunning, DatabaseBroken, DiskFull.
        """
        return await asyncio.to_thread(cls.open_blocking, url, fault=fault, on_read=on_read)

    @classmethod
    def open_blocking(cls, url: str | Path, *, fault: Fault = _no_fault, on_read: Fault = _no_fault) -> Self:
        """Open as `open` does, on the calling thread."""
        path = sqlite_path(url)
        return cls._open_other(str(url), fault, on_read) if path is None else cls._open_sqlite(path, fault, on_read)

    @property
    def alone(self) -> bool:
        """Whether no other service process can use it: on SQLite a lock sees to that."""
        return self._lock is not None

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open an SQLite file beside the process that holds its lock: `write` fails. Blocks. Raises DatabaseBroken."""
        database_sqlite.check_file(path)
        return cls(
            writing=database_sqlite.reading_engine(path, 1),
            reading=database_sqlite.reading_engine(path, _READERS),
            where=str(path),
            path=None,
            lock=None,
            fault=_no_fault,
        )

    async def write(self, verb: Callable[[Transaction], T]) -> T:
        """Run a verb as one transaction; see the class."""
        return await self._writer.write(verb)

    async def read(self, verb: Callable[[Transaction], T]) -> T:
        """Run a verb that only reads; see the class."""
        return await self._readers.read(verb)

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the file or beside it; writing waits meanwhile, reading does not.

        On another database than SQLite that is its administrator's. Raises DiskFull; it may be repeated.
        """
        if self._path is not None:
            path = self._path
            await self._writer.apart(lambda engine: database_sqlite.scrub(engine, path))

    async def close(self) -> None:
        """Commit what waits, stop the threads and let the lock go; harmless when repeated."""
        await asyncio.shield(asyncio.to_thread(self.close_blocking))

    def close_blocking(self) -> None:
        """Close as `close` does, on the calling thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._writer.close()
            self._readers.close()
            for engine in self._engines:
                engine.dispose()
            if self._lock is not None:
                self._lock.release()

    @classmethod
    def _open_sqlite(cls, path: Path, fault: Fault, on_read: Fault) -> Self:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = ServiceLock.take(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DatabaseBroken(f"{path} cannot be opened: {reason}", path=str(path), reason=reason) from error
        try:
            database_sqlite.check_file(path)
            return cls._migrated(
                writing=database_sqlite.writing_engine(path),
                reading=database_sqlite.reading_engine(path, _READERS),
                where=str(path),
                path=path,
                lock=lock,
                fault=fault,
                on_read=on_read,
                back_up=lambda revision: database_sqlite.back_up(
                    path, path.with_name(f"{path.name}.before-{revision}")
                ),
            )
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_other(cls, url: str, fault: Fault, on_read: Fault) -> Self:
        return cls._migrated(
            writing=create_engine(url, pool_size=1, max_overflow=0),
            reading=create_engine(url, pool_size=_READERS, max_overflow=0),
            where=make_url(url).render_as_string(hide_password=True),
            path=None,
            lock=None,
            fault=fault,
            on_read=on_read,
            back_up=lambda revision: None,  # a server's database is backed up by whoever runs the server
        )

    @classmethod
    def _migrated(
        cls,
        *,
        writing: Engine,
        reading: Engine,
        where: str,
        path: Path | None,
        lock: ServiceLock | None,
        fault: Fault,
        on_read: Fault,
        back_up: Callable[[str], None],
    ) -> Self:
        try:
            migrations.migrate(writing, where, back_up)
        except (SQLAlchemyError, OSError) as error:
            writing.dispose()
            problem = translated(error, where)
            if type(problem) is StorageError:
                problem = DatabaseBroken(problem.detail, path=where, reason=problem.detail)
            raise problem from error
        except BaseException:
            writing.dispose()
            raise
        event.listen(writing, "before_cursor_execute", lambda *call: fault(call[2]))
        event.listen(reading, "before_cursor_execute", lambda *call: on_read(call[2]))
        return cls(writing=writing, reading=reading, where=where, path=path, lock=lock, fault=fault, on_read=on_read)

    def _translate(self, error: SQLAlchemyError | OSError) -> StorageError:
        return translated(error, self.where)


def sqlite_path(url: str | Path) -> Path | None:
    """Give the file that a path or an `sqlite:///` URL names; None for another database. Raises DatabaseBroken."""
    if isinstance(url, Path) or "://" not in url:
        return Path(url)
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseBroken(f"database.url is no URL: {error}", path=url, reason="not a URL") from error
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseBroken(
            "database.url names no file", path=url, reason="a database in memory is lost at every stop"
        )
    return Path(parsed.database)

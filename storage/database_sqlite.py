"""What is SQLite's own: pragmas, transactions, backup, and files that are no database."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from engine.errors import DatabaseBroken, StorageError

_MAGIC = b"SQLite format 3\x00"
_write_json = json.JSONEncoder(separators=(",", ":")).encode
_read_json = json.JSONDecoder().raw_decode
COMMON_PRAGMAS = (
    "PRAGMA busy_timeout = 10000",  # ms; somebody with an SQL prompt may hold the write lock for a moment
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # every commit reaches the disk before its caller hears of it
    "PRAGMA foreign_keys = ON",
)


def writing_engine(path: Path) -> Engine:
    """Make the writer's engine: one connection, whose transactions take the write lock when they begin."""
    return _engine(path, begin="BEGIN IMMEDIATE", pragmas=COMMON_PRAGMAS, pool_size=1)


def reading_engine(path: Path, connections: int) -> Engine:
    """Make the readers' engine: each transaction sees one state of the database and can change nothing."""
    return _engine(path, begin="BEGIN", pragmas=(*COMMON_PRAGMAS, "PRAGMA query_only = ON"), pool_size=connections)


def check_file(path: Path) -> None:
    """Raise DatabaseBroken if the file is there, has something in it and is no SQLite database, or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatabaseBroken(f"{path} cannot be read: {reason}", path=str(path), reason=reason) from error
    if head and head != _MAGIC:
        raise DatabaseBroken(
            f"{path} is no SQLite database; move it away, or name another file in database.url",
            path=str(path),
            reason="not an SQLite database",
        )


def back_up(source: Path, target: Path) -> None:
    """Copy a database, as one consistent state, while others may use it; `target` appears complete or not at all.

    Raises SQLAlchemyError, OSError.
    """
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(unfinished)) as there:
            here.backup(there)
    except sqlite3.Error as error:
        unfinished.unlink(missing_ok=True)
        raise OperationalError("backup", None, error) from error
    unfinished.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def problems(path: Path) -> list[str]:
    """Give a sentence for everything that SQLite finds wrong with a file: its structure, and references to nothing."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.Error as error:
        return [f"{path}: {error}"]
    return found + [f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there" for row in dangling]


def fold_in_log(path: Path) -> None:
    """Write a database's log into its file, so that the file alone is everything; what is broken stays as it is."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def scrub(engine: Engine, path: Path) -> None:
    """Write the database anew without what was deleted, empty its log, and remove the copies that migrations left.

    Deleted rows leave their bytes in free pages, and moved rows in the gaps of pages; only a database that is written
    anew has neither. It costs time in proportion to the file (about a second for 200 MB) and as much free disk.
    """
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # waits for readers: busy_timeout
        cursor.close()
    except sqlite3.Error as error:
        raise OperationalError("VACUUM", None, error) from error
    finally:
        connection.close()
    if busy:
        raise StorageError(f"{path}: somebody is reading, and keeps the log from being emptied")
    for copy in path.parent.glob(f"{path.name}.before-*"):
        copy.unlink(missing_ok=True)


def _engine(path: Path, *, begin: str, pragmas: tuple[str, ...], pool_size: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=pool_size,
        max_overflow=0,
        json_serializer=_write_json,
        json_deserializer=_json_of,
        connect_args={"check_same_thread": False, "timeout": 10.0},
    )
    event.listen(engine, "connect", _on_connect(pragmas))

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", on_begin)
    return engine


def _json_of(text: str) -> object:
    """Read what `_write_json` wrote, without a look for white space around it."""
    return _read_json(text)[0]


def _on_connect(pragmas: tuple[str, ...]) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    def set_up(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        # Python's sqlite3 would begin transactions by its own rules (not before SELECT or SAVEPOINT); SQLAlchemy begins
        # ours.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    return set_up

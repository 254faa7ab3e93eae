"""Drivers' exceptions as errors of Atelier; no other room sees a driver's."""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.errors import DatabaseBroken, DiskFull, StorageError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_POSTGRES_DISK_FULL = "53100"


def translated(error: SQLAlchemyError | OSError, where: str) -> StorageError:
    """Give the error of Atelier that a driver's or the system's exception means; `where` names the database."""
    cause = _first(error)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if code == sqlite3.SQLITE_FULL:
            return DiskFull(f"no space left for {where}")
        if code in _BROKEN:
            return DatabaseBroken(f"{where}: {cause}", path=where, reason=str(cause))
    if isinstance(cause, OSError) and cause.errno in NO_SPACE:
        return DiskFull(f"no space left for {where}")
    if getattr(cause, "sqlstate", None) == _POSTGRES_DISK_FULL:
        return DiskFull(f"no space left for {where}")
    return StorageError(f"{where}: {type(cause).__name__}: {cause}")


def _first(error: BaseException) -> BaseException:
    """Give what went wrong first.

    A full disk rolls back SQLite's whole transaction; cleaning up then fails too, because the savepoint is gone, and
    that second error is the one that arrives.
    """
    first: BaseException = error
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, DBAPIError | OSError):
            first = at
        at = at.__context__
    return first.orig if isinstance(first, DBAPIError) and first.orig is not None else first

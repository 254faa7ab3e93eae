"""The one writer: transactions that wait together are committed together.

A commit waits for the disk (an fsync), and that wait is most of what a write costs. So whatever waits when the writer
becomes free runs one after another inside one transaction with one commit; only then do the callers get their results.
If one of them refuses (an AtelierError, or any error of its own), the group is rolled back and runs again, each in a
savepoint of its own: the refusal leaves the others alone, and the many groups without one are spared the savepoints. If
the database fails, the whole group is rolled back and each runs again, apart: one that is too large for what is left
of the disk does not take the others with it. Work must therefore be repeatable: it touches nothing but its session.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, Literal, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from engine.errors import StorageError

T = TypeVar("T")
Fault = Callable[[str], None]
_GROUP_LIMIT = 256


class _Work(Generic[T]):
    """A transaction that somebody waits for."""

    def __init__(self, verb: Callable[[Session], T]) -> None:
        self.verb = verb
        self.future: Future[T] = Future()
        self.resolve: Callable[[], None] = lambda: None

    def run(self, connection: Connection, *, apart: bool) -> None:
        """Run and remember what to tell the caller, `apart` in a savepoint of its own.

        Raises SQLAlchemyError, and without a savepoint whatever the verb raises; the group is then void.
        """
        mode: Literal["create_savepoint", "rollback_only"] = "create_savepoint" if apart else "rollback_only"
        session = Session(connection, join_transaction_mode=mode, expire_on_commit=False)
        try:
            value = self.verb(session)
            session.commit()
            self.resolve = lambda: self.future.set_result(value)
        except SQLAlchemyError:
            raise
        except BaseException as error:
            if not apart:
                raise
            refusal = error
            session.rollback()
            self.resolve = lambda: self.future.set_exception(refusal)
        finally:
            with suppress(SQLAlchemyError):  # a full disk has rolled everything back, the savepoint included
                session.close()


class _Apart(Generic[T]):
    """Something that SQLite does outside of every transaction, and that somebody waits for."""

    def __init__(self, statements: Callable[[Engine], T]) -> None:
        self.statements = statements
        self.future: Future[T] = Future()


class Writer:
    """A thread that owns all writing; `submit` may be called from any thread."""

    def __init__(
        self, engine: Engine, translate: Callable[[SQLAlchemyError | OSError], StorageError], fault: Fault
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._fault = fault
        self._waiting: SimpleQueue[_Work[object] | _Apart[object] | None] = SimpleQueue()
        self._next_apart: _Apart[object] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="atelier-writer", daemon=True)
        self._thread.start()

    def submit(self, verb: Callable[[Session], T]) -> "Future[T]":
        """Queue a transaction; its future resolves when it is durable. Raises StorageError once closed."""
        work = _Work(verb)
        with self._lock:
            if self._closed:
                raise StorageError("the database is closed")
            self._waiting.put(work)  # type: ignore[arg-type]  # the queue only passes results on
        return work.future

    def submit_apart(self, statements: Callable[[Engine], T]) -> "Future[T]":
        """Queue statements that run between two groups, outside of transactions; they use the engine as they like."""
        apart = _Apart(statements)
        with self._lock:
            if self._closed:
                raise StorageError("the database is closed")
            self._waiting.put(apart)  # type: ignore[arg-type]  # the queue only passes results on
        return apart.future

    def close(self) -> None:
        """Commit what waits and stop; blocks until then."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group:
                self._commit(group)
            if self._next_apart is not None:
                self._run_apart(self._next_apart)
                self._next_apart = None
            elif not group:
                return

    def _run_apart(self, apart: _Apart[object]) -> None:
        try:
            result = apart.statements(self._engine)
        except BaseException as error:  # as in `_commit`
            apart.future.set_exception(
                self._translate(error) if isinstance(error, SQLAlchemyError | OSError) else error
            )
        else:
            apart.future.set_result(result)

    def _next_group(self) -> list[_Work[object]]:
        """Wait for work and take all that is there, up to what runs apart; empty once closed and drained."""
        group: list[_Work[object]] = []
        with suppress(Empty):
            while len(group) < _GROUP_LIMIT:
                work = self._waiting.get(block=not group)
                if work is None:
                    if group:
                        self._waiting.put(None)
                    return group
                if isinstance(work, _Apart):
                    self._next_apart = work
                    return group
                group.append(work)
        return group

    def _commit(self, group: list[_Work[object]], *, apart: bool = False) -> None:
        try:
            with self._engine.connect() as connection, connection.begin():
                for work in group:
                    work.run(connection, apart=apart)
                self._fault("commit")
        except BaseException as error:  # whatever it is, this thread lives on and nobody waits in vain
            if len(group) > 1 and not apart and not isinstance(error, SQLAlchemyError | OSError):
                self._commit(group, apart=True)
            elif len(group) > 1:
                for work in group:
                    self._commit([work])
            else:
                group[0].future.set_exception(
                    self._translate(error) if isinstance(error, SQLAlchemyError | OSError) else error
                )
        else:
            self._fault("committed")
            for work in group:
                work.resolve()

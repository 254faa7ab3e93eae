"""The one writer: transactions that wait together are committed together.

A commit waits for the disk (an fsync), and that wait is most of what a write costs. So whatever waits when the writer
becomes free runs one after another inside one transaction with one commit; only then do the callers get their results.
If one of them refuses (an AtelierError, or any error of its own), the group is rolled back and runs again, each in a
savepoint of its own: the refusal leaves the others alone, and the many groups without one are spared the savepoints. If
the database fails, the whole group is rolled back and each runs again, apart: one that is too large for what is left
of the disk does not take the others with it. Work must therefore be repeatable: it touches nothing but its transaction.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from engine.errors import StorageError
from storage.answers import Answer, Postbox
from storage.transaction import Transaction

T = TypeVar("T")
Fault = Callable[[str], None]
_GROUP_LIMIT = 256


class _Work(NamedTuple):
    """A transaction that somebody waits for."""

    verb: Callable[[Transaction], object]
    answer: Answer[object]


class _Apart(NamedTuple):
    """Something that SQLite does outside of every transaction, and that somebody waits for."""

    statements: Callable[[Engine], object]
    answer: Answer[object]


class Writer:
    """A thread that owns all writing; it is asked from event loops."""

    def __init__(
        self,
        engine: Engine,
        translate: Callable[[SQLAlchemyError | OSError], StorageError],
        fault: Fault,
        postbox: Postbox,
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._fault = fault
        self._postbox = postbox
        self._waiting: SimpleQueue[_Work | _Apart | None] = SimpleQueue()
        self._next_apart: _Apart | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="atelier-writer", daemon=True)
        self._thread.start()

    async def write(self, verb: Callable[[Transaction], T]) -> T:
        """Run a transaction, and return when it is durable. Raises StorageError once closed."""
        answer: Answer[T] = Answer()
        self._put(_Work(verb, answer))  # type: ignore[arg-type]  # the thread only passes results on
        return await answer.future

    async def apart(self, statements: Callable[[Engine], T]) -> T:
        """Run statements between two groups, outside of transactions; they use the engine as they like."""
        answer: Answer[T] = Answer()
        self._put(_Apart(statements, answer))  # type: ignore[arg-type]  # the thread only passes results on
        return await answer.future

    def close(self) -> None:
        """Commit what waits and stop; blocks until then."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _put(self, work: _Work | _Apart) -> None:
        with self._lock:
            if self._closed:
                raise StorageError("the database is closed")
            self._waiting.put(work)

    def _run(self) -> None:
        while True:
            group = self._next_group()
            if group:
                self._commit(group)
                self._postbox.deliver(work.answer for work in group)
            if self._next_apart is not None:
                self._run_apart(self._next_apart)
                self._next_apart = None
            elif not group:
                return

    def _run_apart(self, apart: _Apart) -> None:
        try:
            apart.answer.value(apart.statements(self._engine))
        except BaseException as error:  # as in `_commit`
            apart.answer.error(self._told(error))
        self._postbox.deliver([apart.answer])

    def _next_group(self) -> list[_Work]:
        """Wait for work and take all that is there, up to what runs apart; empty once closed and drained."""
        group: list[_Work] = []
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

    def _commit(self, group: Sequence[_Work], *, apart: bool = False) -> None:
        """Run a group in one transaction and give each its answer; they are delivered after that."""
        try:
            with self._engine.connect() as connection, connection.begin():
                if apart:
                    for work in group:
                        self._run_in_savepoint(connection, work)
                else:
                    self._run_together(connection, group)
                self._fault("commit")
        except BaseException as error:  # whatever it is, this thread lives on and nobody waits in vain
            if len(group) > 1 and not apart and not isinstance(error, SQLAlchemyError | OSError):
                self._commit(group, apart=True)
            elif len(group) > 1:
                for work in group:
                    self._commit([work])
            else:
                group[0].answer.error(self._told(error))
        else:
            self._fault("committed")

    def _run_together(self, connection: Connection, group: Sequence[_Work]) -> None:
        """Run a group; raises what any of it raises, and all of it is void then."""
        transaction = Transaction(connection, self._fault)
        try:
            for work in group:
                work.answer.value(work.verb(transaction))
                transaction.settle_down()
        finally:
            _close(transaction)

    def _run_in_savepoint(self, connection: Connection, work: _Work) -> None:
        """Run one of a group, so that nothing of it is there if it refuses. Raises SQLAlchemyError."""
        savepoint = connection.begin_nested()
        transaction = Transaction(connection, self._fault)
        try:
            work.answer.value(work.verb(transaction))
            transaction.flush()
            savepoint.commit()
        except SQLAlchemyError:
            raise
        except BaseException as refusal:
            savepoint.rollback()
            work.answer.error(refusal)
        finally:
            _close(transaction)

    def _told(self, error: BaseException) -> BaseException:
        return self._translate(error) if isinstance(error, SQLAlchemyError | OSError) else error


def _close(transaction: Transaction) -> None:
    with suppress(SQLAlchemyError):  # a full disk has rolled everything back, the savepoint included
        transaction.close()

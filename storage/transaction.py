"""What a verb gets: a session, which also runs prepared statements."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlmodel import Session

from storage.prepared import Prepared, Record, Values


class Transaction(Session):
    """A session within a connection's transaction, with a shorter way for prepared statements.

    Prepared statements do not see what the session has not flushed. Neither ends the transaction; whoever opened it
    does.
    """

    def __init__(self, connection: Connection, before: Callable[[str], object]) -> None:
        """Work on a connection; `before` is called with the text of each prepared statement before it is run."""
        super().__init__(connection, join_transaction_mode="rollback_only", expire_on_commit=False)
        self._dialect = connection.dialect
        self._shared = self._dialect.name != "sqlite"
        self._driver_error: type[Exception] = connection.dialect.loaded_dbapi.Error
        self._cursor: DBAPICursor = connection.connection.cursor()
        self._before = before

    def run(self, statement: Prepared, **values: Any) -> int:
        """Run a statement that gives no rows; gives how many it changed."""
        compiled = statement.on(self._dialect)
        self._before(compiled.text)
        try:
            self._cursor.execute(compiled.text, compiled.arguments(values))
        except self._driver_error as error:
            raise DBAPIError(compiled.text, None, error) from error
        return int(self._cursor.rowcount)

    def run_each(self, statement: Prepared, rows: Sequence[Values]) -> None:
        """Run a statement that gives no rows once for each of these rows of values."""
        compiled = statement.on(self._dialect)
        self._before(compiled.text)
        try:
            self._cursor.executemany(compiled.text, [compiled.arguments(row) for row in rows])
        except self._driver_error as error:
            raise DBAPIError(compiled.text, None, error) from error

    def rows(self, statement: Prepared, **values: Any) -> list[Record]:
        """Run a statement and give its rows."""
        compiled = statement.on(self._dialect)
        self._before(compiled.text)
        try:
            self._cursor.execute(compiled.text, compiled.arguments(values))
            return compiled.records(self._cursor)
        except self._driver_error as error:
            raise DBAPIError(compiled.text, None, error) from error

    def first(self, statement: Prepared, **values: Any) -> Record | None:
        """Run a statement and give its first row, if it has one."""
        rows = self.rows(statement, **values)
        return rows[0] if rows else None

    def one(self, statement: Prepared, **values: Any) -> Record:
        """Run a statement and give its one row. Raises NoResultFound."""
        rows = self.rows(statement, **values)
        if not rows:
            raise NoResultFound(f"no row: {statement.on(self._dialect).text}")
        return rows[0]

    def lock(self, statement: Prepared, **values: Any) -> None:
        """Lock the rows that a SELECT FOR UPDATE gives, so that verbs of several processes take turns at them.

        On SQLite there is nothing to do: who writes has the whole database.
        """
        if self._shared:
            self.rows(statement, **values)

    def settle_down(self) -> None:
        """Write what the session holds, and forget its rows, for the next verb."""
        if self.in_transaction():  # most verbs have used nothing of it
            self.flush()
            self.expunge_all()

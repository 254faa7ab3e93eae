"""Statements that are compiled once, and then given to the database's driver as they are.

To run one statement SQLAlchemy takes 50 µs or more of the processor, several times what SQLite takes to do it. The
statements of a job's life are therefore written with SQLAlchemy, so that they fit every database, and run without it:
a `Prepared` keeps the text, the order of the values, and what the columns' types make of them on their way in and
out. `transaction.Transaction` runs it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Self, cast

from sqlalchemy import BindParameter, Dialect, Insert, Select, Table, Update, bindparam, insert, literal
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.types import TypeEngine

Statement = Insert | Select[*tuple[Any, ...]] | Update
Values = Mapping[str, Any]
Record = Any
"""A row that was read: a named tuple of the statement's columns."""
_Process = Callable[[Any], Any]


class Prepared:
    """A statement with named values; it is compiled when it is first run on a kind of database."""

    def __init__(self, statement: Statement, columns: Sequence[str] | None = None) -> None:
        """Prepare a statement; `columns` are those that an insert or update is given beside its own values."""
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, Compiled] = {}  # by the dialect's name

    @classmethod
    def adding(cls, table: Table) -> Self:
        """Prepare the insert of a row: all columns are given but those with a default, those that may be empty, and
        the `sequence` that the database counts.
        """
        return cls(insert(table).inline(), [column.name for column in table.columns if column.name != "sequence"])

    def on(self, dialect: Dialect) -> "Compiled":
        """Give the statement as this kind of database takes it."""
        try:
            return self._compiled[dialect.name]
        except KeyError:
            return self._compiled.setdefault(dialect.name, Compiled(self._statement, self._columns, dialect))


class Compiled:
    """A statement as one kind of database's driver takes it."""

    def __init__(self, statement: Statement, columns: Sequence[str] | None, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        processes = {name: _bind_process(bind, dialect) for name, bind in binds.items()}
        constants = {name: bind.value for name, bind in binds.items() if not (bind.required or bind.value is None)}
        for name, value in constants.items():
            constants[name] = value if (process := processes.pop(name)) is None else process(value)
        order = tuple(binds) if compiled.positiontup is None else tuple(compiled.positiontup)
        self.text = compiled.string
        self._statement, self._dialect = statement, dialect
        self._named = compiled.positiontup is None
        self._names = order
        self._known = {**_defaults(statement, columns), **constants}
        self._pick = _picker(order)
        self._processes = [(index, it) for index, name in enumerate(order) if (it := processes.get(name)) is not None]
        self._record: Callable[[Sequence[Any]], Record] | None = None

    def arguments(self, given: Values) -> Any:
        """Give what the driver takes for these values, constants and defaults included."""
        values = self._pick({**self._known, **given} if self._known else given)
        if self._processes:
            values = list(values)
            for index, process in self._processes:
                values[index] = process(values[index])
        return dict(zip(self._names, values, strict=True)) if self._named else values

    def records(self, cursor: DBAPICursor) -> list[Record]:
        """Give the rows that a cursor holds after this statement."""
        record = self._record
        if record is None:
            record = self._record = _record(self._statement, self._dialect, cursor)
        return [record(row) for row in cursor.fetchall()]


def among(values: Collection[str]) -> list[BindParameter[str]]:
    """Give the constants of an IN; written as plain values they would be put in anew at each execution."""
    return [literal(str(value)) for value in values]


def listed(name: str, size: int) -> list[BindParameter[str]]:
    """Give the values of an IN of this size; `spread` fills them."""
    return [bindparam(f"{name}_{number}") for number in range(size)]


def size_of(values: Collection[object]) -> int:
    """Give the size of the IN that takes these values: 0 or a power of two, so that there are few statements."""
    return 1 << (len(values) - 1).bit_length() if values else 0


def spread(name: str, values: Collection[str]) -> dict[str, str]:
    """Give the IN of size `size_of(values)` its values; the last one fills what room is left."""
    filled = [*values]
    filled += filled[-1:] * (size_of(values) - len(filled))
    return {f"{name}_{number}": value for number, value in enumerate(filled)}


def _defaults(statement: Statement, columns: Sequence[str] | None) -> dict[str, Any]:
    """Give an insert's values that need not be given."""
    if not isinstance(statement, Insert):
        return {}
    found = [statement.table.columns[name] for name in columns or ()]
    return {
        column.name: None if column.default is None else cast(Any, column.default).arg
        for column in found
        if column.default is not None or column.nullable
    }


def _picker(order: Sequence[str]) -> Callable[[Values], Any]:
    if len(order) > 1:
        return itemgetter(*order)
    return lambda values: tuple(values[name] for name in order)


def _record(statement: Statement, dialect: Dialect, cursor: DBAPICursor) -> Callable[[Sequence[Any]], Record]:
    columns = [(str(name), column.type) for name, column in statement.exported_columns.items()]
    make = NamedTuple("Record", [(name, Any) for name, _ in columns])._make
    processes = list(_result_processes([kind for _, kind in columns], dialect, cursor))
    if not processes:
        return make

    def record(row: Sequence[Any]) -> Record:
        values = list(row)
        for index, process in processes:
            values[index] = process(values[index])
        return make(values)

    return record


def _result_processes(
    kinds: Sequence[TypeEngine[Any]], dialect: Dialect, cursor: DBAPICursor
) -> Iterator[tuple[int, _Process]]:
    for index, (kind, described) in enumerate(zip(kinds, cursor.description or (), strict=True)):
        process = kind.dialect_impl(dialect).result_processor(dialect, described[1])
        if process is not None:
            yield index, process


def _bind_process(bind: BindParameter[Any], dialect: Dialect) -> _Process | None:
    return bind.type.dialect_impl(dialect).bind_processor(dialect)

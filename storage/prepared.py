"""Statements that are compiled once, and then given to the database's driver as they are.

To run one statement SQLAlchemy takes 50 µs or more of the processor, several times what SQLite takes to do it. The
statements of a job's life are therefore written with SQLAlchemy, so that they fit every database, and run without it:
a `Prepared` keeps the text and, made for that statement as `namedtuple` makes a class, the functions that put values in
order for the driver and make records of rows. `transaction.Transaction` runs it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Self, cast

from sqlalchemy import BindParameter, Dialect, Insert, Select, Table, Update, bindparam, insert, literal
from sqlalchemy.engine.interfaces import DBAPICursor

Statement = Insert | Select[*tuple[Any, ...]] | Update
Values = Mapping[str, Any]
Record = Any
"""A row that was read: a named tuple of the statement's columns."""


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
        self.text = compiled.string
        self.arguments = _arguments(binds, compiled.positiontup, _defaults(statement, columns), dialect)
        """Gives what the driver takes for the values of a statement, constants and defaults included."""
        self._statement, self._dialect = statement, dialect
        self._record: Callable[[Sequence[Any]], Record] | None = None

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


def _arguments(
    binds: Mapping[str, BindParameter[Any]], order: Sequence[str] | None, defaults: Values, dialect: Dialect
) -> Callable[[Values], Any]:
    """Make the function that gives what the driver takes: values in this order, or by their names where it is None."""
    known: dict[str, Any] = {}
    parts = []
    for index, name in enumerate(binds if order is None else order):
        bind = binds[name]
        process = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if bind.required or bind.value is None:
            part = f"given[{name!r}]"
            if name in defaults:
                known[f"default_{index}"] = defaults[name]
                part = f"given.get({name!r}, default_{index})"
            if process is not None:
                known[f"process_{index}"] = process
                part = f"process_{index}({part})"
        else:
            part = f"constant_{index}"
            known[part] = bind.value if process is None else process(bind.value)
        parts.append(f"{name!r}: {part}, " if order is None else f"{part}, ")
    return _made(("{%s}" if order is None else "(%s)") % "".join(parts), known)


def _record(statement: Statement, dialect: Dialect, cursor: DBAPICursor) -> Callable[[Sequence[Any]], Record]:
    """Make the function that gives the record of a row."""
    columns = [(str(name), column.type) for name, column in statement.exported_columns.items()]
    new = partial(tuple.__new__, cast(Any, NamedTuple("Record", [(name, Any) for name, _ in columns])))
    known: dict[str, Any] = {}
    parts = []
    for index, ((_, kind), described) in enumerate(zip(columns, cursor.description or (), strict=True)):
        part = f"given[{index}]"
        if (process := kind.dialect_impl(dialect).result_processor(dialect, described[1])) is not None:
            known[f"process_{index}"] = process
            part = f"process_{index}({part})"
        parts.append(part)
    return _made(f"new(({', '.join(parts)},))", {**known, "new": new}) if known else new


def _made(expression: str, known: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Make a function of `given`; what is known has names of our making, and nothing else is in the expression."""
    made: Callable[[Any], Any] = eval(f"lambda given: {expression}", dict(known))  # noqa: S307
    return made

"""What every table is made of: the base class, our column types, checks by enum."""

from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, MetaData, String, Table, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

# SQLite numbers rows by itself only in a column declared INTEGER (which is 64 bits wide there).
Sequence = BigInteger().with_variant(Integer, "sqlite")


class Word(TypeDecorator[str]):
    """Text that may be given as a StrEnum: drivers get a plain str, whatever they think of enums."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Give the plain text."""
        return _plain(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """Give the same, without a detour for each value: a job's life has 50 of them."""
        return _plain


def _plain(value: str | None) -> str | None:
    return None if value is None else str(value)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Let a column hold only what an enum lists."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def index_where(condition: str, name: str, *columns: str) -> Index:
    """Index only the rows of which a condition holds: small, and left alone by what happens to the others."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


class Base(SQLModel):
    """Names every constraint, so that a migration can address it on any database."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(row: type[Base]) -> Table:
    """Give a row class's table, for statements that load no rows."""
    return Base.metadata.tables[str(row.__tablename__)]

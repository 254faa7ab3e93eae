"""Prepared statements: what the driver gets, and what comes back, on the kinds of databases that we speak."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Dialect, bindparam, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DBAPIError, NoResultFound

from engine.model import DeliveryStatus, Lane, TaskStatus
from storage.database_sqlite import writing_engine
from storage.prepared import Prepared, among, listed, size_of, spread
from storage.tables import BlobRow, PreferenceRow, TallyRow, TaskRow, WalletRow, table_of
from storage.tables_base import Base
from storage.transaction import Transaction

_TASK, _BLOB, _TALLY = table_of(TaskRow), table_of(BlobRow), table_of(TallyRow)
_PREFERENCE, _WALLET = table_of(PreferenceRow), table_of(WalletRow)
_ADD_BLOB = Prepared.adding(_BLOB)
_SIZE = Prepared(select(_BLOB.c.size).where(_BLOB.c.name == bindparam("name")))


class Seen(list[str]):
    """What was told before each statement."""

    def __call__(self, text: str) -> None:
        self.append(text)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def tx(tmp_path: Path, seen: Seen) -> Iterator[Transaction]:
    engine = writing_engine(tmp_path / "atelier.db")
    Base.metadata.create_all(engine)
    with engine.connect() as connection, connection.begin(), Transaction(connection, seen) as transaction:
        yield transaction
    engine.dispose()


def test_each_driver_gets_its_own_text_and_values() -> None:
    guarded = Prepared(
        update(_TASK)
        .where(_TASK.c.id == bindparam("b_id"), _TASK.c.status.in_(among([TaskStatus.QUEUED, TaskStatus.RUNNING])))
        .values(status=TaskStatus.CANCELLED, ready=False)
    )
    lite = guarded.on(sqlite.dialect())
    assert lite.text == "UPDATE task SET status=?, ready=? WHERE task.id = ? AND task.status IN (?, ?)"
    assert lite.arguments({"b_id": "t"}) == ("cancelled", 0, "t", "queued", "running")
    post = guarded.on(psycopg.dialect())
    values = post.arguments({"b_id": "t"})
    assert post.text % {name: repr(value) for name, value in values.items()} == (
        "UPDATE task SET status='cancelled'::VARCHAR, ready=False WHERE task.id = 't'::VARCHAR"
        " AND task.status IN ('queued'::VARCHAR, 'running'::VARCHAR)"
    )


@pytest.mark.parametrize("dialect", [sqlite.dialect(), psycopg.dialect()], ids=["sqlite", "postgresql"])
def test_every_table_takes_a_row(dialect: Dialect) -> None:
    tables = list(Base.metadata.tables.values())
    assert len(tables) >= 20
    for table in tables:
        given = {column.name: None for column in table.columns if column.name != "sequence"}
        placeholders = Prepared.adding(table).on(dialect).arguments(given)
        assert len(placeholders) == len(given), table.name


def test_plain_strings_reach_the_driver_where_enums_are_given() -> None:
    added = Prepared.adding(table_of(TaskRow)).on(sqlite.dialect())
    row = {column.name: None for column in _TASK.columns}
    values = added.arguments({**row, "lane": Lane.FAST, "status": TaskStatus.QUEUED})
    assert {type(value) for value in values if value is not None} == {str}


def test_values_come_back_as_their_types(tx: Transaction, seen: Seen) -> None:
    value = {"深": [1, 2.5, None, True]}
    add = Prepared.adding(_PREFERENCE)
    assert tx.run(add, scope="person", scope_id="p", name="style", value=value, at=1) == 1
    found = tx.one(Prepared(select(_PREFERENCE)))
    assert (found.value, found.at, type(found.at), found.name) == (value, 1.0, float, "style")
    assert seen == [add.on(sqlite.dialect()).text, Prepared(select(_PREFERENCE)).on(sqlite.dialect()).text]


def test_what_has_a_default_need_not_be_given(tx: Transaction) -> None:
    tx.run(Prepared.adding(_WALLET), id="w", kind="person", granted_period=3)
    assert tx.one(Prepared(select(_WALLET))) == ("w", "person", 3, None, 0)
    with pytest.raises(KeyError):
        tx.run(Prepared.adding(_WALLET), id="v", kind="person")


def test_rows_one_first_and_how_many_changed(tx: Transaction) -> None:
    tx.run_each(_ADD_BLOB, [{"name": name, "size": size, "created_at": 0.0} for name, size in (("a", 1), ("b", 2))])
    assert tx.rows(Prepared(select(_BLOB.c.name).order_by(_BLOB.c.name))) == [("a",), ("b",)]
    assert tx.one(_SIZE, name="b").size == 2
    assert tx.first(_SIZE, name="c") is None
    with pytest.raises(NoResultFound):
        tx.one(_SIZE, name="c")
    grow = Prepared(update(_BLOB).values(size=_BLOB.c.size + 1))
    assert tx.run(grow) == 2
    returning = Prepared(update(_BLOB).where(_BLOB.c.name == bindparam("b_name")).returning(_BLOB.c.size), ["size"])
    assert tx.first(returning, b_name="a", size=9) == (9,)


def test_a_session_and_prepared_statements_share_a_transaction(tx: Transaction) -> None:
    tx.add(BlobRow(name="a", size=1, created_at=0.0))
    assert tx.first(_SIZE, name="a") is None
    tx.settle_down()
    assert tx.one(_SIZE, name="a").size == 1
    tx.run(_ADD_BLOB, name="b", size=2, created_at=0.0)
    assert tx.get_one(BlobRow, "b").size == 2


def test_a_drivers_error_is_told_without_the_values(tx: Transaction) -> None:
    secret = {"name": "a secret prompt", "size": 1, "created_at": 0.0}
    tx.run(_ADD_BLOB, **secret)
    for broken in (lambda: tx.run(_ADD_BLOB, **secret), lambda: tx.run_each(_ADD_BLOB, [secret])):
        with pytest.raises(DBAPIError, match="UNIQUE") as caught:
            broken()
        assert "secret" not in str(caught.value)


def test_lists_of_any_length_take_few_statements() -> None:
    assert [size_of(range(n)) for n in (0, 1, 2, 3, 4, 5, 8, 9)] == [0, 1, 2, 4, 4, 8, 8, 16]
    names = ["a", "b", "c"]
    filled = spread("name", names)
    assert filled == {"name_0": "a", "name_1": "b", "name_2": "c", "name_3": "c"}
    assert [bind.key for bind in listed("name", size_of(names))] == list(filled)
    assert spread("name", []) == {}
    assert [bind.value for bind in among([DeliveryStatus.DUE])] == ["due"]

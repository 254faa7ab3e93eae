"""Migrations: the newest revision is what the tables say, and an old database is kept before it is changed."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from storage import migrations
from storage.database_sqlite import back_up, writing_engine
from storage.tables import Base

NEWEST = max(path.name[:4] for path in (migrations.SCRIPTS / "versions").glob("0*.py"))
NEXT = f"{int(NEWEST) + 1:04}"
LATER = f'''
"""A later revision, for this test."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{NEWEST}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("motto", sa.String(), nullable=True))
    op.execute("UPDATE person SET motto = 'carpe diem'")
'''


def schema(path: Path) -> dict[str, list[str]]:
    """Give each table's and index's parts, in an order that does not depend on who wrote them.

    A table that was rebuilt has its name in quotes.
    """
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
        )
        return {
            name: sorted(part.strip(" ()") for part in " ".join(sql.replace('"', "").split()).split(","))
            for name, sql in rows
        }


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = writing_engine(tmp_path / "atelier.db")
    yield engine
    engine.dispose()


def no_back_up(revision: str) -> None:
    raise AssertionError("an empty database needs no backup")


def test_the_newest_revision_is_what_the_tables_say(engine: Engine, tmp_path: Path) -> None:
    migrations.migrate(engine, "here", no_back_up)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    fresh = writing_engine(tmp_path / "fresh.db")
    Base.metadata.create_all(fresh)
    fresh.dispose()
    migrated = schema(tmp_path / "atelier.db")
    assert len(migrated) > 30
    assert migrated == schema(tmp_path / "fresh.db")  # with check constraints, which Alembic does not compare


def test_a_database_that_is_up_to_date_is_left_alone(engine: Engine) -> None:
    migrations.migrate(engine, "here", no_back_up)
    migrations.migrate(engine, "here", no_back_up)


def later_scripts(tmp_path: Path, later: str) -> Path:
    scripts = tmp_path / "scripts"
    shutil.copytree(migrations.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"{NEXT}_later.py").write_text(later)
    return scripts


def test_an_old_database_is_backed_up_before_it_is_changed(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    migrations.migrate(engine, "here", no_back_up)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("INSERT INTO wallet (id, kind, granted_period) VALUES ('w', 'person', -1)")
        connection.exec_driver_sql("INSERT INTO person (id, name, wallet_id, created_at) VALUES ('p', 'ada', 'w', 0.0)")
    migrations.migrate(
        engine,
        "here",
        lambda revision: back_up(path, tmp_path / f"atelier.db.before-{revision}"),
        later_scripts(tmp_path, LATER),
    )
    with (
        closing(sqlite3.connect(path)) as now,
        closing(sqlite3.connect(tmp_path / f"atelier.db.before-{NEXT}")) as before,
    ):
        assert now.execute("SELECT name, motto FROM person").fetchall() == [("ada", "carpe diem")]
        assert before.execute("SELECT name FROM person").fetchall() == [("ada",)]
        assert before.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
        assert before.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert list(tmp_path.glob("*.part")) == []


def test_a_migration_that_fails_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    migrations.migrate(engine, "here", no_back_up)
    before = schema(tmp_path / "atelier.db")
    broken = LATER + '    raise RuntimeError("half way")\n'
    with pytest.raises(RuntimeError, match="half way"):
        migrations.migrate(engine, "here", lambda revision: None, later_scripts(tmp_path, broken))
    assert schema(tmp_path / "atelier.db") == before

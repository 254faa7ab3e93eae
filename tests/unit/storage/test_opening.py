"""Opening a database: one service at a time, and a clear sentence for what is none of ours."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import DatabaseBroken, ServiceRunning
from storage.database import Database, sqlite_path
from storage.lock import service_pid

HOLDER = """
import sys
from storage.database import Database
database = Database.open_blocking(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
database.close_blocking()
"""


async def test_a_second_service_is_kept_out_until_the_first_is_gone_however_it_went(tmp_path: Path) -> None:
    path = tmp_path / "data" / "atelier.db"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"open\n"
    try:
        assert service_pid(path) == holder.pid
        with pytest.raises(ServiceRunning) as refused:
            await Database.open(path)
        assert refused.value.fields == {"path": str(path), "pid": str(holder.pid)}
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        await holder.communicate()
    assert service_pid(path) is None
    database = await Database.open(f"sqlite:///{path}")
    assert service_pid(path) == os.getpid()
    with pytest.raises(ServiceRunning):
        await Database.open(path)
    await database.close()
    assert service_pid(path) is None


def test_nobody_serves_where_nothing_is(tmp_path: Path) -> None:
    assert service_pid(tmp_path / "atelier.db") is None


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    path.write_text("my diary, which is longer than sixteen bytes")
    with pytest.raises(DatabaseBroken, match="is no SQLite database") as refused:
        Database.open_blocking(path)
    assert refused.value.fields["path"] == str(path)
    assert path.read_text().startswith("my diary")
    assert service_pid(path) is None


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    path.write_bytes(b"SQLite format 3\x00" + os.urandom(5000))
    with pytest.raises(DatabaseBroken):
        Database.open_blocking(path)


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(DatabaseBroken, match="not Atelier's"):
        Database.open_blocking(path)


def test_a_database_of_a_newer_atelier_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "atelier.db"
    Database.open_blocking(path).close_blocking()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    with pytest.raises(DatabaseBroken, match="newer Atelier"):
        Database.open_blocking(path)
    assert list(tmp_path.glob("*.before-*")) == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "no dialect://x"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(DatabaseBroken):
        sqlite_path(url)


def test_urls_and_paths_name_files() -> None:
    assert sqlite_path("sqlite:////var/lib/atelier.db") == Path("/var/lib/atelier.db")
    assert sqlite_path("sqlite:///out/atelier.db") == Path("out/atelier.db")
    assert sqlite_path("out/atelier.db") == Path("out/atelier.db")
    assert sqlite_path("postgresql+psycopg://localhost/atelier") is None


def test_a_path_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseBroken, match="cannot be opened"):
        Database.open_blocking(tmp_path / "file" / "atelier.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DatabaseBroken, match="cannot be read"):
        Database.open_blocking(tmp_path / "folder.db")


async def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(DatabaseBroken) as refused:
        await Database.open("postgresql+psycopg://atelier:secret@127.0.0.1:1/atelier?connect_timeout=2")
    assert "secret" not in str(refused.value)

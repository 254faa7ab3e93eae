"""`atelier db`, as its commands run."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from bot.db import back_up, check, prune, restore
from bot.programs import Exit
from bot.running import exit_of
from config.settings import RetentionSettings, Settings
from engine.errors import BackupBroken, ServiceRunning, WouldOverwrite
from storage.blobs import FileBlobs
from tests.unit.storage.test_backup import make


class Screen:
    """What the command said."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.console = Console(file=self.text, width=200)

    def said(self) -> str:
        return self.text.getvalue()


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    await make(tmp_path / "data", "a", "b")
    return Settings(data_dir=tmp_path / "data", retention=RetentionSettings(days=1))


async def test_backup_check_restore(settings: Settings, tmp_path: Path):
    screen = Screen()
    assert await back_up(settings, screen.console, tmp_path / "b.tar") is Exit.DONE
    other = Settings(data_dir=tmp_path / "other")
    assert await restore(other, screen.console, tmp_path / "b.tar", force=False) is Exit.DONE
    assert await check(other, screen.console) is Exit.DONE
    assert "2 pictures" in screen.said()
    assert "All is well" in screen.said()


async def test_check_names_what_is_wrong(settings: Settings):
    lost, damaged = sorted((settings.data_dir / "blobs").glob("??/*"))
    lost.unlink()
    damaged.write_bytes(b"torn")
    with closing(sqlite3.connect(settings.database_path)) as connection:
        connection.execute("UPDATE ledger_entry SET amount = amount - 1 WHERE kind = 'hold'")
        connection.commit()
    screen = Screen()
    assert await check(settings, screen.console) is Exit.FAILED
    assert "is not there any more" in screen.said()
    assert "is damaged" in screen.said()
    assert "hold" in screen.said()


async def test_check_says_that_a_file_is_no_database(settings: Settings):
    settings.database_path.write_bytes(b"SQLite format 3\x00" + b"nonsense" * 1000)
    screen = Screen()
    assert await check(settings, screen.console) is Exit.FAILED
    assert "wrong" in screen.said()


async def test_prune_says_what_it_removed_and_a_dry_run_removes_nothing(settings: Settings):
    blobs = FileBlobs(settings.data_dir / "blobs")
    screen = Screen()
    assert await prune(settings, screen.console, dry_run=True) is Exit.DONE
    assert "Would remove" in screen.said()
    assert await prune(settings, screen.console, dry_run=False) is Exit.DONE
    assert "Removed 0 pictures" in screen.said()  # their deliveries are still on the way
    blobs.close()
    assert len(list((settings.data_dir / "blobs").glob("??/*"))) == 2


def test_exit_codes_mean_what_they_mean_everywhere():
    assert exit_of(BackupBroken()) is Exit.BAD_INPUT
    assert exit_of(WouldOverwrite()) is Exit.REFUSED
    assert exit_of(ServiceRunning()) is Exit.NOT_STARTED

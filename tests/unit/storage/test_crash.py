"""`kill -9` at any moment: nothing acknowledged is lost, the ledger proves, and start-up can end what was begun."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

DRIVER = Path(__file__).parent / "crash_driver.py"
ROOT = Path(__file__).parents[3]


def driver(*arguments: object) -> list[str]:
    return [sys.executable, str(DRIVER), *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_death_between_statements_leaves_what_start_up_mends(tmp_path: Path) -> None:
    """Every 67th of about 400 points; a stride of 1 takes minutes and is for whoever changes the verbs."""
    result = subprocess.run(
        driver("every", tmp_path, 67), env=environment(), capture_output=True, text=True, timeout=280, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert int(result.stdout) >= 5


def test_death_at_any_time_leaves_what_start_up_mends(tmp_path: Path) -> None:
    for _ in range(2):
        worker = subprocess.Popen(driver("loop", tmp_path), env=environment(), stderr=subprocess.PIPE, text=True)
        notes = tmp_path / "notes"
        size = notes.stat().st_size if notes.exists() else 0
        began = time.monotonic()
        while not (notes.exists() and notes.stat().st_size > size):
            assert worker.poll() is None, worker.communicate()[1]
            assert time.monotonic() - began < 60
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))
        worker.send_signal(signal.SIGKILL)
        assert worker.communicate(timeout=30)[1] == ""
        checked = subprocess.run(
            driver("check", tmp_path), env=environment(), capture_output=True, text=True, timeout=120, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")
    assert notes.read_text().count("accepted") >= 8

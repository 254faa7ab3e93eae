"""Real ENOSPC, on a file system of three megabytes in a mount namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("full_disk_driver.py")
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("case", ["delivery", "progress", "announcing", "retention", "backup"])
def test_on_a_full_disk_nothing_is_lost_or_done_twice(case: str, tmp_path: Path) -> None:
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    script = 'mount -t tmpfs -o size=3m tmpfs "$1" && exec "$2" "$3" "$4" "$1"'
    done = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", tmp_path, sys.executable, DRIVER, case],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""Temporary folders go with their sampler, and those of killed ones are swept up."""

import os
import subprocess
import sys
import time
from pathlib import Path

from engine.sampler.server.scratch import Scratch


def aged(path: Path) -> Path:
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    return path


def test_a_folder_is_made_and_removed(tmp_path: Path) -> None:
    scratch = Scratch.make(tmp_path)
    (scratch.path / "sub").mkdir()
    (scratch.path / "sub" / "a.png").write_bytes(b"")
    scratch.remove()
    assert list(tmp_path.iterdir()) == []


def left_by_a_killed_sampler(parent: Path) -> Path:
    code = (
        "import os, pathlib, sys; from engine.sampler.server.scratch import Scratch; "
        "print(Scratch.make(pathlib.Path(sys.argv[1])).path, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, parent], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip())


def test_only_what_a_killed_sampler_left_is_swept_up(tmp_path: Path) -> None:
    killed = [aged(left_by_a_killed_sampler(tmp_path)) for _ in range(2)]
    living = Scratch.make(tmp_path)
    aged(living.path)
    foreign = tmp_path / "atelier-sampler-notes"
    foreign.mkdir()
    aged(foreign)
    young = left_by_a_killed_sampler(tmp_path)
    newest = Scratch.make(tmp_path)
    assert not any(path.exists() for path in killed)
    assert all(path.exists() for path in (living.path, foreign, young, newest.path))
    for scratch in (living, newest):
        scratch.remove()

"""The folder for temporary files: one sampler's own, gone at its end, and swept up after one that was killed."""

import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PREFIX = "atelier-sampler-"
_LOCK = ".lock"  # held while its sampler lives; the system lets go of it however that ends
_YOUNG = 60.0  # seconds; a folder may be so new that its lock is not taken yet


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """A folder for temporary files."""

    path: Path
    lock: int  # the open file that holds the lock

    @classmethod
    def make(cls, parent: Path | None) -> Self:
        """Make a folder below `parent`, or below the system's own for temporary files. Raises OSError."""
        base = Path(tempfile.gettempdir()) if parent is None else parent
        sweep(base)
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base)).resolve()
        lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(path=path, lock=lock)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def sweep(base: Path) -> None:
    """Remove what samplers left below `base` that were killed; what cannot be removed stays."""
    for path in base.glob(f"{_PREFIX}*"):
        try:
            if time.time() - path.stat().st_mtime < _YOUNG:
                continue
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # somebody else's, or gone already
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # its sampler lives
        finally:
            os.close(lock)

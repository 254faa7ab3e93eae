"""Restores a backup and is killed at a named point; started by `test_backup.py` as a process of its own."""

import os
import signal
import sys
from pathlib import Path

from storage.backup import restore
from storage.blobs import FileBlobs


def main(archive: Path, folder: Path, deadly: str) -> None:
    def fault(point: str) -> None:
        if point == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    restore(archive, folder / "atelier.db", FileBlobs(folder / "blobs"), force=True, fault=fault)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

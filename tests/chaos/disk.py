"""A small disk of its own for the data folder, which can be filled to the last byte and emptied again."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE = "96m"


class Disk:
    """A file system in memory, mounted on a folder; only root may mount one."""

    def __init__(self, folder: Path) -> None:
        self.times_full = 0
        self._filler = folder / "filler"

    async def be_full(self, seconds: float) -> None:
        """Have no room for so long."""
        self.times_full += 1
        try:
            await asyncio.to_thread(self._fill)
            await asyncio.sleep(seconds)
        finally:
            self._filler.unlink(missing_ok=True)

    def _fill(self) -> None:
        block = bytes(65_536)
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk | None]:
    """Mount one on the folder until the block ends; None where this user may not."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        yield None
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)

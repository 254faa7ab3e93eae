"""Which checkpoints are in memory: loaded once however many ask, the least recently used out when room is needed."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from engine.sampler.models.checkpoint import Checkpoint
from engine.sampler.models.files import ModelFile


class Residency:
    """Keeps checkpoints within `budget` bytes; thread-safe.

    A checkpoint that is put out stays alive for those who still use it. One larger than the budget is kept alone.
    """

    def __init__(self, *, load: Callable[[Path], Checkpoint], budget: int) -> None:
        self._load = load
        self._budget = budget
        self._lock = threading.Lock()
        self._resident: OrderedDict[ModelFile, Future[Checkpoint]] = OrderedDict()  # least recently used first

    def checkpoint(self, file: ModelFile) -> Checkpoint:
        """Give a checkpoint, loading it if it is not there; blocks. Raises ModelFileError."""
        with self._lock:
            future = self._resident.get(file)
            loads = future is None
            if future is None:
                future = self._resident[file] = Future()
            self._resident.move_to_end(file)
        if loads:
            self._fetch(file, future)
        return future.result()

    def loaded(self) -> tuple[Path, ...]:
        """Name what is in memory, least recently used first."""
        with self._lock:
            return tuple(file.path for file, future in self._resident.items() if future.done())

    def clear(self) -> None:
        """Put everything out that is not being loaded."""
        with self._lock:
            for file in [file for file, future in self._resident.items() if future.done()]:
                del self._resident[file]

    def _fetch(self, file: ModelFile, future: Future[Checkpoint]) -> None:
        # A checkpoint in the file's layout is as large as in memory or half of it (float16 read into float32).
        self._make_room(2 * file.size)
        try:
            checkpoint = self._load(file.path)
        except BaseException as error:
            with self._lock:
                self._resident.pop(file, None)
            future.set_exception(error)
            return
        future.set_result(checkpoint)
        self._make_room(0)

    def _make_room(self, coming: int) -> None:
        """Put out the least recently used until the rest and what is coming fit; the latest used stays."""
        with self._lock:
            done = [(file, future.result()) for file, future in self._resident.items() if future.done()]
            used = coming + sum(checkpoint.size for _, checkpoint in done)
            spare = done if coming else done[:-1]
            for file, checkpoint in spare:
                if used <= self._budget:
                    return
                del self._resident[file]
                used -= checkpoint.size

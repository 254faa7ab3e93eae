"""One network, many threads: what they ask for at the same time runs as one batch."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(slots=True, eq=False)
class _Asked:
    """What one thread asks for, and what became of it."""

    item: Tensor
    result: Tensor | None = None
    error: BaseException | None = None

    @property
    def answered(self) -> bool:
        return self.result is not None or self.error is not None


class Shared:
    """Runs a network for threads that wait; whoever comes while it is busy goes along with the next batch.

    There is no thread of its own: the first of those who wait runs the batch for all of the same shape. Items are
    [1, ...]; `run` takes and gives [n, ...] and is called under `lock`. `most` says how many of a shape go together.
    """

    def __init__(self, run: Callable[[Tensor], Tensor], *, lock: threading.Lock, most: Callable[[Tensor], int]) -> None:
        self._run = run
        self._lock = lock
        self._most = most
        self._mutex = threading.Lock()
        self._waiting: list[_Asked] = []  # first come first

    def __call__(self, item: Tensor) -> Tensor:
        """Give the result for one item; blocks. Raises what `run` raises, for this item alone."""
        asked = _Asked(item)
        with self._mutex:
            self._waiting.append(asked)
        with self._lock:
            if not asked.answered:
                self._serve(self._company(asked))
        if asked.error is not None:
            raise asked.error
        assert asked.result is not None  # noqa: S101 - whoever served it gave it one of both
        return asked.result

    def _company(self, asked: _Asked) -> list[_Asked]:
        """Take an item out of those that wait, together with others of its shape."""
        with self._mutex:
            alike = [other for other in self._waiting if other is not asked and other.item.shape == asked.item.shape]
            taken = [asked, *alike[: self._most(asked.item) - 1]]
            self._waiting = [other for other in self._waiting if other not in taken]
        return taken

    def _serve(self, batch: list[_Asked]) -> None:
        try:
            results = self._run(torch.cat([asked.item for asked in batch]))
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for asked in batch:  # alone, so that only whose fault it is pays for it
                self._serve([asked])
            return
        for asked, result in zip(batch, torch.split(results, 1), strict=True):
            asked.result = result

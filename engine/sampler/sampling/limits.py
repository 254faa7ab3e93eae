"""How many rows fit into one forward pass, learnt from what fitted and what did not."""

from typing import Protocol
from weakref import WeakKeyDictionary

import torch

_KEPT_FREE = 0.1  # of free memory
_PATIENCE = 64  # full passes until a limit that memory once set is tried again, a quarter larger


class Gauge(Protocol):
    """A look at a device's memory."""

    def begin(self) -> None:
        """A pass begins."""

    def used(self) -> int:
        """Give the bytes that it took at its highest."""

    def free(self) -> int:
        """Give the bytes that a pass could take now."""

    def release(self) -> None:
        """Give back what is kept in reserve."""


class NoGauge:
    """A device that does not say: nothing is foreseen, and a pass that is too large shows when it fails."""

    def begin(self) -> None:
        """Nothing to note."""

    def used(self) -> int:
        """Unknown."""
        return 0

    def free(self) -> int:
        """Unknown."""
        return 0

    def release(self) -> None:
        """Nothing to give back."""


class CudaGauge:
    """A GPU's memory, as torch's allocator knows it. Other threads' passes count too, so that it errs upwards."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = 0

    def begin(self) -> None:
        """Forget the last peak."""
        torch.cuda.reset_peak_memory_stats(self._device)
        self._before = torch.cuda.memory_allocated(self._device)

    def used(self) -> int:
        """Give the peak since `begin`."""
        return torch.cuda.max_memory_allocated(self._device) - self._before

    def free(self) -> int:
        """Give what the driver has left and what the allocator keeps unused."""
        unused = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return torch.cuda.mem_get_info(self._device)[0] + unused

    def release(self) -> None:
        """Empty the allocator's reserve."""
        torch.cuda.empty_cache()


class _Learnt:
    """What is known of one model and layout."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.fitted = 0  # full passes in a row
        self.bytes_per_row: float | None = None  # the least that was seen


class RowLimits:
    """The most rows for each model and layout of rows; at most `most`. Models are not kept alive."""

    def __init__(self, most: int, gauge: Gauge) -> None:
        if most < 1:
            raise ValueError(f"a pass has at least 1 row, not {most}")
        self._most = most
        self._gauge = gauge
        self._models: WeakKeyDictionary[object, dict[tuple[object, ...], _Learnt]] = WeakKeyDictionary()

    def of(self, model: object, layout: tuple[object, ...]) -> int:
        """Give the most rows for the next pass."""
        learnt = self._learnt(model, layout)
        if not learnt.bytes_per_row:
            return learnt.most
        foreseen = int(self._gauge.free() * (1 - _KEPT_FREE) / learnt.bytes_per_row)
        return max(1, min(learnt.most, foreseen))

    def begin(self) -> None:
        """A pass begins."""
        self._gauge.begin()

    def fitted(self, model: object, layout: tuple[object, ...], rows: int) -> None:
        """A pass of so many rows was done."""
        learnt = self._learnt(model, layout)
        used = self._gauge.used() / rows
        if used > 0:
            learnt.bytes_per_row = min(used, learnt.bytes_per_row or used)
        if rows < learnt.most or learnt.most == self._most:
            return
        learnt.fitted += 1
        if learnt.fitted >= _PATIENCE:
            learnt.most, learnt.fitted = min(self._most, learnt.most + max(1, learnt.most // 4)), 0

    def failed(self, model: object, layout: tuple[object, ...], rows: int) -> None:
        """A pass of so many rows ran out of memory: half of them may fit."""
        learnt = self._learnt(model, layout)
        learnt.most, learnt.fitted = max(1, rows // 2), 0
        self._gauge.release()

    def _learnt(self, model: object, layout: tuple[object, ...]) -> _Learnt:
        layouts = self._models.setdefault(model, {})
        return layouts.setdefault(layout, _Learnt(self._most))

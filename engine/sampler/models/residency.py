"""What is in memory: loaded once however many ask, the least recently used out when room is needed.

Prompts hold what they use until they end or have to wait themselves: no prompt's model is taken away between two of its
nodes, and two prompts that want each other's room never wait for each other forever. Who waits for room is served in
order; others who want something that is there pass by a bounded number of times, so that two models that do not fit
together change places for several prompts at once and not for each.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, Protocol, TypeVar

_POLL = 0.1  # seconds between looks at a waiting prompt's interrupt
_MOST_PASSED = 8  # prompts that pass by one who waits for room


class Asker(Protocol):
    """The prompt that asks; `registry.NodeContext` is one."""

    @property
    def prompt_id(self) -> str:
        """Who holds what is given."""

    def check_interrupted(self) -> None:
        """Raise InterruptedPrompt if this prompt was interrupted."""


class Sized(Protocol):
    """What takes memory."""

    @property
    def size(self) -> int:
        """Bytes."""


_Value = TypeVar("_Value", bound=Sized)


@dataclass(slots=True, eq=False)
class _Kept(Generic[_Value]):
    value: _Value
    base: Hashable | None  # what it shares weights with; it leaves together with that
    holders: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Waiting:
    key: Hashable
    passed: int = 0


class Residency(Generic[_Value]):
    """Keeps values within `budget` bytes; thread-safe. What is larger than the budget is kept alone."""

    def __init__(self, *, budget: int) -> None:
        self._budget = budget
        self._changed = threading.Condition()
        self._kept: OrderedDict[Hashable, _Kept[_Value]] = OrderedDict()  # least recently used first
        self._loading: dict[Hashable, int] = {}  # bytes that are expected
        self._line: list[_Waiting] = []  # who waits for room, first come first

    def get(
        self,
        key: Hashable,
        load: Callable[[], _Value],
        *,
        coming: Callable[[], int],
        base: Hashable | None = None,
        asker: Asker | None = None,
    ) -> _Value:
        """Give a value, loading it if it is not there; blocks. `coming` gives the bytes that it will probably take.

        It is asked only if the value is not there, and must be quick. Raises what `load` raises, and InterruptedPrompt
        while it waits.
        """
        with self._changed:
            kept = self._enter(key, cache(coming), asker)
            if kept is not None:
                return kept
        try:
            value = load()
        except BaseException:
            self._loaded(key, None)
            raise
        self._loaded(key, _Kept(value, base, {asker.prompt_id} if asker else set()))
        return value

    def prefetch(self, key: Hashable, load: Callable[[], _Value], *, coming: int) -> bool:
        """Load a value if it is not there and there is room without taking anything away; whether it did."""
        with self._changed:
            if key in self._kept or key in self._loading or self._line or self._used() + coming > self._budget:
                return False
            self._loading[key] = coming
        try:
            value = load()
        except BaseException:
            self._loaded(key, None)
            raise
        self._loaded(key, _Kept(value, None))
        return True

    def let_go(self, prompt_id: str) -> None:
        """Let go of all that a prompt held; it may take it again."""
        with self._changed:
            for kept in self._kept.values():
                kept.holders.discard(prompt_id)
            self._changed.notify_all()

    def keys(self) -> tuple[Hashable, ...]:
        """Name what is in memory, least recently used first."""
        with self._changed:
            return tuple(self._kept)

    def clear(self) -> None:
        """Put everything out that no prompt holds."""
        with self._changed:
            for key in [key for key in self._kept if self._is_idle(key)]:
                self._put_out(key)
            self._changed.notify_all()

    def _enter(self, key: Hashable, coming: Callable[[], int], asker: Asker | None) -> _Value | None:
        """Give what is there; None if the caller is to load it."""
        me: _Waiting | None = None
        try:
            while True:
                kept = self._kept.get(key)
                if kept is not None and self._may_take(kept, me, asker):
                    if asker is not None:
                        kept.holders.add(asker.prompt_id)
                    self._touch(key)
                    return kept.value
                if kept is None and key not in self._loading and self._has_room(coming(), me):
                    self._loading[key] = coming()
                    return None
                if me is None:
                    me = _Waiting(key)
                    self._line.append(me)
                if asker is not None and key not in self._loading:  # who waits for room holds up nobody
                    self.let_go(asker.prompt_id)
                self._changed.wait(_POLL)
                if asker is not None:
                    asker.check_interrupted()
        finally:
            if me is not None:
                self._line.remove(me)
                self._changed.notify_all()

    def _may_take(self, kept: _Kept[_Value], me: _Waiting | None, asker: Asker | None) -> bool:
        """Whether what is there may be used now, though others may wait for its room."""
        if asker is None or asker.prompt_id in kept.holders:
            return True
        first = self._first_without_room(me)
        if first is None:
            return True
        first.passed += 1
        return first.passed <= _MOST_PASSED

    def _first_without_room(self, me: _Waiting | None) -> _Waiting | None:
        """Find the first in line before me who waits for room rather than for a loading to end."""
        for waiting in self._line:
            if waiting is me:
                return None
            if waiting.key not in self._kept and waiting.key not in self._loading:
                return waiting
        return None

    def _has_room(self, coming: int, me: _Waiting | None) -> bool:
        """Put out the least recently used until what is coming fits; False if others are first or hold too much."""
        if self._first_without_room(me) is not None:
            return False
        wanted = self._wanted_before(me)
        idle = [key for key in self._kept if self._is_idle(key, wanted)]
        rest = self._used() - sum(self._kept[key].value.size for key in idle)
        if rest + coming > self._budget and (self._loading or len(idle) < len(self._kept)):
            return False
        for key in idle:
            if self._used() + coming <= self._budget:
                break
            self._put_out(key)
        return True

    def _loaded(self, key: Hashable, kept: _Kept[_Value] | None) -> None:
        with self._changed:
            del self._loading[key]
            if kept is not None:
                self._kept[key] = kept
                self._touch(key)
                self._trim(key)
            self._changed.notify_all()

    def _trim(self, latest: Hashable) -> None:
        """Put out what is too much now that the real size is known."""
        for key in [key for key in self._kept if self._is_idle(key)]:
            if self._used() <= self._budget:
                return
            if key not in (latest, self._base_of(latest)):
                self._put_out(key)

    def _used(self) -> int:
        return sum(kept.value.size for kept in self._kept.values()) + sum(self._loading.values())

    def _is_idle(self, key: Hashable, wanted: Collection[Hashable] = ()) -> bool:
        """Whether nobody holds it or what is made of it, and nobody wants to."""
        parts = {key: self._kept[key]} | {other: kept for other, kept in self._kept.items() if kept.base == key}
        return not any(kept.holders or other in wanted for other, kept in parts.items())

    def _wanted_before(self, me: _Waiting | None) -> set[Hashable]:
        """Name what those who came before me wait for; what of it is there they are just about to take."""
        before = self._line if me is None else self._line[: self._line.index(me)]
        return {waiting.key for waiting in before}

    def _put_out(self, key: Hashable) -> None:
        for other in [other for other, kept in self._kept.items() if kept.base == key]:
            del self._kept[other]
        self._kept.pop(key, None)

    def _touch(self, key: Hashable) -> None:
        """Note a use; a base counts as used after what is made of it, so that it leaves later."""
        self._kept.move_to_end(key)
        base = self._base_of(key)
        if base in self._kept:
            self._kept.move_to_end(base)

    def _base_of(self, key: Hashable) -> Hashable | None:
        kept = self._kept.get(key)
        return None if kept is None else kept.base

"""Prompts that wait, run and ended; thread-safe, nothing here knows what a prompt does.

A prompt's id is the client's, if it sends one. Sending the same id again while it is known (waiting, running or in the
history) changes nothing and runs nothing: the caller gets the prompt as it was first accepted, so a client that lost
an answer may simply ask again.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from engine.sampler.execution.model import HistoryEntry, JsonObject, Prompt

LONGEST_HISTORY = 10_000


@dataclass(frozen=True, kw_only=True)
class Running:
    """A prompt that a worker has taken."""

    prompt: Prompt
    interrupted: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, order=True)
class _Waiting:
    number: float
    arrival: int
    prompt: Prompt = field(compare=False)


class PromptQueue:
    """The queue and the history of one server."""

    def __init__(self, announce: Callable[[int, str | None], None], *, longest_history: int = LONGEST_HISTORY) -> None:
        """Take what is told of each change, in order: how many prompts wait or run, and whose prompt moved.

        `announce` is called under the queue's lock and must not block.
        """
        self._announce = announce
        self._longest_history = longest_history
        lock = threading.RLock()  # re-entrant: `put` asks `known`
        self._changed = threading.Condition(lock)
        self._head_changed = threading.Condition(lock)  # of those that wait; whoever looks ahead waits for it
        self._waiting: list[_Waiting] = []
        self._running: dict[str, Running] = {}  # oldest first
        self._history: dict[str, HistoryEntry] = {}  # oldest first
        self._arrivals = 0
        self._number = 0
        self._stopped = False

    def next_number(self) -> int:
        """Count the prompts: 1 for the first."""
        with self._changed:
            self._number += 1
            return self._number

    def known(self, prompt_id: str) -> Prompt | None:
        """Find a prompt that waits, runs or ended."""
        with self._changed:
            if running := self._running.get(prompt_id):
                return running.prompt
            if ended := self._history.get(prompt_id):
                return ended.prompt
            return next((entry.prompt for entry in self._waiting if entry.prompt.id == prompt_id), None)

    def put(self, prompt: Prompt) -> Prompt:
        """Queue the prompt, unless its id is known: then give the known one."""
        with self._changed:
            if known := self.known(prompt.id):
                return known
            self._arrivals += 1
            heappush(self._waiting, _Waiting(prompt.number, self._arrivals, prompt))
            self._changed.notify()
            self._head_changed.notify_all()
            self.announce(prompt)
            return prompt

    def upcoming(self, seen: Prompt | None) -> Prompt | None:
        """Wait until another prompt than `seen` is the next of those that wait; None once the queue is stopped."""
        with self._changed:
            while not self._stopped:
                head = self._waiting[0].prompt if self._waiting else None
                if head is not None and head is not seen:
                    return head
                self._head_changed.wait()
            return None

    def take(self) -> Running | None:
        """Wait for the next prompt and mark it as running; None once the queue is stopped."""
        with self._changed:
            while not self._waiting and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return None
            running = Running(prompt=heappop(self._waiting).prompt)
            self._running[running.prompt.id] = running
            self._head_changed.notify_all()
            self.announce(running.prompt)
            return running

    def announce(self, prompt: Prompt | None) -> None:
        """Tell how many prompts wait or run. `finish` leaves it to the caller, who has more to tell before."""
        with self._changed:
            self._announce(len(self._waiting) + len(self._running), prompt.client_id if prompt else None)

    def finish(self, entry: HistoryEntry) -> None:
        """Move a running prompt to the history; the oldest entries fall out."""
        with self._changed:
            self._running.pop(entry.prompt.id, None)
            self._history[entry.prompt.id] = entry
            while len(self._history) > self._longest_history:
                del self._history[next(iter(self._history))]

    def stop(self) -> None:
        """Let every worker go and interrupt what runs; nothing is taken any more."""
        with self._changed:
            self._stopped = True
            for running in self._running.values():
                running.interrupted.set()
            self._changed.notify_all()
            self._head_changed.notify_all()

    def interrupt(self, prompt_id: str | None) -> bool:
        """Interrupt that prompt, or the oldest running one; False if there is none."""
        with self._changed:
            if prompt_id is None:
                prompt_id = next(iter(self._running), "")
            running = self._running.get(prompt_id)
            if running is None:
                return False
            running.interrupted.set()
            return True

    @property
    def remaining(self) -> int:
        """How many prompts wait or run."""
        with self._changed:
            return len(self._waiting) + len(self._running)

    def snapshot(self) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
        """Give what runs (oldest first) and what waits (next first)."""
        with self._changed:
            running = tuple(running.prompt for running in self._running.values())
            return running, tuple(entry.prompt for entry in sorted(self._waiting))

    def delete(self, prompt_ids: Collection[str]) -> int:
        """Drop prompts that wait; give how many these were."""
        with self._changed:
            kept = [entry for entry in self._waiting if entry.prompt.id not in prompt_ids]
            dropped = len(self._waiting) - len(kept)
            heapify(kept)
            self._waiting = kept
            if dropped:
                self.announce(None)
            return dropped

    def clear(self) -> int:
        """Drop all that waits; give how many prompts these were."""
        with self._changed:
            dropped = len(self._waiting)
            self._waiting = []
            if dropped:
                self.announce(None)
            return dropped

    def history(self, *, max_items: int | None = None, offset: int = -1) -> JsonObject:
        """Give the history, oldest first: the newest `max_items`, or as many from `offset` on (0 is the oldest)."""
        with self._changed:
            entries = list(self._history.values())
        if max_items is not None:
            begin = max(0, len(entries) - max_items) if offset < 0 else offset
            entries = entries[begin : begin + max_items]
        elif offset > 0:
            entries = entries[offset:]
        return {entry.prompt.id: entry.as_json() for entry in entries}

    def history_of(self, prompt_id: str) -> JsonObject:
        """Give the history of one prompt; empty if it has none."""
        with self._changed:
            entry = self._history.get(prompt_id)
        return {prompt_id: entry.as_json()} if entry else {}

    def forget(self, prompt_ids: Collection[str]) -> None:
        """Drop these prompts from the history."""
        with self._changed:
            for prompt_id in prompt_ids:
                self._history.pop(prompt_id, None)

    def forget_all(self) -> None:
        """Drop the whole history."""
        with self._changed:
            self._history.clear()

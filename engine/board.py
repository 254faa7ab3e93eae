"""What changes while work goes on: which jobs moved, and how far their running tasks are.

Transient, in memory, never the truth: the truth is in the books, and whoever hears that a job changed reads it there.
Changes are published after the commit, and coalesce: a slow listener sees each job once, however often it moved.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from engine.model import JobView, Progress, TaskStatus


def steps(view: JobView, progress: Mapping[str, Progress]) -> tuple[int, int]:
    """Count the sampler steps of a job over all its tasks: (done, total); total is 0 while nobody knows."""
    running = [progress[task.id] for task in view.tasks if task.id in progress]
    each = max([task.steps for task in running], default=0) or int(view.job.options.get("steps", 0))
    finished = sum(task.status is TaskStatus.DONE for task in view.tasks)
    done = finished * each + sum(min(task.step, each) for task in running)
    return done, each * len(view.tasks)


class Subscription:
    """The jobs that changed since they were last taken."""

    def __init__(self) -> None:
        self._dirty: dict[str, None] = {}
        self._event = asyncio.Event()

    def mark(self, job_id: str) -> None:
        """Note a change; called by the board."""
        self._dirty[job_id] = None
        self._event.set()

    async def take(self, timeout: float | None = None) -> tuple[str, ...]:  # noqa: ASYNC109
        """Wait for changes and give the jobs, oldest change first; empty after `timeout` seconds without any."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return ()
        jobs = tuple(self._dirty)
        self._dirty.clear()
        self._event.clear()
        return jobs


class Board:
    """The one place where changes are announced."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._progress: dict[str, dict[str, Progress]] = {}
        self._stalls: Counter[str] = Counter()

    def subscribe(self) -> Subscription:
        """Begin to listen."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop listening."""
        self._subscriptions.discard(subscription)

    def changed(self, job_id: str) -> None:
        """Announce that a job moved."""
        for subscription in self._subscriptions:
            subscription.mark(job_id)

    def progressed(self, job_id: str, task_id: str, progress: Progress) -> None:
        """Announce how far a running task is."""
        self._progress.setdefault(job_id, {})[task_id] = progress
        self.changed(job_id)

    @property
    def stalled(self) -> str:
        """The stage that all work is held up in ("disk-full"); empty while nothing holds it up."""
        return next(iter(self._stalls.elements()), "")

    @contextmanager
    def stall(self, stage: str) -> Iterator[Callable[[], bool]]:
        """Give a function that says that work is held up in a stage; it is until the block ends, and each block's own.

        The function answers whether this is news: nobody had said so yet.
        """
        held_up = False

        def hold_up() -> bool:
            nonlocal held_up
            news = not self._stalls[stage]
            if not held_up:
                self._stalls[stage] += 1
                held_up = True
            return news

        try:
            yield hold_up
        finally:
            if held_up:
                self._stalls[stage] -= 1

    def task_ended(self, job_id: str, task_id: str) -> None:
        """Forget the progress of a task that no longer runs."""
        tasks = self._progress.get(job_id, {})
        tasks.pop(task_id, None)
        if not tasks:
            self._progress.pop(job_id, None)

    def progress(self, job_id: str) -> Mapping[str, Progress]:
        """How far the running tasks of a job are, by task id."""
        return MappingProxyType(self._progress.get(job_id, {}))

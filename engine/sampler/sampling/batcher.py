"""The batcher: one thread owns the denoiser and drives everybody's runs, many in one forward pass.

Each round it takes in whoever has come, picks the group of runs (same weights, latent shape, conditioning layout) whose
turn it is, and sends one evaluation of each through the network together. Runs join and leave at any step, and each
keeps its own seed, sampler, step count and guidance. Who waits, waits in a thread of its own, where its progress and
interrupts are handled too: the batcher's thread never calls anybody's code but samplers and networks.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import torch
from torch import Tensor

from engine.sampler.nodes.registry import InterruptedPrompt
from engine.sampler.sampling.trajectory import Denoiser, Rows, SampleTask, Trajectory

_POLL = 0.05  # seconds between looks at a waiter's interrupt flag


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step that is done: its number (1..steps) and the denoised latent in the network's space."""

    number: int
    steps: int
    denoised: Tensor


@dataclass(slots=True, eq=False)
class _Run:
    """A task in the batcher, shared with the thread that waits for it."""

    trajectory: Trajectory
    events: SimpleQueue[Step | Future[Tensor]] = field(default_factory=SimpleQueue)
    future: Future[Tensor] = field(default_factory=Future)
    abandoned: threading.Event = field(default_factory=threading.Event)

    def end(self, *, result: Tensor | None = None, error: BaseException | None = None) -> None:
        """Tell the waiter how it ended."""
        if error is not None:
            self.future.set_exception(error)
        elif result is not None:
            self.future.set_result(result)
        self.events.put(self.future)


_Key = tuple[object, ...]


class Batcher:
    """Runs sampling tasks of many threads together. `max_batch` is the most rows (latents x prompts) in one pass."""

    def __init__(self, *, max_batch: int = 16) -> None:
        if max_batch < 1:
            raise ValueError(f"max_batch is at least 1, not {max_batch}")
        self._max_batch = max_batch
        self._inbox: SimpleQueue[_Run | None] = SimpleQueue()  # None wakes the thread up to close
        self._closing = threading.Event()
        self._groups: dict[_Key, deque[_Run]] = {}  # in the order of their turns; owned by the thread
        self._limits: dict[_Key, int] = {}  # rows that fit in memory, where that turned out less than max_batch
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def sample(
        self,
        task: SampleTask,
        on_step: Callable[[Step], None] = lambda _: None,
        check_interrupted: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Run a task to its end and give the latent [batch, C, H, W], float32 on the CPU; blocks, any thread may call.

        `on_step` and `check_interrupted` are called in the calling thread; what they raise ends this run alone.
        Raises SamplingFailed, torch.OutOfMemoryError, InterruptedPrompt after `close`, and what the network raises.
        """
        run = _Run(trajectory=Trajectory(task))
        self._inbox.put(run)
        try:
            return self._follow(run, on_step, check_interrupted)
        finally:
            run.abandoned.set()

    def close(self) -> None:
        """Stop the thread after the pass it is in; what still runs raises InterruptedPrompt. May be called twice."""
        self._closing.set()
        self._inbox.put(None)
        self._thread.join()

    def _follow(self, run: _Run, on_step: Callable[[Step], None], check_interrupted: Callable[[], None]) -> Tensor:
        while True:
            check_interrupted()
            try:
                event = run.events.get(timeout=_POLL)
            except Empty:
                if not self._thread.is_alive():
                    raise InterruptedPrompt from None
                continue
            if not isinstance(event, Step):
                return event.result()
            on_step(event)

    def _work(self) -> None:
        with torch.inference_mode():
            while not self._closing.is_set():
                self._take_in()
                if self._groups:
                    self._round()

    def _take_in(self) -> None:
        """Take in whoever has come; sleep if there is nothing else to do."""
        if not self._groups:
            self._limits.clear()  # memory may be free again, and the keys keep models alive
        while not self._inbox.empty() or not self._groups:
            run = self._inbox.get()
            if run is None:
                return
            try:
                run.trajectory.start()
            except Exception as error:  # a task that cannot begin is its own affair
                run.end(error=error)
            else:
                self._place(run)

    def _place(self, run: _Run) -> None:
        """Put a run where its next evaluation waits, or end it."""
        if run.trajectory.result is not None:
            run.end(result=run.trajectory.result)
        elif not run.abandoned.is_set():
            key = (run.trajectory.task.model, *run.trajectory.layout)
            self._groups.setdefault(key, deque()).append(run)

    def _round(self) -> None:
        """Serve the group whose turn it is: one evaluation for as many of its runs as fit, first come first served."""
        key = next(iter(self._groups))
        waiting = self._groups.pop(key)
        served: list[_Run] = []
        size = 0  # rows
        while waiting:
            if waiting[0].abandoned.is_set():
                waiting.popleft()
                continue
            if served and size + waiting[0].trajectory.size > self._limit(key):
                break
            size += waiting[0].trajectory.size
            served.append(waiting.popleft())
        if waiting:
            self._groups[key] = waiting
        if served:
            self._serve(key, served)

    def _serve(self, key: _Key, served: list[_Run]) -> None:
        try:
            outputs = self._predict(key, served[0].trajectory.task.model, [run.trajectory.rows() for run in served])
        except Exception as error:
            if len(served) == 1:
                served[0].end(error=error)
                return
            for run in served:  # alone, so that only whose fault it is pays for it
                self._serve(key, [run])
            return
        for run, output in zip(served, outputs, strict=True):
            self._advance(run, output)

    def _advance(self, run: _Run, output: Tensor) -> None:
        trajectory = run.trajectory
        before = trajectory.step
        try:
            denoised = trajectory.send(output)
        except Exception as error:  # a run that breaks down is its own affair
            run.end(error=error)
            return
        if trajectory.step > before:
            run.events.put(Step(trajectory.step, trajectory.steps, denoised))
        self._place(run)

    def _predict(self, key: _Key, model: Denoiser, batch: list[Rows]) -> list[Tensor]:
        """Run all rows through the network in as few passes as memory allows; give each evaluation's part."""
        whole = Rows(
            x=torch.cat([rows.x for rows in batch]),
            timesteps=torch.cat([rows.timesteps for rows in batch]),
            context=torch.cat([rows.context for rows in batch]),
        )
        outputs: list[Tensor] = []
        done = 0
        while done < len(whole):
            part = slice(done, done + self._limit(key))
            x = whole.x[part]
            try:
                outputs.append(model.predict(x, whole.timesteps[part], whole.context[part]))
            except torch.OutOfMemoryError:
                if len(x) == 1:
                    raise
                self._limits[key] = len(x) // 2
            else:
                done += len(x)
        return list(torch.split(torch.cat(outputs), [len(rows) for rows in batch]))

    def _limit(self, key: _Key) -> int:
        return self._limits.get(key, self._max_batch)

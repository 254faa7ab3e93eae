"""The batcher: one thread owns the denoiser and drives everybody's runs, many in one forward pass.

Each round it takes in whoever has come, picks the group of evaluations (same weights, same layout) whose first has
waited longest, and sends as many of them through the network together as fit. So runs join and leave at any step,
nobody makes three steps while another waits for one, and each keeps its own seed, sampler, step count and guidance. Who
waits, waits in a thread of its own, where its progress and interrupts are handled too: the batcher's thread never calls
anybody's code but samplers and networks.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from traceback import clear_frames

import torch
from torch import Tensor

from engine.sampler.nodes.registry import InterruptedPrompt
from engine.sampler.sampling.denoiser import Denoiser, Rows, lengths_fit, stacked
from engine.sampler.sampling.limits import Gauge, NoGauge, RowLimits
from engine.sampler.sampling.locks import DeviceLocks
from engine.sampler.sampling.trajectory import Sampled, SampleTask, Trajectory

_POLL = 0.1  # seconds between looks at a waiter's interrupt flag


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
    events: SimpleQueue[Step | Exception | None] = field(default_factory=SimpleQueue)  # the last is how it ended
    ended: bool = False
    abandoned: threading.Event = field(default_factory=threading.Event)
    outputs: list[Tensor | None] = field(default_factory=list)  # of the pieces of the pending evaluation

    def end(self, error: Exception | None = None) -> None:
        """Tell the waiter how it ended; only the first word counts."""
        if not self.ended:
            self.ended = True
            self.events.put(error)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done for it."""
        return self.ended or self.abandoned.is_set()


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Rows of one run that wait for a pass."""

    run: _Run
    place: int  # among the pieces of the run's evaluation
    rows: Rows
    since: int  # in the order in which pieces came


@dataclass(frozen=True, slots=True)
class _Key:
    """What must be equal for one forward pass; models are equal if they are the same object."""

    model: Denoiser
    layout: tuple[object, ...]


class Batcher:
    """Runs sampling tasks of many threads together. `max_batch` is the most rows (latents x prompts) in one pass.

    With `exact` every pass has exactly `max_batch` rows, filled up if need be: networks in half precision then give the
    same picture whatever the company, because it is the size of a pass that makes a device choose its arithmetic.
    """

    def __init__(
        self,
        *,
        max_batch: int = 16,
        exact: bool = False,
        gauge: Gauge | None = None,
        locks: DeviceLocks | None = None,
    ) -> None:
        self._limits = RowLimits(max_batch, NoGauge() if exact or gauge is None else gauge)
        self._exact = max_batch if exact else None
        self._locks = locks or DeviceLocks()
        self._inbox: SimpleQueue[_Run | None] = SimpleQueue()  # None wakes the thread up to close
        self._closing = threading.Event()
        self._groups: dict[_Key, deque[_Piece]] = {}  # none is empty; owned by the thread
        self._came = 0
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def sample(
        self,
        task: SampleTask,
        on_step: Callable[[Step], None] = lambda _: None,
        check_interrupted: Callable[[], None] = lambda: None,
    ) -> Sampled:
        """Run a task to its end; blocks, any thread may call.

        `on_step` and `check_interrupted` are called in the calling thread; what they raise ends this run alone.
        Raises SamplingFailed, torch.OutOfMemoryError, InterruptedPrompt after `close`, and what the network raises.
        """
        check_interrupted()
        with torch.inference_mode():
            run = _Run(trajectory=Trajectory(task))
            run.trajectory.start()
            self._inbox.put(run)
            try:
                self._follow(run, on_step, check_interrupted)
                sampled = run.trajectory.result()
            finally:
                run.abandoned.set()
        return Sampled(sampled.latent.clone(), sampled.denoised.clone())  # plain tensors, outside of inference mode

    def close(self) -> None:
        """Stop the thread after the pass it is in; what still runs raises InterruptedPrompt. May be called twice."""
        self._closing.set()
        self._inbox.put(None)
        self._thread.join()

    def _follow(self, run: _Run, on_step: Callable[[Step], None], check_interrupted: Callable[[], None]) -> None:
        while True:
            check_interrupted()
            try:
                event = run.events.get(timeout=_POLL)
            except Empty:
                if not self._thread.is_alive():
                    raise InterruptedPrompt from None
                continue
            match event:
                case Step():
                    on_step(event)
                case None:
                    return
                case _:
                    try:
                        raise event
                    finally:
                        del event  # or the error would hold itself, and the models in the frames that it came through

    def _work(self) -> None:
        with torch.inference_mode():
            while not self._closing.is_set():
                self._take_in()
                try:
                    if self._groups:
                        self._round()
                except Exception as error:  # the device itself has failed, or we have: nobody waits in vain
                    self._give_up(error)

    def _take_in(self) -> None:
        """Take in whoever has come; sleep if there is nothing else to do."""
        while not self._inbox.empty() or not self._groups:
            run = self._inbox.get()
            if run is None:
                return
            self._guarded(run, lambda: None)

    def _guarded(self, run: _Run, action: Callable[[], object]) -> None:
        """Move a run on and queue its next evaluation; if it breaks down, that is its own affair."""
        trajectory = run.trajectory
        try:
            action()
            while not trajectory.ended and not run.over:
                pieces = trajectory.rows()
                if pieces:
                    self._place(run, pieces)
                    return
                trajectory.send([])  # no condition counts at this moment
            run.end()
        except Exception as error:
            run.end(error)

    def _place(self, run: _Run, pieces: Sequence[Rows]) -> None:
        """Queue the pieces of a run's next evaluation."""
        run.outputs = [None] * len(pieces)
        for place, rows in enumerate(pieces):
            self._came += 1
            key = _Key(run.trajectory.task.model, rows.layout)
            self._groups.setdefault(key, deque()).append(_Piece(run, place, rows, self._came))

    def _give_up(self, error: Exception) -> None:
        for waiting in self._groups.values():
            for piece in waiting:
                piece.run.end(error)
        self._groups.clear()

    def _round(self) -> None:
        """Serve the group whose first piece has waited longest."""
        key = min(self._groups, key=lambda key: self._groups[key][0].since)
        served = self._taken(key)
        if served:
            self._serve(key, served)

    def _taken(self, key: _Key) -> list[_Piece]:
        """Take as many pieces as fit into one pass, first come first served."""
        waiting, limit = self._groups[key], self._limits.of(key.model, key.layout)
        taken: list[_Piece] = []
        left: deque[_Piece] = deque()
        size = 0  # rows
        for piece in waiting:
            if piece.run.over:
                continue
            if taken and (size + len(piece.rows) > limit or not _fit([*taken, piece])):
                left.append(piece)
                continue
            size += len(piece.rows)
            taken.append(piece)
        if left:
            self._groups[key] = left
        else:
            del self._groups[key]
        return taken

    def _serve(self, key: _Key, served: Sequence[_Piece]) -> None:
        try:
            outputs = self._predict(key, [piece.rows for piece in served])
        except Exception as error:
            clear_frames(error.__traceback__)  # they hold the network's activations
            if len(served) == 1:
                served[0].run.end(error)
                return
            for piece in served:  # alone, so that only whose fault it is pays for it
                if not piece.run.over:
                    self._serve(key, [piece])
            return
        for piece, output in zip(served, outputs, strict=True):
            piece.run.outputs[piece.place] = output
            if all(found is not None for found in piece.run.outputs) and not piece.run.over:
                self._advance(piece.run)

    def _advance(self, run: _Run) -> None:
        outputs = [output for output in run.outputs if output is not None]

        def send() -> None:
            before = run.trajectory.step
            denoised = run.trajectory.send(outputs)
            if run.trajectory.step > before:
                run.events.put(Step(run.trajectory.step, run.trajectory.steps, denoised))

        self._guarded(run, send)

    def _predict(self, key: _Key, batch: Sequence[Rows]) -> list[Tensor]:
        """Run all rows through the network in as few passes as memory allows; give each piece's part."""
        whole = _joined(batch)
        outputs: list[Tensor] = []
        done = 0
        while done < len(whole):
            part = whole.picked(slice(done, done + self._limits.of(key.model, key.layout)))
            self._limits.begin()
            with self._locks.passes:
                output = self._tried(key.model, part)
            if output is None:
                self._limits.failed(key.model, key.layout, len(part))
                continue
            self._limits.fitted(key.model, key.layout, self._exact or len(part))
            outputs.append(output)
            done += len(part)
        answer = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return list(torch.split(answer, [len(rows) for rows in batch]))

    def _tried(self, model: Denoiser, rows: Rows) -> Tensor | None:
        """Run rows through the network; None if they do not fit but fewer might."""
        try:
            return self._pass(model, rows)
        except torch.OutOfMemoryError:  # it ends here, for it holds activations
            if len(rows) > 1 and not self._exact:
                return None
        with self._locks.rest:
            return self._pass(model, rows)

    def _pass(self, model: Denoiser, rows: Rows) -> Tensor:
        if self._exact is None:
            return model.predict(rows)
        filled = [min(row, len(rows) - 1) for row in range(self._exact)]
        return model.predict(rows.picked(torch.tensor(filled, device=rows.x.device)))[: len(rows)]


def _fit(pieces: Sequence[_Piece]) -> bool:
    return lengths_fit([piece.rows.context.shape[1] for piece in pieces])


def _joined(batch: Sequence[Rows]) -> Rows:
    if len(batch) == 1:
        return batch[0]
    vectors = [rows.vector for rows in batch if rows.vector is not None]
    return Rows(
        x=torch.cat([rows.x for rows in batch]),
        timesteps=torch.cat([rows.timesteps for rows in batch]),
        context=stacked([rows.context for rows in batch]),
        vector=torch.cat(vectors) if vectors else None,
    )

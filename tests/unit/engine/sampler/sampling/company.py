"""Tasks of many people, run alone, together and in threads of their own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from engine.sampler.sampling.batcher import Batcher
from engine.sampler.sampling.denoiser import Rows
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.schedules import sigmas_for
from engine.sampler.sampling.trajectory import SampleTask
from tests.unit.engine.sampler.sampling.toy import Toy, guidance

SAMPLERS = ("euler", "euler_ancestral", "dpmpp_2m", "heun", "dpmpp_2m_sde", "euler_cfg_pp", "uni_pc")


class SlowToy(Toy):
    """A toy that takes its time, so that others can join."""

    def predict(self, rows: Rows) -> Tensor:
        """Compute after 2 ms."""
        time.sleep(0.002)
        return super().predict(rows)


class Gathering(Toy):
    """A toy that keeps one pass from ending until so many runs are in line; each is given `look` as interrupt check."""

    def __init__(self, runs: int, *, at: int = 0) -> None:
        """`at` is the number of that pass, from 0."""
        super().__init__()
        self.waits = threading.Event()
        self._at = at
        self._gathered = threading.Event()
        self._in_line = threading.Barrier(runs, action=self._gathered.set)
        self._mine = threading.local()

    def look(self) -> None:
        """Wait for the others, where the run that looks is in line: it looks once before it is."""
        self._mine.looks = getattr(self._mine, "looks", 0) + 1
        if self._mine.looks == 2:
            self._in_line.wait(30)

    def predict(self, rows: Rows) -> Tensor:
        """Compute, when everybody is in line."""
        if len(self.calls) == self._at:
            self.waits.set()
            assert self._gathered.wait(30)
        return super().predict(rows)


def task(toy: Toy, number: int = 0, *, steps: int = 8, size: int = 4, prompt: float = 0.25) -> SampleTask:
    """Make a task that differs from its neighbours in everything that may differ in one pass."""
    shape = (1 + number % 2, 4, size, size)
    return SampleTask(
        model=toy,
        guider=guidance((1.0, 3.0, 7.5)[number % 3], prompt),
        latent=torch.zeros(shape),
        noise=initial_noise(shape, number),
        seed=number,
        sampler=SAMPLERS[number % len(SAMPLERS)],
        sigmas=sigmas_for(toy.kind, scheduler="karras", steps=steps + number),
    )


def solo(one: SampleTask) -> Tensor:
    """Run a task with no company."""
    alone = Batcher()
    try:
        return alone.sample(replace(one, model=Toy())).latent
    finally:
        alone.close()


def together(batcher: Batcher, *tasks: SampleTask) -> list[Tensor]:
    """Run tasks at once, each from a thread of its own."""
    barrier = threading.Barrier(len(tasks))

    def run(one: SampleTask) -> Tensor:
        barrier.wait()
        look = one.model.look if isinstance(one.model, Gathering) else lambda: None
        return batcher.sample(one, check_interrupted=look).latent

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def in_thread(call: Callable[[], Tensor]) -> tuple[threading.Thread, list[Tensor | BaseException]]:
    """Run a call in a thread; its result or error lands in the list."""
    landed: list[Tensor | BaseException] = []

    def run() -> None:
        try:
            landed.append(call())
        except Exception as error:
            landed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, landed

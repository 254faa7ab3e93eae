"""Claim, run, settle: the loop between the queue and the endpoints.

The dispatcher owns no truth. Whatever it was doing when the process died is found in the books as open attempts, and
`reconcile` asks the endpoints about each by its `prompt_id` before anything is sent again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from engine.accounts import is_forgotten
from engine.board import Board
from engine.endpoints.pool import Pool
from engine.errors import (
    AtelierError,
    AttemptUnknown,
    DiskFull,
    EndpointError,
    EndpointFull,
    EndpointLost,
    ExecutionFailed,
    Unsafe,
)
from engine.images import picture_size
from engine.marking import mark
from engine.model import Attempt, AttemptStatus, Job, Learnt, Outcome, OutputFile, Picture, Progress
from engine.pace import Pace, ShareMeter
from engine.ports import Blobs, Books, Clock, Endpoint
from engine.pricing import measured
from engine.retry import Crowds, Rests, decide
from engine.safety.verdicts import Ruling
from engine.screening import Screener

log = structlog.get_logger(__name__)

BURST = 16  # the most claims for one endpoint at once: they share a commit
TEND_EVERY = 15.0  # seconds; well below the lease of an attempt
IDLE_WAIT = 1.0  # seconds; a claim that no event announced (an endpoint came back) waits at most this long
DISK_FULL_WAIT = 5.0  # seconds between tries while the disk is full
RECONCILE_WAIT = 60.0  # seconds that an endpoint may take to come back before its attempts run elsewhere

T = TypeVar("T")


class Dispatcher:
    """One loop; as many attempts at once as the endpoints have slots."""

    def __init__(
        self,
        *,
        books: Books,
        blobs: Blobs,
        pool: Pool,
        board: Board,
        clock: Clock,
        pace: Pace,
        max_tries: int,
        screener: Screener,
        only_jobs: Collection[str] | None = None,
    ) -> None:
        """`only_jobs` is a live collection that claims are restricted to (a console alone); None serves every job."""
        self._books = books
        self._blobs = blobs
        self._pool = pool
        self._board = board
        self._clock = clock
        self._pace = pace
        self._max_tries = max_tries
        self._screener = screener
        self._only_jobs = only_jobs
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._finishing: set[str] = set()
        self._busy: defaultdict[str, int] = defaultdict(int)
        self._burst: defaultdict[str, int] = defaultdict(lambda: 1)
        self._loaded: dict[str, str] = {}  # the checkpoint of the newest attempt, by endpoint
        self._crowds = Crowds()
        self._rests = Rests()
        self._meters: defaultdict[str, ShareMeter] = defaultdict(lambda: ShareMeter(clock=clock))

    @property
    def running(self) -> int:
        """How many attempts run now."""
        return len(self._running)

    @property
    def busy(self) -> Mapping[str, int]:
        """How many attempts run on each endpoint now."""
        return dict(self._busy)

    def wake(self) -> None:
        """Say that there may be work: a job came, an endpoint came back."""
        self._wake.set()

    async def run(self) -> None:
        """Reconcile, then dispatch until cancelled; leaves open attempts open, for the next start to reconcile."""
        try:
            self._pace.load(await self._patiently(self._books.learnt))
            await self._patiently(self._reconcile)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tend(), name="tend")
                while True:
                    if not await self._patiently(self._claim_round):
                        await self._wait()
        finally:
            await self._stop()

    async def abandon(self, attempt: Attempt) -> None:
        """Stop an attempt whose job was cancelled: here, and on its endpoint."""
        task = self._running.get(attempt.id)
        if task is not None and attempt.id not in self._finishing:
            task.cancel()
        endpoint = self._pool.get(attempt.endpoint)
        if endpoint is not None:
            try:
                await endpoint.interrupt(attempt)
            except EndpointError as error:
                log.info("interrupt_failed", job=attempt.job_id, endpoint=attempt.endpoint, error=error.code)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(IDLE_WAIT):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _stop(self) -> None:
        tasks = list(self._running.items())
        for attempt_id, task in tasks:
            if attempt_id not in self._finishing:
                task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)

    async def _tend(self) -> None:
        """Keep the leases of what runs, end what has waited too long, and take up what other processes left."""
        while True:
            await self._clock.sleep(TEND_EVERY)
            if self._running:
                await self._patiently(self._books.heartbeat)
            for job in await self._patiently(self._books.expire):
                log.info("expired", job=job.id)
                self._announce(job)
            await self._patiently(self._reconcile)

    async def _reconcile(self) -> None:
        for attempt in await self._books.open_attempts():
            if attempt.id in self._running or (self._only_jobs is not None and attempt.job_id not in self._only_jobs):
                continue
            endpoint = self._pool.get(attempt.endpoint)
            if attempt.status is AttemptStatus.CLAIMED or endpoint is None:
                await self._failed(attempt, AttemptUnknown(endpoint=attempt.endpoint))
            else:
                log.info("reconcile", job=attempt.job_id, endpoint=attempt.endpoint)
                self._spawn(endpoint, attempt, sent=True)

    async def _claim_round(self) -> bool:
        """Claim one task for each endpoint that has room; say whether any was."""
        scopes = [None] if self._only_jobs is None else list(self._only_jobs)
        return any([await self._claim_within(job_id) for job_id in scopes])

    async def _claim_within(self, job_id: str | None) -> bool:
        now = asyncio.get_running_loop().time()
        drained = self._pool.drained
        free = [
            e
            for e in self._pool.endpoints
            if e.ready and e.name not in drained and self._room(e) > 0 and not self._rests.resting(e.name, now)
        ]
        if not free:
            return False
        waiting = await self._books.waiting_needs(job_id=job_id)
        runners = {needs: [n for n in self._pool.can_run(needs) if n not in drained] for needs in waiting}
        rounds = [self._claim_for(endpoint, runners, job_id) for endpoint in free]
        return any(await asyncio.gather(*rounds))

    async def _claim_for(self, endpoint: Endpoint, runners: Mapping[str, Sequence[str]], job_id: str | None) -> bool:
        """Claim for one endpoint: one task, and twice as many each time that all claims found one."""
        runnable = [needs for needs, names in runners.items() if endpoint.name in names]
        if not runnable:
            return False
        alone = [needs for needs in runnable if len(runners[needs]) == 1]
        wanted = min(self._room(endpoint), self._burst[endpoint.name])
        loaded = self._loaded.get(endpoint.name, "")
        claims = [
            self._books.claim(endpoint.name, runnable, job_id=job_id, loaded=loaded, only_here=alone)
            for _ in range(wanted)
        ]
        results = await asyncio.gather(*claims, return_exceptions=True)
        found = [attempt for attempt in results if isinstance(attempt, Attempt)]
        self._burst[endpoint.name] = min(BURST, 2 * wanted) if len(found) == wanted else 1
        for attempt in found:
            self._loaded[endpoint.name] = attempt.model
            self._spawn(endpoint, attempt, sent=False)
            self._board.changed(attempt.job_id)
        for problem in results:
            if isinstance(problem, BaseException):
                raise problem
        return bool(found)

    def _room(self, endpoint: Endpoint) -> int:
        return self._crowds.limit(endpoint.name, endpoint.slots) - self._busy[endpoint.name]

    def _spawn(self, endpoint: Endpoint, attempt: Attempt, *, sent: bool) -> None:
        self._busy[endpoint.name] += 1
        task = asyncio.create_task(self._attempt(endpoint, attempt, sent=sent), name=f"attempt {attempt.id}")
        self._running[attempt.id] = task

        def ended(_: asyncio.Task[None]) -> None:
            self._busy[endpoint.name] -= 1
            self._running.pop(attempt.id, None)
            self._finishing.discard(attempt.id)
            self._board.task_ended(attempt.job_id, attempt.task_id)
            self.wake()

        task.add_done_callback(ended)

    async def _attempt(self, endpoint: Endpoint, attempt: Attempt, *, sent: bool) -> None:
        try:
            await self._run(endpoint, attempt, sent=sent)
        except Exception:
            log.exception("attempt_broke", job=attempt.job_id, endpoint=endpoint.name)
            await self._patiently(
                lambda: self._failed(attempt, ExecutionFailed(endpoint=endpoint.name, node="", reason="internal")),
            )

    async def _run(self, endpoint: Endpoint, attempt: Attempt, *, sent: bool) -> None:
        def listen(progress: Progress) -> None:
            if self._screener.looks:  # and has seen nothing of it yet
                progress = replace(progress, preview=None)
            self._board.progressed(attempt.job_id, attempt.task_id, progress)

        try:
            with self._meters[endpoint.name].attempt() as share:
                if sent:
                    await self._until_ready(endpoint)
                    outcome = await endpoint.follow(attempt, listen)
                elif await self._patiently(lambda: self._books.start(attempt.id)):
                    outcome = await endpoint.run(attempt, self._blobs.get, listen)
                else:
                    return
        except AtelierError as error:
            failure = error
            await self._patiently(lambda: self._failed(attempt, failure))
            return
        self._finishing.add(attempt.id)
        seconds = share.of(outcome.seconds)
        learnt = self._pace.observe(endpoint.name, attempt.kind, attempt.cost, seconds)
        self._crowds.succeeded(endpoint.name)
        self._rests.succeeded(endpoint.name)
        try:
            ruling = await self._patiently(lambda: self._screener.result(attempt.job_id, outcome.files))
        except Unsafe as error:
            refusal = error
            await self._patiently(lambda: self._failed(attempt, refusal))
            return
        await self._patiently(lambda: self._settle(endpoint, attempt, outcome, seconds, learnt, ruling))

    async def _until_ready(self, endpoint: Endpoint) -> None:
        deadline = self._clock.now() + RECONCILE_WAIT
        while not endpoint.ready:
            if self._clock.now() > deadline:
                raise AttemptUnknown(endpoint=endpoint.name)
            await self._clock.sleep(0.1)

    async def _settle(
        self,
        endpoint: Endpoint,
        attempt: Attempt,
        outcome: Outcome,
        seconds: float,
        learnt: Learnt | None,
        ruling: Ruling,
    ) -> None:
        pictures = [await self._keep(file) for file in outcome.files]
        share = measured(seconds, endpoint.weight)
        job = await self._books.settle(attempt.id, pictures, outcome.seconds, share, learnt=learnt, ruling=ruling)
        if is_forgotten(job):  # while the pictures came: nobody knows of them, and nobody else would remove them
            for blob in await self._books.unreferenced([picture.blob for picture in pictures]):
                await self._blobs.delete(blob)
        self._announce(job)
        log.info("settled", job=job.id, endpoint=endpoint.name, seconds=round(outcome.seconds, 3), files=len(pictures))

    async def _keep(self, file: OutputFile) -> Picture:
        data = await asyncio.to_thread(mark, file.data)
        blob = await self._blobs.put(data)
        width, height = await asyncio.to_thread(picture_size, data)
        return Picture(
            blob=blob,
            filename=file.filename,
            kind=file.kind,
            mime=file.mime,
            size=len(data),
            width=width,
            height=height,
        )

    async def _failed(self, attempt: Attempt, error: AtelierError) -> None:
        if isinstance(error, EndpointFull):
            told = Progress(prompt_id=attempt.prompt_id, stage="disk-full")
            self._board.progressed(attempt.job_id, attempt.task_id, told)
            await self._clock.sleep(DISK_FULL_WAIT)
        retry = decide(error, attempt.number, self._max_tries)
        if isinstance(error, EndpointLost):
            self._rests.lost(attempt.endpoint, asyncio.get_running_loop().time())
        if retry.fewer:
            self._crowds.too_many(attempt.endpoint, self._busy[attempt.endpoint])
        job = await self._books.fail(attempt.id, error, retry=retry.again, elsewhere=retry.elsewhere)
        log.warning(
            "attempt_failed",
            job=attempt.job_id,
            endpoint=attempt.endpoint,
            error=error.code,
            detail=error.detail,
            retry=retry.again,
        )
        self._announce(job)

    def _announce(self, job: Job) -> None:
        self._board.changed(job.id)
        self.wake()

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, and while the disk is full say so, wait, and do it again: nothing is lost, jobs wait."""
        with self._board.stall("disk-full") as hold_up:
            while True:
                try:
                    return await work()
                except DiskFull as error:
                    if hold_up():
                        log.warning("disk_full", detail=error.detail)
                    await self._clock.sleep(DISK_FULL_WAIT)

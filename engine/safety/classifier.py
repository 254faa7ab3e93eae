"""A classifier looks at pictures: a process of its own, so that neither torch nor a crash of it is ever ours.

It is started with the service, started again when it has died or does not answer, and asked about one picture at a
time. How it is spoken with is told in `engine/sampler/classifier`.
"""

import asyncio
import json
import struct
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import structlog

from engine.safety.verdicts import Asked, Finding, unchecked

log = structlog.get_logger(__name__)

START_TIMEOUT = 120.0  # seconds for loading the model
REST = 5.0  # seconds before a classifier that died is started again
LONGEST_ANSWER = 64 * 1024  # bytes
CATEGORY = "classifier"


class ClassifierFailed(Exception):
    """It did not answer, or nothing sensible."""


class ClassifierSafety:
    """Implements `Safety` with a classifier; it reads no prompts."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        environment: Mapping[str, str],
        labels: Collection[str],
        threshold: float,
        timeout: float,
        closed: bool,
        rest: float = REST,
    ) -> None:
        """`labels` together are at least `threshold` sure on an adult picture; `closed`: unchecked counts as found."""
        self._command = tuple(command)
        self._environment = dict(environment)
        self._labels = frozenset(label.casefold() for label in labels)
        self._threshold = threshold
        self._timeout = timeout
        self._closed = closed
        self._rest = rest
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._not_before = float("-inf")

    @property
    def looks(self) -> bool:
        """It does."""
        return True

    async def open(self) -> None:
        """Start it, so that the first picture does not wait for the model."""
        async with self._turn:
            with suppress(ClassifierFailed):
                await self._started()

    async def close(self) -> None:
        """End it."""
        async with self._turn:
            await self._end()

    async def prompt(self, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.prompt`."""
        return ()

    async def input(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.input`."""
        return await self._look(picture, shown=False)

    async def result(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.result`."""
        return await self._look(picture, shown=True)

    async def _look(self, picture: bytes, *, shown: bool) -> tuple[Finding, ...]:
        try:
            scores = await self._scores(picture)
        except ClassifierFailed as error:
            log.warning("unchecked", by=CATEGORY, reason=str(error))
            return unchecked(CATEGORY, closed=self._closed, shown=shown)
        sure = sum(score for label, score in scores.items() if label.casefold() in self._labels)
        return (Finding(category=CATEGORY, rule=CATEGORY),) if sure >= self._threshold else ()

    async def _scores(self, picture: bytes) -> Mapping[str, float]:
        """Ask about one picture. Raises ClassifierFailed; then the process is gone."""
        async with self._turn:
            process = await self._started()
            assert process.stdin is not None  # noqa: S101 (they were asked for)
            assert process.stdout is not None  # noqa: S101
            try:
                async with asyncio.timeout(self._timeout):
                    process.stdin.write(struct.pack(">I", len(picture)) + picture)
                    await process.stdin.drain()
                    scores = _scores_in(await process.stdout.readline())
            except (TimeoutError, OSError, ValueError) as error:
                await self._end()
                raise ClassifierFailed(type(error).__name__) from error
            except asyncio.CancelledError:  # its answer would be taken for the next picture's
                await self._end()
                raise
        if scores is None:
            raise ClassifierFailed("it could not read the picture")
        return scores

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            raise ClassifierFailed("it is down")
        await self._end()
        self._not_before = now + self._rest
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                limit=LONGEST_ANSWER,
                start_new_session=True,
            )
        except OSError as error:
            raise ClassifierFailed(error.strerror or "it cannot be started") from error
        self._process = process
        assert process.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(START_TIMEOUT):
                hello = json.loads(await process.stdout.readline() or b"null")
        except (TimeoutError, ValueError) as error:
            await self._end()
            raise ClassifierFailed("it did not start") from error
        known = {str(label).casefold() for label in hello.get("labels", ())} if isinstance(hello, dict) else set()
        if not known & self._labels:
            log.error("classifier_of_other_labels", labels=sorted(known)[:20], wanted=sorted(self._labels))
            await self._end()
            raise ClassifierFailed("it has none of the labels that `safety.labels` names")
        log.info("classifier_started", pid=process.pid, labels=sorted(known)[:20])
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101
        process.stdin.close()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()


def _scores_in(line: bytes) -> Mapping[str, float] | None:
    """Read an answer; None where it could not read the picture. Raises ValueError for what is no answer."""
    said = json.loads(line) if line else None
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        return None
    scores = said.get("scores") if isinstance(said, dict) else None
    if not isinstance(scores, dict) or not all(isinstance(score, int | float) for score in scores.values()):
        raise ValueError("not an answer")
    return {str(label): float(score) for label, score in scores.items()}

"""The sampler as a child process: started, listened to, started again when it dies, never left behind."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from engine.endpoints.backoff import Backoff
from engine.endpoints.comfyui.client import Address
from engine.endpoints.comfyui.wording import plain_reason
from engine.errors import SamplerFailed

_log = structlog.get_logger(__name__)
KEY_VARIABLE = "ATELIER_SAMPLER_KEY"
_LONGEST_LINE = 4096  # bytes of a line of output that are kept
_PIECE = 65536
_GLANCE = 0.05  # seconds between looks at whether it has ended


Up = Callable[[Address], Awaitable[None]]
Down = Callable[[SamplerFailed], Awaitable[None]]


class SamplerChild:
    """Keeps one sampler process running until closed.

    The child gets a new random key each time, prints `{"url": ...}` as its first line, and reads its standard input,
    whose end tells it that we are gone, however we went. It runs in a process group of its own, so that Ctrl-C in
    a terminal reaches us first.
    """

    def __init__(
        self,
        *,
        command: Sequence[str],
        environment: Mapping[str, str],
        start_timeout: float = 60.0,
        stop_timeout: float = 10.0,
        backoff: Backoff | None = None,
    ) -> None:
        """Times in seconds: until it must say where it listens, from SIGTERM to SIGKILL, before it is started again."""
        self._command = tuple(command)
        self._environment = dict(environment)
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._backoff = backoff or Backoff(first=1.0, maximum=60.0, stable=120.0)
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._replaced = ""
        self._last_words: deque[str] = deque(maxlen=1)

    @property
    def pid(self) -> int | None:
        """The running child's process id."""
        return self._process.pid if self._process is not None else None

    async def start(self, *, up: Up, down: Down) -> None:
        """Begin to keep the child running; returns at once.

        `up` is called when the child listens; `down` when it has died or did not come up, with the reason.
        """
        self._task = asyncio.create_task(self._keep(up, down))

    async def close(self) -> None:
        """End the child: end of its input and SIGTERM, then SIGKILL; returns when it is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def replace(self, why: str) -> None:
        """Kill a child that does not answer any more; another one is started as after any death."""
        if self._process is not None and self._process.returncode is None:
            self._replaced = why
            self._process.kill()

    async def _keep(self, up: Up, down: Down) -> None:
        while True:
            started_at = time.monotonic()
            reason = await self._live(up)
            delay = self._backoff.delay(time.monotonic() - started_at)
            _log.warning("sampler is down", action="sampler.down", reason=reason, retry_after=delay)
            await down(SamplerFailed(f"the sampler is down: {reason}", retry_after=delay, reason=reason))
            await asyncio.sleep(delay)

    async def _live(self, up: Up) -> str:
        """Run one child to its end; gives why it ended."""
        self._last_words.clear()
        self._replaced = ""
        key = secrets.token_urlsafe(32)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._environment, KEY_VARIABLE: key},
                start_new_session=True,
            )
        except OSError as error:
            return f"it cannot be started ({error.strerror or type(error).__name__})"
        self._process = process
        _log.info("sampler started", action="sampler.start", pid=process.pid)
        errors = asyncio.create_task(self._read_errors(process))
        try:
            why = await self._accompany(process, key, up)
            return why or await self._obituary(process, errors)
        finally:
            self._process = None
            await self._end(process)
            errors.cancel()
            await asyncio.gather(errors, return_exceptions=True)

    async def _accompany(self, process: asyncio.subprocess.Process, key: str, up: Up) -> str:
        """Stay with the child until its output ends; gives why it must be ended, empty if it ended by itself."""
        assert process.stdout is not None  # noqa: S101 (it was asked for)
        lines = _lines(process.stdout)
        try:
            async with asyncio.timeout(self._start_timeout):
                hello = await anext(lines, "")
        except TimeoutError:
            return f"it did not say where it listens within {self._start_timeout:g} s"
        url = _url_of(hello)
        if hello and not url:
            return "its first line does not say where it listens"
        if url:
            await up(Address(url=url, key=key))
            await self._until_silent_or_gone(process, lines)
        return ""

    async def _until_silent_or_gone(self, process: asyncio.subprocess.Process, lines: AsyncIterator[str]) -> None:
        """Pass on what it says; a worker of its own may hold its output open after its death."""
        saying = asyncio.ensure_future(self._pass_on_all(lines))
        gone = asyncio.ensure_future(_exit_code(process))
        try:
            await asyncio.wait({saying, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            saying.cancel()
            gone.cancel()
            await asyncio.gather(saying, gone, return_exceptions=True)

    async def _pass_on_all(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            self._pass_on(line)

    async def _obituary(self, process: asyncio.subprocess.Process, errors: asyncio.Task[None]) -> str:
        """Say why a child ended whose output has ended."""
        try:
            async with asyncio.timeout(self._stop_timeout):
                code = await _exit_code(process)
        except TimeoutError:
            return "it closed its output"
        await asyncio.wait({errors}, timeout=1.0)  # its last words may still be in the pipe
        if self._replaced:
            return self._replaced
        if code < 0:
            return f"it was killed by signal {-code}"
        return self._last_words[-1] if self._last_words else f"it ended with exit code {code}"

    async def _read_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101
        async for line in _lines(process.stderr):
            self._pass_on(line)
            if sentence := plain_reason(line):
                self._last_words.append(sentence)

    def _pass_on(self, line: str) -> None:
        _log.info(f"sampler | {line}", action="sampler.output")

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101
        process.stdin.close()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(self._stop_timeout):
                    await _exit_code(process)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
        with suppress(ProcessLookupError):  # nobody is left in its group, as a rule
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._stop_timeout):
                await process.wait()  # until its pipes are closed


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for the process itself; asyncio's own `wait` waits for whoever else holds its pipes, too."""
    while process.returncode is None:  # noqa: ASYNC110 (asyncio has no event for it)
        await asyncio.sleep(_GLANCE)
    return process.returncode


def _url_of(line: str) -> str:
    try:
        hello = json.loads(line)
    except ValueError:
        return ""
    url = hello.get("url") if isinstance(hello, dict) else None
    return url if isinstance(url, str) and url.startswith("http://127.0.0.1:") else ""


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Give lines of any length, cut to what is worth keeping; a child must never wait for us to read."""
    rest = b""
    while piece := await stream.read(_PIECE):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line[:_LONGEST_LINE].decode(errors="replace").rstrip("\r")
        rest = rest[:_LONGEST_LINE]
    if rest:
        yield rest.decode(errors="replace")

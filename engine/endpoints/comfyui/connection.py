"""The standing connection to a server: its health, what it can run, and the one WebSocket that all attempts share."""

import asyncio
import operator
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from engine.endpoints.backoff import Backoff
from engine.endpoints.comfyui.client import ComfyClient
from engine.endpoints.comfyui.messages import (
    Executing,
    ExecutionStarted,
    Frame,
    NodeText,
    OtherFrame,
    Preview,
    ProgressReport,
)
from engine.endpoints.comfyui.watch import Watch
from engine.errors import EndpointBusy, EndpointError, EndpointLost
from engine.model import Json

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often an endpoint is asked, in seconds."""

    health: float = 5.0  # between checks of an endpoint that is well
    retry: float = 1.0  # before the first new try of one that is not; doubles up to `retry_limit`
    retry_limit: float = 15.0
    info: float = 240.0  # after which `/object_info` is fetched anew: people add models
    poll: float = 1.0  # between looks at a prompt of which no frames come
    poll_heard: float = 10.0  # between looks at one whose frames come
    soon: float = 0.02  # before the first look once a frame said that it ended
    arrival: float = 1.0  # after which a prompt whose sending was cut off has arrived, if it ever does
    patience: float = 20.0  # without any answer, before an attempt counts as lost


PACE = Pace()


class Connection:
    """Keeps health, `object_info` and the socket of one server; sends frames to the watches that they belong to.

    The server counts as ready while its last health check was answered and its `object_info` is known; a socket that
    cannot be opened does not make it unready, since attempts can poll.
    """

    def __init__(
        self, *, client: ComfyClient, pace: Pace, watches: Mapping[str, Watch], changed: Callable[[], None]
    ) -> None:
        """`watches` is the endpoint's own mapping and is read anew for every frame."""
        self.client = client
        self.client_id = f"atelier-{secrets.token_hex(8)}"  # of our own, so that nobody else's frames come
        self.generation = 0
        self.failure: EndpointError | None = None
        self.answered_at = 0.0
        self._pace = pace
        self._watches = watches
        self._changed = changed
        self._ready = asyncio.Event()
        self._recheck = asyncio.Event()
        self._socket_open = False
        self._current = ""  # the prompt that the socket's last frames were about
        self._info: Json = None
        self._info_due = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether the last health check was answered."""
        return self._ready.is_set()

    def start(self) -> None:
        """Begin the checks and the socket."""
        self._tasks = [asyncio.create_task(self._keep_health()), asyncio.create_task(self._keep_socket())]

    async def close(self) -> None:
        """Stop both and close the client."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._set_ready(False)
        await self.client.close()

    async def wait_ready(self) -> None:
        """Return once the server is ready."""
        await self._ready.wait()

    async def object_info(self) -> Json:
        """Give `/object_info`, cached while it is fresh. Raises EndpointLost."""
        if self._info is not None and self.ready:
            return self._info
        try:
            return await self.client.object_info()
        except EndpointBusy as error:
            raise EndpointLost(str(error), retry_after=error.retry_after, endpoint=self.client.endpoint) from error

    async def refresh(self) -> None:
        """Fetch `/object_info` now: somebody asks for what may have just been added. Raises EndpointError."""
        await self._refresh_info()

    def poll_seconds(self, *, heard: bool) -> float:
        """How long an attempt may wait before it looks for itself."""
        return self._pace.poll_heard if heard and self._socket_open else self._pace.poll

    async def _keep_health(self) -> None:
        backoff = Backoff(first=self._pace.retry, maximum=self._pace.retry_limit)
        misses = 0
        while True:
            try:
                await self.client.system_stats()
                self.answered_at = time.monotonic()
                if self.answered_at >= self._info_due:
                    await self._refresh_info()
            except EndpointError as error:
                misses += 1
                self.failure = error
                # One missed check is no outage: loading a model can hold a server up for a while.
                if misses > 1:
                    self._set_ready(False)
                delay = backoff.delay(held=0.0)
            else:
                misses = 0
                self.failure = None
                self._set_ready(True)
                backoff = Backoff(first=self._pace.retry, maximum=self._pace.retry_limit)
                delay = self._pace.health
            await self._nap(delay)

    async def _refresh_info(self) -> None:
        info = await self.client.object_info()
        self._info_due = time.monotonic() + self._pace.info
        if await asyncio.to_thread(operator.ne, info, self._info):  # it can be large
            self._info = info
            self.generation += 1
            if self.ready:
                self._changed()

    def _set_ready(self, ready: bool) -> None:
        if ready == self.ready:
            return
        if ready:
            self._ready.set()
        else:
            self._ready.clear()
            self._info_due = 0.0
        reason = str(self.failure or "")
        _log.info("endpoint", action="endpoint.ready", endpoint=self.client.endpoint, ready=ready, reason=reason)
        self._changed()

    async def _nap(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._recheck.wait()
        except TimeoutError:
            pass
        self._recheck.clear()

    async def _keep_socket(self) -> None:
        backoff = Backoff(first=self._pace.retry, maximum=self._pace.retry_limit, stable=self._pace.health)
        reconnecting = False
        while True:
            await self._ready.wait()
            opened_at = time.monotonic()
            try:
                async with self.client.socket(self.client_id) as frames:
                    self._socket_open = True
                    self._current = ""
                    if reconnecting:  # it may be another process by now
                        self._info_due = 0.0
                        self._recheck.set()
                    reconnecting = True
                    async for frame in frames:
                        self._route(frame)
            except EndpointError as error:
                _log.debug("no socket", action="endpoint.socket", endpoint=self.client.endpoint, reason=str(error))
            self._socket_open = False
            self._recheck.set()
            for watch in self._watches.values():
                watch.wake()
            await asyncio.sleep(backoff.delay(time.monotonic() - opened_at))

    def _route(self, frame: Frame) -> None:
        if isinstance(frame, OtherFrame | NodeText):
            return
        prompt_id = frame.prompt_id
        if isinstance(frame, Preview) and not prompt_id:
            # Servers that do not say whose preview it is run one prompt at a time: it belongs to the one whose frames
            # come, on this very socket. In doubt nobody sees it.
            prompt_id = self._current
        elif isinstance(frame, ExecutionStarted | Executing | ProgressReport):
            ended = isinstance(frame, Executing) and frame.node is None
            self._current = "" if ended else prompt_id
        for watch in self._watches.values():
            if prompt_id and watch.remote_id == prompt_id:
                watch.hear(frame)

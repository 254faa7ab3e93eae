"""Our own sampler as an endpoint: a child process, and whatever ComfyUI client its address calls for."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from engine.endpoints.comfyui.client import Address
from engine.endpoints.comfyui.connection import PACE, Pace
from engine.endpoints.comfyui.endpoint import ComfyEndpoint
from engine.endpoints.local.child import SamplerChild
from engine.errors import AtelierError, EndpointLost, SamplerFailed
from engine.model import Attempt, Json, Outcome, Progress

_log = structlog.get_logger(__name__)


class LocalEndpoint:
    """The sampler child as an endpoint; implements `engine.ports.Endpoint`.

    Each life of the child has its own address, key and `ComfyEndpoint`. When it dies, attempts in flight raise
    EndpointLost at once; a child that answers no health check for `hang` seconds is killed and started again.
    """

    def __init__(
        self,
        *,
        name: str = "local",
        child: SamplerChild,
        weight: float = 1.0,
        slots: int = 8,
        timeout: float = 600.0,
        hang: float = 120.0,
        pace: Pace = PACE,
    ) -> None:
        """`timeout`: seconds without any movement before an attempt is given up."""
        self.name = name
        self.weight = weight
        self.slots = slots
        self._timeout = timeout
        self._hang = hang
        self._pace = pace
        self._child = child
        self._current: ComfyEndpoint | None = None
        self._up_at = 0.0
        self._generation = 0
        self._failure: AtelierError | None = None
        self._ready = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._guard: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the child answered its last health check and told what it can run."""
        return self._current is not None and self._current.ready

    @property
    def generation(self) -> int:
        """A number that changes whenever `object_info` may have."""
        return self._generation

    @property
    def failure(self) -> AtelierError | None:
        """Why it is not ready: SamplerFailed while the child never came up, EndpointLost if it did and died."""
        return self._current.failure if self._current is not None else self._failure

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        return self._child.pid

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have a function called whenever `ready`, `generation` or `failure` changes."""
        self._listeners.append(changed)

    async def start(self) -> None:
        """Start the child and keep it; returns at once."""
        await self._child.start(up=self._up, down=self._down)
        self._guard = asyncio.create_task(self._watch_answers())

    async def close(self) -> None:
        """Fail what is in flight and end the child; returns when it is gone."""
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        await self._drop("it is closed")
        await self._child.close()

    async def wait_ready(self) -> None:
        """Return once it is ready."""
        await self._ready.wait()

    async def object_info(self) -> Json:
        """Give what it can run. Raises EndpointLost."""
        return await self._endpoint().object_info()

    async def refresh(self) -> None:
        """Read anew what it can run, before the time for that has come. Raises EndpointError."""
        await self._endpoint().refresh()

    async def model_metadata(self, folder: str, filename: str) -> dict[str, str]:
        """Give what a model file says of itself; empty if nothing. Raises EndpointLost."""
        return await self._endpoint().model_metadata(folder, filename)

    async def run(
        self, attempt: Attempt, read: Callable[[str], Awaitable[bytes]], listen: Callable[[Progress], None]
    ) -> Outcome:
        """Run an attempt; see `ComfyEndpoint.run`."""
        return await self._endpoint().run(attempt, read, listen)

    async def follow(self, attempt: Attempt, listen: Callable[[Progress], None]) -> Outcome:
        """Follow an attempt; one of an earlier life of the child is unknown (AttemptUnknown)."""
        return await self._endpoint().follow(attempt, listen)

    async def interrupt(self, attempt: Attempt) -> None:
        """Stop or unqueue the attempt if it is still there; harmless otherwise."""
        if self._current is not None:
            await self._current.interrupt(attempt)

    def _endpoint(self) -> ComfyEndpoint:
        if self._current is None:
            reason = str(self._failure) if self._failure is not None else "the sampler is starting"
            raise EndpointLost(f"{self.name}: {reason}", endpoint=self.name)
        return self._current

    async def _up(self, address: Address) -> None:
        endpoint = ComfyEndpoint(
            name=self.name,
            url=address.url,
            key=address.key,
            weight=self.weight,
            slots=self.slots,
            timeout=self._timeout,
            pace=self._pace,
        )
        endpoint.subscribe(self._changed)
        self._up_at = time.monotonic()
        self._current = endpoint
        await endpoint.start()

    async def _down(self, failure: SamplerFailed) -> None:
        came_up = self._up_at > 0
        self._failure = EndpointLost(str(failure), endpoint=self.name) if came_up else failure
        await self._drop(str(failure))

    async def _drop(self, why: str) -> None:
        endpoint, self._current = self._current, None
        if endpoint is not None:
            endpoint.fail(why)
            await endpoint.close()
        self._changed()

    def _changed(self) -> None:
        self._generation += 1
        if self.ready:
            self._ready.set()
        else:
            self._ready.clear()
        for listener in self._listeners:
            listener()

    async def _watch_answers(self) -> None:
        while True:
            await asyncio.sleep(min(self._pace.health, self._hang / 4))
            endpoint = self._current
            if endpoint is not None and time.monotonic() - max(endpoint.answered_at, self._up_at) >= self._hang:
                self._child.replace(f"it has not answered for {self._hang:g} s")

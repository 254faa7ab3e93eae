"""All endpoints together: which are ready, which can run what, and what they offer."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from engine.errors import AtelierError, EndpointError, StartError
from engine.model import Json
from engine.ports import Endpoint
from engine.workflows.nearest import nearest
from engine.workflows.object_info import choices, node_spec

_log = structlog.get_logger(__name__)
_SQUARE = 512  # pixels a side: what Stable Diffusion 1.x was trained on
_LARGE_SQUARE = 1024
_REFRESH_PAUSE = 3.0  # seconds: whoever keeps asking for what is not there costs the endpoints no more than this
_LARGE_MODELS = ("xl", "flux", "sd3")


class PooledEndpoint(Endpoint, Protocol):
    """What the pool needs of an endpoint beyond the port."""

    @property
    def generation(self) -> int:
        """A number that changes whenever `object_info` may have."""

    @property
    def failure(self) -> AtelierError | None:
        """Why it is not ready, as far as known; a StartError if waiting is of no use."""

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have a function called, on the event loop, whenever `ready`, `generation` or `failure` changes."""

    async def refresh(self) -> None:
        """Read anew what it can run, before the time for that has come. Raises EndpointError."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a checkpoint was made for."""

    size: tuple[int, int]  # width and height in pixels that it was trained on
    words: frozenset[str] = frozenset()  # all that it knows, in lower case; empty for models that read any text


Missing = Callable[[str, Json], tuple[str, ...]]
"""`engine.workflows.lint`: (needs, object_info) -> what is missing there; empty if it can run."""


class Pool:
    """Keeps the endpoints and what they can run, in the order of the settings.

    What endpoints offer is read in the background whenever they change, so that every question but `model_card` is
    answered at once. While none is ready (a sampler restarts), answers are from what was last known of each.
    """

    def __init__(self, endpoints: Sequence[PooledEndpoint], missing: Missing) -> None:
        """Names must be unique (ValueError)."""
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        if len(self._endpoints) != len(endpoints):
            raise ValueError("two endpoints have the same name")
        self._missing = missing
        self._infos: dict[str, tuple[int, Json]] = {}  # by name: generation and object_info
        self._lacks: dict[tuple[str, int, str], tuple[str, ...]] = {}  # by name, generation and needs
        self._cards: dict[str, ModelCard] = {}
        self._drained: set[str] = set()
        self._listeners: list[Callable[[], None]] = []
        self._change = asyncio.Event()
        self._stir = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._refresh_at = 0.0  # not before, on the monotonic clock

    @property
    def endpoints(self) -> tuple[PooledEndpoint, ...]:
        """All endpoints, in the order of the settings."""
        return tuple(self._endpoints.values())

    @property
    def ready(self) -> tuple[PooledEndpoint, ...]:
        """Those that are ready and whose offer is known."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.ready and endpoint.name in self._infos)

    @property
    def failure(self) -> AtelierError | None:
        """Why no endpoint is ready, as far as known; None while one is."""
        known = (endpoint.failure for endpoint in self.endpoints)
        return None if self.ready else next((failure for failure in known if failure is not None), None)

    def get(self, name: str) -> PooledEndpoint | None:
        """Find an endpoint by name."""
        return self._endpoints.get(name)

    @property
    def drained(self) -> frozenset[str]:
        """The endpoints that are given no new work; they finish what they have."""
        return frozenset(self._drained)

    def drain(self, name: str) -> None:
        """Give an endpoint no new work."""
        self._drained.add(name)
        self._notify()

    def enable(self, name: str) -> None:
        """Give an endpoint work again."""
        self._drained.discard(name)
        self._notify()

    async def start(self) -> None:
        """Start all endpoints; returns at once."""
        for endpoint in self.endpoints:
            endpoint.subscribe(self._stir.set)
        self._reader = asyncio.create_task(self._keep_reading())
        for endpoint in self.endpoints:
            await endpoint.start()

    async def close(self) -> None:
        """Close all endpoints; one that fails to close does not keep the others open."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        for result in await asyncio.gather(*(e.close() for e in self.endpoints), return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("an endpoint did not close", action="pool.close", reason=repr(result))
        self._notify()

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have a function called, on the event loop, whenever an endpoint comes, goes or offers something else."""
        self._listeners.append(changed)

    async def wait_ready(self, timeout: float) -> bool:  # noqa: ASYNC109 (a wait that ends is an answer, no error)
        """Wait at most `timeout` seconds until an endpoint is ready; `failure` knows why none is.

        Gives up early when every endpoint has failed to start: their retries are for services, not for people.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self.ready and not self._hopeless():
                    await self._change.wait()
        return bool(self.ready)

    async def refresh(self) -> None:
        """Read anew what the ready endpoints can run: a model may just have been added. At most every few seconds."""
        now = time.monotonic()
        if now < self._refresh_at:
            return
        self._refresh_at = now + _REFRESH_PAUSE
        for endpoint in self.ready:
            with suppress(EndpointError):
                await endpoint.refresh()
                await self._read(endpoint)

    def _hopeless(self) -> bool:
        return all(isinstance(endpoint.failure, StartError) for endpoint in self.endpoints)

    def object_infos(self) -> dict[str, Json]:
        """What each ready endpoint can run, by name; if none is ready, what was last known of each."""
        return {name: info for name, (_, info) in self._known()}

    def can_run(self, needs: str) -> tuple[str, ...]:
        """Name the ready endpoints that can run what a task needs; if none is ready, those that could."""
        return tuple(name for name, _ in self._known() if not self._lacking(name, needs))

    def explain(self, needs: str) -> tuple[str, str]:
        """Say what the endpoint that comes nearest lacks, and the nearest thing that it has; empty where unknown."""
        lacking = ((self._lacking(name, needs), name) for name, _ in self._known())
        lacks, name = min(lacking, key=lambda pair: len(pair[0]), default=((), ""))
        if not lacks:
            return "", ""
        return ", ".join(lacks), nearest(lacks[0], [*_offer(self._infos[name][1])])

    def choices(self, class_type: str, input_name: str, *, endpoint: str = "") -> tuple[str, ...]:
        """All values that an input of a node takes, each once: over all endpoints, or on the one that is named."""
        found: dict[str, None] = {}
        for name, (_, info) in self._known():
            if endpoint and name != endpoint:
                continue
            found.update(dict.fromkeys(choices(info, class_type, input_name)))
        return tuple(found)

    async def model_card(self, checkpoint: str) -> ModelCard:
        """Give what a checkpoint says of itself (`modelspec.resolution`, "512x512"); its name where it says nothing."""
        if checkpoint in self._cards:
            return self._cards[checkpoint]
        for endpoint in self.ready:
            if checkpoint not in choices(self._infos[endpoint.name][1], "CheckpointLoaderSimple", "ckpt_name"):
                continue
            try:
                metadata = await endpoint.model_metadata("checkpoints", checkpoint)
            except EndpointError:
                continue
            card = ModelCard(
                size=_resolution(metadata.get("modelspec.resolution", "")) or _size_by_name(checkpoint),
                words=frozenset(metadata.get("atelier.words", "").split()),
            )
            self._cards[checkpoint] = card
            return card
        return ModelCard(size=_size_by_name(checkpoint))

    def _known(self) -> tuple[tuple[str, tuple[int, Json]], ...]:
        ready = tuple((endpoint.name, self._infos[endpoint.name]) for endpoint in self.ready)
        return ready or tuple((name, self._infos[name]) for name in self._endpoints if name in self._infos)

    def _lacking(self, name: str, needs: str) -> tuple[str, ...]:
        generation, info = self._infos[name]
        key = (name, generation, needs)
        if key not in self._lacks:
            self._lacks[key] = self._missing(needs, info)
        return self._lacks[key]

    async def _keep_reading(self) -> None:
        while True:
            for endpoint in self.endpoints:
                await self._read(endpoint)
            self._notify()
            await self._stir.wait()
            self._stir.clear()

    async def _read(self, endpoint: PooledEndpoint) -> None:
        generation = endpoint.generation
        if not endpoint.ready or self._infos.get(endpoint.name, (None,))[0] == generation:
            return
        try:
            info = await endpoint.object_info()
        except EndpointError as error:
            _log.warning("no object_info", action="pool.read", endpoint=endpoint.name, reason=str(error))
            return
        self._infos[endpoint.name] = (generation, info)
        self._lacks = {key: value for key, value in self._lacks.items() if key[0] != endpoint.name}
        self._cards.clear()

    def _notify(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
        for listener in self._listeners:
            listener()


def _offer(info: Json) -> Iterator[str]:
    """Name all that an endpoint has: node classes, models, samplers, ..."""
    for class_type in info if isinstance(info, dict) else ():
        yield class_type
        spec = node_spec(info, class_type)
        for declared in spec.inputs.values() if spec is not None else ():
            yield from declared.choices or ()


def _resolution(text: str) -> tuple[int, int] | None:
    width, _, height = text.lower().replace(" ", "").partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(text) < 16):
        return None
    size = (int(width), int(height))
    return size if all(64 <= side <= 8192 for side in size) else None


def _size_by_name(checkpoint: str) -> tuple[int, int]:
    side = _LARGE_SQUARE if any(mark in checkpoint.lower() for mark in _LARGE_MODELS) else _SQUARE
    return (side, side)

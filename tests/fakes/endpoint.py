"""An endpoint without a sampler, for tests of what stands before it: instant by default, scripted where it matters."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from engine.errors import AtelierError, AttemptUnknown, EndpointLost, GraphRejected, Interrupted
from engine.model import Attempt, Json, Outcome, OutputFile, Progress
from tests.fakes.comfyui import png, recorded_object_info


@dataclass(frozen=True)
class Hang:
    """Run until `release`, `interrupt` or the endpoint's end."""


Step: TypeAlias = "Outcome | AtelierError | Hang"


def picture_outcome(attempt: Attempt, *, seconds: float = 1.0) -> Outcome:
    """One PNG whose colour follows from the prompt id, so that no two attempts give the same bytes."""
    colour = f"#{hashlib.sha256(attempt.prompt_id.encode()).hexdigest()[:6]}"
    file = OutputFile(node_id="9", kind="images", filename="fake_00001_.png", mime="image/png", data=png(colour))
    return Outcome(files=(file,), seconds=seconds)


class FakeEndpoint:
    """Implements `engine.endpoints.pool.PooledEndpoint`; passes the endpoint's contract suite.

    Every run takes the next step of `script`, or succeeds with a picture when there is none. What ran can be followed
    until `forget`.
    """

    def __init__(
        self, name: str = "fake", *, weight: float = 1.0, slots: int = 1, object_info: dict[str, Json] | None = None
    ) -> None:
        self.name = name
        self.weight = weight
        self.slots = slots
        self.script: list[Step] = []
        self.metadata: dict[tuple[str, str], dict[str, str]] = {}  # by folder and file
        self.runs: list[Attempt] = []
        self.follows: list[Attempt] = []
        self.interrupts: list[Attempt] = []
        self.generation = 0
        self.refreshes = 0
        self.failure: AtelierError | None = None
        self._object_info: Json = dict(object_info) if object_info is not None else recorded_object_info()
        self._ready = False
        self._known: dict[str, asyncio.Future[Outcome]] = {}  # by prompt id
        self._attempts: dict[str, Attempt] = {}
        self._listeners: list[Callable[[], None]] = []

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def hanging(self) -> tuple[str, ...]:
        """The prompt ids of attempts that run now."""
        return tuple(prompt_id for prompt_id, future in self._known.items() if not future.done())

    def subscribe(self, changed: Callable[[], None]) -> None:
        self._listeners.append(changed)

    async def start(self) -> None:
        self.come_up()

    async def close(self) -> None:
        self.go_down()

    def come_up(self) -> None:
        """Become ready, as after a restart."""
        self._ready = True
        self.generation += 1
        self._tell()

    def go_down(self) -> None:
        """Die: what runs is lost, and so is what ran."""
        self._ready = False
        for prompt_id in self.hanging:
            self._fail(prompt_id, EndpointLost("the fake endpoint went down", endpoint=self.name))
        self._known.clear()
        self._tell()

    def offer(self, object_info: dict[str, Json]) -> None:
        """Change what it can run."""
        self._object_info = object_info
        self.generation += 1
        self._tell()

    def release(self, prompt_id: str = "") -> None:
        """Let one attempt that hangs succeed, or all of them."""
        for hanging in [prompt_id] if prompt_id else self.hanging:
            self._known[hanging].set_result(picture_outcome(self._attempts[hanging]))

    def forget(self) -> None:
        """Know nothing of earlier attempts any more."""
        self._known.clear()

    async def object_info(self) -> Json:
        self._check()
        return self._object_info

    async def refresh(self) -> None:
        self._check()
        self.refreshes += 1

    async def model_metadata(self, folder: str, filename: str) -> dict[str, str]:
        self._check()
        return self.metadata.get((folder, filename), {})

    async def run(
        self, attempt: Attempt, read: Callable[[str], Awaitable[bytes]], listen: Callable[[Progress], None]
    ) -> Outcome:
        self._check()
        self.runs.append(attempt)
        for item in attempt.inputs:
            await read(item.blob)
        self._validate(attempt)
        future = self._known[attempt.prompt_id] = asyncio.get_running_loop().create_future()
        self._attempts[attempt.prompt_id] = attempt
        listen(Progress(prompt_id=attempt.prompt_id, stage="queued"))
        step = self.script.pop(0) if self.script else picture_outcome(attempt)
        if isinstance(step, Outcome):
            future.set_result(step)
        elif isinstance(step, AtelierError):
            self._fail(attempt.prompt_id, step)
        return await self._end(attempt, future, listen)

    async def follow(self, attempt: Attempt, listen: Callable[[Progress], None]) -> Outcome:
        self._check()
        self.follows.append(attempt)
        future = self._known.get(attempt.prompt_id)
        if future is None:
            raise AttemptUnknown("the fake endpoint does not know it", endpoint=self.name)
        return await self._end(attempt, future, listen)

    async def interrupt(self, attempt: Attempt) -> None:
        self.interrupts.append(attempt)
        if attempt.prompt_id in self.hanging:
            self._fail(attempt.prompt_id, Interrupted("interrupted", endpoint=self.name))

    async def _end(
        self, attempt: Attempt, future: "asyncio.Future[Outcome]", listen: Callable[[Progress], None]
    ) -> Outcome:
        listen(Progress(prompt_id=attempt.prompt_id, stage="sampling", step=1, steps=2))
        outcome = await asyncio.shield(future)  # a follower that is cancelled stops nothing
        listen(Progress(prompt_id=attempt.prompt_id, stage="saving", step=2, steps=2))
        return outcome

    def _validate(self, attempt: Attempt) -> None:
        known = self._object_info if isinstance(self._object_info, dict) else {}
        for node in attempt.graph.values():
            class_type = node.get("class_type") if isinstance(node, dict) else None
            if class_type not in known:
                reason = f"node {class_type} does not exist"
                raise GraphRejected(reason, endpoint=self.name, reason=reason)

    def _fail(self, prompt_id: str, error: AtelierError) -> None:
        future = self._known[prompt_id]
        future.set_exception(error)
        future.exception()  # it may be that nobody waits any more

    def _check(self) -> None:
        if not self._ready:
            raise EndpointLost("the fake endpoint is down", endpoint=self.name)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

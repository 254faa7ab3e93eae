"""A ComfyUI server as an endpoint: uploads, sends, follows, fetches; survives lost sockets and old servers."""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import structlog

from engine.endpoints.comfyui.answers import Accepted, HistoryEntry, QueuedPrompt, tagged
from engine.endpoints.comfyui.client import LIMITS, TIMEOUTS, Address, ComfyClient, Limits, Timeouts
from engine.endpoints.comfyui.connection import PACE, Connection, Pace
from engine.endpoints.comfyui.results import ending_error, fetch_results
from engine.endpoints.comfyui.watch import Standing, Watch
from engine.errors import (
    AtelierError,
    AttemptTimeout,
    AttemptUnknown,
    EndpointBusy,
    EndpointError,
    EndpointLost,
    GraphRejected,
    Interrupted,
)
from engine.model import Attempt, Graph, Json, Outcome, Progress

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_SUBFOLDER = "atelier"  # of the server's input folder
_RECENT = 500  # prompts of the history that are searched for one that an old server renamed


class ComfyEndpoint:
    """One ComfyUI server (2024 to 2026), or our own sampler; implements `engine.ports.Endpoint`.

    Frames only show progress; what counts is the history, read at the end of every attempt. Attempts in flight fail
    with EndpointLost when the endpoint is closed.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        key: str | None = None,
        weight: float = 1.0,
        slots: int = 2,
        timeout: float = 600.0,
        limits: Limits = LIMITS,
        timeouts: Timeouts = TIMEOUTS,
        pace: Pace = PACE,
    ) -> None:
        """`key` is sent as a bearer token; `timeout`: seconds without any movement before an attempt is given up."""
        self.name = name
        self.weight = weight
        self.slots = slots
        self._address = Address(url=url, key=key or "")
        self._timeout = timeout
        self._limits = limits
        self._timeouts = timeouts
        self._pace = pace
        self._watches: dict[str, Watch] = {}  # by our prompt id
        self._connection: Connection | None = None
        self._listeners: list[Callable[[], None]] = []
        self._closed = asyncio.Event()
        self._lost = "it is not started"

    @property
    def ready(self) -> bool:
        """Whether it answered its last health check and told what it can run."""
        return self._connection is not None and self._connection.ready and not self._closed.is_set()

    @property
    def generation(self) -> int:
        """A number that changes whenever `object_info` may have."""
        return self._connection.generation if self._connection is not None else 0

    @property
    def failure(self) -> AtelierError | None:
        """Why it is not ready, as far as known."""
        return self._connection.failure if self._connection is not None else None

    @property
    def answered_at(self) -> float:
        """When it last answered a health check, on the monotonic clock; 0 if never."""
        return self._connection.answered_at if self._connection is not None else 0.0

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have a function called whenever `ready` or `generation` changes."""
        self._listeners.append(changed)

    async def start(self) -> None:
        """Begin health checks and open the socket; returns at once."""
        client = ComfyClient(endpoint=self.name, address=self._address, limits=self._limits, timeouts=self._timeouts)
        self._connection = Connection(
            client=client, pace=self._pace, watches=self._watches, changed=self._tell_listeners
        )
        self._connection.start()

    async def close(self) -> None:
        """Fail what is in flight and close all connections."""
        self.fail("it is closed")
        if self._connection is not None:
            await self._connection.close()

    def fail(self, why: str) -> None:
        """Give the endpoint up: attempts in flight raise EndpointLost at once, and so will new ones."""
        if not self._closed.is_set():
            self._lost = why
            self._closed.set()

    async def wait_ready(self) -> None:
        """Return once it is ready. Raises EndpointLost when it is closed before."""
        await self._until_closed(self._connected().wait_ready())

    async def object_info(self) -> Json:
        """Give what it can run, cached until it reconnects. Raises EndpointLost."""
        return await self._until_closed(self._connected().object_info())

    async def refresh(self) -> None:
        """Read anew what it can run, before the time for that has come. Raises EndpointError."""
        await self._until_closed(self._connected().refresh())

    async def model_metadata(self, folder: str, filename: str) -> dict[str, str]:
        """Give what a model file says of itself; empty if nothing. Raises EndpointLost."""
        return await self._until_closed(self._client.view_metadata(folder, filename))

    async def run(
        self, attempt: Attempt, read: Callable[[str], Awaitable[bytes]], listen: Callable[[Progress], None]
    ) -> Outcome:
        """Upload inputs, send the graph under our prompt id, follow it, fetch its outputs. Raises EndpointError."""
        with self._watching(attempt, listen) as watch:
            return await self._until_closed(self._run(watch, read))

    async def follow(self, attempt: Attempt, listen: Callable[[Progress], None]) -> Outcome:
        """Follow an attempt that may have been sent before a restart. Raises AttemptUnknown if it is not there."""
        with self._watching(attempt, listen) as watch:
            return await self._until_closed(self._take_up(watch))

    async def interrupt(self, attempt: Attempt) -> None:
        """Stop or unqueue the attempt if it is still there; harmless otherwise, also when nobody answers."""
        watch = self._watches.get(attempt.prompt_id)
        sending = watch is not None and watch.sending
        if watch is not None:
            watch.interrupted = True
        try:
            await self._until_closed(self._stop(attempt))
            if sending:  # it may arrive after this look, even if its run was cancelled
                await asyncio.sleep(self._pace.arrival)
                await self._until_closed(self._stop(attempt))
        except EndpointError as error:
            _log.warning("could not interrupt", action="endpoint.interrupt", job_id=attempt.job_id, reason=str(error))
        if watch is not None:
            watch.wake()

    @property
    def _client(self) -> ComfyClient:
        return self._connected().client

    def _connected(self) -> Connection:
        if self._connection is None or self._closed.is_set():
            raise self._lost_error()
        return self._connection

    def _lost_error(self) -> EndpointLost:
        return EndpointLost(f"{self.name} is lost: {self._lost}", endpoint=self.name)

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()

    @contextmanager
    def _watching(self, attempt: Attempt, listen: Callable[[Progress], None]) -> Iterator[Watch]:
        watch = Watch(attempt=attempt, listen=listen)
        self._watches[attempt.prompt_id] = watch
        try:
            yield watch
        finally:
            if self._watches.get(attempt.prompt_id) is watch:
                del self._watches[attempt.prompt_id]

    async def _until_closed(self, work: Coroutine[None, None, T]) -> T:
        """Do the work, or raise EndpointLost the moment that the endpoint is given up."""
        task = asyncio.ensure_future(work)
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise self._lost_error()
            return task.result()
        finally:
            closed.cancel()
            task.cancel()
            await asyncio.gather(task, closed, return_exceptions=True)

    async def _run(self, watch: Watch, read: Callable[[str], Awaitable[bytes]]) -> Outcome:
        graph = await self._upload(watch.attempt, read)
        if watch.interrupted:
            raise Interrupted("it was interrupted before it was sent", endpoint=self.name)
        await self._send(watch, graph)
        watch.tell_queued()
        if watch.interrupted:  # while the answer was on its way; `interrupt` found nothing yet
            await self._stop(watch.attempt)
        return await self._outcome(watch)

    async def _take_up(self, watch: Watch) -> Outcome:
        found = await self._find(watch.attempt)
        if found is None:
            raise AttemptUnknown(f"{self.name} knows nothing of it", endpoint=self.name)
        watch.remote_id = found
        watch.tell_queued()
        watch.wake()
        return await self._outcome(watch)

    async def _upload(self, attempt: Attempt, read: Callable[[str], Awaitable[bytes]]) -> Graph:
        """Upload the inputs; gives the graph with the names that the server gave them."""
        if not attempt.inputs:
            return attempt.graph
        graph = copy.deepcopy(attempt.graph)
        for item in attempt.inputs:
            node = graph.get(item.node_id)
            inputs = node.get("inputs") if isinstance(node, dict) else None
            if not isinstance(inputs, dict):
                reason = f"there is no node {item.node_id} to take an input file"
                raise GraphRejected(reason, endpoint=self.name, reason=reason)
            data = await read(item.blob)
            inputs[item.input] = await self._client.upload_image(data, filename=item.filename, subfolder=_SUBFOLDER)
        return graph

    async def _send(self, watch: Watch, graph: Graph) -> None:
        attempt = watch.attempt
        watch.sending = True
        try:
            accepted = await self._client.submit(
                graph,
                prompt_id=attempt.prompt_id,
                client_id=self._connected().client_id,
                extra_data=tagged(attempt.prompt_id),
            )
        except EndpointLost:
            # Perhaps only the answer was lost: sending again would make it twice.
            found = await self._find(attempt)
            if found is None:
                raise
            watch.remote_id = found
            return
        finally:
            watch.sending = False
        watch.remote_id = accepted.prompt_id
        await self._refuse_partial(attempt, accepted)

    async def _refuse_partial(self, attempt: Attempt, accepted: Accepted) -> None:
        """Stop a prompt that was accepted without an output that we need; previews are not needed."""
        for error in accepted.errors:
            if any(_is_needed(attempt.graph, output) for output in error.outputs):
                await self._stop(attempt)
                detail = f"{self.name} would leave out results: {error.reason}"
                raise GraphRejected(detail, endpoint=self.name, reason=error.reason)

    async def _outcome(self, watch: Watch) -> Outcome:
        entry = await self._entry(watch)
        error = ending_error(self.name, entry, watch.attempt.graph)
        if error is not None:
            raise error
        seconds = entry.seconds if entry.seconds is not None else watch.seconds
        watch.tell_saving()
        files = await self._patiently(lambda: fetch_results(self._client, entry))
        return Outcome(files=files, seconds=seconds)

    async def _entry(self, watch: Watch) -> HistoryEntry:
        """Wait for the end and give what the history says of it."""
        soon = self._pace.soon
        while True:
            if watch.ended:
                await watch.pause(soon)
                soon = min(soon * 2, self._pace.poll)
            else:
                await watch.pause(self._connected().poll_seconds(heard=watch.heard))
            found = await self._patiently(lambda: self._look(watch.remote_id))
            if isinstance(found, HistoryEntry):
                return found
            if found is None:
                raise self._vanished(watch)
            watch.stand(found)
            if watch.stalled(self._timeout):
                await self._give_up(watch)
                detail = f"nothing has moved on {self.name} for {self._timeout:g} s"
                raise AttemptTimeout(detail, endpoint=self.name)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, and ask again while the server is out of reach, for as long as patience lasts."""
        asked_at = time.monotonic()
        while True:
            try:
                return await ask()
            except (EndpointLost, EndpointBusy):
                if time.monotonic() - asked_at >= self._pace.patience:
                    raise
            await asyncio.sleep(self._pace.poll)

    async def _give_up(self, watch: Watch) -> None:
        """Stop what nobody waits for any more, if the server still listens."""
        with suppress(EndpointError):
            await self._stop(watch.attempt)

    def _vanished(self, watch: Watch) -> EndpointError:
        if watch.interrupted:
            return Interrupted("it was taken out of the queue", endpoint=self.name)
        return EndpointLost(f"{self.name} forgot it; it may have been restarted", endpoint=self.name)

    async def _look(self, remote_id: str) -> HistoryEntry | Standing | None:
        """See whether a prompt has ended, waits or runs; None if the server knows nothing of it.

        An empty history means any of those. Prompts move from queue to history at once, so the second look there
        tells an unknown prompt from one that ended between the questions.
        """
        entry = await self._client.history(remote_id)
        if entry is not None:
            return entry
        queue = await self._client.queue()
        if any(prompt.prompt_id == remote_id for prompt in queue.running):
            return Standing(prompt_id=remote_id, running=True)
        ahead = [prompt.prompt_id for prompt in queue.running]
        for prompt in queue.pending:
            if prompt.prompt_id == remote_id:
                return Standing(prompt_id=remote_id, running=False, ahead=tuple(ahead))
            ahead.append(prompt.prompt_id)
        return await self._client.history(remote_id)

    async def _find(self, attempt: Attempt) -> str | None:
        """Find the server's id of an attempt, which may have been sent in another life of this process."""
        queue = await self._client.queue()
        for prompt in queue.running + queue.pending:
            if _is_ours(prompt, attempt):
                return prompt.prompt_id
        if await self._client.history(attempt.prompt_id) is not None:
            return attempt.prompt_id
        for entry in await self._client.recent_history(_RECENT):
            if entry.tag == attempt.prompt_id:
                return entry.prompt_id
        return None

    async def _stop(self, attempt: Attempt) -> None:
        """Unqueue or interrupt the attempt, whichever the queue calls for.

        A prompt may begin to run between the look and the deletion, so the queue is asked again; `/interrupt` is sent
        only while ours runs, since old servers stop whatever does.
        """
        for _ in range(3):
            queue = await self._client.queue()
            for prompt in queue.running:
                if _is_ours(prompt, attempt):
                    await self._client.interrupt(prompt.prompt_id)
                    return
            waiting = [prompt for prompt in queue.pending if _is_ours(prompt, attempt)]
            if not waiting:
                return
            for prompt in waiting:
                await self._client.unqueue(prompt.prompt_id)


def _is_ours(prompt: QueuedPrompt, attempt: Attempt) -> bool:
    return attempt.prompt_id in {prompt.prompt_id, prompt.tag}


def _is_needed(graph: Graph, output: str) -> bool:
    node = graph.get(output)
    class_type = node.get("class_type") if isinstance(node, dict) else None
    return isinstance(class_type, str) and not class_type.startswith("Preview")

"""One attempt being watched: what its frames and the server's queue have shown so far."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from engine.endpoints.comfyui.messages import Executing, ExecutionEnded, ExecutionStarted, Frame, Preview
from engine.endpoints.comfyui.progress import ProgressTracker
from engine.model import Attempt, Progress

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a prompt stands in the server's queue."""

    prompt_id: str
    running: bool
    ahead: tuple[str, ...] = ()  # the prompts that run or wait before it


@dataclass
class Watch:
    """Follows one attempt; lives on the event loop's thread and does no I/O.

    `remote_id` is the server's id of the prompt: ours, unless the server is too old to take it.
    """

    attempt: Attempt
    listen: Callable[[Progress], None]
    remote_id: str = ""
    interrupted: bool = False  # we asked for it; a prompt that then vanishes is not lost
    sending: bool = False  # the prompt is on its way; whether it arrives is not known yet
    heard: bool = False  # frames come, so there is little need to poll
    ended: bool = False  # a frame said so; the history knows more, perhaps a moment later
    running: bool = False
    moved_at: float = field(default_factory=time.monotonic)
    started_at: float | None = None
    _standing: Standing | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Set up what depends on the attempt."""
        self.remote_id = self.remote_id or self.attempt.prompt_id
        self._tracker = ProgressTracker(self.attempt.prompt_id, self.attempt.graph)

    @property
    def seconds(self) -> float:
        """Measured seconds since it began to run; 0 if that was never seen."""
        return time.monotonic() - self.started_at if self.started_at is not None else 0.0

    def hear(self, frame: Frame) -> None:
        """Take a frame of this prompt."""
        self.heard = True
        self._moved()
        match frame:
            case ExecutionEnded() | Executing(node=None):
                self.ended = True
                self.running = False
                self._wake.set()
                return
            case ExecutionStarted():
                self._started()
            case Preview() if not frame.image:
                return
        progress = self._tracker.advance(frame)
        if progress is not None:
            self._tell(progress)

    def stand(self, standing: Standing) -> None:
        """Take note of where the queue has it; any change counts as movement."""
        if standing != self._standing:
            self._standing = standing
            self._moved()
        if standing.running and not self.running and not self.ended:
            self._started()
            started = self._tracker.advance(ExecutionStarted(prompt_id=self.remote_id))
            if started is not None:
                self._tell(started)

    def tell_queued(self) -> None:
        """Tell the listener that it waits."""
        self._tell(self._tracker.current)

    def tell_saving(self) -> None:
        """Tell the listener that results are being fetched."""
        self._tell(self._tracker.saving())

    def wake(self) -> None:
        """Have the next look taken now."""
        self._wake.set()

    async def pause(self, seconds: float) -> None:
        """Wait that long, or until woken."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def stalled(self, timeout: float) -> bool:
        """Whether nothing has moved for `timeout` seconds."""
        return time.monotonic() - self.moved_at >= timeout

    def _moved(self) -> None:
        self.moved_at = time.monotonic()

    def _started(self) -> None:
        self.running = True
        if self.started_at is None:
            self.started_at = time.monotonic()

    def _tell(self, progress: Progress) -> None:
        try:
            self.listen(progress)
        except Exception:  # the socket is shared: one listener's fault must not deafen the others
            _log.exception("a progress listener raised", action="endpoint.listen", job_id=self.attempt.job_id)

"""What the engine needs of others.

Implementations live in `storage/` and `engine/endpoints/`, fakes in `tests/fakes/`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from engine.errors import AtelierError
from engine.model import (
    Attempt,
    Balance,
    Community,
    Delivery,
    Identity,
    Job,
    JobStatus,
    JobView,
    Json,
    NewJob,
    Outcome,
    Person,
    Picture,
    Progress,
)


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""


class Books(Protocol):
    """Jobs, queue and ledger; every verb is one transaction, committed (durable) when it returns, and idempotent.

    Verbs that find the row already moved on answer with the row as it is (or None) and change nothing. They raise
    `DiskFull` where nothing could be written, never a driver's exception.
    """

    async def person(self, identity: Identity) -> Person:
        """Find or create the person behind an identity; the newest non-empty display name is kept."""

    async def community(self, platform: str, external_id: str, name: str) -> Community:
        """Find or create a community."""

    async def balance(self, wallet_id: str) -> Balance:
        """Read a wallet, after writing the current period's grant if it is not there yet."""

    async def accept(self, new: NewJob) -> Job:
        """Hold the quote and insert job, tasks (tagged for the fair queue) and delivery.

        The same `request_key` again gives the job that exists. Raises InsufficientCredits, QueueFull.
        """

    async def claim(self, endpoint: str, needs: Sequence[str], *, job_id: str | None = None) -> Attempt | None:
        """Claim the waiting task with the lowest tag among those whose `needs` is listed, and store its attempt.

        One statement picks and marks the task, so racing claimers never get the same one. `job_id` restricts the
        claim to that job. None if nothing waits.
        """

    async def waiting_needs(self, *, job_id: str | None = None) -> tuple[str, ...]:
        """The distinct `needs` of tasks that wait."""

    async def start(self, attempt_id: str) -> bool:
        """Mark a claimed attempt as being sent; False if it is no longer claimed (its job was cancelled)."""

    async def settle(self, attempt_id: str, pictures: Sequence[Picture], seconds: float, measured: int) -> Job:
        """Finish the attempt's task with its results; with the job's last task, charge and make the delivery due.

        `measured` is the attempt's share in mgs. The job's charge is min(quote of its done tasks, measured of its done
        tasks); the rest of the hold returns.
        """

    async def fail(self, attempt_id: str, error: AtelierError, *, retry: bool) -> Job:
        """End the attempt; its task waits again (`retry`) or failed.

        A job whose tasks all ended is settled as in `settle`; without any picture it is failed, its hold released
        and its delivery due.
        """

    async def cancel(self, job_id: str, reason: str) -> tuple[Job, tuple[Attempt, ...]]:
        """Cancel what is not done yet; gives the attempts that may still run on an endpoint and should be interrupted.

        Pictures that are done stay and are charged; the rest of the hold returns. The delivery becomes due.
        """

    async def open_attempts(self) -> tuple[Attempt, ...]:
        """Attempts that were claimed or sent and have not ended: after a restart, to be reconciled."""

    async def job(self, job_id: str) -> JobView | None:
        """A job with its tasks, position and ETA."""

    async def jobs(self, *, person_id: str | None = None, active: bool = False, limit: int = 20) -> tuple[JobView, ...]:
        """Newest first; `active` leaves out those that ended."""

    async def backlog(self) -> int:
        """The cost of everything that waits or runs, in mgs."""

    async def counts(self) -> Mapping[JobStatus, int]:
        """How many jobs are in each status."""

    async def deliveries_due(self, platforms: Sequence[str], limit: int = 20) -> tuple[Delivery, ...]:
        """Deliveries due now (or found half-sent after a restart) on these platforms, oldest first."""

    async def delivery(self, job_id: str) -> Delivery | None:
        """The delivery of a job."""

    async def delivery_posted(self, delivery_id: str, message_id: str) -> None:
        """Remember the one message of the job."""

    async def delivery_sending(self, delivery_id: str) -> bool:
        """Take a due delivery for sending; False if somebody has it or it ended."""

    async def delivery_done(self, delivery_id: str) -> None:
        """The result is in the chat: the job is done (or failed, or cancelled) for good."""

    async def delivery_failed(self, delivery_id: str, error: AtelierError, retry_at: float | None) -> None:
        """Try again at `retry_at`, or never (None): undeliverable, and a done job is refunded."""

    async def audit(self, actor: str, action: str, target: str, detail: Json) -> None:
        """Write a line of the audit log."""


class Blobs(Protocol):
    """Content-addressed files; all file work is done off the event loop."""

    async def put(self, data: bytes) -> str:
        """Store bytes durably and give their name; the same bytes twice are stored once. Raises DiskFull."""

    async def get(self, name: str) -> bytes:
        """Read bytes. Raises BlobMissing."""


class Endpoint(Protocol):
    """A sampler that speaks ComfyUI's API, or is made to look as if it did."""

    @property
    def name(self) -> str:
        """As the settings name it; unique."""

    @property
    def weight(self) -> float:
        """Its speed relative to the reference GPU: reference GPU-seconds = measured seconds * weight."""

    @property
    def slots(self) -> int:
        """How many attempts it takes at once: many for our sampler, which batches; 2 for ComfyUI (running, next)."""

    @property
    def ready(self) -> bool:
        """Whether it answered its last health check."""

    async def start(self) -> None:
        """Begin health checks; returns at once. Called once, by the pool."""

    async def close(self) -> None:
        """Stop everything that `start` began, the child process included."""

    async def object_info(self) -> Json:
        """What it can run: `/object_info`, cached until it reconnects. Raises EndpointLost."""

    async def model_metadata(self, folder: str, filename: str) -> dict[str, str]:
        """`/view_metadata`: what a model file says of itself; empty if nothing. Raises EndpointLost."""

    async def run(
        self, attempt: Attempt, read: Callable[[str], Awaitable[bytes]], listen: Callable[[Progress], None]
    ) -> Outcome:
        """Upload inputs, send the graph under our prompt_id, follow it, fetch its outputs.

        `read` is `Blobs.get`. Raises EndpointError.
        """

    async def follow(self, attempt: Attempt, listen: Callable[[Progress], None]) -> Outcome:
        """Follow an attempt that may have been sent before a restart. Raises AttemptUnknown if it is not there."""

    async def interrupt(self, attempt: Attempt) -> None:
        """Stop or unqueue the attempt if it is still there; harmless otherwise."""

"""What the engine needs of others.

Implementations live in `storage/` and `engine/endpoints/`, fakes in `tests/fakes/`.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from engine.accounts import Account, Allowance, AuditLine, Ban, Forgotten, Record, Statement
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
    Lane,
    Learnt,
    NewJob,
    Outcome,
    Person,
    Picture,
    Place,
    Progress,
)
from engine.policies import CommunityPolicy
from engine.safety.verdicts import NOTHING, Ruling
from engine.standing import Pause, Waiting


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

        The same `request_key` again gives the job that exists. Raises InsufficientCredits, QueueFull, and Forbidden
        where the job of that key is somebody else's.
        """

    async def claim(
        self,
        endpoint: str,
        needs: Collection[str],
        *,
        job_id: str | None = None,
        loaded: str = "",
        only_here: Collection[str] = (),
    ) -> Attempt | None:
        """Claim the waiting task whose turn it is among those whose `needs` is listed, and store its attempt.

        Whose turn it is: `engine.fairness`; `loaded` is the checkpoint that the endpoint has loaded. Passed over are
        tasks of held jobs, of people and communities at their running cap, and tasks that failed on this endpoint and
        should run elsewhere, unless their needs are listed in `only_here` too. Racing claimers never get the same
        task. `job_id` restricts the claim to that job. None if nothing is to be had, or the queue is paused.
        """

    async def waiting_needs(self, *, job_id: str | None = None) -> tuple[str, ...]:
        """The distinct `needs` of tasks that wait."""

    async def start(self, attempt_id: str) -> bool:
        """Mark a claimed attempt as being sent; False if it is no longer claimed (its job was cancelled)."""

    async def settle(
        self,
        attempt_id: str,
        pictures: Sequence[Picture],
        seconds: float,
        measured: int,
        *,
        learnt: Learnt | None = None,
        ruling: Ruling = NOTHING,
    ) -> Job:
        """Finish the attempt's task with its results; with the job's last task, charge and make the delivery due.

        `measured` is the attempt's share in mgs. The job's charge is min(quote of its done tasks, measured of its done
        tasks); the rest of the hold returns. `learnt` is kept in the same transaction. `ruling` is
        what the checks say of these pictures: held ones wait for `Reviews.decide` instead of being due.
        """

    async def fail(self, attempt_id: str, error: AtelierError, *, retry: bool, elsewhere: bool = False) -> Job:
        """End the attempt; its task failed, or waits again (`retry`), for another endpoint (`elsewhere`) where one is.

        A job whose tasks all ended is settled as in `settle`; without any picture it is failed, its hold released
        and its delivery due.
        """

    async def cancel(self, job_id: str, reason: str) -> tuple[Job, tuple[Attempt, ...]]:
        """Cancel what is not done yet; gives the attempts that may still run on an endpoint and should be interrupted.

        Pictures that are done stay and are charged; the rest of the hold returns. The delivery becomes due.
        """

    async def amend(self, job_id: str, new: NewJob) -> Job:
        """Make a job that has not started another one, in its place in the queue: new tasks, text and quote.

        What its hold lacks is taken, what it has too much returns. A job that has started is given as it is. Raises
        InsufficientCredits, and then nothing has changed.
        """

    async def move(self, job_id: str, behind: str | None = None, *, within: str | None = None) -> Job:
        """Put the waiting tasks of a job before all others of its lane, or right behind those of another job.

        `within` is a community whose own jobs alone may be passed over.

        Raises UnknownJob where that one has nothing waiting in the lane.
        """

    async def hold(self, job_id: str, reason: str) -> Job:
        """Keep a job that waits from being claimed, until `release`; one that has started is given as it is."""

    async def release(self, job_id: str, reason: str) -> Job:
        """Let a held job be claimed again; it stands where it stood."""

    async def clear(
        self, reason: str, *, person_id: str | None = None, community_id: str | None = None
    ) -> tuple[Job, ...]:
        """Cancel all jobs that have not started, of a person, of a community, or of a person in a community."""

    async def expire(self) -> tuple[Job, ...]:
        """End jobs that have waited longer than they may and of which nothing runs; some at a time."""

    async def pause(self, by: str, reason: str) -> None:
        """Let nothing be claimed any more, over restarts, until `resume`; what runs goes on."""

    async def resume(self) -> None:
        """Let work be claimed again."""

    async def paused(self) -> Pause | None:
        """Who paused the queue and why; None while it is not paused."""

    async def open_attempts(self) -> tuple[Attempt, ...]:
        """Take over the attempts whose process is gone and give them, oldest first, to be reconciled.

        A process is gone when the lease of its attempts has run out; where only one process can use the books at a
        time (SQLite), every other is. Attempts of this process are not among them.
        """

    async def heartbeat(self) -> None:
        """Renew the lease of every open attempt of this process."""

    async def learnt(self) -> tuple[Learnt, ...]:
        """What was kept by `settle` of the pace of endpoints."""

    async def waiting(self, job_id: str) -> Waiting | None:
        """What a job waits for; None if nothing of it waits."""

    async def job(self, job_id: str) -> JobView | None:
        """A job with its tasks, position and ETA."""

    async def jobs(
        self, *, person_id: str | None = None, community_id: str | None = None, active: bool = False, limit: int = 20
    ) -> tuple[JobView, ...]:
        """Newest first, of a person, a community or everybody; `active` leaves out those that ended."""

    async def work_before(self, person_id: str, lane: Lane) -> Mapping[str, int]:
        """The cost of what runs and of what comes before a new task of a person, in mgs by kind of work."""

    async def backlog(self) -> int:
        """The cost of everything that waits or runs, in mgs."""

    async def counts(self) -> Mapping[JobStatus, int]:
        """How many jobs are in each status."""

    async def take_deliveries(self, platforms: Sequence[str], limit: int = 20) -> tuple[Delivery, ...]:
        """Take what is due for sending (or was half-sent before a restart) on these platforms, oldest first.

        They are given as they were found. Each is taken once, until `delivery_failed` makes it due again.
        """

    async def delivery_posted(self, delivery_id: str, message_id: str) -> None:
        """Remember the one message of the job."""

    async def delivery_done(self, delivery_id: str) -> None:
        """The result is in the chat: the job is done (or failed, or cancelled) for good."""

    async def delivery_failed(self, delivery_id: str, error: AtelierError, retry_at: float | None) -> None:
        """Try again at `retry_at`, or never (None): undeliverable, and a done job is refunded."""

    async def unreferenced(self, blobs: Collection[str]) -> frozenset[str]:
        """Those of these blobs that no picture is and no job starts from; their rows are dropped."""

    async def audit(
        self, actor: str, action: str, target: str, detail: Json, *, community_id: str | None = None
    ) -> None:
        """Write a line of the audit log; `community_id` is where it was done."""


class Deliveries(Protocol):
    """Where the one message of each job is; every verb is one transaction, committed when it returns, and idempotent.

    What ends a job with its delivery (and may cost or refund) is among the verbs of `Books`.
    """

    async def of_jobs(self, job_ids: Collection[str]) -> tuple[Delivery, ...]:
        """The deliveries of these jobs, in any order."""

    async def positions(self) -> Mapping[str, int]:
        """The place in the queue of the jobs whose turn comes within some thousand tasks, by job id; 1 is next.

        It takes the same time however long the queue is.
        """

    async def posting(self, delivery_id: str, *, counted: bool) -> bool:
        """Note that the message is about to be posted; True if an earlier post may have arrived.

        That is counted where the platform does not honour nonces, so that there may be two. `Books.delivery_posted` or
        `not_posted` follows, unless the process dies or the platform does not answer.
        """

    async def not_posted(self, delivery_id: str) -> None:
        """The platform said that it did not take the post."""

    async def message_gone(self, delivery_id: str) -> None:
        """Forget the message, because it cannot be edited any more."""

    async def moved(self, delivery_id: str, place: Place, reason: str) -> None:
        """Have the result go to another place, because of an error's code; its message there has to be posted."""

    async def again(self, job_id: str, place: Place) -> bool:
        """Make a delivery that ended due again; False if it has not ended.

        One that never arrived goes to `place`. One that did goes to `place` only if its own message is gone.
        """

    async def tallies(self) -> Mapping[str, int]:
        """How many posts may have been `repeated`, and results were `moved`, `repaired`, `undeliverable`, for ever."""


class Accounts(Protocol):
    """People, wallets, policies, bans and the audit log; kept as `Books` are: a verb is one transaction.

    Verbs that take an `AuditLine` write it in their transaction, and only if they changed something.
    """

    async def find(self, platform: str, external_id: str) -> Person | None:
        """Find the person behind an identity; None if there is none."""

    async def person(self, person_id: str) -> Person | None:
        """Find a person; None if there is none, or they were forgotten."""

    async def find_community(self, platform: str, external_id: str) -> Community | None:
        """Find a community; None if there is none."""

    async def accounts(self, wallet_id: str | None = None) -> tuple[Account, ...]:
        """Every wallet with its owner and balance, or the one asked for."""

    async def set_grant(self, wallet_id: str, amount: int | None, line: AuditLine) -> None:
        """Grant a wallet this much each period from the next on (mgs); None: what the settings say."""

    async def set_allowance(self, community_id: str, person_id: str, amount: int | None, line: AuditLine) -> None:
        """Let a person take this much of a community's wallet each period (mgs); None: what its policy says."""

    async def allowance(self, community_id: str, person_id: str) -> Allowance | None:
        """What a person may take of a community's wallet; None where the community does not pay."""

    async def mint(self, key: str, wallet_id: str, amount: int, line: AuditLine) -> bool:
        """Make credits; False if that was done under this key before."""

    async def transfer(self, key: str, source: str, target: str, amount: int, line: AuditLine) -> bool:
        """Move credits; False if that was done under this key before. Raises InsufficientCredits."""

    async def refund(self, job_id: str, line: AuditLine, *, source: str | None = None) -> int:
        """Give back what a settled job was charged, once; gives the amount, 0 if there is nothing to give back.

        `source` is a wallet that pays for it; without one the charge is undone.
        """

    async def statement(self, wallet_id: str, *, before: int = 0, limit: int = 20) -> Statement:
        """A wallet's entries, newest first; `before` an entry's number, 0 for the newest."""

    async def policy(self, community_id: str) -> CommunityPolicy:
        """What a community has decided."""

    async def set_policy(self, community_id: str, policy: CommunityPolicy, line: AuditLine) -> None:
        """Decide anew; what is queued already keeps its place."""

    async def ban(self, ban: Ban, line: AuditLine) -> None:
        """Ban somebody from now on; `Books.accept` raises Banned for them. Replaces the ban they have there."""

    async def unban(self, person_id: str, community_id: str | None, line: AuditLine) -> bool:
        """Lift a ban; False if there is none."""

    async def bans(self, community_id: str | None) -> tuple[Ban, ...]:
        """The bans of a community, or those that hold everywhere (None), that have not run out; newest first."""

    async def audit_lines(self, community_id: str | None, limit: int = 50) -> tuple[AuditLine, ...]:
        """The newest lines of a community, or of everywhere (None)."""

    async def record(self, person_id: str) -> Record:
        """All that is kept about a person."""

    async def forget(self, person_id: str) -> Forgotten:
        """Cancel what a person has on its way and take them out of the database; ledger rows stay, without the name.

        Twice is harmless. The caller stops the attempts and removes the files, then calls `scrub`.
        """

    async def scrub(self) -> None:
        """Write over what was deleted, in the database's file and beside it. Raises DiskFull, and may be repeated."""

    async def prove(self) -> tuple[str, ...]:
        """A sentence for everything in the books that does not add up; empty if all is well."""


class Blobs(Protocol):
    """Content-addressed files; all file work is done off the event loop."""

    async def put(self, data: bytes) -> str:
        """Store bytes durably and give their name; the same bytes twice are stored once. Raises DiskFull."""

    async def get(self, name: str) -> bytes:
        """Read bytes. Raises BlobMissing."""

    async def delete(self, name: str) -> None:
        """Remove a blob; harmless if it is not there."""


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

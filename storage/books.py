"""The books: `engine.ports.Books` on a database. Every verb is one transaction of a function in the rooms beside."""

import uuid
from collections.abc import Collection, Mapping, Sequence

from engine.accounts import AuditLine
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
    Person,
    Picture,
)
from engine.ports import Books, Clock
from engine.safety.verdicts import NOTHING, Ruling
from engine.standing import Pause, Waiting
from storage import audit, deliveries, forgetting, intake, ledger, orders, people, queue, views, work
from storage.database import Database
from storage.policy import Policy

LEASE = 60.0  # seconds that an attempt belongs to the process that claimed it, unless `heartbeat` renews it


def open_books(database: Database, clock: Clock, policy: Policy) -> Books:
    """Give the books of an open database; closing the database stays with the caller."""
    return SqlBooks(database, clock, policy)


class SqlBooks:
    """Implements `engine.ports.Books`."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._owner = uuid.uuid4().hex  # this process, in the deliveries that it is sending

    async def person(self, identity: Identity) -> Person:
        """See `Books.person`."""
        known = await self._database.read(lambda session: people.known_person(session, identity))
        if known is not None:
            return known
        return await self._database.write(lambda session: people.person(session, identity, self._clock.now()))

    async def community(self, platform: str, external_id: str, name: str) -> Community:
        """See `Books.community`."""
        known = await self._database.read(lambda session: people.known_community(session, platform, external_id, name))
        if known is not None:
            return known
        return await self._database.write(lambda session: people.community(session, platform, external_id, name))

    async def balance(self, wallet_id: str) -> Balance:
        """See `Books.balance`."""
        now = self._clock.now()
        known = await self._database.read(lambda session: ledger.look_up(session, wallet_id, self._policy, now))
        if known is not None:
            return known
        return await self._database.write(lambda session: ledger.grant(session, wallet_id, self._policy, now))

    async def accept(self, new: NewJob) -> Job:
        """See `Books.accept`."""
        return await self._database.write(lambda session: intake.accept(session, new, self._policy, self._clock.now()))

    async def claim(
        self,
        endpoint: str,
        needs: Collection[str],
        *,
        job_id: str | None = None,
        loaded: str = "",
        only_here: Collection[str] = (),
    ) -> Attempt | None:
        """See `Books.claim`."""
        now = self._clock.now()
        wanted = queue.Claim(
            endpoint=endpoint,
            needs=needs,
            only_here=only_here,
            loaded=loaded,
            job_id=job_id,
            owner=self._owner,
            lease_until=now + LEASE,
        )
        return await self._database.write(lambda session: queue.claim(session, wanted, self._policy, now))

    async def waiting_needs(self, *, job_id: str | None = None) -> tuple[str, ...]:
        """See `Books.waiting_needs`."""
        return await self._database.read(lambda session: queue.waiting_needs(session, job_id))

    async def start(self, attempt_id: str) -> bool:
        """See `Books.start`."""
        return await self._database.write(lambda session: work.start(session, attempt_id, self._clock.now()))

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
        """See `Books.settle`."""
        now = self._clock.now()
        return await self._database.write(
            lambda session: work.settle(
                session, attempt_id, pictures, seconds, measured, learnt=learnt, ruling=ruling, now=now
            )
        )

    async def fail(self, attempt_id: str, error: AtelierError, *, retry: bool, elsewhere: bool = False) -> Job:
        """See `Books.fail`."""
        now = self._clock.now()
        return await self._database.write(
            lambda session: work.fail(session, attempt_id, error, retry=retry, elsewhere=elsewhere, now=now)
        )

    async def cancel(self, job_id: str, reason: str) -> tuple[Job, tuple[Attempt, ...]]:
        """See `Books.cancel`."""
        return await self._database.write(lambda session: work.cancel(session, job_id, reason, self._clock.now()))

    async def amend(self, job_id: str, new: NewJob) -> Job:
        """See `Books.amend`."""
        now = self._clock.now()
        return await self._database.write(lambda session: orders.amend(session, job_id, new, self._policy, now))

    async def move(self, job_id: str, behind: str | None = None, *, within: str | None = None) -> Job:
        """See `Books.move`."""
        return await self._database.write(
            lambda session: orders.move(session, job_id, behind, within, self._clock.now())
        )

    async def hold(self, job_id: str, reason: str) -> Job:
        """See `Books.hold`."""
        return await self._database.write(lambda session: orders.hold(session, job_id, reason, self._clock.now()))

    async def release(self, job_id: str, reason: str) -> Job:
        """See `Books.release`."""
        return await self._database.write(lambda session: orders.release(session, job_id, reason, self._clock.now()))

    async def clear(
        self, reason: str, *, person_id: str | None = None, community_id: str | None = None
    ) -> tuple[Job, ...]:
        """See `Books.clear`."""
        now = self._clock.now()
        return await self._database.write(lambda session: orders.clear(session, person_id, community_id, reason, now))

    async def expire(self) -> tuple[Job, ...]:
        """See `Books.expire`."""
        return await self._database.write(lambda session: orders.expire(session, self._policy, self._clock.now()))

    async def pause(self, by: str, reason: str) -> None:
        """See `Books.pause`."""
        await self._database.write(lambda session: orders.pause(session, by, reason, self._clock.now()))

    async def resume(self) -> None:
        """See `Books.resume`."""
        await self._database.write(orders.resume)

    async def paused(self) -> Pause | None:
        """See `Books.paused`."""
        return await self._database.read(orders.paused)

    async def open_attempts(self) -> tuple[Attempt, ...]:
        """See `Books.open_attempts`."""
        now = self._clock.now()
        alone = self._database.alone
        return await self._database.write(
            lambda session: work.take_over(session, self._owner, alone=alone, lease_until=now + LEASE, now=now)
        )

    async def heartbeat(self) -> None:
        """See `Books.heartbeat`."""
        lease_until = self._clock.now() + LEASE
        await self._database.write(lambda session: work.heartbeat(session, self._owner, lease_until))

    async def learnt(self) -> tuple[Learnt, ...]:
        """See `Books.learnt`."""
        return await self._database.read(views.learnt)

    async def waiting(self, job_id: str) -> Waiting | None:
        """See `Books.waiting`."""
        return await self._database.read(lambda session: views.waiting(session, job_id, self._policy))

    async def job(self, job_id: str) -> JobView | None:
        """See `Books.job`."""
        return await self._database.read(lambda session: views.view(session, job_id))

    async def jobs(
        self, *, person_id: str | None = None, community_id: str | None = None, active: bool = False, limit: int = 20
    ) -> tuple[JobView, ...]:
        """See `Books.jobs`."""
        return await self._database.read(lambda session: views.views(session, person_id, community_id, active, limit))

    async def work_before(self, person_id: str, lane: Lane) -> Mapping[str, int]:
        """See `Books.work_before`."""
        return await self._database.read(lambda session: views.work_before(session, person_id, lane))

    async def backlog(self) -> int:
        """See `Books.backlog`."""
        return await self._database.read(queue.backlog)

    async def counts(self) -> Mapping[JobStatus, int]:
        """See `Books.counts`."""
        return await self._database.read(views.counts)

    async def take_deliveries(self, platforms: Sequence[str], limit: int = 20) -> tuple[Delivery, ...]:
        """See `Books.take_deliveries`."""
        now = self._clock.now()
        return await self._database.write(lambda session: deliveries.take(session, platforms, limit, self._owner, now))

    async def delivery_posted(self, delivery_id: str, message_id: str) -> None:
        """See `Books.delivery_posted`."""
        await self._database.write(
            lambda session: deliveries.posted(session, delivery_id, message_id, self._clock.now())
        )

    async def delivery_done(self, delivery_id: str) -> None:
        """See `Books.delivery_done`."""
        await self._database.write(lambda session: deliveries.done(session, delivery_id, self._clock.now()))

    async def delivery_failed(self, delivery_id: str, error: AtelierError, retry_at: float | None) -> None:
        """See `Books.delivery_failed`."""
        await self._database.write(
            lambda session: deliveries.failed(session, delivery_id, error, retry_at, self._clock.now())
        )

    async def unreferenced(self, blobs: Collection[str]) -> frozenset[str]:
        """See `Books.unreferenced`."""
        return await self._database.write(lambda session: forgetting.unreferenced(session, blobs))

    async def audit(
        self, actor: str, action: str, target: str, detail: Json, *, community_id: str | None = None
    ) -> None:
        """See `Books.audit`."""
        line = AuditLine(actor=actor, action=action, target=target, detail=detail, community_id=community_id)
        await self._database.write(lambda session: audit.add(session, line, self._clock.now()))

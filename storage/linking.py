"""Joining people: codes, tries, and the one transaction that makes two one."""

import hashlib

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from engine.accounts import AuditLine
from engine.linking import MOST_TRIES, TRIES_COUNT, Linked, Links, Outcome
from engine.model import Identity, JobStatus
from engine.ports import Clock
from storage import audit, joining
from storage.database import Database
from storage.policy import Policy
from storage.tables import IdentityRow, JobRow, LinkCodeRow, LinkTryRow, PersonRow
from storage.transaction import Transaction

_ENDED = tuple(status for status in JobStatus if status.ended)


def open_links(database: Database, clock: Clock, policy: Policy) -> Links:
    """Give the links of an open database; closing the database stays with the caller."""
    return SqlLinks(database, clock, policy)


def offer(session: Session, person_id: str, code: str, until: float, now: float) -> None:
    """Keep a code; those whose time is over go."""
    session.execute(
        delete(LinkCodeRow).where((col(LinkCodeRow.until) <= now) | (col(LinkCodeRow.person_id) == person_id))
    )
    session.add(LinkCodeRow(person_id=person_id, digest=_digest(code), until=until))


def look(session: Session, person_id: str, code: str, now: float) -> Linked:
    """Say whose code it is, and whether it would join them."""
    session.execute(delete(LinkTryRow).where(col(LinkTryRow.at) <= now - TRIES_COUNT))
    tried = select(func.count()).where(col(LinkTryRow.person_id) == person_id)
    if session.scalars(tried).one() >= MOST_TRIES:
        return Linked(outcome=Outcome.TRIES)
    row = session.scalars(select(LinkCodeRow).where(col(LinkCodeRow.digest) == _digest(code)).with_for_update()).first()
    if row is None or row.until <= now:
        session.add(LinkTryRow(person_id=person_id, at=now))
        return Linked(outcome=Outcome.UNKNOWN)
    if row.person_id == person_id:
        return Linked(outcome=Outcome.OWN)
    theirs, own = identities(session, row.person_id), identities(session, person_id)
    if {one.platform for one in theirs} & {one.platform for one in own}:
        return Linked(outcome=Outcome.PLATFORM)
    if _busy(session, person_id) and _busy(session, row.person_id):
        return Linked(outcome=Outcome.BUSY)
    return Linked(outcome=Outcome.DONE, identities=theirs)


def join(tx: Transaction, person_id: str, code: str, line: AuditLine, policy: Policy, now: float) -> Linked:
    """Join whoever typed a code with whose it is; see `Links.join`."""
    person = tx.get(PersonRow, person_id, with_for_update=True)
    if person is None or person.forgotten_at is not None:
        return Linked(outcome=Outcome.UNKNOWN)
    found = look(tx, person_id, code, now)
    if found.outcome is not Outcome.DONE:
        return found
    row = tx.scalars(select(LinkCodeRow).where(col(LinkCodeRow.digest) == _digest(code))).one()
    other = tx.get_one(PersonRow, row.person_id, with_for_update=True)
    into, gone = (person, other) if _busy(tx, person_id) else (other, person)
    joining.join(tx, into, gone, policy, now)
    names: list[str] = [f"{one.platform}:{one.id}" for one in identities(tx, into.id)]
    audit.add(tx, AuditLine(actor=line.actor, action=line.action, target=into.id, detail={"joined": [*names]}), now)
    return found


def identities(session: Session, person_id: str) -> tuple[Identity, ...]:
    """Give the accounts of a person."""
    chosen = select(IdentityRow).where(col(IdentityRow.person_id) == person_id).order_by(col(IdentityRow.platform))
    return tuple(Identity(platform=row.platform, id=row.external_id, name=row.name) for row in session.scalars(chosen))


def _busy(session: Session, person_id: str) -> bool:
    """Whether somebody has a job on its way, whose hold is in their wallet."""
    chosen = select(col(JobRow.id)).where(col(JobRow.person_id) == person_id, col(JobRow.status).not_in(_ENDED))
    return session.scalars(chosen.limit(1)).first() is not None


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


class SqlLinks:
    """Implements `engine.linking.Links`."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def offer(self, person_id: str, code: str, until: float) -> None:
        """See `Links.offer`."""
        now = self._clock.now()
        await self._database.write(lambda session: offer(session, person_id, code, until, now))

    async def look(self, person_id: str, code: str) -> Linked:
        """See `Links.look`."""
        now = self._clock.now()
        return await self._database.write(lambda session: look(session, person_id, code, now))

    async def join(self, person_id: str, code: str, line: AuditLine) -> Linked:
        """See `Links.join`."""
        now = self._clock.now()
        return await self._database.write(lambda tx: join(tx, person_id, code, line, self._policy, now))

    async def part(self, identity: Identity, line: AuditLine) -> Outcome:
        """See `Links.part`."""

        def work(tx: Transaction) -> Outcome:
            now = self._clock.now()
            done = joining.part(tx, identity, self._policy, now)
            if done:
                audit.add(tx, line, now)
            return Outcome.DONE if done else Outcome.ALONE

        return await self._database.write(work)

    async def identities(self, person_id: str) -> tuple[Identity, ...]:
        """See `Links.identities`."""
        return await self._database.read(lambda session: identities(session, person_id))

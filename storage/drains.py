"""Endpoints that are given no new work, over restarts."""

from collections.abc import Collection

from sqlalchemy import select
from sqlmodel import Session, col

from engine.accounts import AuditLine
from engine.ports import Clock
from engine.ports_moderation import Drains
from storage import audit
from storage.database import Database
from storage.tables import DrainRow


def open_drains(database: Database, clock: Clock) -> Drains:
    """Give the drains of an open database; closing the database stays with the caller."""
    return SqlDrains(database, clock)


def drain(session: Session, endpoint: str, line: AuditLine, now: float) -> bool:
    """Note that an endpoint is drained; False if that is known."""
    if session.get(DrainRow, endpoint, with_for_update=True) is not None:
        return False
    session.add(DrainRow(endpoint=endpoint, by=line.actor, at=now))
    audit.add(session, line, now)
    return True


def enable(session: Session, endpoint: str, line: AuditLine, now: float) -> bool:
    """Forget that an endpoint is drained; False if it is not."""
    row = session.get(DrainRow, endpoint, with_for_update=True)
    if row is None:
        return False
    session.delete(row)
    audit.add(session, line, now)
    return True


class SqlDrains:
    """Implements `engine.ports_moderation.Drains`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def drained(self) -> Collection[str]:
        """See `Drains.drained`."""
        return await self._database.read(
            lambda session: frozenset(session.scalars(select(col(DrainRow.endpoint))).all())
        )

    async def drain(self, endpoint: str, line: AuditLine) -> bool:
        """See `Drains.drain`."""
        return await self._database.write(lambda session: drain(session, endpoint, line, self._clock.now()))

    async def enable(self, endpoint: str, line: AuditLine) -> bool:
        """See `Drains.enable`."""
        return await self._database.write(lambda session: enable(session, endpoint, line, self._clock.now()))

"""What people, channels and communities have chosen."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, func, select
from sqlmodel import Session, col

from engine.accounts import AuditLine
from engine.ports import Clock
from engine.ports_moderation import Preferences
from storage import audit
from storage.database import Database
from storage.prepared import Prepared
from storage.tables import PreferenceRow, table_of
from storage.transaction import Transaction

MOST = 100  # of one person, channel or community
_CHOSEN = table_of(PreferenceRow)
_IN_SCOPE = Prepared(
    select(_CHOSEN.c.name, _CHOSEN.c.value)
    .where(_CHOSEN.c.scope == bindparam("scope"), _CHOSEN.c.scope_id == bindparam("scope_id"))
    .order_by(_CHOSEN.c.name)
)


def open_preferences(database: Database, clock: Clock) -> Preferences:
    """Give the preferences of an open database; closing the database stays with the caller."""
    return SqlPreferences(database, clock)


def of(tx: Transaction, scopes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """Give what was chosen in these scopes, by name in the order of the alphabet."""
    return {
        (scope, scope_id): {row.name: str(row.value) for row in tx.rows(_IN_SCOPE, scope=scope, scope_id=scope_id)}
        for scope, scope_id in scopes
    }


def put(session: Session, scope: str, scope_id: str, name: str, value: str, line: AuditLine | None, now: float) -> bool:
    """Choose; False if there is no room for one more."""
    row = session.get(PreferenceRow, (scope, scope_id, name), with_for_update=True)
    if row is None:
        counted = select(func.count()).where(col(PreferenceRow.scope) == scope, col(PreferenceRow.scope_id) == scope_id)
        if session.scalars(counted).one() >= MOST:
            return False
        row = PreferenceRow(scope=scope, scope_id=scope_id, name=name, value=value, at=now)
        session.add(row)
    row.value, row.at = value, now
    if line is not None:
        audit.add(session, line, now)
    return True


def drop(session: Session, scope: str, scope_id: str, name: str, line: AuditLine | None, now: float) -> bool:
    """Choose no more; False if nothing was chosen."""
    row = session.get(PreferenceRow, (scope, scope_id, name), with_for_update=True)
    if row is None:
        return False
    session.delete(row)
    if line is not None:
        audit.add(session, line, now)
    return True


class SqlPreferences:
    """Implements `engine.ports_moderation.Preferences`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, scopes: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """See `Preferences.of`."""
        return await self._database.read(lambda session: of(session, scopes))

    async def set(self, scope: str, scope_id: str, name: str, value: str, line: AuditLine | None = None) -> bool:
        """See `Preferences.set`."""
        now = self._clock.now()
        return await self._database.write(lambda session: put(session, scope, scope_id, name, value, line, now))

    async def delete(self, scope: str, scope_id: str, name: str, line: AuditLine | None = None) -> bool:
        """See `Preferences.delete`."""
        now = self._clock.now()
        return await self._database.write(lambda session: drop(session, scope, scope_id, name, line, now))

"""Bans: who may not ask for work, in a community or anywhere."""

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select
from sqlmodel import Session, col

from engine.accounts import Ban
from engine.errors import Banned, UnknownPerson
from storage.prepared import Prepared
from storage.tables import BanRow, PersonRow, table_of
from storage.transaction import Transaction

EVERYWHERE = ""
_PERSON, _BAN = table_of(PersonRow), table_of(BanRow)
_HERE = (_BAN.c.person_id == _PERSON.c.id, _BAN.c.community_id.in_([EVERYWHERE, bindparam("community_id")]))
_STANDING = Prepared(
    select(_PERSON.c.forgotten_at, _BAN.c.community_id, _BAN.c.reason, _BAN.c.until, _BAN.c.by)
    .select_from(_PERSON)
    .outerjoin(_BAN, and_(*_HERE))
    .where(_PERSON.c.id == bindparam("person_id"))
    .order_by(_BAN.c.community_id)
)
"""A person with the bans that concern a place, the one that holds everywhere first."""


def concerned() -> ColumnElement[bool]:
    """Say of a row of `person` whether `check` has anything to look at; `community_id` is bound to the place, or ''."""
    return or_(_PERSON.c.forgotten_at.is_not(None), exists().where(*_HERE))


def check(tx: Transaction, person_id: str, community_id: str | None, now: float) -> None:
    """Let pass whoever may ask for work here. Raises Banned, and UnknownPerson for somebody who was just forgotten."""
    for row in tx.rows(_STANDING, person_id=person_id, community_id=community_id or EVERYWHERE):
        if row.forgotten_at is not None:
            raise UnknownPerson("this person was forgotten a moment ago", value="")
        if row.by is None or (row.until is not None and row.until <= now):
            continue
        seconds = None if row.until is None else row.until - now
        raise Banned(
            f"banned by {row.by}",
            retry_after=seconds,
            reason=row.reason,
            seconds="" if seconds is None else max(1, round(seconds)),
            everywhere="yes" if row.community_id == EVERYWHERE else "no",
        )


def of_community(session: Session, community_id: str | None, now: float) -> tuple[Ban, ...]:
    """Give the bans that a community (or, without one, the operators) set and that still hold, newest first."""
    chosen = select(BanRow).where(col(BanRow.community_id) == (community_id or EVERYWHERE))
    held = [ban_of(row) for row in session.scalars(chosen) if row.until is None or row.until > now]
    return tuple(sorted(held, key=lambda ban: -ban.at))


def put(session: Session, ban: Ban) -> None:
    """Ban somebody; a ban that they have in that place already is replaced."""
    row = session.get(BanRow, (ban.person_id, ban.community_id or EVERYWHERE), with_for_update=True)
    if row is None:
        row = BanRow(person_id=ban.person_id, community_id=ban.community_id or EVERYWHERE, reason="", by="", at=ban.at)
        session.add(row)
    row.reason, row.until, row.by, row.at = ban.reason, ban.until, ban.by, ban.at


def lift(session: Session, person_id: str, community_id: str | None) -> bool:
    """Lift the ban that was set in a community, or everywhere; False if there is none."""
    row = session.get(BanRow, (person_id, community_id or EVERYWHERE), with_for_update=True)
    if row is None:
        return False
    session.delete(row)
    return True


def ban_of(row: BanRow) -> Ban:
    """Give the ban that a row holds."""
    return Ban(
        person_id=row.person_id,
        community_id=row.community_id or None,
        reason=row.reason,
        until=row.until,
        by=row.by,
        at=row.at,
    )

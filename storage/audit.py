"""The audit log: what somebody with power did."""

from sqlalchemy import select
from sqlmodel import Session, col

from engine.accounts import AuditLine
from engine.model import Json
from storage.tables import AuditRow


def write(session: Session, actor: str, action: str, target: str, detail: Json, *, now: float) -> None:
    """Add a line that belongs to no community; lines are never changed."""
    add(session, AuditLine(actor=actor, action=action, target=target, detail=detail), now)


def add(session: Session, line: AuditLine, now: float) -> None:
    """Add a line."""
    session.add(
        AuditRow(
            at=now,
            actor=line.actor,
            action=line.action,
            target=line.target,
            detail=line.detail,
            community_id=line.community_id,
        )
    )


def lines(session: Session, community_id: str | None, limit: int) -> tuple[AuditLine, ...]:
    """Give the newest lines of a community, or of everywhere."""
    chosen = select(AuditRow).order_by(col(AuditRow.sequence).desc()).limit(limit)
    if community_id is not None:
        chosen = chosen.where(col(AuditRow.community_id) == community_id)
    return tuple(
        AuditLine(
            actor=row.actor,
            action=row.action,
            target=row.target,
            detail=row.detail,
            community_id=row.community_id,
            at=row.at,
        )
        for row in session.scalars(chosen)
    )

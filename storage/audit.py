"""The audit log: what somebody with power did."""

from sqlmodel import Session

from engine.model import Json
from storage.tables import AuditRow


def write(session: Session, actor: str, action: str, target: str, detail: Json, *, now: float) -> None:
    """Add a line; lines are never changed."""
    session.add(AuditRow(at=now, actor=actor, action=action, target=target, detail=detail))

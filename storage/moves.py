"""A chat of a platform has another id: what is kept of it follows."""

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from engine.model import DeliveryStatus, JobStatus
from storage import deliveries
from storage.database import Database
from storage.policy import policy_from
from storage.tables import CommunityRow, DeliveryRow, JobRow, PreferenceRow

_ENDED = tuple(status for status in JobStatus if status.ended)
_OPEN_DELIVERY = (DeliveryStatus.WAITING, DeliveryStatus.HELD, DeliveryStatus.DUE, DeliveryStatus.SENDING)


def move(session: Session, platform: str, old: str, new: str) -> bool:
    """Give a community its new id, and send what is on its way there; False if nothing was to be done.

    The messages that it has in the old chat are given up: in the new one they cannot be changed. A community that was
    made of the new id meanwhile keeps its few jobs, and gives up the id.
    """
    row = session.scalars(
        select(CommunityRow).where(col(CommunityRow.platform) == platform, col(CommunityRow.external_id) == old)
    ).first()
    if row is not None:
        _rename(session, row, old, new)
    moved = _deliveries(session, platform, old, new)
    session.flush()
    return row is not None or moved


def _rename(session: Session, row: CommunityRow, old: str, new: str) -> None:
    taken = session.scalars(
        select(CommunityRow).where(col(CommunityRow.platform) == row.platform, col(CommunityRow.external_id) == new)
    ).first()
    if taken is not None:
        taken.external_id = f"{new}:{taken.id}"
        session.flush()
        session.execute(
            update(JobRow)
            .where(col(JobRow.community_id) == taken.id, col(JobRow.status).in_(_ENDED))
            .values(community_id=row.id)
        )
    row.external_id = new
    policy = policy_from(row.policy)
    channels = tuple(new if channel == old else channel for channel in policy.channels)
    result = new if policy.result_channel == old else policy.result_channel
    if (channels, result) != (policy.channels, policy.result_channel):
        row.policy = asdict(replace(policy, channels=channels, result_channel=result))
    scope = f"{row.id}:{old}"
    chosen = select(PreferenceRow).where(col(PreferenceRow.scope) == "channel", col(PreferenceRow.scope_id) == scope)
    for kept in session.scalars(chosen).all():
        session.add(
            PreferenceRow(scope="channel", scope_id=f"{row.id}:{new}", name=kept.name, value=kept.value, at=kept.at)
        )
        session.delete(kept)


def _deliveries(session: Session, platform: str, old: str, new: str) -> bool:
    """Send what is on its way to the new chat."""
    chosen = (
        select(DeliveryRow, JobRow)
        .join(JobRow, col(JobRow.id) == col(DeliveryRow.job_id))
        .where(col(DeliveryRow.platform) == platform, col(DeliveryRow.status).in_(_OPEN_DELIVERY))
    )
    moved = False
    for delivery, job in session.execute(chosen).all():
        there = (delivery.place or job.place).get("chat") == old
        job.place = _moved(job.place, old, new)
        delivery.place = None if delivery.place is None else _moved(delivery.place, old, new)
        delivery.fallback = None if delivery.fallback is None else _moved(delivery.fallback, old, new)
        if there:
            deliveries.message_gone(session, delivery.id)
            moved = True
    return moved


def _moved(place: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    changed = dict(place)
    if place.get("chat") == old:
        changed |= {"chat": new, "thread": "", "reply_to": ""}
    if place.get("asked_in") == old:
        changed |= {"asked_in": new, "asked_thread": ""}
    return changed


class SqlMoves:
    """Implements `engine.ports_places.Moves`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def moved(self, platform: str, old: str, new: str) -> bool:
        """See `Moves.moved`."""
        return await self._database.write(lambda session: move(session, platform, old, new))

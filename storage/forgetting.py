"""Forgetting a person: what they made, said and were called goes; what was paid stays, without the name.

Jobs, tasks, attempts and ledger entries stay as figures that add up. Communities' pictures that others started from
one of theirs stay too: somebody else refers to those bytes.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from engine.accounts import Forgotten
from engine.errors import Interrupted
from engine.model import Attempt, DeliveryStatus
from storage import deliveries, fingerprints, ledger, work
from storage.policy import Policy
from storage.tables import (
    AuditRow,
    BanRow,
    BlobRow,
    DeliveryRow,
    IdentityRow,
    JobInputRow,
    JobRow,
    MemberRow,
    PersonRow,
    PictureRow,
    PreferenceRow,
    TaskRow,
)

_OPEN_DELIVERY = (DeliveryStatus.DUE, DeliveryStatus.SENDING)
_PROMPTS = ("prompt", "negative")
_SHORTEST_WORDS = 4  # characters; what is shorter names nobody, and is in every file


def forget(session: Session, person_id: str, policy: Policy, now: float) -> Forgotten:
    """Take a person out of the database; see `Accounts.forget`."""
    person = session.get_one(PersonRow, person_id, with_for_update=True)
    jobs = session.scalars(select(JobRow).where(col(JobRow.person_id) == person_id)).all()
    attempts = _stop(session, jobs, now)
    blobs, words = _empty(session, jobs)
    if person.forgotten_at is None:
        fingerprints.leave(session, person, policy, now)
        _take_names(session, person)
        person.forgotten_at = now
    session.flush()
    session.expire_all()
    return Forgotten(jobs=len(jobs), attempts=attempts, blobs=unreferenced(session, blobs), copies=blobs, words=words)


def _stop(session: Session, jobs: Iterable[JobRow], now: float) -> tuple[Attempt, ...]:
    """Cancel what is on its way, and end deliveries: there is nobody to tell any more.

    The verbs of queue and deliveries write past the rows that are loaded here, which are read again after each.
    """
    attempts: list[Attempt] = []
    for job_id, status in [(job.id, job.status) for job in jobs]:
        if status in ledger.OPEN_HOLD:
            _, running = work.cancel(session, job_id, "cancelled by owner", now)
            attempts += running
            session.expire_all()
        open_now = col(DeliveryRow.status).in_(_OPEN_DELIVERY)
        due = select(col(DeliveryRow.id)).where(col(DeliveryRow.job_id) == job_id, open_now)
        for delivery_id in session.scalars(due).all():
            deliveries.failed(session, delivery_id, Interrupted(), None, now)
            session.expire_all()
    return tuple(attempts)


def _empty(session: Session, jobs: Iterable[JobRow]) -> tuple[frozenset[str], frozenset[str]]:
    """Empty the jobs of prompts, graphs, options, addresses and pictures; give the pictures and the words."""
    blobs: set[str] = set()
    words: set[str] = set()
    for job in jobs:
        words |= {job.text, *(str(job.options.get(slot, "")) for slot in _PROMPTS)}
        tasks = select(col(TaskRow.id)).where(col(TaskRow.job_id) == job.id)
        blobs |= set(session.scalars(select(col(PictureRow.blob)).where(col(PictureRow.task_id).in_(tasks))))
        blobs |= set(session.scalars(select(col(JobInputRow.blob)).where(col(JobInputRow.job_id) == job.id)))
        session.execute(delete(PictureRow).where(col(PictureRow.task_id).in_(tasks)))
        session.execute(delete(JobInputRow).where(col(JobInputRow.job_id) == job.id))
        session.execute(update(TaskRow).where(col(TaskRow.job_id) == job.id).values(graph={}, inputs=[], seed="0"))
        session.execute(
            update(DeliveryRow)
            .where(col(DeliveryRow.job_id) == job.id)
            .values(message_id="", place=None, fallback=None)
        )
        session.execute(
            update(JobRow)
            .where(col(JobRow.id) == job.id)
            .values(
                text="", options={}, place={"platform": job.place["platform"], "chat": ""}, request_key=f"gone:{job.id}"
            )
        )
    return frozenset(blobs), frozenset(word for word in words if len(word) >= _SHORTEST_WORDS)


def _take_names(session: Session, person: PersonRow) -> None:
    """Remove names, identities and preferences, and put our own id where they acted with power."""
    identities = session.scalars(select(IdentityRow).where(col(IdentityRow.person_id) == person.id)).all()
    for identity in identities:
        known_as = f"{identity.platform}:{identity.external_id}"
        session.execute(update(AuditRow).where(col(AuditRow.actor) == known_as).values(actor=f"person:{person.id}"))
        session.execute(update(BanRow).where(col(BanRow.by) == known_as).values(by=f"person:{person.id}"))
    session.execute(delete(IdentityRow).where(col(IdentityRow.person_id) == person.id))
    session.execute(delete(MemberRow).where(col(MemberRow.person_id) == person.id))
    session.execute(
        delete(PreferenceRow).where(col(PreferenceRow.scope) == "person", col(PreferenceRow.scope_id) == person.id)
    )
    person.name = ""


def unreferenced(session: Session, blobs: Collection[str]) -> frozenset[str]:
    """Drop the rows of blobs that no picture and no job refers to any more, and give their names."""
    gone = set()
    for blob in sorted(set(blobs)):
        shown = session.scalars(select(col(PictureRow.task_id)).where(col(PictureRow.blob) == blob).limit(1)).first()
        used = session.scalars(select(col(JobInputRow.job_id)).where(col(JobInputRow.blob) == blob).limit(1)).first()
        if shown is None and used is None:
            session.execute(delete(BlobRow).where(col(BlobRow.name) == blob))
            gone.add(blob)
    return frozenset(gone)

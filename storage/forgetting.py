"""Forgetting a person: what they made, said and were called goes; what was paid stays, without the name.

Jobs, tasks, attempts and ledger entries stay as figures that add up. Communities' pictures that others started from
one of theirs stay too: somebody else refers to those bytes.
"""

from collections.abc import Collection

from sqlalchemy import Delete, String, Update, column, delete, exists, select, update, values
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
    DrainRow,
    FavouriteRow,
    IdentityRow,
    JobInputRow,
    JobRow,
    LinkCodeRow,
    LinkTryRow,
    MemberRow,
    PauseRow,
    PersonRow,
    PictureRow,
    PreferenceRow,
    ReviewRow,
    TaskRow,
)
from storage.transaction import Transaction

_OPEN_DELIVERY = (DeliveryStatus.HELD, DeliveryStatus.DUE, DeliveryStatus.SENDING)
_AT_ONCE = 500  # names in one statement
_PROMPTS = ("prompt", "negative")
_SHORTEST_WORDS = 4  # characters; what is shorter names nobody, and is in every file


def forget(session: Transaction, person_id: str, policy: Policy, now: float) -> Forgotten:
    """Take a person out of the database; see `Accounts.forget`."""
    person = session.get_one(PersonRow, person_id, with_for_update=True)
    attempts = _stop(session, person_id, now)
    words, count = _words(session, person_id)
    blobs = _empty(session, person_id)
    if person.forgotten_at is None:
        fingerprints.leave(session, person, policy, now)
        _take_names(session, person)
        person.forgotten_at = now
    session.flush()
    return Forgotten(jobs=count, attempts=attempts, blobs=unreferenced(session, blobs), copies=blobs, words=words)


def _stop(session: Transaction, person_id: str, now: float) -> tuple[Attempt, ...]:
    """Cancel what is on its way, and end deliveries: there is nobody to tell any more."""
    attempts: list[Attempt] = []
    of_person = col(JobRow.person_id) == person_id
    waiting = select(col(JobRow.id)).where(of_person, ledger.IS_OPEN)
    for job_id in session.scalars(waiting).all():
        _, running = work.cancel(session, job_id, "cancelled by owner", now)
        attempts += running
    session.expire_all()  # the queue's verbs write past the rows that are loaded here
    due = (
        select(col(DeliveryRow.id))
        .join(JobRow, col(JobRow.id) == col(DeliveryRow.job_id))
        .where(of_person, col(DeliveryRow.status).in_(_OPEN_DELIVERY))
    )
    for delivery_id in session.scalars(due).all():
        deliveries.failed(session, delivery_id, Interrupted(), None, now)
    session.flush()
    session.expire_all()
    return tuple(attempts)


def _words(session: Session, person_id: str) -> tuple[frozenset[str], int]:
    """Give a person's prompts, and the number of their jobs."""
    words: set[str] = set()
    count = 0
    for row in session.execute(select(col(JobRow.text), col(JobRow.options)).where(col(JobRow.person_id) == person_id)):
        count += 1
        words |= {row.text, *(str(row.options.get(slot, "")) for slot in _PROMPTS)}
    return frozenset(word for word in words if len(word) >= _SHORTEST_WORDS), count


def _empty(session: Session, person_id: str) -> frozenset[str]:
    """Empty a person's jobs of prompts, graphs, options, addresses and pictures; give the names of the pictures."""
    jobs = select(col(JobRow.id)).where(col(JobRow.person_id) == person_id)
    tasks = select(col(TaskRow.id)).where(col(TaskRow.job_id).in_(jobs))
    made = session.scalars(select(col(PictureRow.blob)).where(col(PictureRow.task_id).in_(tasks))).all()
    sent = session.scalars(select(col(JobInputRow.blob)).where(col(JobInputRow.job_id).in_(jobs))).all()
    platforms = select(col(DeliveryRow.platform)).where(col(DeliveryRow.job_id).in_(jobs)).distinct()
    for platform in session.scalars(platforms).all():
        there = select(col(DeliveryRow.job_id)).where(col(DeliveryRow.platform) == platform)
        _write(
            session,
            update(JobRow)
            .where(col(JobRow.id).in_(jobs), col(JobRow.id).in_(there))
            .values(
                text="", options={}, place={"platform": platform, "chat": ""}, request_key="gone:" + col(JobRow.id)
            ),
        )
    of_them = col(ReviewRow.job_id).in_(jobs) | (col(ReviewRow.person_id) == person_id)
    _write(session, delete(ReviewRow).where(of_them))
    _write(session, delete(FavouriteRow).where(col(FavouriteRow.job_id).in_(jobs)))
    _write(session, delete(PictureRow).where(col(PictureRow.task_id).in_(tasks)))
    _write(session, delete(JobInputRow).where(col(JobInputRow.job_id).in_(jobs)))
    _write(session, update(TaskRow).where(col(TaskRow.job_id).in_(jobs)).values(graph={}, inputs=[], seed="0"))
    _write(
        session,
        update(DeliveryRow).where(col(DeliveryRow.job_id).in_(jobs)).values(message_id="", place=None, fallback=None),
    )
    return frozenset((*made, *sent))


def _write(session: Session, statement: Update | Delete) -> None:
    """Run a statement on many rows, past those that are loaded."""
    session.execute(statement, execution_options={"synchronize_session": False})


def _take_names(session: Session, person: PersonRow) -> None:
    """Remove names, identities and preferences, and put our own id where they acted with power."""
    identities = session.scalars(select(IdentityRow).where(col(IdentityRow.person_id) == person.id)).all()
    for identity in identities:
        known_as = f"{identity.platform}:{identity.external_id}"
        session.execute(update(AuditRow).where(col(AuditRow.actor) == known_as).values(actor=f"person:{person.id}"))
        session.execute(update(BanRow).where(col(BanRow.by) == known_as).values(by=f"person:{person.id}"))
        session.execute(
            update(ReviewRow).where(col(ReviewRow.decided_by) == known_as).values(decided_by=f"person:{person.id}")
        )
        session.execute(update(DrainRow).where(col(DrainRow.by) == known_as).values(by=f"person:{person.id}"))
        session.execute(update(PauseRow).where(col(PauseRow.by) == known_as).values(by=f"person:{person.id}"))
    session.execute(delete(IdentityRow).where(col(IdentityRow.person_id) == person.id))
    session.execute(delete(LinkCodeRow).where(col(LinkCodeRow.person_id) == person.id))
    session.execute(delete(LinkTryRow).where(col(LinkTryRow.person_id) == person.id))
    session.execute(delete(MemberRow).where(col(MemberRow.person_id) == person.id))
    session.execute(delete(FavouriteRow).where(col(FavouriteRow.person_id) == person.id))
    session.execute(
        delete(PreferenceRow).where(col(PreferenceRow.scope) == "person", col(PreferenceRow.scope_id) == person.id)
    )
    person.name = ""


def unreferenced(session: Session, blobs: Collection[str]) -> frozenset[str]:
    """Drop the rows of blobs that no picture is and no job starts from, and give their names."""
    names = sorted(set(blobs))
    gone: set[str] = set()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        asked = values(column("name", String), name="asked").data([(name,) for name in some]).cte("asked")
        shown, used = col(PictureRow.blob) == asked.c.name, col(JobInputRow.blob) == asked.c.name
        chosen = select(asked.c.name).where(~exists().where(shown), ~exists().where(used))
        free = set(session.scalars(chosen))
        _write(session, delete(BlobRow).where(col(BlobRow.name).in_(free)))
        gone |= free
    return frozenset(gone)

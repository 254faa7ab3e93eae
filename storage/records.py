"""All that is kept about a person, to be handed to them."""

from dataclasses import asdict
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlmodel import Session, col

from engine.accounts import Record
from engine.model import Json
from storage import ledger, statements
from storage.policy import Policy
from storage.tables import (
    BanRow,
    FavouriteRow,
    IdentityRow,
    JobInputRow,
    JobRow,
    PersonRow,
    PictureRow,
    PreferenceRow,
    TaskRow,
    WalletRow,
)

_ALL = 2**62  # entries: more than any ledger has


def record(session: Session, person_id: str, policy: Policy, now: float) -> Record:
    """Gather a person's rows; `files` are the pictures that they made and those that they sent."""
    person = session.get_one(PersonRow, person_id)
    wallet = session.get_one(WalletRow, person.wallet_id)
    files: dict[str, str] = {}
    jobs: list[Json] = [
        _job(session, job, files)
        for job in session.scalars(
            select(JobRow).where(col(JobRow.person_id) == person_id).order_by(col(JobRow.sequence))
        )
    ]
    entries = statements.statement(session, wallet.id, 0, _ALL - 1).entries
    data: dict[str, Json] = {
        "person": {"id": person.id, "name": person.name, "since": person.created_at},
        "identities": _rows(session, IdentityRow, person_id, ("platform", "external_id", "name")),
        "preferences": [
            {"name": row.name, "value": row.value}
            for row in session.scalars(
                select(PreferenceRow).where(
                    col(PreferenceRow.scope) == "person", col(PreferenceRow.scope_id) == person_id
                )
            )
        ],
        "favourites": _rows(session, FavouriteRow, person_id, ("job_id", "number", "at")),
        "bans": _rows(session, BanRow, person_id, ("community_id", "reason", "until", "at")),
        "balance_mgs": ledger.foreseen(session, wallet, policy, now).available,
        "ledger": [{**asdict(entry), "movement": str(entry.movement)} for entry in reversed(entries)],
        "jobs": jobs,
    }
    return Record(data=data, files=files)


def _job(session: Session, job: JobRow, files: dict[str, str]) -> Json:
    tasks: list[Json] = []
    for task in session.scalars(select(TaskRow).where(col(TaskRow.job_id) == job.id).order_by(col(TaskRow.index))):
        pictures: list[Json] = []
        chosen = select(PictureRow).where(col(PictureRow.task_id) == task.id).order_by(col(PictureRow.position))
        for picture in session.scalars(chosen):
            suffix = PurePosixPath(picture.filename).suffix
            name = f"pictures/{job.id}-{task.index + 1}-{picture.position + 1}{suffix}"
            files[name] = picture.blob
            pictures.append(name)
        tasks.append({"seed": task.seed, "status": task.status, "pictures": pictures, "graph": task.graph})
    sent: list[Json] = []
    inputs = select(col(JobInputRow.blob)).where(col(JobInputRow.job_id) == job.id)
    for blob in session.scalars(inputs.order_by(col(JobInputRow.blob))):
        name = f"sent/{blob}.png"
        files[name] = blob
        sent.append(name)
    return {
        "id": job.id,
        "status": job.status,
        "reason": job.reason,
        "text": job.text,
        "options": job.options,
        "template": job.template,
        "model": job.model,
        "place": job.place,
        "private": job.private,
        "spoiler": job.spoiler,
        "quote_mgs": job.quote,
        "charged_mgs": job.charged,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "parent": job.parent,
        "sent": sent,
        "tasks": tasks,
    }


def _rows(
    session: Session,
    table: type[IdentityRow] | type[BanRow] | type[FavouriteRow],
    person_id: str,
    columns: tuple[str, ...],
) -> list[Json]:
    chosen = select(table).where(col(table.person_id) == person_id)
    return [{column: getattr(row, column) for column in columns} for row in session.scalars(chosen)]

"""What a revision has to write into columns that it adds: called at its end, and never changed after its release."""

import hashlib

import sqlalchemy as sa


def queue_columns(connection: sa.Connection) -> None:
    """For 0002: tasks that wait get their line in the queue, all tasks the person and model of their job."""
    connection.execute(
        sa.text(
            "UPDATE task SET"
            " person_id = (SELECT job.person_id FROM job WHERE job.id = task.job_id),"
            " community_id = coalesce((SELECT job.community_id FROM job WHERE job.id = task.job_id), ''),"
            " model = (SELECT job.model FROM job WHERE job.id = task.job_id)"
        )
    )
    lines = connection.execute(
        sa.text("SELECT DISTINCT lane, needs, community_id FROM task WHERE status IN ('queued', 'running')")
    ).all()
    for lane, needs, community_id in lines:
        line = f"{lane} {hashlib.sha256(needs.encode()).hexdigest()[:16]} {community_id}"
        connection.execute(
            sa.text(
                "UPDATE task SET line = :line WHERE lane = :lane AND needs = :needs AND community_id = :community_id"
                " AND status IN ('queued', 'running')"
            ),
            {"line": line, "lane": lane, "needs": needs, "community_id": community_id},
        )
    connection.execute(
        sa.text("UPDATE task SET ready = :ready WHERE status = 'queued'").bindparams(
            sa.bindparam("ready", type_=sa.Boolean)
        ),
        {"ready": True},
    )
    _job_inputs(connection)


def _job_inputs(connection: sa.Connection) -> None:
    """Write which pictures jobs start from, so that these are kept."""
    task = sa.table("task", sa.column("job_id", sa.String), sa.column("inputs", sa.JSON))
    found = connection.execute(sa.select(task.c.job_id, task.c.inputs)).all()
    rows = sorted({(job_id, given["blob"]) for job_id, inputs in found for given in inputs})
    job_input = sa.table("job_input", sa.column("job_id"), sa.column("blob"))
    if rows:
        connection.execute(sa.insert(job_input), [{"job_id": job_id, "blob": blob} for job_id, blob in rows])

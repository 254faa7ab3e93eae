"""What must be true after the storm, from the platform's log, the endpoint's log and raw SQL alone."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.platform import Platform
from tests.chaos.wire import Wire

FINAL = {"done", "failed", "cancelled"}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the checker found."""

    problems: tuple[str, ...]
    jobs: int
    done: int
    ends: Counter[str]  # how jobs ended: the status, and the reason where there is one
    held: int  # times that a moderator held a job
    doubled: int  # messages beyond a job's first, where the platform has no idempotent way


@dataclass(frozen=True, kw_only=True)
class WaitingJob:
    """A job that a moderator can steer."""

    id: str
    status: str
    platform: str
    chat: str


def waiting(database: Path) -> list[WaitingJob]:
    """What waits or is held right now."""
    rows = _rows(database, "SELECT id, status, place FROM job WHERE status IN ('queued', 'held')")
    places = [json.loads(place) for _, _, place in rows]
    return [
        WaitingJob(id=id, status=status, platform=place["platform"], chat=place["chat"])
        for (id, status, _), place in zip(rows, places, strict=True)
    ]


def open_jobs(database: Path) -> int:
    """How many jobs run or are being delivered right now."""
    return _count(database, "SELECT count(*) FROM job WHERE status IN ('running', 'delivering')")


def unfinished(database: Path) -> int:
    """How many jobs have not ended."""
    return _count(database, "SELECT count(*) FROM job WHERE status IN ('held', 'queued', 'running', 'delivering')")


def check(database: Path, platform: Platform, wire: Wire) -> Verdict:
    """Look at everything, once all is quiet."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        jobs = {row["id"]: dict(row) for row in connection.execute("SELECT * FROM job")}
        pictures = _pictures(connection)
        held = "SELECT count(*) FROM transition WHERE life = 'job' AND status = 'held'"
        times_held = int(connection.execute(held).fetchone()[0])
        problems = [
            *_stuck(connection),
            *_ran_while_held(connection),
            *_lost(jobs, platform),
            *_money(connection, jobs, pictures),
            *_shown(jobs, pictures, platform),
            *(f"prompt {prompt} was taken {count} times" for prompt, count in wire.prompts.items() if count > 1),
        ]
    return Verdict(
        problems=tuple(problems),
        jobs=len(jobs),
        done=sum(job["status"] == "done" for job in jobs.values()),
        ends=Counter(f"{job['status']} {job['reason']}".strip() for job in jobs.values()),
        held=times_held,
        doubled=_doubled(platform),
    )


def _count(database: Path, query: str) -> int:
    return sum(count for (count,) in _rows(database, query))


def _rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # not there yet
        return []


def _stuck(connection: sqlite3.Connection) -> Iterator[str]:
    open_states = {
        "job": ("held", "queued", "running", "delivering"),
        "task": ("queued", "running"),
        "attempt": ("claimed", "sent"),
        "delivery": ("waiting", "due", "sending"),
    }
    for table, states in open_states.items():
        marks = ", ".join("?" * len(states))
        for row in connection.execute(f"SELECT id, status FROM {table} WHERE status IN ({marks})", states):
            yield f"{table} {row['id']} is stuck: {row['status']}"


def _ran_while_held(connection: sqlite3.Connection) -> Iterator[str]:
    held: set[str] = set()
    query = "SELECT job_id, life, status FROM transition WHERE life IN ('job', 'task') ORDER BY sequence"
    for job, life, status in connection.execute(query):
        if status == "held":
            held.add(job)
        elif life == "job":
            held.discard(job)
        elif status == "running" and job in held:
            yield f"job {job} ran while it was held"


def _lost(jobs: dict[str, dict[str, Any]], platform: Platform) -> Iterator[str]:
    keys = Counter(job["request_key"] for job in jobs.values())
    yield from (f"event {event.id} was never answered" for event in platform.unanswered)
    yield from (
        f"job {job} was promised to {event.id}, and is not there"
        for job, event in platform.accepted().items()
        if job not in jobs
    )
    yield from (f"request {key} became {count} jobs" for key, count in keys.items() if count > 1)
    known = {f"{event.platform}:{event.id}" for event in platform.events.values()}
    yield from (f"job for {key}, which nobody asked for" for key in keys if not known & {key, key.rpartition(":")[0]})


def _pictures(connection: sqlite3.Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = (
        "SELECT task.job_id AS job, picture.blob AS blob FROM picture JOIN task ON task.id = picture.task_id "
        'ORDER BY task.job_id, task."index", picture.position'
    )
    for row in connection.execute(query):
        found[row["job"]].append(row["blob"])
    return found


def _money(
    connection: sqlite3.Connection, jobs: dict[str, dict[str, Any]], pictures: dict[str, list[str]]
) -> Iterator[str]:
    entries: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for entry in connection.execute("SELECT * FROM ledger_entry WHERE job_id IS NOT NULL"):
        entries[entry["job_id"]].append(entry)
    measured = {
        row["job_id"]: row["mgs"] or 0
        for row in connection.execute("SELECT job_id, sum(measured) AS mgs FROM task WHERE status = 'done' GROUP BY 1")
    }
    for id, job in jobs.items():
        kinds = Counter(entry["kind"] for entry in entries[id])
        if kinds["hold"] != 1 or kinds["charge"] + kinds["release"] != 1 or kinds["refund"] > 1:
            yield f"job {id} ({job['status']}) has the entries {dict(kinds)}"
            continue
        net = -sum(entry["amount"] for entry in entries[id])
        if net != job["charged"]:
            yield f"job {id} says it cost {job['charged']}, and the ledger took {net}"
        if job["charged"] > min(job["quote"], measured.get(id, 0)):
            yield f"job {id} was overcharged: {job['charged']} of {job['quote']}, measured {measured.get(id, 0)}"
        if job["charged"] and not pictures.get(id):
            yield f"job {id} was charged {job['charged']} for no picture"
    query = "SELECT wallet_id, sum(amount) AS left_over FROM ledger_entry GROUP BY 1 HAVING sum(amount) < 0"
    yield from (f"wallet {row['wallet_id']} is at {row['left_over']}" for row in connection.execute(query))


def _shown(jobs: dict[str, dict[str, Any]], pictures: dict[str, list[str]], platform: Platform) -> Iterator[str]:
    messages = defaultdict(list)
    for message in platform.messages.values():
        messages[message.job].append(message)
    for id, job in jobs.items():
        place = json.loads(job["place"])
        ended = [message for message in messages[id] if message.now["tone"] in FINAL]
        if not ended:
            yield f"job {id} ({job['status']}) ended, and nobody was told"
            continue
        for message in messages[id]:
            if (message.platform, message.chat) != (place["platform"], place["chat"]):
                yield f"job {id} of {place['chat']} was shown in {message.chat}"
        if job["status"] == "done" and not any(one.now["pictures"] == pictures.get(id) for one in ended):
            yield f"job {id}: the pictures in its chat are not those in the books"
        twins = len(messages[id]) - 1
        if twins and place["platform"] == "with-nonce":
            yield f"job {id} has {twins + 1} messages where the same nonce posts once"


def _doubled(platform: Platform) -> int:
    counts = Counter(message.job for message in platform.messages.values() if message.platform == "without-nonce")
    return sum(count - 1 for count in counts.values())

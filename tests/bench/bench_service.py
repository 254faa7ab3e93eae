"""How many jobs go the whole way, from the command to the posted picture, with an endpoint that takes no time."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from engine.model import Identity
from storage.policy import Policy
from tests.bench.conftest import Report
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import House, open_house

JOBS = 300
PEOPLE = 30
WIDE = Policy(grant=10**9, max_queued_jobs=10**6)


async def ask(house: House, numbers: Sequence[int]) -> None:
    """Have each person ask for their jobs in a chat of their own, and wait until the last picture is there."""
    await asyncio.gather(
        *(
            house.ask(
                "imagine",
                f"a house {number}",
                who=Identity(platform="fake", id=f"p{number % PEOPLE}", name=f"p{number % PEOPLE}"),
                chat=f"chat {number % PEOPLE}",
                key=f"fake:{number}",
            )
            for number in numbers
        )
    )
    views = await house.books.jobs(limit=len(numbers))
    for view in views:
        assert (await house.ended(view.job.id)).job.status == "done"


async def bench_the_whole_service(tmp_path: Path, report: Report) -> None:
    """Commands, studio, books, dispatcher, safety, files and delivery in one process; logs are made and not printed."""
    endpoint = FakeEndpoint(slots=32)
    with structlog.testing.capture_logs():
        async with open_house(tmp_path, endpoints=[endpoint], policy=WIDE) as house:
            await ask(house, range(JOBS, JOBS + 50))
            cpu, began = time.process_time(), time.perf_counter()
            await ask(house, range(JOBS))
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
    report.figures(
        "jobs from command to posted picture, endpoint and platform instant",
        None,
        f"{JOBS / took:.0f} jobs/s, {cpu / JOBS * 1000:.1f} ms of processor a job",
    )

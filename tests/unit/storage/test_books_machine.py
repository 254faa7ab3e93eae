"""Random walks through the verbs of the books, against a model that is a few dictionaries."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from engine.errors import ChatGone, EndpointLost, InsufficientCredits, QueueFull
from engine.model import Attempt, Job, JobStatus
from storage.books import SqlBooks
from storage.database import Database
from storage.policy import Policy
from storage.proof import prove
from tests.fakes.books import NEEDS, HandClock, new_job, picture, somebody

POLICY = Policy(grant=5000, period_seconds=1000.0, max_queued_jobs=3)


class BooksMachine(RuleBasedStateMachine):
    """People ask and cancel, endpoints claim, succeed, fail and vanish, chats disappear, the process restarts."""

    attempts = Bundle("attempts")
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.clock = HandClock()
        self.keys: dict[str, str] = {}
        self.open_database()
        names = ("ada", "bob", "cy")
        self.people = [self.loop.run_until_complete(somebody(self.books, name)) for name in names]

    def open_database(self) -> None:
        self.database = Database.open_blocking(self.folder / "atelier.db")
        self.books = SqlBooks(self.database, self.clock, POLICY)

    def teardown(self) -> None:
        self.database.close_blocking()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)

    @rule(
        target=jobs,
        who=st.integers(0, 2),
        key=st.integers(0, 30),
        costs=st.lists(st.integers(0, 900), min_size=1, max_size=3),
    )
    def accept(self, who: int, key: int, costs: list[int]) -> object:
        person = self.people[who]
        before = self.loop.run_until_complete(self.books.balance(person.wallet_id))
        name = f"{who}-{key}"
        try:
            job = self.loop.run_until_complete(self.books.accept(new_job(person, name, costs=costs)))
        except InsufficientCredits:
            assert sum(costs) > before.available
            assert name not in self.keys
            return multiple()
        except QueueFull:
            views = self.loop.run_until_complete(self.books.jobs(person_id=person.id, limit=1000))
            assert sum(view.job.status in {JobStatus.QUEUED, JobStatus.RUNNING} for view in views) == 3
            return multiple()
        after = self.loop.run_until_complete(self.books.balance(person.wallet_id))
        taken = 0 if name in self.keys else sum(costs)
        assert self.keys.setdefault(name, job.id) == job.id
        assert before.available - after.available == taken == after.held - before.held
        return job

    @rule(target=attempts)
    def claim(self) -> object:
        waiting = self.loop.run_until_complete(self.books.waiting_needs())
        attempt = self.loop.run_until_complete(self.books.claim("gpu", [NEEDS]))
        assert (attempt is None) == (not waiting)
        return multiple() if attempt is None else attempt

    @rule(attempt=attempts)
    def start(self, attempt: Attempt) -> None:
        self.loop.run_until_complete(self.books.start(attempt.id))

    @rule(attempt=attempts, measured=st.integers(0, 2000), count=st.integers(0, 2))
    def settle(self, attempt: Attempt, measured: int, count: int) -> None:
        pictures = [picture(f"{attempt.id}{n}") for n in range(count)]
        self.loop.run_until_complete(self.books.settle(attempt.id, pictures, 1.0, measured))

    @rule(attempt=attempts, retry=st.booleans())
    def fail(self, attempt: Attempt, retry: bool) -> None:
        self.loop.run_until_complete(self.books.fail(attempt.id, EndpointLost(), retry=retry))

    @rule(job=consumes(jobs))
    def cancel(self, job: Job) -> None:
        after, attempts = self.loop.run_until_complete(self.books.cancel(job.id, "cancelled by owner"))
        assert after.status not in {JobStatus.QUEUED, JobStatus.RUNNING}
        assert all(attempt.job_id == job.id for attempt in attempts)

    @rule(ends=st.sampled_from(["done", "gone", "later", "dropped"]))
    def deliver(self, ends: str) -> None:
        run = self.loop.run_until_complete
        for due in run(self.books.deliveries_due(["test"], 1)):
            assert run(self.books.delivery_sending(due.id))
            if ends == "done":
                run(self.books.delivery_done(due.id))
            elif ends == "gone":
                run(self.books.delivery_failed(due.id, ChatGone(), None))
            elif ends == "later":
                run(self.books.delivery_failed(due.id, ChatGone(), self.clock.time + 10))

    @rule(seconds=st.integers(-50, 1500))
    def wait(self, seconds: int) -> None:
        self.clock.time += seconds

    @rule()
    def restart(self) -> None:
        self.database.close_blocking()
        self.open_database()

    @invariant()
    def the_books_prove(self) -> None:
        run = self.loop.run_until_complete
        assert run(self.database.read(prove)) == []
        views = run(self.books.jobs(limit=1000))
        assert {view.job.request_key: view.job.id for view in views} == self.keys
        waiting = [view for view in views if view.position]
        assert sorted(view.position for view in waiting) == list(range(1, len(waiting) + 1))


TestBooksMachine = BooksMachine.TestCase
TestBooksMachine.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)

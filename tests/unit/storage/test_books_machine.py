"""Random walks through the verbs of the books, against a model that is a few dictionaries."""

import asyncio
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from engine.accounts import AuditLine
from engine.errors import AttemptUnknown, ChatGone, EndpointLost, InsufficientCredits, QueueFull, UnknownJob
from engine.fairness import Bounds
from engine.model import Attempt, AttemptStatus, Job, JobStatus, Lane, TaskStatus
from engine.reviews import ABOUT, Kind, Outcome
from engine.safety.verdicts import Finding, Ruling, Verdict
from storage.books import SqlBooks
from storage.database import Database
from storage.policy import Policy
from storage.proof import prove
from storage.reviews import open_reviews
from tests.fakes.books import NEEDS, HandClock, new_job, picture, somebody

POLICY = Policy(
    grant=5000,
    period_seconds=1000.0,
    max_queued_jobs=3,
    max_running_tasks=2,
    max_wait_seconds=2000.0,
    bounds=Bounds(relaxed_share=20, affinity=1000),
)
WAITING = {JobStatus.QUEUED, JobStatus.HELD}


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
        self.paused = False
        self.open_database()
        names = ("ada", "bob", "cy")
        self.people = [self.loop.run_until_complete(somebody(self.books, name)) for name in names]

    def open_database(self) -> None:
        self.database = Database.open_blocking(self.folder / "atelier.db")
        self.books = SqlBooks(self.database, self.clock, POLICY)
        self.reviews = open_reviews(self.database, self.clock)

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
        lane=st.sampled_from(Lane),
        model=st.sampled_from(["", "tiny"]),
    )
    def accept(self, who: int, key: int, costs: list[int], lane: Lane, model: str) -> object:
        person = self.people[who]
        before = self.loop.run_until_complete(self.books.balance(person.wallet_id))
        name = f"{who}-{key}"
        try:
            job = self.loop.run_until_complete(
                self.books.accept(new_job(person, name, costs=costs, lane=lane, model=model))
            )
        except InsufficientCredits:
            assert sum(costs) > before.available
            assert name not in self.keys
            return multiple()
        except QueueFull:
            views = self.loop.run_until_complete(self.books.jobs(person_id=person.id, limit=1000))
            assert sum(view.job.status in {*WAITING, JobStatus.RUNNING} for view in views) == 3
            return multiple()
        after = self.loop.run_until_complete(self.books.balance(person.wallet_id))
        taken = 0 if name in self.keys else sum(costs)
        assert self.keys.setdefault(name, job.id) == job.id
        assert before.available - after.available == taken == after.held - before.held
        return job

    @rule(target=attempts, endpoint=st.sampled_from(["one", "two"]), loaded=st.sampled_from(["", "tiny"]))
    def claim(self, endpoint: str, loaded: str) -> object:
        views = {view.job.id: view for view in self.loop.run_until_complete(self.books.jobs(limit=1000))}
        running = Counter(
            view.job.person_id for view in views.values() for task in view.tasks if task.status is TaskStatus.RUNNING
        )
        free = [view for view in views.values() if view.position and running[view.job.person_id] < 2]
        attempt = self.loop.run_until_complete(self.books.claim(endpoint, [NEEDS], loaded=loaded, only_here=[NEEDS]))
        assert (attempt is None) == (self.paused or not free)
        if attempt is None:
            return multiple()
        assert attempt.job_id in {view.job.id for view in free}
        return attempt

    @rule(attempt=attempts)
    def start(self, attempt: Attempt) -> None:
        self.loop.run_until_complete(self.books.start(attempt.id))

    @rule(
        attempt=attempts,
        measured=st.integers(0, 2000),
        count=st.integers(0, 2),
        verdict=st.sampled_from([Verdict.ALLOW, Verdict.ALLOW, Verdict.SPOILER, Verdict.HOLD]),
    )
    def settle(self, attempt: Attempt, measured: int, count: int, verdict: Verdict) -> None:
        pictures = [picture(f"{attempt.id}{n}") for n in range(count)]
        ruling = Ruling(verdict=verdict, finding=Finding(category="sexual", rule="r"))
        self.loop.run_until_complete(self.books.settle(attempt.id, pictures, 1.0, measured, ruling=ruling))

    @rule(job=jobs, outcome=st.sampled_from(Outcome))
    def decide(self, job: Job, outcome: Outcome) -> None:
        run = self.loop.run_until_complete
        before = {(review.view.job.id, review.kind) for review in run(self.reviews.inbox(None, limit=1000))}
        line = AuditLine(actor="test:mod", action=outcome, target=job.id)
        decided = run(self.reviews.decide(job.id, outcome, "", line))
        assert not decided.done or (job.id, ABOUT[outcome]) in before
        if outcome in (Outcome.APPROVED, Outcome.SPOILER, Outcome.REJECTED):
            assert decided.done == ((job.id, Kind.HELD) in before)

    @rule(job=jobs, who=st.integers(0, 2))
    def report(self, job: Job, who: int) -> None:
        self.loop.run_until_complete(self.reviews.report(job.id, self.people[who].id, 0, ""))

    @rule(attempt=attempts, retry=st.booleans(), elsewhere=st.booleans())
    def fail(self, attempt: Attempt, retry: bool, elsewhere: bool) -> None:
        self.loop.run_until_complete(self.books.fail(attempt.id, EndpointLost(), retry=retry, elsewhere=elsewhere))

    @rule(job=jobs)
    def hold(self, job: Job) -> None:
        assert self.loop.run_until_complete(self.books.hold(job.id, "held")).status is not JobStatus.QUEUED

    @rule(job=jobs)
    def release(self, job: Job) -> None:
        assert self.loop.run_until_complete(self.books.release(job.id, "released")).status is not JobStatus.HELD

    @rule(job=jobs)
    def move_to_the_front(self, job: Job) -> None:
        self.loop.run_until_complete(self.books.move(job.id))
        view = self.loop.run_until_complete(self.books.job(job.id))
        assert view is not None
        assert view.position <= 1 or view.job.lane is Lane.RELAXED

    @rule(job=jobs, other=jobs)
    def move_behind(self, job: Job, other: Job) -> None:
        with suppress(UnknownJob):
            self.loop.run_until_complete(self.books.move(job.id, behind=other.id))

    @rule(job=jobs, costs=st.lists(st.integers(0, 900), min_size=1, max_size=3))
    def amend(self, job: Job, costs: list[int]) -> None:
        run = self.loop.run_until_complete
        (person,) = [person for person in self.people if person.id == job.person_id]
        before = run(self.books.job(job.id))
        assert before is not None
        new = new_job(person, job.request_key, costs=costs, lane=job.lane, model=job.model)
        try:
            after = run(self.books.amend(job.id, new))
        except InsufficientCredits:
            assert sum(costs) > before.job.quote
            return
        assert after.quote == (sum(costs) if before.job.status in WAITING else before.job.quote)

    @rule(who=st.integers(0, 2))
    def clear(self, who: int) -> None:
        cleared = self.loop.run_until_complete(self.books.clear("cleared", person_id=self.people[who].id))
        assert all(job.status is JobStatus.DELIVERING for job in cleared)

    @rule()
    def expire(self) -> None:
        for job in self.loop.run_until_complete(self.books.expire()):
            assert job.created_at < self.clock.time - 2000

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        self.paused = on
        self.loop.run_until_complete(self.books.pause("test:1", "") if on else self.books.resume())

    @rule(job=consumes(jobs))
    def cancel(self, job: Job) -> None:
        after, attempts = self.loop.run_until_complete(self.books.cancel(job.id, "cancelled by owner"))
        assert after.status not in {*WAITING, JobStatus.RUNNING}
        assert all(attempt.job_id == job.id for attempt in attempts)

    @rule(ends=st.sampled_from(["done", "gone", "later", "dropped"]))
    def deliver(self, ends: str) -> None:
        run = self.loop.run_until_complete
        for due in run(self.books.take_deliveries(["test"], 1)):
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
        run = self.loop.run_until_complete
        for attempt in run(self.books.open_attempts()):  # as the dispatcher does with those that were never sent
            if attempt.status is AttemptStatus.CLAIMED:
                run(self.books.fail(attempt.id, AttemptUnknown(), retry=True))

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

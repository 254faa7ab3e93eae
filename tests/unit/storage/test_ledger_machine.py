"""Random walks through everything that moves credits, against a model that is a few dictionaries."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.accounts import AuditLine
from engine.errors import AllowanceUsed, InsufficientCredits
from engine.policies import CommunityPolicy, Payer
from storage.accounts import SqlAccounts
from storage.books import SqlBooks
from storage.database import Database
from storage.policy import Policy
from storage.proof import prove
from tests.fakes.books import NEEDS, HandClock, new_job, picture, somebody

T = TypeVar("T")
POLICY = Policy(grant=5000, community_grant=3000, period_seconds=1000.0, max_queued_jobs=1000)
LINE = AuditLine(actor="test:mod", action="tried", target="x")
PEOPLE, WALLETS = st.integers(0, 1), st.integers(0, 2)  # two people, and the community as the third wallet
AMOUNTS = st.integers(1, 6000)
KEYS = st.integers(0, 6)


class LedgerMachine(RuleBasedStateMachine):
    """People spend, moderators give, operators mint and refund, periods pass, and every verb may be repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.clock = HandClock()
        self.database = Database.open_blocking(self.folder / "atelier.db")
        self.books = SqlBooks(self.database, self.clock, POLICY)
        self.accounts = SqlAccounts(self.database, self.clock, POLICY)
        self.people = [self.run(somebody(self.books, name)) for name in ("ada", "bob")]
        self.club = self.run(self.books.community("test", "club", "club"))
        self.wallets = [*(person.wallet_id for person in self.people), self.club.wallet_id]
        self.balances = [0, 0, 0]
        self.grants = [POLICY.grant, POLICY.grant, POLICY.community_grant]
        self.granted = [-1, -1, -1]
        self.payer = Payer.PERSON
        self.allowance: int | None = None
        self.done: set[tuple[str, int]] = set()
        self.charged: dict[str, tuple[int, int, int, float]] = {}  # job -> payer's wallet, person, charge, asked at
        self.made_good: set[str] = set()

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.database.close_blocking()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)

    def look(self, wallet: int) -> None:
        """Grant what the period grants, as any look at a wallet does."""
        period = POLICY.period(self.clock.time)
        if self.granted[wallet] < period:
            self.granted[wallet] = period
            self.balances[wallet] = max(self.balances[wallet], self.grants[wallet])

    @rule(who=PEOPLE, cost=AMOUNTS, measured=st.integers(0, 7000), here=st.booleans(), fails=st.booleans())
    def work(self, who: int, cost: int, measured: int, here: bool, fails: bool) -> None:
        """Ask for a picture and have it made, or not."""
        payer = 2 if here and self.payer is Payer.COMMUNITY else who
        since = POLICY.period(self.clock.time) * POLICY.period_seconds
        used = sum(
            charge
            for job, (wallet, person, charge, at) in self.charged.items()
            if wallet == payer == 2 and person == who and at >= since and job not in self.made_good
        )
        key = f"job{len(self.charged)}-{self.clock.time}-{who}-{cost}-{len(self.done)}"
        new = new_job(self.people[who], key, costs=(cost,), community_id=self.club.id if here else None)
        try:
            job = self.run(self.books.accept(new))
        except AllowanceUsed:
            assert payer == 2
            assert self.allowance is not None
            assert used + cost > self.allowance
            return
        except InsufficientCredits:
            self.look(payer)  # the refusal's grant rolls back with it, and is written by the next look
            assert cost > self.balances[payer]
            return
        self.look(payer)
        attempt = self.run(self.books.claim("gpu", [NEEDS], job_id=job.id))
        assert attempt is not None
        pictures = [] if fails else [picture(job.id)]
        self.run(self.books.settle(attempt.id, pictures, 1.0, measured))
        (due,) = self.run(self.books.take_deliveries(["test"]))
        self.run(self.books.delivery_done(due.id))
        charge = 0 if fails else min(cost, measured)
        self.balances[payer] -= charge
        self.charged[job.id] = (payer, who, charge, self.clock.time)

    @rule(key=KEYS, wallet=WALLETS, amount=AMOUNTS)
    def mint(self, key: int, wallet: int, amount: int) -> None:
        self.look(wallet)
        minted = self.run(self.accounts.mint(f"{key}", self.wallets[wallet], amount, LINE))
        assert minted == (("mint", key) not in self.done)
        self.done.add(("mint", key))
        self.balances[wallet] += amount if minted else 0

    @rule(key=KEYS, giver=WALLETS, taker=WALLETS, amount=AMOUNTS)
    def transfer(self, key: int, giver: int, taker: int, amount: int) -> None:
        if giver == taker:
            return
        fresh = ("transfer", key) not in self.done
        wallets = (self.wallets[giver], self.wallets[taker])
        self.look(giver)
        try:
            moved = self.run(self.accounts.transfer(f"{key}", *wallets, amount, LINE))
        except InsufficientCredits:
            assert fresh
            assert amount > self.balances[giver]
            return
        self.look(taker)
        assert moved == fresh
        self.done.add(("transfer", key))
        if moved:
            self.balances[giver] -= amount
            self.balances[taker] += amount

    @rule(number=st.integers(0, 20), from_club=st.booleans())
    def refund(self, number: int, from_club: bool) -> None:
        if number >= len(self.charged):
            return
        job = list(self.charged)[number]
        payer, _, charge, _ = self.charged[job]
        due = charge and job not in self.made_good and not (from_club and payer == 2)
        source = self.wallets[2] if from_club else None
        if due and from_club:
            self.look(2)
            self.look(payer)
        try:
            given = self.run(self.accounts.refund(job, LINE, source=source))
        except InsufficientCredits:
            assert due
            assert charge > self.balances[2]
            return
        assert given == (charge if due else 0)
        if due:
            self.balances[payer] += charge
            self.balances[2] -= charge if from_club else 0
            self.made_good.add(job)

    @rule(wallet=WALLETS, amount=st.none() | st.integers(0, 9000))
    def set_grant(self, wallet: int, amount: int | None) -> None:
        self.look(wallet)
        self.run(self.accounts.set_grant(self.wallets[wallet], amount, LINE))
        usual = POLICY.community_grant if wallet == 2 else POLICY.grant
        self.grants[wallet] = usual if amount is None else amount

    @rule(payer=st.sampled_from(Payer), allowance=st.none() | st.integers(0, 9000))
    def set_policy(self, payer: Payer, allowance: int | None) -> None:
        self.payer, self.allowance = payer, allowance
        policy = CommunityPolicy(payer=payer, allowance=allowance)
        self.run(self.accounts.set_policy(self.club.id, policy, LINE))

    @rule(seconds=st.integers(-300, 1500))
    def wait(self, seconds: int) -> None:
        self.clock.time += seconds

    @invariant()
    def balances_are_the_models(self) -> None:
        for number, wallet in enumerate(self.wallets):
            self.look(number)
            assert self.run(self.books.balance(wallet)).available == self.balances[number] >= 0
            entries = self.run(self.accounts.statement(wallet, limit=10_000)).entries
            assert entries[0].balance == self.balances[number] == sum(entry.amount for entry in entries)
        assert self.run(self.database.read(prove)) == []


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)

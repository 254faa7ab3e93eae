"""The accounts: `engine.ports.Accounts` on the database that the books are on."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import select
from sqlmodel import Session, col

from engine.accounts import Account, Allowance, AuditLine, Ban, Forgotten, Record, Statement
from engine.model import Community, Person
from engine.policies import CommunityPolicy
from engine.ports import Accounts, Clock
from storage import audit, bans, forgetting, ledger, people, proof, records, statements
from storage.database import Database
from storage.policy import Policy, policy_from
from storage.tables import CommunityRow, PersonRow
from storage.transaction import Transaction
from storage.views import community_of, person_of

T = TypeVar("T")


def open_accounts(database: Database, clock: Clock, policy: Policy) -> Accounts:
    """Give the accounts of an open database; closing the database stays with the caller."""
    return SqlAccounts(database, clock, policy)


class SqlAccounts:
    """Implements `engine.ports.Accounts`."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def find(self, platform: str, external_id: str) -> Person | None:
        """See `Accounts.find`."""
        return await self._database.read(lambda session: people.find(session, platform, external_id))

    async def person(self, person_id: str) -> Person | None:
        """See `Accounts.person`."""

        def find(session: Session) -> Person | None:
            row = session.get(PersonRow, person_id)
            return None if row is None or row.forgotten_at is not None else person_of(row)

        return await self._database.read(find)

    async def find_community(self, platform: str, external_id: str) -> Community | None:
        """See `Accounts.find_community`."""
        chosen = select(CommunityRow).where(
            col(CommunityRow.platform) == platform, col(CommunityRow.external_id) == external_id
        )

        def find(session: Session) -> Community | None:
            row = session.scalars(chosen).first()
            return None if row is None else community_of(row)

        return await self._database.read(find)

    async def accounts(self, wallet_id: str | None = None) -> tuple[Account, ...]:
        """See `Accounts.accounts`."""
        now = self._clock.now()
        return await self._database.read(lambda session: statements.accounts(session, self._policy, now, wallet_id))

    async def set_grant(self, wallet_id: str, amount: int | None, line: AuditLine) -> None:
        """See `Accounts.set_grant`."""
        await self._act(line, lambda session, now: ledger.set_grant(session, wallet_id, amount, self._policy, now))

    async def set_allowance(self, community_id: str, person_id: str, amount: int | None, line: AuditLine) -> None:
        """See `Accounts.set_allowance`."""
        await self._act(line, lambda session, now: people.set_allowance(session, community_id, person_id, amount))

    async def allowance(self, community_id: str, person_id: str) -> Allowance | None:
        """See `Accounts.allowance`."""
        now = self._clock.now()
        return await self._database.read(
            lambda session: ledger.allowance(session, community_id, person_id, self._policy, now)
        )

    async def mint(self, key: str, wallet_id: str, amount: int, line: AuditLine) -> bool:
        """See `Accounts.mint`."""
        return await self._act(
            line,
            lambda session, now: ledger.mint(session, key, wallet_id, amount, line.action, self._policy, now),
        )

    async def transfer(self, key: str, source: str, target: str, amount: int, line: AuditLine) -> bool:
        """See `Accounts.transfer`."""
        return await self._act(
            line,
            lambda session, now: ledger.transfer(session, key, source, target, amount, line.action, self._policy, now),
        )

    async def refund(self, job_id: str, line: AuditLine, *, source: str | None = None) -> int:
        """See `Accounts.refund`."""

        def refund(tx: Transaction, now: float) -> int:
            if source is None:
                return ledger.refund_job(tx, job_id, line.action, now)
            return ledger.refund_from(tx, job_id, source, line.action, self._policy, now)

        return await self._act(line, refund)

    async def statement(self, wallet_id: str, *, before: int = 0, limit: int = 20) -> Statement:
        """See `Accounts.statement`."""
        return await self._database.read(lambda session: statements.statement(session, wallet_id, before, limit))

    async def policy(self, community_id: str) -> CommunityPolicy:
        """See `Accounts.policy`."""
        return await self._database.read(
            lambda session: policy_from(session.get_one(CommunityRow, community_id).policy)
        )

    async def set_policy(self, community_id: str, policy: CommunityPolicy, line: AuditLine) -> None:
        """See `Accounts.set_policy`."""
        await self._act(line, lambda session, now: people.set_policy(session, community_id, policy))

    async def ban(self, ban: Ban, line: AuditLine) -> None:
        """See `Accounts.ban`."""
        await self._act(line, lambda session, now: bans.put(session, ban))

    async def unban(self, person_id: str, community_id: str | None, line: AuditLine) -> bool:
        """See `Accounts.unban`."""
        return await self._act(line, lambda session, now: bans.lift(session, person_id, community_id))

    async def bans(self, community_id: str | None) -> tuple[Ban, ...]:
        """See `Accounts.bans`."""
        now = self._clock.now()
        return await self._database.read(lambda session: bans.of_community(session, community_id, now))

    async def audit_lines(self, community_id: str | None, limit: int = 50) -> tuple[AuditLine, ...]:
        """See `Accounts.audit_lines`."""
        return await self._database.read(lambda session: audit.lines(session, community_id, limit))

    async def record(self, person_id: str) -> Record:
        """See `Accounts.record`."""
        now = self._clock.now()
        return await self._database.read(lambda session: records.record(session, person_id, self._policy, now))

    async def forget(self, person_id: str) -> Forgotten:
        """See `Accounts.forget`."""
        return await self._database.write(
            lambda session: forgetting.forget(session, person_id, self._policy, self._clock.now())
        )

    async def scrub(self) -> None:
        """See `Accounts.scrub`."""
        await self._database.scrub()

    async def prove(self) -> tuple[str, ...]:
        """See `Accounts.prove`."""
        return tuple(await self._database.read(proof.prove))

    async def _act(self, line: AuditLine, verb: Callable[[Transaction, float], T]) -> T:
        """Run a verb, and write what was done beside it if it did something."""

        def work(tx: Transaction) -> T:
            now = self._clock.now()
            done = verb(tx, now)
            if done is None or done:
                audit.add(tx, line, now)
            return done

        return await self._database.write(work)

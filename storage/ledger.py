"""The ledger: the only code that moves credits.

A hold takes the quote; then exactly one entry under the key `settle:JOB` ends it: a charge gives back the rest of the
hold, a release gives back all of it. A charge may be refunded once, up to itself. A balance is the sum of its wallet's
entries.
"""

from typing import Protocol

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from engine.errors import InsufficientCredits
from engine.model import Balance, JobStatus
from engine.pricing import credits
from storage.policy import Policy
from storage.tables import EntryKind, JobRow, LedgerEntryRow, WalletKind, WalletRow, table_of

_POST = insert(table_of(LedgerEntryRow)).inline()


class Billed(Protocol):
    """What the ledger reads of a job: a `JobRow`, or its columns."""

    @property
    def id(self) -> str:
        """The job."""

    @property
    def wallet_id(self) -> str:
        """Who pays."""

    @property
    def quote(self) -> int:
        """The most that it costs, in mgs."""


OPEN_HOLD = (JobStatus.HELD, JobStatus.QUEUED, JobStatus.RUNNING)
"""The statuses of a job whose hold has neither become a charge nor been released."""


def available(session: Session, wallet_id: str) -> int:
    """Give the balance: the sum of the wallet's entries, in mgs."""
    total = select(func.coalesce(func.sum(col(LedgerEntryRow.amount)), 0)).where(
        col(LedgerEntryRow.wallet_id) == wallet_id
    )
    return int(session.scalars(total).one())


def held(session: Session, wallet_id: str) -> int:
    """Give what open holds keep, in mgs."""
    total = select(func.coalesce(func.sum(col(JobRow.quote)), 0)).where(
        col(JobRow.wallet_id) == wallet_id, col(JobRow.status).in_(OPEN_HOLD)
    )
    return int(session.scalars(total).one())


def look_up(session: Session, wallet_id: str, policy: Policy, now: float) -> Balance | None:
    """Read a wallet; None if the current period's grant has still to be written (`grant`)."""
    wallet = session.get_one(WalletRow, wallet_id)
    return None if wallet.granted_period < policy.period(now) else _balance(session, wallet, policy, now)


def grant(session: Session, wallet_id: str, policy: Policy, now: float) -> Balance:
    """Write the current period's grant if it is not there yet, and read the wallet.

    The entry tops the balance up to the grant: what was left of the last period does not pile up, and a wallet that
    holds more (by transfers or refunds) keeps it. The entry is written even when it gives nothing, so that spending
    later in the period brings no second grant. A clock that goes back grants nothing again.
    """
    return _balance(session, _granted(session, wallet_id, policy, now), policy, now)


def hold(session: Session, job: Billed, policy: Policy, now: float) -> None:
    """Take the job's quote from its wallet. Raises InsufficientCredits."""
    _granted(session, job.wallet_id, policy, now)
    balance = available(session, job.wallet_id)
    if job.quote > balance:
        wait = policy.resets_at(now) - now
        raise InsufficientCredits(
            f"the quote of {job.quote} mgs is more than the {balance} mgs available",
            retry_after=wait,
            cost=credits(job.quote),
            available=credits(balance),
            resets=round(wait),
        )
    _post(session, job, f"hold:{job.id}", EntryKind.HOLD, -job.quote, at=now)


def settle(session: Session, job: Billed, amount: int, now: float) -> int:
    """End the job's hold: `amount`, at most the quote, is charged and the rest returns; gives what was charged.

    Where nothing is charged the entry is a release.
    """
    kept = min(amount, job.quote)
    kind = EntryKind.CHARGE if kept else EntryKind.RELEASE
    _post(session, job, f"settle:{job.id}", kind, job.quote - kept, at=now, charged=kept)
    return kept


def refund(session: Session, job: JobRow, note: str, now: float) -> None:
    """Give back all that was charged for the job; the caller clears `charged`, the key makes it happen once."""
    if job.charged:
        _post(session, job, f"refund:{job.id}", EntryKind.REFUND, job.charged, at=now, note=note)


def _granted(session: Session, wallet_id: str, policy: Policy, now: float) -> WalletRow:
    wallet = session.get_one(WalletRow, wallet_id, with_for_update=True)
    period = policy.period(now)
    if wallet.granted_period < period:
        amount = max(0, _grant_of(wallet, policy) - available(session, wallet_id))
        wallet.granted_period = period
        session.add(
            LedgerEntryRow(
                key=f"grant:{wallet_id}:{period}", wallet_id=wallet_id, kind=EntryKind.GRANT, amount=amount, at=now
            )
        )
        session.flush()
    return wallet


def _balance(session: Session, wallet: WalletRow, policy: Policy, now: float) -> Balance:
    return Balance(
        available=available(session, wallet.id),
        held=held(session, wallet.id),
        grant=_grant_of(wallet, policy),
        resets_at=policy.resets_at(now),
    )


def _grant_of(wallet: WalletRow, policy: Policy) -> int:
    return policy.grant if wallet.kind == WalletKind.PERSON else policy.community_grant


def _post(
    session: Session,
    job: Billed,
    key: str,
    kind: EntryKind,
    amount: int,
    *,
    at: float,
    charged: int = 0,
    note: str = "",
) -> None:
    entry = {"key": key, "wallet_id": job.wallet_id, "kind": kind, "amount": amount, "charged_mgs": charged}
    session.connection().execute(_POST, {**entry, "job_id": job.id, "at": at, "note": note})

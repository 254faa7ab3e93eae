"""The ledger: the only code that moves credits.

A hold takes the quote; then exactly one entry under the key `settle:JOB` ends it: a charge gives back the rest of the
hold, a release gives back all of it. A charge may be refunded once, up to itself. A balance is the sum of its wallet's
entries; the wallet's row keeps it too, moved with each entry, so that it is read in the same time whatever there was
before, and `proof` compares the two.

A job is paid from its person's wallet, or from its community's where the policy says so; each of the people there may
then take an allowance each period. Credits come in by grants and by minting, and go from wallet to wallet by
transfers: two entries under one key, of which nothing is lost.
"""

from dataclasses import replace
from typing import Protocol

from sqlalchemy import bindparam, case, func, select, update
from sqlmodel import Session, col

from engine.accounts import Allowance
from engine.errors import AllowanceUsed, InsufficientCredits
from engine.model import Balance, JobStatus
from engine.policies import Payer
from engine.pricing import credits
from storage.policy import Policy, policy_from
from storage.prepared import Prepared
from storage.tables import (
    CommunityRow,
    EntryKind,
    JobRow,
    LedgerEntryRow,
    MemberRow,
    PersonRow,
    WalletKind,
    WalletRow,
    table_of,
)
from storage.transaction import Transaction

_WALLET, _ENTRY = table_of(WalletRow), table_of(LedgerEntryRow)
_ADD_ENTRY = Prepared.adding(_ENTRY)
_MOVE = Prepared(
    update(_WALLET)
    .where(_WALLET.c.id == bindparam("b_wallet_id"))
    .values(balance=_WALLET.c.balance + bindparam("b_amount"))
)
_TAKE = Prepared(
    update(_WALLET)
    .where(
        _WALLET.c.id == bindparam("b_wallet_id"),
        _WALLET.c.granted_period >= bindparam("b_period"),
        _WALLET.c.balance >= bindparam("b_amount"),
    )
    .values(balance=_WALLET.c.balance - bindparam("b_amount"))
)
"""Takes what is there, of a wallet that has its grant; of two who race for the last credits one changes nothing."""


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
IS_OPEN = col(JobRow.finished_at).is_(None)
"""The same of a job's row, as indexes know it."""


def available(session: Session, wallet_id: str) -> int:
    """Give the balance, in mgs; asked of the database, because a row that is loaded does not see `_enter` move it."""
    return int(session.scalars(select(_WALLET.c.balance).where(_WALLET.c.id == wallet_id)).one())


def held(session: Session, wallet_id: str) -> int:
    """Give what open holds keep, in mgs."""
    total = select(func.coalesce(func.sum(col(JobRow.quote)), 0)).where(col(JobRow.wallet_id) == wallet_id, IS_OPEN)
    return int(session.scalars(total).one())


def look_up(session: Session, wallet_id: str, policy: Policy, now: float) -> Balance | None:
    """Read a wallet; None if the current period's grant has still to be written (`grant`)."""
    wallet = session.get_one(WalletRow, wallet_id)
    return None if wallet.granted_period < policy.period(now) else _balance(session, wallet, policy, now)


def grant(tx: Transaction, wallet_id: str, policy: Policy, now: float) -> Balance:
    """Write the current period's grant if it is not there yet, and read the wallet.

    The entry tops the balance up to the grant: what was left of the last period does not pile up, and a wallet that
    holds more (by transfers or refunds) keeps it. The entry is written even when it gives nothing, so that spending
    later in the period brings no second grant. A clock that goes back grants nothing again.
    """
    return _balance(tx, _granted(tx, wallet_id, policy, now), policy, now)


def check_allowance(
    session: Session, community_id: str, person_id: str, quote: int, policy: Policy, now: float
) -> None:
    """Let pass what a person may still take of a wallet that pays for its people. Raises AllowanceUsed."""
    share = allowance(session, community_id, person_id, policy, now)
    if share is not None and share.limit is not None and share.used + quote > share.limit:
        wait = policy.resets_at(now) - now
        raise AllowanceUsed(
            f"{share.used} mgs of {share.limit} are used, and the quote is {quote}",
            retry_after=wait,
            cost=credits(quote),
            used=credits(share.used),
            limit=credits(share.limit),
            resets=round(wait),
        )


def allowance(session: Session, community_id: str, person_id: str, policy: Policy, now: float) -> Allowance | None:
    """Give what a person may take of a community's wallet; None where the community does not pay."""
    community = session.get_one(CommunityRow, community_id)
    rules = policy_from(community.policy)
    if rules.payer is Payer.PERSON:
        return None
    member = session.get(MemberRow, (community_id, person_id))
    return Allowance(
        limit=rules.allowance if member is None or member.allowance is None else member.allowance,
        used=taken(session, community.wallet_id, person_id, since=policy.period(now) * policy.period_seconds),
        balance=foreseen(session, session.get_one(WalletRow, community.wallet_id), policy, now),
    )


def taken(session: Session, wallet_id: str, person_id: str, *, since: float) -> int:
    """Give what a person's jobs since then have cost a wallet, in mgs, open holds included."""
    cost = case((IS_OPEN, col(JobRow.quote)), else_=col(JobRow.charged))
    total = select(func.coalesce(func.sum(cost), 0)).where(
        col(JobRow.person_id) == person_id, col(JobRow.wallet_id) == wallet_id, col(JobRow.created_at) >= since
    )
    return int(session.scalars(total).one())


def hold(tx: Transaction, job: Billed, policy: Policy, now: float) -> None:
    """Take the job's quote from its wallet. Raises InsufficientCredits."""
    moved = tx.run(_TAKE, b_wallet_id=job.wallet_id, b_period=policy.period(now), b_amount=job.quote) == 1
    if not moved:
        _require(tx, _granted(tx, job.wallet_id, policy, now), job.quote, policy, now)
    key = f"hold:{job.id}"
    _enter(tx, key, job.wallet_id, EntryKind.HOLD, -job.quote, at=now, job_id=job.id, moved=moved)


def requote(tx: Transaction, job: Billed, quote: int, policy: Policy, now: float) -> None:
    """Make the hold of a job, with its old quote, one of another quote: an entry over the difference.

    Raises InsufficientCredits.
    """
    wallet = _granted(tx, job.wallet_id, policy, now)
    if quote == job.quote:
        return
    earlier = select(func.count()).where(
        col(LedgerEntryRow.job_id) == job.id, col(LedgerEntryRow.key).startswith("requote:")
    )
    key = f"requote:{job.id}:{tx.scalars(earlier).one() + 1}"
    if quote > job.quote:
        _require(tx, wallet, quote - job.quote, policy, now)
    kind = EntryKind.HOLD if quote > job.quote else EntryKind.RELEASE
    _enter(tx, key, job.wallet_id, kind, job.quote - quote, at=now, job_id=job.id)


def settle(tx: Transaction, job: Billed, amount: int, now: float) -> int:
    """End the job's hold: `amount`, at most the quote, is charged and the rest returns; gives what was charged.

    Where nothing is charged the entry is a release.
    """
    kept = min(amount, job.quote)
    kind = EntryKind.CHARGE if kept else EntryKind.RELEASE
    _enter(tx, f"settle:{job.id}", job.wallet_id, kind, job.quote - kept, at=now, charged=kept, job_id=job.id)
    return kept


def refund(tx: Transaction, job: JobRow, note: str, now: float) -> None:
    """Give back all that was charged for the job; the caller clears `charged`, the key makes it happen once."""
    if job.charged:
        key = f"refund:{job.id}"
        _enter(tx, key, job.wallet_id, EntryKind.REFUND, job.charged, at=now, job_id=job.id, note=note)
        _pass_on(tx, job.id, job.wallet_id, job.charged, now)


def _pass_on(tx: Transaction, job_id: str, wallet_id: str, amount: int, now: float) -> None:
    """Let what comes back to the wallet of somebody who is a part of another person now go to that one's."""
    left = select(col(PersonRow.joined_into)).where(col(PersonRow.wallet_id) == wallet_id)
    heir = tx.scalars(left).first()
    if heir is None:
        return
    target = tx.get_one(PersonRow, heir).wallet_id
    for side, wallet, moved in (("out", wallet_id, -amount), ("in", target, amount)):
        _add_once(tx, f"transfer:heir:{job_id}:{side}", wallet, EntryKind.TRANSFER, moved, at=now, note="link")


def foreseen(session: Session, wallet: WalletRow, policy: Policy, now: float) -> Balance:
    """Read a wallet as it will be once it is looked at: with the current period's grant, and without writing it."""
    balance = _balance(session, wallet, policy, now)
    if wallet.granted_period >= policy.period(now):
        return balance
    return replace(balance, available=max(balance.available, balance.grant))


def set_grant(tx: Transaction, wallet_id: str, amount: int | None, policy: Policy, now: float) -> None:
    """Give a wallet a grant of its own from the next period on; None: the settings' again."""
    _granted(tx, wallet_id, policy, now).own_grant = amount


def mint(tx: Transaction, key: str, wallet_id: str, amount: int, note: str, policy: Policy, now: float) -> bool:
    """Make credits out of nothing; False if that was done under this key before."""
    if amount <= 0:
        raise ValueError(f"{amount} mgs cannot be minted")
    _granted(tx, wallet_id, policy, now)  # first: the grant tops up to its amount, and must not swallow these
    return _add_once(tx, f"mint:{key}", wallet_id, EntryKind.GRANT, amount, at=now, note=note)


def transfer(
    tx: Transaction, key: str, source: str, target: str, amount: int, note: str, policy: Policy, now: float
) -> bool:
    """Move credits from wallet to wallet; False if that was done under this key before. Raises InsufficientCredits."""
    if amount <= 0 or source == target:
        raise ValueError(f"{amount} mgs cannot be transferred from {source} to {target}")
    wallets = {wallet_id: _granted(tx, wallet_id, policy, now) for wallet_id in sorted((source, target))}
    if _is_written(tx, f"transfer:{key}:out"):
        return False
    _require(tx, wallets[source], amount, policy, now)
    _add_once(tx, f"transfer:{key}:out", source, EntryKind.TRANSFER, -amount, at=now, note=note)
    return _add_once(tx, f"transfer:{key}:in", target, EntryKind.TRANSFER, amount, at=now, note=note)


def start_with(tx: Transaction, wallet_id: str, amount: int, period: int, now: float) -> None:
    """Begin a new wallet within a period whose grant was used before: it starts with what was left of that."""
    tx.get_one(WalletRow, wallet_id, with_for_update=True).granted_period = period
    _add_once(tx, f"grant:{wallet_id}:{period}", wallet_id, EntryKind.GRANT, amount, at=now, note="")


def _require(session: Session, wallet: WalletRow, amount: int, policy: Policy, now: float) -> None:
    balance = available(session, wallet.id)
    if amount > balance:
        wait = policy.resets_at(now) - now
        refusal = InsufficientCredits(
            f"{amount} mgs are more than the {balance} mgs available",
            retry_after=wait,
            cost=credits(amount),
            available=credits(balance),
        )
        if _grant_of(wallet, policy) > balance:
            refusal.fields["resets"] = round(wait)
        if wallet.kind == WalletKind.COMMUNITY:
            refusal.fields["payer"] = "community"
        raise refusal


def _is_written(session: Session, key: str) -> bool:
    return (
        session.scalars(select(col(LedgerEntryRow.sequence)).where(col(LedgerEntryRow.key) == key)).first() is not None
    )


def _add_once(tx: Transaction, key: str, wallet_id: str, kind: EntryKind, amount: int, *, at: float, note: str) -> bool:
    if _is_written(tx, key):
        return False
    _enter(tx, key, wallet_id, kind, amount, at=at, note=note)
    return True


def refund_job(tx: Transaction, job_id: str, note: str, now: float) -> int:
    """Give back what a settled job was charged, to whoever paid; gives the amount, 0 if there is none or it was."""
    job = _settled(tx, job_id)
    if job is None or _is_written(tx, f"transfer:refund:{job_id}:out"):
        return 0
    amount = job.charged
    refund(tx, job, note, now)
    job.charged = 0
    return amount


def refund_from(tx: Transaction, job_id: str, wallet_id: str, note: str, policy: Policy, now: float) -> int:
    """Make good from another wallet what a person paid for a job; gives the amount, 0 if there is none or it was."""
    job = _settled(tx, job_id)
    if job is None or not JobStatus(job.status).ended or job.wallet_id == wallet_id or not job.charged:
        return 0
    moved = transfer(tx, f"refund:{job_id}", wallet_id, job.wallet_id, job.charged, note, policy, now)
    if moved:
        _pass_on(tx, job_id, job.wallet_id, job.charged, now)
    return job.charged if moved else 0


def _settled(session: Session, job_id: str) -> JobRow | None:
    job = session.scalars(select(JobRow).where(col(JobRow.id) == job_id).with_for_update()).first()
    return None if job is None or job.status in OPEN_HOLD else job


def _granted(tx: Transaction, wallet_id: str, policy: Policy, now: float) -> WalletRow:
    wallet = tx.get_one(WalletRow, wallet_id, with_for_update=True)
    period = policy.period(now)
    if wallet.granted_period < period:
        amount = max(0, _grant_of(wallet, policy) - available(tx, wallet_id))
        wallet.granted_period = period
        tx.flush()
        _enter(tx, f"grant:{wallet_id}:{period}", wallet_id, EntryKind.GRANT, amount, at=now)
    return wallet


def _balance(session: Session, wallet: WalletRow, policy: Policy, now: float) -> Balance:
    return Balance(
        available=available(session, wallet.id),
        held=held(session, wallet.id),
        grant=_grant_of(wallet, policy),
        resets_at=policy.resets_at(now),
    )


def _grant_of(wallet: WalletRow, policy: Policy) -> int:
    if wallet.own_grant is not None:
        return wallet.own_grant
    return policy.grant if wallet.kind == WalletKind.PERSON else policy.community_grant


def _enter(
    tx: Transaction,
    key: str,
    wallet_id: str,
    kind: EntryKind,
    amount: int,
    *,
    at: float,
    charged: int = 0,
    job_id: str | None = None,
    note: str = "",
    moved: bool = False,
) -> None:
    """Write an entry, and move the balance by it unless it is `moved` already."""
    tx.run(
        _ADD_ENTRY,
        key=key,
        wallet_id=wallet_id,
        kind=kind,
        amount=amount,
        charged_mgs=charged,
        job_id=job_id,
        at=at,
        note=note,
    )
    if amount and not moved:
        tx.run(_MOVE, b_wallet_id=wallet_id, b_amount=amount)

"""How two people become one, and how one of their accounts becomes a person again.

Credits go by ledger entries. A period's grant is one grant, whoever joins whom: what either has spent of it stays
spent, so that nobody makes credits by joining fresh accounts; what they were given besides is added. Nothing is on its
way to the wallet that is left; what is refunded later is passed on (`ledger.refund`).
"""

from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, update
from sqlmodel import Session, col

from engine.model import Identity
from storage import ledger, people
from storage.policy import Policy
from storage.tables import (
    BanRow,
    EntryKind,
    FavouriteRow,
    FlowRow,
    IdentityRow,
    JobRow,
    LedgerEntryRow,
    LinkCodeRow,
    LinkTryRow,
    MemberRow,
    PersonRow,
    PreferenceRow,
    ReviewRow,
    WalletRow,
)
from storage.transaction import Transaction

_PERSON = "person"  # the scope of preferences that are one's own


def join(tx: Transaction, into: PersonRow, gone: PersonRow, policy: Policy, now: float) -> None:
    """Make `gone` a part of `into`; `gone` has no job on its way."""
    _join_wallets(tx, into, gone, policy, now)
    _join_bans(tx, into.id, gone.id)
    _join_members(tx, into.id, gone.id)
    _join_flows(tx, into.id, gone.id)
    _join_chosen(tx, into.id, gone.id)
    tx.execute(update(JobRow).where(col(JobRow.person_id) == gone.id).values(person_id=into.id))
    tx.execute(update(IdentityRow).where(col(IdentityRow.person_id) == gone.id).values(person_id=into.id))
    tx.execute(update(PersonRow).where(col(PersonRow.joined_into) == gone.id).values(joined_into=into.id))
    both = (into.id, gone.id)
    tx.execute(delete(LinkCodeRow).where(col(LinkCodeRow.person_id).in_(both)))
    tx.execute(delete(LinkTryRow).where(col(LinkTryRow.person_id).in_(both)))
    gone.name, gone.forgotten_at, gone.joined_into = "", now, into.id
    tx.flush()


def part(tx: Transaction, identity: Identity, policy: Policy, now: float) -> bool:
    """Make an identity a person of its own; False if it is the only one of its person, or of nobody."""
    row = tx.get(IdentityRow, (identity.platform, identity.id), with_for_update=True)
    if row is None:
        return False
    before = row.person_id
    others = select(col(IdentityRow.external_id)).where(col(IdentityRow.person_id) == before)
    if len(tx.scalars(others).all()) < 2:
        return False
    tx.delete(row)
    tx.flush()
    person = people.person(tx, identity, now)
    ledger.start_with(tx, person.wallet_id, 0, policy.period(now), now)
    for ban in tx.scalars(select(BanRow).where(col(BanRow.person_id) == before)).all():
        tx.add(_ban(ban, person.id))
    own = select(PreferenceRow).where(col(PreferenceRow.scope) == _PERSON, col(PreferenceRow.scope_id) == before)
    for kept in tx.scalars(own).all():
        tx.add(PreferenceRow(scope=_PERSON, scope_id=person.id, name=kept.name, value=kept.value, at=kept.at))
    tx.flush()
    return True


def _join_wallets(tx: Transaction, into: PersonRow, gone: PersonRow, policy: Policy, now: float) -> None:
    """Make one balance of two, by one transfer in whichever direction that takes."""
    own, other = (_holding(tx, person.wallet_id, policy, now) for person in (into, gone))
    grant = max(own.grant, other.grant)
    due = max(0, grant - own.spent - other.spent) + own.given + other.given
    amount = due - own.available
    key = f"link:{gone.id}"
    if amount > 0:
        ledger.transfer(tx, key, gone.wallet_id, into.wallet_id, amount, "link", policy, now)
    elif amount < 0:
        ledger.transfer(tx, key, into.wallet_id, gone.wallet_id, -amount, "link", policy, now)
    left, stays = tx.get_one(WalletRow, gone.wallet_id), tx.get_one(WalletRow, into.wallet_id)
    grants = [wallet.own_grant for wallet in (stays, left) if wallet.own_grant is not None]
    stays.own_grant = min(grants) if grants else None  # what an operator has limited stays limited


@dataclass(frozen=True, kw_only=True)
class _Holding:
    """What a wallet holds, in mgs: of this period's grant, and of what was given besides, which is spent last."""

    available: int
    grant: int  # what it had of this period's grant at first
    given: int  # what is left of all else

    @property
    def spent(self) -> int:
        """What is gone of the grant."""
        return self.grant - (self.available - self.given)


def _holding(tx: Transaction, wallet_id: str, policy: Policy, now: float) -> _Holding:
    """Look at a wallet, after writing the period's grant if it is not there yet."""
    balance = ledger.grant(tx, wallet_id, policy, now)
    wallet = tx.get_one(WalletRow, wallet_id)
    key = f"grant:{wallet_id}:{wallet.granted_period}"
    entry, total = col(LedgerEntryRow.sequence), func.coalesce(func.sum(col(LedgerEntryRow.amount)), 0)
    of_wallet = col(LedgerEntryRow.wallet_id) == wallet_id
    since = tx.scalars(select(entry).where(col(LedgerEntryRow.key) == key)).one()
    at_first = int(tx.scalars(select(total).where(of_wallet, entry <= since)).one())
    gifts = or_(col(LedgerEntryRow.kind) == EntryKind.TRANSFER, col(LedgerEntryRow.key).startswith("mint:"))
    later = int(tx.scalars(select(total).where(of_wallet, entry > since, gifts)).one())
    granted = min(at_first, balance.grant)
    given = max(0, at_first - granted + later)
    return _Holding(
        available=balance.available,
        grant=granted,
        given=max(min(balance.available, given), balance.available - granted),
    )


def _join_bans(session: Session, into: str, gone: str) -> None:
    """Whatever either was banned from, both are, for the longer time."""
    for ban in session.scalars(select(BanRow).where(col(BanRow.person_id) == gone)).all():
        known = session.get(BanRow, (into, ban.community_id))
        if known is None:
            session.add(_ban(ban, into))
        elif known.until is not None and (ban.until is None or ban.until > known.until):
            known.until, known.reason, known.by, known.at = ban.until, ban.reason, ban.by, ban.at
        session.delete(ban)
    session.flush()


def _ban(ban: BanRow, person_id: str) -> BanRow:
    return BanRow(
        person_id=person_id, community_id=ban.community_id, reason=ban.reason, until=ban.until, by=ban.by, at=ban.at
    )


def _join_members(session: Session, into: str, gone: str) -> None:
    """Of two allowances in a community the smaller one holds."""
    for member in session.scalars(select(MemberRow).where(col(MemberRow.person_id) == gone)).all():
        known = session.get(MemberRow, (member.community_id, into))
        if known is None:
            session.add(MemberRow(community_id=member.community_id, person_id=into, allowance=member.allowance))
        elif member.allowance is not None:
            known.allowance = member.allowance if known.allowance is None else min(known.allowance, member.allowance)
        session.delete(member)
    session.flush()


def _join_flows(session: Session, into: str, gone: str) -> None:
    """Whoever was served more stands where that one stood."""
    for flow in session.scalars(select(FlowRow).where(col(FlowRow.person_id) == gone)).all():
        known = session.get(FlowRow, (into, flow.lane))
        if known is None:
            session.add(
                FlowRow(person_id=into, lane=flow.lane, last_finish=flow.last_finish, served_finish=flow.served_finish)
            )
        else:
            known.last_finish = max(known.last_finish, flow.last_finish)
            known.served_finish = max(known.served_finish, flow.served_finish)
        session.delete(flow)
    session.flush()


def _join_chosen(session: Session, into: str, gone: str) -> None:
    """Favourites, reports and preferences of both; where both chose, what `into` chose holds."""
    for favourite in session.scalars(select(FavouriteRow).where(col(FavouriteRow.person_id) == gone)).all():
        if session.get(FavouriteRow, (into, favourite.job_id, favourite.number)) is None:
            session.add(FavouriteRow(person_id=into, job_id=favourite.job_id, number=favourite.number, at=favourite.at))
        session.delete(favourite)
    reported = select(ReviewRow).where(col(ReviewRow.person_id) == gone)
    for review in session.scalars(reported).all():
        same = select(col(ReviewRow.sequence)).where(
            col(ReviewRow.job_id) == review.job_id,
            col(ReviewRow.kind) == review.kind,
            col(ReviewRow.person_id) == into,
        )
        if session.scalars(same).first() is None:
            review.person_id = into
        else:
            session.delete(review)
    chosen = select(PreferenceRow).where(col(PreferenceRow.scope) == _PERSON, col(PreferenceRow.scope_id) == gone)
    for row in session.scalars(chosen).all():
        if session.get(PreferenceRow, (_PERSON, into, row.name)) is None:
            session.add(PreferenceRow(scope=_PERSON, scope_id=into, name=row.name, value=row.value, at=row.at))
        session.delete(row)
    session.flush()

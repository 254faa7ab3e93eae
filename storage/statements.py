"""What wallets did and hold: pages of entries with the balance after each, and the list of all accounts."""

from collections import defaultdict

from sqlalchemy import func, select
from sqlmodel import Session, col

from engine.accounts import Account, Entry, Movement, Statement
from engine.model import Identity
from storage import ledger
from storage.policy import Policy
from storage.tables import CommunityRow, EntryKind, IdentityRow, LedgerEntryRow, PersonRow, WalletRow


def statement(session: Session, wallet_id: str, before: int, limit: int) -> Statement:
    """Give a page of a wallet's entries, newest first; `before` is an entry's number, 0 for the newest page."""
    chosen = select(LedgerEntryRow).where(col(LedgerEntryRow.wallet_id) == wallet_id)
    if before:
        chosen = chosen.where(col(LedgerEntryRow.sequence) < before)
    rows = session.scalars(chosen.order_by(col(LedgerEntryRow.sequence).desc()).limit(limit + 1)).all()
    page = rows[:limit]
    if not page:
        return Statement(wallet_id=wallet_id, entries=(), older=0)
    later = select(func.coalesce(func.sum(col(LedgerEntryRow.amount)), 0)).where(
        col(LedgerEntryRow.wallet_id) == wallet_id, col(LedgerEntryRow.sequence) > page[0].sequence
    )
    balance = ledger.available(session, wallet_id) - int(session.scalars(later).one())
    entries = []
    for row in page:
        entries.append(_entry_of(row, balance))
        balance -= row.amount
    return Statement(wallet_id=wallet_id, entries=tuple(entries), older=entries[-1].number if len(rows) > limit else 0)


def accounts(session: Session, policy: Policy, now: float, wallet_id: str | None = None) -> tuple[Account, ...]:
    """Give all accounts, or the one of a wallet: people first, by name; grants that are due are not written here."""
    identities: dict[str, list[Identity]] = defaultdict(list)
    for identity in session.scalars(select(IdentityRow)):
        identities[identity.person_id].append(
            Identity(platform=identity.platform, id=identity.external_id, name=identity.name)
        )
    found = []
    people = select(PersonRow, WalletRow).join(WalletRow, col(WalletRow.id) == col(PersonRow.wallet_id))
    communities = select(CommunityRow, WalletRow).join(WalletRow, col(WalletRow.id) == col(CommunityRow.wallet_id))
    if wallet_id is not None:
        people, communities = (
            people.where(col(WalletRow.id) == wallet_id),
            communities.where(col(WalletRow.id) == wallet_id),
        )
    for person, wallet in session.execute(people.order_by(col(PersonRow.name), col(PersonRow.id))):
        known = tuple(identities[person.id])
        found.append(_account("person", person.id, person.name, known, session, wallet, policy, now))
    for place, wallet in session.execute(communities.order_by(col(CommunityRow.name), col(CommunityRow.id))):
        known = (Identity(platform=place.platform, id=place.external_id, name=place.name),)
        found.append(_account("community", place.id, place.name, known, session, wallet, policy, now))
    return tuple(found)


def _account(
    kind: str,
    owner_id: str,
    name: str,
    identities: tuple[Identity, ...],
    session: Session,
    wallet: WalletRow,
    policy: Policy,
    now: float,
) -> Account:
    return Account(
        kind=kind,
        owner_id=owner_id,
        name=name,
        identities=identities,
        wallet_id=wallet.id,
        own_grant=wallet.own_grant,
        balance=ledger.foreseen(session, wallet, policy, now),
    )


def _entry_of(row: LedgerEntryRow, balance: int) -> Entry:
    minted = row.kind == EntryKind.GRANT and row.key.startswith("mint:")
    return Entry(
        number=row.sequence or 0,
        at=row.at,
        movement=Movement.MINT if minted else Movement(row.kind),
        amount=row.amount,
        charged=row.charged_mgs,
        balance=balance,
        job_id=row.job_id,
        note=row.note,
    )

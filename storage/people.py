"""People and communities, found or made."""

from dataclasses import asdict

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from engine.ids import new_id
from engine.model import Community, Identity, Person
from engine.policies import CommunityPolicy
from storage import fingerprints
from storage.prepared import Prepared
from storage.tables import CommunityRow, IdentityRow, MemberRow, PersonRow, WalletKind, WalletRow, table_of
from storage.transaction import Transaction
from storage.views import community_of, person_of

_PERSON, _IDENTITY = table_of(PersonRow), table_of(IdentityRow)
_BEHIND = Prepared(
    select(_PERSON, _IDENTITY.c.name.label("known_as"))
    .join(_IDENTITY, _IDENTITY.c.person_id == _PERSON.c.id)
    .where(_IDENTITY.c.platform == bindparam("platform"), _IDENTITY.c.external_id == bindparam("external_id"))
)


def find(tx: Transaction, platform: str, external_id: str) -> Person | None:
    """Find the person behind an identity, whatever their name is now."""
    row = tx.first(_BEHIND, platform=platform, external_id=external_id)
    return None if row is None else person_of(row)


def known_person(tx: Transaction, identity: Identity) -> Person | None:
    """Find the person behind an identity; None if there is none yet, or their name has changed (`person`)."""
    row = tx.first(_BEHIND, platform=identity.platform, external_id=identity.id)
    return None if row is None or (identity.name and row.known_as != identity.name) else person_of(row)


def person(session: Transaction, identity: Identity, now: float) -> Person:
    """Find or create the person behind an identity, keeping the newest name that is not empty."""
    known = session.get(IdentityRow, (identity.platform, identity.id))
    if known is not None:
        row = session.get_one(PersonRow, known.person_id)
        if identity.name:
            known.name = row.name = identity.name
        return person_of(row)
    row = PersonRow(id=new_id(), name=identity.name, wallet_id=_wallet(session, WalletKind.PERSON), created_at=now)
    session.add(row)
    session.flush()
    session.add(IdentityRow(platform=identity.platform, external_id=identity.id, person_id=row.id, name=identity.name))
    fingerprints.recognise(session, identity, row, now)
    return person_of(row)


def known_community(session: Session, platform: str, external_id: str, name: str) -> Community | None:
    """Find a community; None if there is none yet, or its name has changed (`community`)."""
    row = _community(session, platform, external_id)
    return None if row is None or (name and row.name != name) else community_of(row)


def community(session: Session, platform: str, external_id: str, name: str) -> Community:
    """Find or create a community, keeping the newest name that is not empty."""
    row = _community(session, platform, external_id)
    if row is None:
        row = CommunityRow(
            id=new_id(),
            platform=platform,
            external_id=external_id,
            name=name,
            wallet_id=_wallet(session, WalletKind.COMMUNITY),
        )
        session.add(row)
    elif name:
        row.name = name
    return community_of(row)


def set_policy(session: Session, community_id: str, policy: CommunityPolicy) -> None:
    """Write a community's policy; jobs that are queued already keep their tags."""
    row = session.get_one(CommunityRow, community_id, with_for_update=True)
    row.policy = asdict(policy)
    row.weight = policy.weight


def set_allowance(session: Session, community_id: str, person_id: str, amount: int | None) -> None:
    """Let a person take this much of the community's wallet each period; None: what its policy says."""
    row = session.get(MemberRow, (community_id, person_id), with_for_update=True)
    if row is None:
        row = MemberRow(community_id=community_id, person_id=person_id)
        session.add(row)
    row.allowance = amount


def _community(session: Session, platform: str, external_id: str) -> CommunityRow | None:
    chosen = select(CommunityRow).where(
        col(CommunityRow.platform) == platform, col(CommunityRow.external_id) == external_id
    )
    return session.scalars(chosen).first()


def _wallet(session: Session, kind: WalletKind) -> str:
    wallet = WalletRow(id=new_id(), kind=kind, granted_period=-1)
    session.add(wallet)
    session.flush()
    return wallet.id

"""People and communities, found or made."""

from dataclasses import asdict, fields

from sqlalchemy import select
from sqlmodel import Session, col

from engine.ids import new_id
from engine.model import Community, CommunityPolicy, Identity, Payer, Person
from storage.tables import CommunityRow, IdentityRow, PersonRow, WalletKind, WalletRow
from storage.views import community_of, person_of


def known_person(session: Session, identity: Identity) -> Person | None:
    """Find the person behind an identity; None if there is none yet, or their name has changed (`person`)."""
    row = session.get(IdentityRow, (identity.platform, identity.id))
    if row is None or (identity.name and row.name != identity.name):
        return None
    return person_of(session.get_one(PersonRow, row.person_id))


def person(session: Session, identity: Identity, now: float) -> Person:
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


def policy_of(row: CommunityRow) -> CommunityPolicy:
    """Give the policy that a community's row holds; fields that it does not hold have their defaults."""
    known = {field.name for field in fields(CommunityPolicy)}
    held = {name: value for name, value in row.policy.items() if name in known}
    return CommunityPolicy(**{**held, "payer": Payer(held.get("payer", Payer.PERSON))})


def set_policy(session: Session, community_id: str, policy: CommunityPolicy) -> None:
    """Write a community's policy; jobs that are queued already keep their tags."""
    row = session.get_one(CommunityRow, community_id, with_for_update=True)
    row.policy = asdict(policy)
    row.weight = policy.weight


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

"""Fingerprints of the forgotten: coming back brings no second grant within a period, and lifts no ban.

Who is forgotten leaves no name and no identity. What stays for a while is a salted hash of their platform and id, with
what was left of the period's grant; it can be compared with somebody who arrives, not read.
"""

import hashlib
import secrets

from sqlalchemy import select
from sqlmodel import Session, col

from engine.model import Identity
from storage import ledger
from storage.policy import Policy
from storage.tables import BanRow, FingerprintRow, IdentityRow, PersonRow, WalletRow
from storage.transaction import Transaction


def leave(session: Session, person: PersonRow, policy: Policy, now: float) -> None:
    """Leave a fingerprint for each identity of a person, for as long as their grant's period or a ban lasts."""
    clear(session, now)
    wallet = session.get_one(WalletRow, person.wallet_id)
    ends = [policy.resets_at(now)]
    bans = session.scalars(select(BanRow).where(col(BanRow.person_id) == person.id)).all()
    until = None if any(ban.until is None for ban in bans) else max([*ends, *(ban.until or 0.0 for ban in bans)])
    left = min(ledger.available(session, wallet.id), policy.grant if wallet.own_grant is None else wallet.own_grant)
    for identity in session.scalars(select(IdentityRow).where(col(IdentityRow.person_id) == person.id)):
        salt = secrets.token_hex(16)
        session.add(
            FingerprintRow(
                digest=_digest(salt, identity.platform, identity.external_id),
                salt=salt,
                person_id=person.id,
                granted_period=wallet.granted_period,
                available=left,
                until=until,
            )
        )


def recognise(session: Transaction, identity: Identity, person: PersonRow, now: float) -> None:
    """Give somebody who was just made what their fingerprint remembers, and drop it with those of their other ids."""
    clear(session, now)
    known = next(
        (
            row
            for row in session.scalars(select(FingerprintRow))
            if row.digest == _digest(row.salt, identity.platform, identity.id)
        ),
        None,
    )
    if known is None:
        return
    ledger.start_with(session, person.wallet_id, known.available, known.granted_period, now)
    for ban in session.scalars(select(BanRow).where(col(BanRow.person_id) == known.person_id)).all():
        session.add(
            BanRow(
                person_id=person.id,
                community_id=ban.community_id,
                reason=ban.reason,
                until=ban.until,
                by=ban.by,
                at=ban.at,
            )
        )
    for row in session.scalars(select(FingerprintRow).where(col(FingerprintRow.person_id) == known.person_id)).all():
        row.available = 0  # somebody with two identities comes back with one grant
    session.delete(known)


def clear(session: Session, now: float) -> None:
    """Drop the fingerprints that have served their time."""
    for row in session.scalars(select(FingerprintRow).where(col(FingerprintRow.until) <= now)).all():
        session.delete(row)


def _digest(salt: str, platform: str, external_id: str) -> str:
    return hashlib.sha256(f"{salt}:{platform}:{external_id}".encode()).hexdigest()

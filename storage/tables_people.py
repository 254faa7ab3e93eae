"""The tables of people: wallets, persons and their identities, communities, bans, preferences, the audit log."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Double, Index
from sqlmodel import Field

from storage.tables_base import Base, Sequence, Word, one_of


class WalletKind(StrEnum):
    """Whose wallet it is; each kind has its own grant."""

    PERSON = "person"
    COMMUNITY = "community"


class WalletRow(Base, table=True):
    """Somebody's credits; `balance` (mgs) is the sum of its ledger entries, which the ledger alone moves.

    `own_grant` (mgs) is what it is granted each period, where that is not what the settings say.
    """

    __tablename__ = "wallet"
    __table_args__ = (one_of("kind", WalletKind),)

    id: str = Field(primary_key=True)
    kind: str = Field(sa_type=Word)
    granted_period: int = Field(sa_type=BigInteger)  # index of the last period whose grant was written; -1: none
    own_grant: int | None = Field(default=None, sa_type=BigInteger)
    balance: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class PersonRow(Base, table=True):
    """Somebody, on however many platforms; once forgotten the row has no name and no identity, and stays so.

    `joined_into` is who they are now, where they joined their accounts; such a row counts as forgotten.
    """

    __tablename__ = "person"

    id: str = Field(primary_key=True)
    name: str
    wallet_id: str = Field(foreign_key="wallet.id", unique=True)
    created_at: float = Field(sa_type=Double)
    forgotten_at: float | None = Field(default=None, sa_type=Double)
    joined_into: str | None = None  # no foreign key: SQLite would rebuild the table for it, to which others refer


class IdentityRow(Base, table=True):
    """Somebody as a platform knows them."""

    __tablename__ = "identity"

    platform: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    name: str


class CommunityRow(Base, table=True):
    """A guild, group chat or web room.

    `policy` holds the fields of an `engine.model.CommunityPolicy` (`policy.policy_from` reads it); `weight` repeats its
    weight, for statements that sort by it.
    """

    __tablename__ = "community"
    __table_args__ = (
        Index("uq_community_platform_external_id", "platform", "external_id", unique=True),
        CheckConstraint("weight > 0", name="weight_positive"),
    )

    id: str = Field(primary_key=True)
    platform: str
    external_id: str
    name: str
    wallet_id: str = Field(foreign_key="wallet.id", unique=True)
    weight: float = Field(default=1.0, sa_type=Double)
    policy: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, sa_column_kwargs={"server_default": "{}"})


class MemberRow(Base, table=True):
    """What a community has set for one of its people: `allowance` (mgs) instead of its policy's."""

    __tablename__ = "member"

    community_id: str = Field(primary_key=True, foreign_key="community.id")
    person_id: str = Field(primary_key=True, foreign_key="person.id", index=True)
    allowance: int | None = Field(default=None, sa_type=BigInteger)


class BanRow(Base, table=True):
    """Somebody may not ask for work in a community; `community_id` is empty where that means everywhere."""

    __tablename__ = "ban"

    person_id: str = Field(primary_key=True, foreign_key="person.id")
    community_id: str = Field(primary_key=True)
    reason: str
    until: float | None = Field(default=None, sa_type=Double)  # none: until it is lifted
    by: str
    at: float = Field(sa_type=Double)


class FingerprintRow(Base, table=True):
    """Somebody who was forgotten, so that coming back brings no second grant and lifts no ban.

    `digest` is the SHA-256 of `salt` and their platform and id. The row goes when they come back, and when neither
    the period of the grant nor a ban lasts any more; `until` is empty while a ban is for good.
    """

    __tablename__ = "fingerprint"

    digest: str = Field(primary_key=True)
    salt: str
    person_id: str = Field(foreign_key="person.id")  # whose bans they were
    granted_period: int = Field(sa_type=BigInteger)
    available: int = Field(sa_type=BigInteger)  # mgs left, at most a period's grant
    until: float | None = Field(default=None, sa_type=Double)


class PreferenceRow(Base, table=True):
    """A default that somebody chose: `scope` says whose (person, channel, community), `scope_id` which."""

    __tablename__ = "preference"
    __table_args__ = (CheckConstraint("scope IN ('person', 'channel', 'community')", name="scope_known"),)

    scope: str = Field(primary_key=True)
    scope_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: Any = Field(sa_column=Column(JSON, nullable=False))
    at: float = Field(sa_type=Double)


class FavouriteRow(Base, table=True):
    """A picture that somebody wants to find again: `number` counts the pictures of its job from 1."""

    __tablename__ = "favourite"

    person_id: str = Field(primary_key=True, foreign_key="person.id")
    job_id: str = Field(primary_key=True, foreign_key="job.id", index=True)
    number: int = Field(primary_key=True)
    at: float = Field(sa_type=Double)


class AuditRow(Base, table=True):
    """What somebody with power did."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_community_id_sequence", "community_id", "sequence"),)

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    at: float = Field(sa_type=Double, index=True)
    actor: str
    action: str
    target: str
    detail: Any = Field(sa_column=Column(JSON, nullable=True))
    community_id: str | None = None  # where it was done

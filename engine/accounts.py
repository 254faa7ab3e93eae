"""The types of the accounts: what a wallet did, who is banned, what was done with power, what is known of a person.

Units as in `engine.model`: amounts are mgs, times seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.model import Attempt, Balance, Identity, Job, Json


class Movement(StrEnum):
    """What moved a balance."""

    GRANT = "grant"
    MINT = "mint"
    TRANSFER = "transfer"
    HOLD = "hold"
    CHARGE = "charge"
    RELEASE = "release"
    REFUND = "refund"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One movement of a wallet."""

    number: int  # rises with every entry of the ledger
    at: float
    movement: Movement
    amount: int  # what the balance changed by; on a charge the rest of the hold, which returns
    charged: int  # what a charge kept; 0 on others
    balance: int  # after it
    job_id: str | None  # what it was for, where that is a job
    note: str  # what it was for, in somebody's words or as an error's code; may be empty


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A page of a wallet's entries, newest first."""

    wallet_id: str
    entries: tuple[Entry, ...]
    older: int  # ask for entries before this number to read on; 0 if these are the oldest


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a person may take of a community's wallet, where that pays."""

    limit: int | None  # mgs each period; None: no limit of their own
    used: int
    balance: Balance  # the community's


@dataclass(frozen=True, kw_only=True)
class Account:
    """A wallet with its owner, as `atelier quota show` lists it."""

    kind: str  # "person" or "community"
    owner_id: str
    name: str  # empty where the person was forgotten
    identities: tuple[Identity, ...]  # of a community: its platform and id there
    wallet_id: str
    own_grant: int | None  # mgs each period instead of the settings' grant
    balance: Balance


@dataclass(frozen=True, kw_only=True)
class Ban:
    """Somebody may not ask for work: in a community, or anywhere."""

    person_id: str
    community_id: str | None  # None: everywhere
    reason: str
    until: float | None  # None: until it is lifted
    by: str  # "platform:id" of whoever banned them
    at: float


@dataclass(frozen=True, kw_only=True)
class AuditLine:
    """What somebody with power did."""

    actor: str  # "platform:id"
    action: str
    target: str  # the id of a job, a person, a community or a wallet
    detail: Json = None
    community_id: str | None = None  # where it was done; None: nowhere in particular
    at: float = 0.0  # set when it is written


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that is kept about a person."""

    data: Json  # identities, preferences, bans, jobs with their options, ledger
    files: Mapping[str, str]  # a name within the export -> the blob's name


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What forgetting a person took out of the database, for whoever removes the files."""

    jobs: int
    attempts: tuple[Attempt, ...]  # that still run somewhere and are to be stopped
    blobs: frozenset[str]  # that nobody refers to any more
    copies: frozenset[str]  # of which there may be copies elsewhere: all that they made or sent
    words: frozenset[str]  # their prompts


def is_forgotten(job: Job) -> bool:
    """Say whether a job's person was forgotten, and it with them: only its figures are left."""
    return job.request_key == f"gone:{job.id}"

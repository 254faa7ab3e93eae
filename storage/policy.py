"""The figures by which the books decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.fairness import Bounds
from engine.policies import CommunityPolicy, Payer
from engine.safety.verdicts import Verdict


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What people are granted and how much they may have on its way; comes from the settings.

    Caps of None are none. A community's own policy goes before the caps for what is asked for in it.
    """

    grant: int  # mgs per person and period
    community_grant: int = 0  # mgs per community and period
    period_seconds: float = 86_400.0
    max_queued_jobs: int = 10  # per person: jobs that have not been settled
    max_running_tasks: int | None = None  # per person: tasks that run at once
    max_community_jobs: int | None = None  # per community, all its people: jobs that have not been settled
    max_community_tasks: int | None = None  # per community, all its people: tasks that run at once
    max_wait_seconds: float | None = None  # how long a job may wait before it expires; None: for ever
    bounds: Bounds = field(default_factory=Bounds)

    def period(self, now: float) -> int:
        """Give the index of the period that `now` falls in; periods are counted from the epoch."""
        return int(now // self.period_seconds)

    def resets_at(self, now: float) -> float:
        """Give when the period after that of `now` begins."""
        return (self.period(now) + 1) * self.period_seconds


_NOTHING_SET = CommunityPolicy()


def policy_from(held: Mapping[str, Any]) -> CommunityPolicy:
    """Read a policy as it is kept; fields that it does not hold have their defaults."""
    if not held:
        return _NOTHING_SET
    known = {each.name for each in fields(CommunityPolicy)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in held.items() if name in known
    }
    nsfw = values.get("nsfw")
    typed = {"payer": Payer(values.get("payer", Payer.PERSON)), "nsfw": None if nsfw is None else Verdict(nsfw)}
    return CommunityPolicy(**{**values, **typed})

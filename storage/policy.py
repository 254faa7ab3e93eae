"""The figures by which the books decide."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What people are granted and how much they may have on its way; comes from the settings."""

    grant: int  # mgs per person and period
    community_grant: int = 0  # mgs per community and period
    period_seconds: float = 86_400.0
    max_queued_jobs: int = 10  # per person: jobs that have not been settled

    def period(self, now: float) -> int:
        """Give the index of the period that `now` falls in; periods are counted from the epoch."""
        return int(now // self.period_seconds)

    def resets_at(self, now: float) -> float:
        """Give when the period after that of `now` begins."""
        return (self.period(now) + 1) * self.period_seconds

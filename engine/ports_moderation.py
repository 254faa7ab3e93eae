"""What the engine needs of others for moderation: checks, the inbox, preferences, drained endpoints."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from engine.accounts import AuditLine
from engine.reviews import Decided, Outcome, Review
from engine.safety.verdicts import Asked, Finding


class Safety(Protocol):
    """Looks at what is asked for and at what was made; what becomes of it is decided by the place's policy.

    Each check answers with what it has found, the empty tuple if all is well. None of them blocks the event loop, and
    none raises but for a bug: a check that could not be made is a finding of its own, where the settings say so.
    """

    async def prompt(self, asked: Asked) -> tuple[Finding, ...]:
        """Before a request is accepted: the studio asks."""

    async def input(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """The same for a picture that a request starts from (PNG)."""

    async def result(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """When a picture was made, before anybody sees it: the dispatcher asks."""

    @property
    def looks(self) -> bool:
        """Whether it looks at pictures at all; False: `input` and `result` need not be asked."""


class Reviews(Protocol):
    """The moderators' inbox, kept as `Books` are: a verb is one transaction, and idempotent.

    Pictures come into it by `Books.settle`, in the transaction that makes them.
    """

    async def inbox(self, community_id: str | None, *, limit: int = 10) -> tuple[Review, ...]:
        """What waits for a decision in a community, or everywhere (None), oldest first."""

    async def of_job(self, job_id: str) -> tuple[Review, ...]:
        """What waits of one job."""

    async def waiting(self) -> int:
        """How many jobs wait for a decision, everywhere."""

    async def report(self, job_id: str, person_id: str, number: int, reason: str) -> bool:
        """Somebody minds a picture (`number` from 1; 0: all); False if they said so before, or it is not shown.

        Raises UnknownJob.
        """

    async def decide(self, job_id: str, outcome: Outcome, reason: str, line: AuditLine) -> Decided:
        """Decide about a job and write the line, once; of several who decide at once one does.

        Held pictures are delivered then, or removed and refunded; the message of hidden ones is shown anew without
        them. Raises UnknownJob.
        """

    async def overdue(self, before: float, *, limit: int = 50) -> tuple[str, ...]:
        """Jobs whose pictures are held since before that time."""

    async def count(self, name: str) -> None:
        """Count one more of something, for ever."""


class Preferences(Protocol):
    """What people, channels and communities have chosen, by name; values are text as it is typed."""

    async def of(self, scopes: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """All that was chosen in these scopes, each a kind ("person", "channel", "community") and an id."""

    async def set(self, scope: str, scope_id: str, name: str, value: str, line: AuditLine | None = None) -> bool:
        """Choose, instead of what was chosen before; False if there is no room for one more."""

    async def delete(self, scope: str, scope_id: str, name: str, line: AuditLine | None = None) -> bool:
        """Choose no more; False if nothing was chosen."""


class Drains(Protocol):
    """Endpoints that get no new work, over restarts."""

    async def drained(self) -> Collection[str]:
        """Their names."""

    async def drain(self, endpoint: str, line: AuditLine) -> bool:
        """Give it nothing new; False if it is drained already."""

    async def enable(self, endpoint: str, line: AuditLine) -> bool:
        """Give it work again; False if it is not drained."""

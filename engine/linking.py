"""One person with accounts on several platforms: they are joined by a code, and parted again.

A code is made on one platform and typed on the other. It is random, lives for minutes, works once, and after a few
wrong ones nobody tries more for an hour. Whoever types it is told whose account it is before anything is joined. Then
both are one person: one balance, one history, one set of preferences, and what either was banned from.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from engine.accounts import AuditLine
from engine.errors import Forbidden, LinkRefused
from engine.model import Actor, Identity, Power
from engine.ports import Clock

CODE_LIVES = 600.0  # seconds
MOST_TRIES = 5  # wrong codes of one person
TRIES_COUNT = 3600.0  # seconds that a wrong one counts
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0 and 1, which are taken for each other
_LENGTH = 10  # characters: 50 bits, of which five tries an hour find none
_GROUP = 5


class Outcome(StrEnum):
    """What became of a code, or of a parting."""

    DONE = "done"
    UNKNOWN = "unknown"  # there is no such code any more
    TRIES = "tries"  # too many wrong ones
    OWN = "own"  # it is their own code
    PLATFORM = "platform"  # both have an account on the same platform
    BUSY = "busy"  # both have jobs on their way
    ALONE = "alone"  # there is nothing to part


@dataclass(frozen=True, kw_only=True)
class Linked:
    """What a code says, or did: whose it is, or was."""

    outcome: Outcome
    identities: Sequence[Identity] = field(default_factory=tuple)


class Links(Protocol):
    """Open codes and joined people; a verb is one transaction, and a code works once, whoever races for it."""

    async def offer(self, person_id: str, code: str, until: float) -> None:
        """Keep a code of somebody, instead of an earlier one of theirs."""

    async def look(self, person_id: str, code: str) -> Linked:
        """Say whose code somebody has typed; a wrong one is counted. Nothing is joined."""

    async def join(self, person_id: str, code: str, line: AuditLine) -> Linked:
        """Join whoever typed a code with whose it is.

        Whoever of both has nothing on its way becomes the other, who keeps their id. Their credits become one balance:
        what was spent of a grant counts for both, what came otherwise is added.
        """

    async def part(self, identity: Identity, line: AuditLine) -> Outcome:
        """Make an identity a person of its own again, with nothing of this period's grant; the rest stays."""

    async def identities(self, person_id: str) -> tuple[Identity, ...]:
        """The accounts of a person."""


class Linking:
    """Joins and parts for an actor."""

    def __init__(self, *, links: Links, clock: Clock) -> None:
        self._links = links
        self._clock = clock

    async def offer(self, actor: Actor) -> str:
        """Give a fresh code, as people type it."""
        _require_somebody(actor)
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        await self._links.offer(actor.person.id, code, self._clock.now() + CODE_LIVES)
        return f"{code[:_GROUP]}-{code[_GROUP:]}"

    async def look(self, actor: Actor, typed: str) -> Sequence[Identity]:
        """Say which accounts a code would join. Raises LinkRefused."""
        _require_somebody(actor)
        found = await self._links.look(actor.person.id, code_of(typed))
        _require_done(found.outcome)
        return found.identities

    async def join(self, actor: Actor, typed: str) -> Sequence[Identity]:
        """Join accounts; gives those that were joined. Raises LinkRefused."""
        _require_somebody(actor)
        found = await self._links.join(actor.person.id, code_of(typed), _line(actor, "link"))
        _require_done(found.outcome)
        return found.identities

    async def identities(self, actor: Actor) -> tuple[Identity, ...]:
        """The actor's accounts."""
        return await self._links.identities(actor.person.id)

    async def part(self, actor: Actor) -> None:
        """Make the account that this is asked from a person of its own. Raises LinkRefused."""
        _require_somebody(actor)
        _require_done(await self._links.part(actor.identity, _line(actor, "unlink")))


def code_of(typed: str) -> str:
    """Read a code as people type it."""
    return "".join(sign for sign in typed.upper() if sign in _ALPHABET)[: _LENGTH + 1]


def _line(actor: Actor, action: str) -> AuditLine:
    return AuditLine(actor=f"{actor.identity.platform}:{actor.identity.id}", action=action, target=actor.person.id)


def _require_somebody(actor: Actor) -> None:
    if actor.power is Power.NOBODY:
        raise Forbidden(action="link")


def _require_done(outcome: Outcome) -> None:
    if outcome is not Outcome.DONE:
        raise LinkRefused(reason=str(outcome), limit=MOST_TRIES)

"""The types of the moderators' inbox: what waits for their eye, and what they decide.

Held pictures were found by a check before anybody saw them; reported ones were shown, and somebody minds.
"""

from dataclasses import dataclass
from enum import StrEnum

from engine.model import JobView


class Kind(StrEnum):
    """How something came into the inbox."""

    HELD = "held"
    REPORTED = "reported"


class Outcome(StrEnum):
    """What a moderator decides: the first three about held pictures, the last two about reported ones."""

    APPROVED = "approved"
    SPOILER = "spoiler"
    REJECTED = "rejected"  # the pictures are removed, what they cost returns, the person is told why
    HIDDEN = "hidden"  # the message shows them no more
    DISMISSED = "dismissed"


NOT_REVIEWED = "not-reviewed"
"""The reason of a job whose held pictures nobody looked at in time."""
ABOUT = {
    Outcome.APPROVED: Kind.HELD,
    Outcome.SPOILER: Kind.HELD,
    Outcome.REJECTED: Kind.HELD,
    Outcome.HIDDEN: Kind.REPORTED,
    Outcome.DISMISSED: Kind.REPORTED,
}
"""What each outcome decides about."""


@dataclass(frozen=True, kw_only=True)
class Review:
    """Something in the inbox: a job, with why somebody has to look at it."""

    view: JobView  # with its pictures, whether they may be shown or not
    kind: Kind
    reasons: tuple[str, ...]  # the category that a check found, or what people who reported it wrote; oldest first
    reports: int  # how many people reported it; 0 on what is held
    numbers: tuple[int, ...]  # the pictures that they meant; empty: all
    at: float  # when the first of it came


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a decision did."""

    view: JobView
    done: bool  # False: somebody had decided before, or there was nothing to decide
    blobs: frozenset[str] = frozenset()  # whose last rows are gone, for whoever removes the files

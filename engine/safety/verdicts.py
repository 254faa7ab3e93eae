"""What the checks of prompts and pictures find, and what becomes of it in a place. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of a request or a picture, from least to most."""

    ALLOW = "allow"
    SPOILER = "spoiler"  # shown behind a spoiler
    HOLD = "hold"  # shown once a moderator has let it through
    REFUSE = "refuse"


class Screening(StrEnum):
    """Where the pictures of a job stand with the moderators."""

    NONE = ""  # nobody needs to look at them
    ASKED = "asked"  # they are held as soon as they are made
    HELD = "held"  # they wait for a moderator
    PASSED = "passed"  # a moderator let them through
    REJECTED = "rejected"  # a moderator removed them before anybody saw them
    HIDDEN = "hidden"  # a moderator took them back after a report


SHOWN = frozenset({Screening.NONE, Screening.ASKED, Screening.PASSED})
"""With these a job's pictures, as far as there are any, may be seen."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a check has found."""

    category: str  # as in `config/safety/rules.toml`, or another's word
    rule: str  # which rule of it; never the words that hit
    verdict: Verdict | None = None  # None: what the place decides about such pictures


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What becomes of it, and the finding that weighed most."""

    verdict: Verdict = Verdict.ALLOW
    finding: Finding | None = None  # None: nothing was found

    @property
    def flagged(self) -> str:
        """The category of what was found; empty if nothing was."""
        return "" if self.finding is None else self.finding.category


NOTHING = Ruling()
"""Nothing was found."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as the checks read it."""

    texts: Sequence[str]  # all that is wished for: the prompt, and every other text slot
    unwanted: Sequence[str] = ()  # negative prompts
    names: Sequence[str] = ()  # of LoRAs, embeddings and styles
    before: Sequence[str] = ()  # what the pictures that it starts from were made of
    words: Sequence[str] = ()  # the community's own, see `rules.own_rule`
    off: frozenset[str] = field(default_factory=frozenset)  # categories that the community has switched off
    community: str = ""  # "platform:id", for a hook; empty in direct messages
    template: str = ""


UNCHECKED = "unchecked"
"""The category of what a check could not be made of."""
_ORDER = list(Verdict)


def worst(rulings: Iterable[Ruling]) -> Ruling:
    """Give the ruling that asks most; the first of several."""
    return max(rulings, key=lambda ruling: _ORDER.index(ruling.verdict), default=NOTHING)


def ruled(findings: Sequence[Finding], *, nsfw: Verdict, adult: bool) -> Ruling:
    """Decide for a place: `nsfw` is what it does with adult pictures; where all are adults they are shown as they are.

    What refuses adult pictures refuses them among adults, too.
    """
    here = Verdict.ALLOW if adult and nsfw is not Verdict.REFUSE else nsfw
    return worst(Ruling(verdict=here if found.verdict is None else found.verdict, finding=found) for found in findings)


def unchecked(rule: str, *, closed: bool, shown: bool) -> tuple[Finding, ...]:
    """Give what a check counts as finding that could not be made; `shown` are pictures that are ready to be shown.

    Closed, these wait for a moderator, and nothing that was not checked is begun. Open, nothing was found.
    """
    verdict = Verdict.HOLD if shown else Verdict.REFUSE
    return (Finding(category=UNCHECKED, rule=rule, verdict=verdict),) if closed else ()


def with_parent(ruling: Ruling, parent: str, *, nsfw: Verdict, adult: bool) -> Ruling:
    """Let what was found of the picture that a request starts from count for the request, too."""
    if not parent or ruling.finding is not None:
        return ruling
    return ruled([Finding(category=parent, rule="parent")], nsfw=nsfw, adult=adult)

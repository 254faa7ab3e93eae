"""A community's policy: what it decides, and how people write it, each field with its range."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from engine.errors import BadValue, UnknownFlag
from engine.pricing import credits
from engine.workflows.nearest import nearest

UNSET = frozenset({"none", "off", "-", "default"})
MGS = 1000  # in a credit


class Payer(StrEnum):
    """Whose wallet pays for a job that is asked for in a community."""

    PERSON = "person"
    COMMUNITY = "community"


@dataclass(frozen=True, kw_only=True)
class CommunityPolicy:
    """What a community decides for what is asked for in it; None leaves it to the settings, or sets no limit."""

    payer: Payer = Payer.PERSON
    allowance: int | None = None  # mgs of its wallet that one person may take each period, where it pays
    weight: float = 1.0  # its people's share of the queue; above 0
    max_queued: int | None = None  # jobs that one person may have waiting or running in it
    max_running: int | None = None  # tasks of one person that run at once
    max_queued_together: int | None = None  # jobs of all its people, waiting or running
    max_running_together: int | None = None  # tasks of all its people that run at once
    retention_days: int | None = None  # how long its pictures are kept after their job ended
    template: str = ""  # what a request means that names none; empty: as the settings say


@dataclass(frozen=True, kw_only=True)
class Range:
    """The numbers that a field takes; credits are written as credits and kept as mgs."""

    low: float
    high: float
    whole: bool = True
    in_credits: bool = False

    @property
    def words(self) -> str:
        """The range as people read it."""
        return f"{self.low:g}–{self.high:g} | none"


RANGES: Mapping[str, Range] = {
    "allowance": Range(low=0, high=1_000_000, in_credits=True),
    "weight": Range(low=0.1, high=10, whole=False),
    "max_queued": Range(low=1, high=1000),
    "max_running": Range(low=1, high=100),
    "max_queued_together": Range(low=1, high=10_000),
    "max_running_together": Range(low=1, high=1000),
    "retention_days": Range(low=1, high=3650),
}
OPERATORS_ONLY = frozenset({"weight", "max_queued_together", "max_running_together"})
"""Fields that say how a community stands beside others; all else concerns only itself."""
NAMES = tuple(field.name for field in fields(CommunityPolicy))


def changed_policy(policy: CommunityPolicy, changes: Mapping[str, str]) -> CommunityPolicy:
    """Give the policy with some fields changed. Raises UnknownFlag, and BadValue with the range."""
    values: dict[str, Payer | int | float | str | None] = {}
    for written, value in changes.items():
        name = written.strip().lower().replace("-", "_")
        if name not in NAMES:
            raise UnknownFlag(flag=written[:64], nearest=nearest(name, NAMES))
        values[name] = _value(name, value.strip())
    return replace(policy, **values)  # type: ignore[arg-type]  # each was read as its field's type


def shown_policy(policy: CommunityPolicy) -> Mapping[str, str]:
    """Give every field as people write it."""
    shown = {}
    for name in NAMES:
        value = getattr(policy, name)
        if value is None or value == "":
            shown[name] = "none"
        elif name in RANGES and RANGES[name].in_credits:
            shown[name] = credits(value)
        else:
            shown[name] = f"{value:g}" if isinstance(value, float) else str(value)
    return shown


def _value(name: str, text: str) -> Payer | int | float | str | None:
    unset = text.lower() in UNSET
    if name == "payer":
        if text.lower() not in set(Payer):
            expected = " | ".join(Payer)
            raise BadValue(flag=name, value=text[:64], expected=expected, nearest=nearest(text, list(Payer)))
        return Payer(text.lower())
    if name == "template":
        return "" if unset else text
    if unset:
        return 1.0 if name == "weight" else None
    allowed = RANGES[name]
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not allowed.low <= number <= allowed.high or (allowed.whole and not allowed.in_credits and number % 1):
        raise BadValue(flag=name, value=text[:64], expected=allowed.words, nearest="")
    if allowed.in_credits:
        return round(number * MGS)
    return int(number) if allowed.whole else number

"""A community's policy: what it decides, and how people write it, each field with its range."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TypeAlias

from engine.errors import BadValue, UnknownFlag
from engine.pricing import credits
from engine.safety.verdicts import Verdict
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
    defaults: Mapping[str, str] = field(default_factory=dict)  # by flag: what a request means that does not say
    caps: Mapping[str, str] = field(default_factory=dict)  # by flag: the most that a request may ask for
    channels: tuple[str, ...] = ()  # where pictures may be asked for, by the platform's ids; empty: everywhere
    result_channel: str = ""  # where results go instead; empty: where they were asked for
    moderator_role: tuple[str, ...] = ()  # roles whose people moderate here, by the platform's ids
    nsfw: Verdict | None = None  # what becomes of adult pictures outside of chats for adults
    rules_off: tuple[str, ...] = ()  # categories of words that are not looked for here
    words: tuple[str, ...] = ()  # that are refused here, as `engine.safety.own` reads them
    workflow_in_png: bool = True  # files that are sent carry prompt and workflow, as ComfyUI writes them


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
        return f"{self.low:.15g}–{self.high:.15g} | none"


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
RULES, DEFAULTS, CAPS = "rules", "defaults", "caps"
"""Families of fields, written `rules.gore off`, `defaults.steps 20`, `caps.steps 30`."""
SWITCHABLE = ("abuse", "gore", "hate", "self-harm", "sexual")
"""The categories of words that a community may switch off; see `config/safety/rules.toml`."""
LISTS = frozenset({"channels", "moderator_role"})
_APART = frozenset({"rules_off", "defaults", "caps", "words"})  # written otherwise than by their names
NAMES = tuple(each.name for each in fields(CommunityPolicy) if each.name not in _APART)
LONGEST_LIST = 100
_ID = re.compile(r"(?:<[#@&!]{0,3}|[#@])?([A-Za-z0-9_:-]{1,64})>?")
_ID_WORDS = "ID, ID, … | none"

Value: TypeAlias = Payer | Verdict | int | float | str | bool | tuple[str, ...] | None


def changed_policy(policy: CommunityPolicy, changes: Mapping[str, str]) -> CommunityPolicy:
    """Give the policy with some fields changed. Raises UnknownFlag, and BadValue with the range.

    Defaults and caps are taken as they are: which flags there are is the caller's to know.
    """
    for written, value in changes.items():
        name = written.strip().lower().replace("-", "_")
        family, dot, member = name.partition(".")
        if dot and family in (RULES, DEFAULTS, CAPS):
            policy = _with_member(policy, family, member.replace("_", "-"), value.strip())
        elif name in NAMES:
            policy = replace(policy, **{name: _value(name, value.strip())})  # type: ignore[arg-type]
        else:
            raise UnknownFlag(flag=written[:64], nearest=nearest(name, (*NAMES, *(f"rules.{c}" for c in SWITCHABLE))))
    return policy


def shown_policy(policy: CommunityPolicy) -> Mapping[str, str]:
    """Give every field as people write it."""
    shown = {name: _shown(name, getattr(policy, name)) for name in NAMES}
    shown |= {f"rules.{category}": "off" if category in policy.rules_off else "on" for category in SWITCHABLE}
    shown |= {f"defaults.{name}": value for name, value in policy.defaults.items()}
    return shown | {f"caps.{name}": value for name, value in policy.caps.items()}


def expected(name: str) -> str:
    """Say what a field takes, in signs that every language reads; empty where others know."""
    if name in RANGES:
        return RANGES[name].words
    if name.startswith(f"{RULES}."):
        return "on | off"
    if name in LISTS:
        return _ID_WORDS
    return {
        "payer": " | ".join(Payer),
        "nsfw": f"{' | '.join(Verdict)} | none",
        "result_channel": "ID | none",
        "template": "NAME | none",
    }.get(name, "on | off" if isinstance(getattr(_DEFAULT, name, None), bool) else "")


def _shown(name: str, value: Value) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value)
    if name in RANGES and RANGES[name].in_credits:
        return credits(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _with_member(policy: CommunityPolicy, family: str, member: str, text: str) -> CommunityPolicy:
    if family == RULES:
        if member not in SWITCHABLE:
            raise UnknownFlag(flag=f"rules.{member}"[:64], nearest=f"rules.{nearest(member, SWITCHABLE) or 'sexual'}")
        off = set(policy.rules_off) - {member}
        return replace(policy, rules_off=tuple(sorted(off if _switch(f"rules.{member}", text) else off | {member})))
    held = {**getattr(policy, family), member: text}
    if text.lower() in UNSET:
        del held[member]
    return replace(policy, **{family: dict(sorted(held.items()))})  # type: ignore[arg-type]


def _switch(name: str, text: str) -> bool:
    word = text.lower()
    if word not in {"on", "off", "yes", "no", "true", "false", "none"}:
        raise BadValue(flag=name, value=text[:64], expected="on | off", nearest="on")
    return word in {"on", "yes", "true"}


def _value(name: str, text: str) -> Value:
    unset = text.lower() in UNSET
    if name in ("payer", "nsfw"):
        choices: tuple[Payer, ...] | tuple[Verdict, ...] = tuple(Payer) if name == "payer" else tuple(Verdict)
        if name == "nsfw" and unset:
            return None
        for choice in choices:
            if choice == text.lower():
                return choice
        raise BadValue(flag=name, value=text[:64], expected=expected(name), nearest=nearest(text, choices))
    if isinstance(getattr(_DEFAULT, name), bool):
        return _switch(name, text)
    if name == "template":
        return "" if unset else text
    if name in LISTS:
        return () if unset else _ids(name, text)
    if name == "result_channel":
        return "" if unset else _ids(name, text)[0]
    return _number(name, text, unset=unset)


def _ids(name: str, text: str) -> tuple[str, ...]:
    """Read the ids of channels or roles, as they are or as platforms mention them (`<#42>`)."""
    found: list[str] = []
    for word in re.split(r"[,\s]+", text.strip(", "))[: LONGEST_LIST + 1]:
        match = _ID.fullmatch(word)
        if match is None or len(found) >= LONGEST_LIST:
            raise BadValue(flag=name, value=word[:64], expected=expected(name), nearest="")
        found.append(match[1])
    return tuple(dict.fromkeys(found))


def _number(name: str, text: str, *, unset: bool) -> int | float | None:
    if unset:
        return 1.0 if name == "weight" else None
    allowed = RANGES[name]
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not allowed.low <= number <= allowed.high or (allowed.whole and not allowed.in_credits and number % 1):
        near = "" if math.isnan(number) else f"{min(max(number, allowed.low), allowed.high):.15g}"
        raise BadValue(flag=name, value=text[:64], expected=allowed.words, nearest=near)
    if allowed.in_credits:
        return round(number * MGS)
    return int(number) if allowed.whole else number


_DEFAULT = CommunityPolicy()

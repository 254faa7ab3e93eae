"""A community's caps: the most that a request may ask for, kept to last of all. Pure.

They are text as people write it (`steps 30`, `size 768x768`), checked before they are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt

from engine.model import OptionValue, Request
from engine.policies import CommunityPolicy
from engine.workflows.ranges import plain
from engine.workflows.template import Template

_GRID = 8  # pixels that sides are multiples of


@dataclass(frozen=True, kw_only=True)
class Limited:
    """Something that was limited: a flag, and what it is now."""

    flag: str
    value: str


def capped(request: Request, template: Template, policy: CommunityPolicy) -> tuple[Request, tuple[Limited, ...]]:
    """Give a request within a community's caps, and what was limited for it; twice is as once."""
    options = dict(request.options)
    limited: list[Limited] = []
    for flag in ("steps", "cfg"):
        most = _number(policy.caps.get(flag, ""))
        slot = template.slots.get(flag)
        if most is None or slot is None:
            continue
        value = options.get(flag, slot.default)
        if isinstance(value, int | float) and value > most:
            least = slot.min if slot.min is not None else most
            now = max(int(most) if isinstance(value, int) else most, least)
            if now < value:
                options[flag] = now
                limited.append(Limited(flag=flag, value=plain(now)))
    smaller = _smaller(options, most_pixels(policy))
    if smaller is not None and {"width", "height"} <= template.slots.keys():
        options["width"], options["height"] = smaller
        limited.append(Limited(flag="size", value=f"{smaller[0]}x{smaller[1]}"))
    count, most = request.count, _number(policy.caps.get("n", ""))
    if most is not None and count > most:
        count = max(1, int(most))
        limited.append(Limited(flag="n", value=str(count)))
    return (replace(request, options=options, count=count), tuple(limited)) if limited else (request, ())


def most_pixels(policy: CommunityPolicy) -> int | None:
    """Give how many pixels a picture may have; None for any number."""
    wide, x, high = policy.caps.get("size", "").partition("x")
    return int(wide) * int(high) if x else None


def _smaller(options: Mapping[str, OptionValue], most: int | None) -> tuple[int, int] | None:
    """Give the size of the same form within the cap's pixels; None if it is within already."""
    width, height = options.get("width"), options.get("height")
    if most is None or not isinstance(width, int) or not isinstance(height, int):
        return None
    if width * height <= most:
        return None
    factor = sqrt(most / (width * height))
    return max(64, int(width * factor) // _GRID * _GRID), max(64, int(height * factor) // _GRID * _GRID)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

"""The ids that Discord's components carry: what a press means, in the message itself, so that it outlives us. Pure.

upscale:abcdefghijklmnop:2                   a button's action, its job and which picture
ask:abcdefghijklmnop:yes                     the answer to a question that waits in memory
form:remix:abcdefghijklmnop:0                a form that was filled in
pick:sampler:tweak:abcdefghijklmnop:0        a select of a panel, by its field
do:make:tweak:abcdefghijklmnop:0:cfg=7;steps=20    a panel's button, and what was filled in so far
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.targets import ACTION, ASK, JOB, TARGET, Answered, Target, matched_answer, matched_target

LONGEST = 100  # characters of an id
EDIT = re.compile(rf"edit:(?P<key>{JOB})")
FORM = re.compile(rf"form:{TARGET}")
PICK = re.compile(rf"pick:(?P<field>[a-z][a-z0-9_-]{{0,31}}):{TARGET}")
DO = re.compile(rf"do:(?P<what>make|numbers|close):{TARGET}:(?P<filled>[^:]*)")
NUMBERS = re.compile(rf"numbers:{TARGET}")
MENU = re.compile(r"menu:(?P<command>[a-z0-9-]{1,32}):(?P<channel>[0-9]{1,20}):(?P<message>[0-9]{1,20})")
_PLAIN = re.compile(r"[^:;=]*")


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """A button `action:job:index`."""

    target: Target


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A choice in a panel."""

    field: str
    target: Target


@dataclass(frozen=True, kw_only=True)
class Done:
    """A button of a panel: make, numbers or close."""

    what: str
    target: Target
    filled: Mapping[str, str] = field(default_factory=dict)


Press: TypeAlias = Pressed | Answered | Picked | Done


def read(custom_id: str) -> Press | None:
    """Say what a component's id means; None for one that is not of ours."""
    if len(custom_id) > LONGEST:
        return None
    if match := ASK.fullmatch(custom_id):
        return matched_answer(match)
    if match := PICK.fullmatch(custom_id):
        return Picked(field=match["field"], target=matched_target(match))
    if match := DO.fullmatch(custom_id):
        return Done(what=match["what"], target=matched_target(match), filled=_filled(match["filled"]))
    if match := ACTION.fullmatch(custom_id):
        return Pressed(target=matched_target(match))
    return None


def read_form(custom_id: str) -> Target | None:
    """Say which form was filled in; None if none of ours."""
    match = FORM.fullmatch(custom_id) if len(custom_id) <= LONGEST else None
    return None if match is None else matched_target(match)


def read_numbers(custom_id: str) -> Target | None:
    """Say to which panel the numbers belong that were filled in; None if to none of ours."""
    match = NUMBERS.fullmatch(custom_id) if len(custom_id) <= LONGEST else None
    return None if match is None else matched_target(match)


def do_id(what: str, target: Target, filled: Mapping[str, str]) -> str | None:
    """Give the id of a panel's button; None where what was filled in is too long, or cannot be written, in an id."""
    if not all(_PLAIN.fullmatch(part) for pair in filled.items() for part in pair):
        return None
    written = f"do:{what}:{target.id}:" + ";".join(f"{name}={value}" for name, value in filled.items())
    return written if len(written) <= LONGEST else None


def _filled(text: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in text.split(";") if pair)

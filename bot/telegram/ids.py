"""What buttons, deep links and titles carry: a press means something by itself, so that it outlives us. Pure.

upscale:abcdefghijklmnop:2              a button's action, its job and which picture
ask:abcdefghijklmnop:yes                the answer to a question that waits in memory
pick:2:0                                a panel shows the choices of its third field, from its first page
set:2:k3f9a1                            a panel's third field is the choice with this mark
type:1                                  a panel asks for its second field in words
do:make                                 a panel is done
look:queue                              a list is looked at anew

Deep links (`t.me/BOT?start=...`) take letters, digits, `_` and `-`: job-abcdefghijklmnop, do_tweak_abcdefghijklmnop_0,
link-CODE. A panel, and a question that wants words, keep what they are in the address of their title: only we can
write it there.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from bot.targets import ACTION, ASK, JOB, Answered, Target, matched_answer, matched_target

LONGEST = 64  # bytes of a button's data and of a deep link
LONGEST_NAME = 40  # characters of a chat's name
LONGEST_ADDRESS = 2_000  # characters; what is longer Telegram may cut
_PICK = re.compile(r"pick:(?P<number>[0-9]{1,2}):(?P<start>[0-9]{1,4})")
_SET = re.compile(r"set:(?P<number>[0-9]{1,2}):(?P<mark>[0-9a-f]{6}|)")
_TYPE = re.compile(r"type:(?P<number>[0-9]{1,2})")
_DO = re.compile(r"do:(?P<what>make|back|close)")
_LOOK = re.compile(r"look:(?P<name>[a-z]{1,20})")
_LINK_JOB = re.compile(rf"job[-_](?P<job>{JOB})")
_LINK_DO = re.compile(
    rf"do_(?P<action>[a-z][a-z-]{{0,30}})_(?P<job>{JOB}|)_(?P<index>[0-9]{{1,3}})(?:_(?P<chat>-?[0-9]{{1,16}}))?"
)
_LINK_CODE = re.compile(r"link[-_](?P<code>[A-Za-z0-9-]{4,40})")
_VALUE = "v."  # before the names of a panel's values


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A panel is to show the choices of a field."""

    number: int
    start: int


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A choice in a panel; without a mark what it held at first."""

    number: int
    mark: str


@dataclass(frozen=True, kw_only=True)
class Typing:
    """A panel is to ask for a field in words."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """A button of a panel: make, back or close."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Look:
    """A list is to be looked at anew."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """A deep link to an action; `chat` is where it was offered."""

    target: Target
    chat: str = ""


@dataclass(frozen=True, kw_only=True)
class Code:
    """A deep link with a code that joins accounts."""

    code: str


Press: TypeAlias = Target | Answered | Picked | Chosen | Typing | Done | Look


def read(data: str) -> Press | None:
    """Say what a button's data means; None for what is not of ours."""
    if len(data) > LONGEST:
        return None
    if match := ASK.fullmatch(data):
        return matched_answer(match)
    if match := _PICK.fullmatch(data):
        return Picked(number=int(match["number"]), start=int(match["start"]))
    if match := _SET.fullmatch(data):
        return Chosen(number=int(match["number"]), mark=match["mark"])
    if match := _TYPE.fullmatch(data):
        return Typing(number=int(match["number"]))
    if match := _DO.fullmatch(data):
        return Done(what=match["what"])
    if match := _LOOK.fullmatch(data):
        return Look(name=match["name"])
    if match := ACTION.fullmatch(data):
        return matched_target(match)
    return None


def payload_of(target: Target, chat: str) -> str:
    """Give an action as a deep link from a chat carries it."""
    return f"do_{target.action}_{target.job_id}_{target.index}_{chat}"


def read_link(payload: str) -> Link | Code | None:
    """Say what a deep link means; None for one that is not of ours."""
    if match := _LINK_JOB.fullmatch(payload):
        return Link(target=Target(action="show", job_id=match["job"]))
    if match := _LINK_DO.fullmatch(payload):
        return Link(target=matched_target(match), chat=match["chat"] or "")
    if match := _LINK_CODE.fullmatch(payload):
        return Code(code=match["code"])
    return None


def mark_of(choice: str) -> str:
    """Give the mark of a choice: lists change, and a choice is not its place in one."""
    return hashlib.sha256(choice.encode()).hexdigest()[:6]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where somebody asked for what we told them in their own conversation."""

    chat: str
    thread: str = ""
    message: str = ""
    name: str = ""  # what people call it

    def address(self, username: str) -> str:
        """Give the address that keeps it."""
        return f"https://t.me/{username}?{urlencode(self.pairs)}"

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """As an address keeps it."""
        kept = {"c": self.chat, "t": self.thread, "m": self.message, "n": self.name[:LONGEST_NAME]}
        return [(key, value) for key, value in kept.items() if value]


@dataclass(frozen=True, kw_only=True)
class State:
    """What a panel, or a question that wants words, is about."""

    target: Target
    owner_id: str  # who may answer
    values: Mapping[str, str] = field(default_factory=dict)  # by field, as chosen so far
    asks: str = ""  # the field whose words are wanted; empty: a panel
    panel: int = 0  # the message of the panel that the words are for; 0: they are all that the form wants
    origin: Origin | None = None  # where it is about; None: where it is

    def address(self, username: str) -> str | None:
        """Give the address that keeps it; None where there is no room for all of it."""
        kept = {"f": self.target.id, "o": self.owner_id, "a": self.asks, "p": str(self.panel or "")}
        pairs = [(name, value) for name, value in kept.items() if value]
        pairs += self.origin.pairs if self.origin is not None else []
        pairs += [(_VALUE + name, value) for name, value in self.values.items()]
        address = f"https://t.me/{username}?{urlencode(pairs)}"
        return address if len(address) <= LONGEST_ADDRESS else None


def read_state(address: str, username: str) -> State | None:
    """Read what an address keeps; None if it is none of ours."""
    pairs = _pairs(address, username)
    match = ACTION.fullmatch(pairs.get("f", ""))
    if match is None or not pairs.get("o", "").isdigit():
        return None
    panel = pairs.get("p", "")
    return State(
        target=matched_target(match),
        owner_id=pairs["o"],
        values={name.removeprefix(_VALUE): value for name, value in pairs.items() if name.startswith(_VALUE)},
        asks=pairs.get("a", ""),
        panel=int(panel) if panel.isdigit() else 0,
        origin=_origin(pairs),
    )


def read_origin(address: str, username: str) -> Origin | None:
    """Read where an address comes from; None if it is none of ours, or says nothing of that."""
    return _origin(_pairs(address, username))


def _pairs(address: str, username: str) -> dict[str, str]:
    parts = urlsplit(address)
    if parts.hostname != "t.me" or parts.path.strip("/").lower() != username.lower():
        return {}
    return dict(parse_qsl(parts.query, keep_blank_values=True))


def _origin(pairs: Mapping[str, str]) -> Origin | None:
    chat, thread, message = pairs.get("c", ""), pairs.get("t", ""), pairs.get("m", "")
    if not chat.removeprefix("-").isdigit():
        return None
    return Origin(chat=chat, thread=thread, message=message, name=pairs.get("n", ""))

"""`{a, b}` makes one line of each: nested and several groups multiply. Pure, and linear in time and in what it gives.

A group needs a comma: `{word}` stays as it is, and so does a brace without its partner. Escapes stay in what comes out,
for the parser to undo: what was escaped does not expand later either.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.errors import TooManyJobs

COUNTED_TO = 1_000_000  # a larger count is given as this: nobody waits for the digits of 2^6000
_SIGN = re.compile(r"(?<!\\)[{},]")
_BETWEEN_WORDS = "\x1f"  # a white space that no shell gives


@dataclass
class _Group:
    """An open group while it is read: the alternatives so far, the last of them growing."""

    alternatives: list[list[str]] = field(default_factory=list)
    current: list[str] = field(default_factory=lambda: [""])

    def close_alternative(self) -> None:
        self.alternatives.append([text.strip() for text in self.current])
        self.current = [""]

    def append(self, endings: Sequence[str]) -> None:
        self.current = [text + ending for text in self.current for ending in endings]


def expand(text: str, limit: int) -> tuple[str, ...]:
    """Give every line that a text stands for, in the order in which it is read. Raises TooManyJobs beyond `limit`."""
    pieces = _pieces(text)
    count = _count(pieces)
    if count > limit:
        raise TooManyJobs(count=count, limit=limit)
    # From here every list has at most `limit` members, and groups are nested at most so deep.
    groups = [_Group()]
    for sign, words in pieces:
        if sign == "{":
            groups.append(_Group())
        elif sign == ",":
            groups[-1].close_alternative()
        elif sign == "}":
            closed = groups.pop()
            closed.close_alternative()
            groups[-1].append([text for alternative in closed.alternatives for text in alternative])
        groups[-1].append([words])
    return tuple(groups[0].current)


def expand_words(words: Sequence[str], limit: int) -> tuple[tuple[str, ...], ...]:
    """Do the same for a command line that a shell has split; a group may reach over several words."""
    joined = _BETWEEN_WORDS.join(word.replace(_BETWEEN_WORDS, " ") for word in words)
    return tuple(tuple(text.split(_BETWEEN_WORDS)) for text in expand(joined, limit)) if words else ((),)


def _pieces(text: str) -> list[tuple[str, str]]:
    """Cut a text at the signs that mean something: (sign or nothing, the text after it)."""
    marks = sorted(_live_signs(text))
    starts = [-1, *marks]
    ends = [*marks, len(text)]
    return [(text[start] if start >= 0 else "", text[start + 1 : end]) for start, end in zip(starts, ends, strict=True)]


def _live_signs(text: str) -> set[int]:
    """Find the braces and commas of groups: those that have a partner and a comma between them."""
    live: set[int] = set()
    open_groups: list[list[int]] = []  # where each began, and its own commas
    for match in _SIGN.finditer(text):
        if match[0] == "{":
            open_groups.append([match.start()])
        elif match[0] == "," and open_groups:
            open_groups[-1].append(match.start())
        elif match[0] == "}" and open_groups:
            group = open_groups.pop()
            if len(group) > 1:
                live.update(group)
                live.add(match.start())
    return live


def _count(pieces: Sequence[tuple[str, str]]) -> int:
    """Count the lines without making them, up to COUNTED_TO."""
    sums, product = [0], 1
    stack: list[tuple[list[int], int]] = []
    for sign, _ in pieces:
        if sign == "{":
            stack.append((sums, product))
            sums, product = [], 1
        elif sign == ",":
            sums.append(product)
            product = 1
        elif sign == "}":
            total = sum(sums) + product
            sums, product = stack.pop()
            product = min(product * total, COUNTED_TO)
    return product

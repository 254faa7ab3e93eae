"""Prompt weights: `(word:1.3)` and `(word)`, with nesting and escapes.                                   (pure)

Rules, as people know them from ComfyUI: round brackets multiply the weight by 1.1; a number after the last colon
replaces the weight instead; an inner number wins over an outer one; `\\(` and `\\)` are plain brackets, and so is a
bracket without its partner. Square brackets mean nothing.
"""

import re
from dataclasses import dataclass

_EMPHASIS = 1.1
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)
_ESCAPED = ("\\(", "\\)")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a prompt with one weight."""

    text: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class _Group:
    """A pair of brackets: where its text and where it ends, and the weight written in it."""

    text_end: int
    end: int
    weight: float | None


def pieces(prompt: str) -> list[Piece]:
    """Split a prompt into pieces of equal weight, in order; brackets that mean weights are gone."""
    groups = _groups(prompt)
    open_groups: list[tuple[_Group, float]] = []  # with the weight that goes on behind each
    found: list[Piece] = []
    weight, text, position = 1.0, "", 0

    def flush() -> None:
        if text:
            found.append(Piece(text=text, weight=weight))

    while position < len(prompt):
        group = groups.get(position)
        if group is not None:
            flush()
            open_groups.append((group, weight))
            weight, text = weight * _EMPHASIS if group.weight is None else group.weight, ""
            position += 1
        elif open_groups and position == open_groups[-1][0].text_end:
            flush()
            group, weight = open_groups.pop()
            text, position = "", group.end + 1
        else:
            width = 2 if prompt[position : position + 2] in _ESCAPED else 1
            text += prompt[position + width - 1]
            position += width
    flush()
    return found


def _groups(prompt: str) -> dict[int, _Group]:
    """Find the pairs of brackets, by where they open; those without a partner are left out."""
    groups: dict[int, _Group] = {}
    opened: list[int] = []
    position = 0
    while position < len(prompt):
        if prompt[position : position + 2] in _ESCAPED:
            position += 2
            continue
        if prompt[position] == "(":
            opened.append(position)
        elif prompt[position] == ")" and opened:
            start = opened.pop()
            groups[start] = _group(prompt, start, position)
        position += 1
    return groups


def _group(prompt: str, start: int, end: int) -> _Group:
    colon = prompt.rfind(":", start + 1, end)
    written = prompt[colon + 1 : end]
    if colon > start + 1 and _NUMBER.fullmatch(written):
        return _Group(text_end=colon, end=end, weight=float(written))
    return _Group(text_end=end, end=end, weight=None)

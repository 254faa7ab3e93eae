"""A line's words: where flags begin, and what phones, quotes and backslashes do to them. Pure, and linear in time.

A backslash makes the next character plain where it would mean something: `\\{ \\, \\}`, a word's leading `\\--`, and a
quote at the head of a value. Of several backslashes before such a character one goes away and the others stay, so that
every text can be written; elsewhere (`\\(`) a backslash is a backslash.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_DASHES = r"(?:--|[—–]{1,2})"  # phones and some keyboards make one dash of two
_FLAG = re.compile(rf"{_DASHES}([A-Za-z][^=\s]*)(?:=(.*))?", re.DOTALL)
_ESCAPED_FLAG = re.compile(rf"\\+{_DASHES}[A-Za-z]")
_FLAG_TO_ESCAPE = re.compile(rf"\\*{_DASHES}[A-Za-z]")
# The look-behind makes a run of backslashes one match: without it 30,000 of them would be tried from each.
_ESCAPED_SIGN = re.compile(r"(?<!\\)\\(\\*[{},])")
_SIGN_TO_ESCAPE = re.compile(r"(?<!\\)(\\*[{}]|\\+,)")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"})
_QUOTE_SIGNS = ('"', "'")


@dataclass(frozen=True, kw_only=True)
class FlagWords:
    """A flag as it was typed, and the words that follow it."""

    name: str  # as typed, without dashes
    words: tuple[str, ...]  # plain: escapes are undone
    bare: bool  # nothing was typed after it, not even `=`


def split_text(text: str) -> tuple[str, ...]:
    """Split a typed line into words."""
    return tuple(text.split())


def group(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[FlagWords, ...]]:
    """Give the words before the first flag, and every flag with its words; smart quotes are made plain."""
    lead: list[str] = []
    found: list[tuple[str, list[str]]] = []
    current = lead
    for word in (typed.translate(_QUOTES) for typed in words):
        match = _FLAG.fullmatch(word)
        if match is None:
            current.append(plain_word(word))
            continue
        attached = match[2]
        current = [plain_word(attached)] if attached else []
        found.append((match[1], current))
        if attached == "":
            current.append("")
    flags = tuple(FlagWords(name=name, words=_joined(after), bare=not after) for name, after in found)
    return tuple(lead), flags


def _joined(words: list[str]) -> tuple[str, ...]:
    """Read `--seed= 5` as `--seed=5`."""
    return tuple(words[1:] if len(words) > 1 and not words[0] else words)


def plain_word(word: str) -> str:
    """Undo a word's escapes."""
    if _ESCAPED_FLAG.match(word):
        word = word[1:]
    return _ESCAPED_SIGN.sub(r"\1", word)


def escaped(text: str) -> str:
    """Escape every word of a text, so that `plain_word` gives it back and nothing in it expands or is a flag."""
    return " ".join(_escaped_word(word) for word in text.split(" "))


def _escaped_word(word: str) -> str:
    word = _SIGN_TO_ESCAPE.sub(r"\\\1", word)
    return "\\" + word if _FLAG_TO_ESCAPE.match(word) else word


def read_text(words: Sequence[str]) -> str:
    """Join words to a text; quotes around all of it go away."""
    text = " ".join(" ".join(words).split())
    if _escaped_quote(text):
        return text[1:]
    return " ".join(text[1:-1].split()) if _wrapped(text) else text


def write_text(text: str) -> str:
    """Write a text so that `read_text` gives it back."""
    if not text:
        return '""'
    return "\\" + text if text.lstrip("\\").startswith(_QUOTE_SIGNS) else text


def take_value(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Take one value from the head of some words: a word, or the words within quotes; and the words left over."""
    if not words:
        return "", ()
    first = words[0]
    if first.startswith(_QUOTE_SIGNS):
        for number, word in enumerate(words):
            if word.endswith(first[0]) and (number or len(word) > 1):
                value = " ".join(words[: number + 1])
                return (value[1:-1], tuple(words[number + 1 :])) if _wrapped(value) else (first, tuple(words[1:]))
    return first, tuple(words[1:])


def write_value(value: str) -> str:
    """Write a value without double quotes in it so that `take_value` gives it back."""
    return f'"{value}"' if not value or " " in value or value.startswith("'") else value


def _wrapped(text: str) -> bool:
    return len(text) > 1 and text[0] in _QUOTE_SIGNS and text[-1] == text[0] and text[0] not in text[1:-1]


def _escaped_quote(text: str) -> bool:
    return text.startswith("\\") and text.lstrip("\\").startswith(_QUOTE_SIGNS)

"""A community's own words: what its moderators rule out, with `*` and `?` for what may stand in their place. Pure.

They are no regular expressions: each word of a request is compared with each, in time that its length bounds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.errors import BadValue
from engine.safety.reading import Reading, plainly, read, read_name
from engine.safety.verdicts import Asked, Finding, Verdict

MOST = 200  # words of one community
LONGEST = 60  # characters
MOST_WORDS = 5  # in one phrase
_MOST_STARS = 2  # in one word of it
_FEWEST_LETTERS = 2
_EXPECTED = "ab, a*b, ab? cd"
_WORD = re.compile(r"[^\W_]+")
_OPEN = re.compile(r"[\w*?]+")
_WITHOUT_SPACES = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, kw_only=True)
class OwnRule:
    """One phrase that is ruled out."""

    words: tuple[re.Pattern[str], ...]
    inside: str = ""  # of a script without spaces: found anywhere


def canonical(text: str) -> str:
    """Give a community's phrase the way in which it is kept. Raises BadValue."""
    phrase = " ".join(text.split()).casefold()
    if len(phrase) > LONGEST:
        raise BadValue(flag="words", value=phrase[:LONGEST] + "…", expected=f"≤ {LONGEST}", nearest="")
    words = _OPEN.findall(_reduced(phrase))
    letters = sum(len(_WORD.findall(word)) and sum(map(len, _WORD.findall(word))) for word in words)
    han = _WITHOUT_SPACES.search(phrase) is not None
    if not words or len(words) > MOST_WORDS or (letters < _FEWEST_LETTERS and not (han and letters)):
        raise BadValue(flag="words", value=phrase[:LONGEST], expected=_EXPECTED, nearest="")
    if any(word.count("*") > _MOST_STARS for word in words):
        raise BadValue(flag="words", value=phrase[:LONGEST], expected=f"≤ {_MOST_STARS} * ", nearest="")
    return phrase


def compiled(phrases: Iterable[str]) -> tuple[OwnRule, ...]:
    """Make rules of phrases that `canonical` has given."""
    return tuple(_compiled(phrase) for phrase in phrases)


def check(rules: Sequence[OwnRule], asked: Asked) -> tuple[Finding, ...]:
    """Say whether a request has a word in it that is ruled out; which one is not said."""
    for reading in (*map(read, asked.texts), *map(read_name, asked.names)):
        if any(_is_in(rule, reading) for rule in rules):
            return (Finding(category="words", rule="words", verdict=Verdict.REFUSE),)
    return ()


def _compiled(phrase: str) -> OwnRule:
    reduced = _reduced(phrase)
    if _WITHOUT_SPACES.search(reduced):
        return OwnRule(words=(), inside="".join(_WORD.findall(reduced)))
    return OwnRule(words=tuple(_pattern(word) for word in _OPEN.findall(reduced)))


def _reduced(phrase: str) -> str:
    return plainly(phrase)


def _pattern(word: str) -> re.Pattern[str]:
    """Make a pattern of one word: at most two stars, on words of bounded length."""
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(sign, re.escape(sign)) for sign in re.sub(r"\*+", "*", word)))


def _is_in(rule: OwnRule, reading: Reading) -> bool:
    if rule.inside:
        return any(rule.inside in text for text in (reading.plain, *reading.runs))
    first, *rest = rule.words
    if not rest and any(first.fullmatch(word) for word in (*reading.loose, *reading.spelled)):
        return True
    return any(
        all(any(pattern.fullmatch(form) for form in words[start + number]) for number, pattern in enumerate(rule.words))
        for words in reading.sequences
        for start in range(len(words) - len(rule.words) + 1)
    )

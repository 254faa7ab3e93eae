"""The rules for prompts: which words are found in a text, and what that means. Pure; the words are data.

Sexual things together with minors are refused everywhere, and nobody can switch that off. All other categories are a
community's to switch. A word among what a picture shall not show is no wish; only where it undresses (`--no clothes`)
it counts as one.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.safety.reading import Reading, plainly, read, read_name
from engine.safety.verdicts import Asked, Finding, Verdict

MINORS, MINORS_ALONE = "minors", "minors-alone"
_EXCEPT, _EXCEPT_WITHOUT_MINORS = "except", "except-without-minors"
_EXCEPTIONS = frozenset({_EXCEPT, _EXCEPT_WITHOUT_MINORS})
_EXCUSED = "excused"  # a word that means something else, as long as there are no minors
_SEXUAL = frozenset({"sexual", "suggestive", "abuse", _EXCUSED})
"""What must not be together with minors."""
_REFUSED = frozenset({"abuse", "hate", "self-harm"})
_ADULT = frozenset({"sexual", "gore"})
_UNDRESSING = "undressing"
_SHORTEST_STEM = 3  # letters before a `*`
_SHORTEST_INSIDE = 4  # letters of a word that is looked for within letters that were spaced out
_SHORTEST_HALF = 3  # letters of each of two words that are run together
_WORD = re.compile(r"[^\W_]+")
_WITHOUT_SPACES = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
_OF_AGE = 18
_NUMBER_WORDS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
)
_NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS, start=1)}
_YEARS = frozenset({"year", "yr", "yo", "y"})
_WRITTEN_AGE = re.compile(r"0*([0-9]{1,2})(?:yo|yrs?|y|years?|yearold|yearsold)")
_HAN_AGE = re.compile(r"([0-9]{1,2}|[一二三四五六七八九十]{1,3})\s?(?:岁|歲|歳|才)")
_HAN_DIGITS = {sign: number for number, sign in enumerate("一二三四五六七八九", start=1)}


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A word or several, as they are looked for; each in its plain reading."""

    words: tuple[str, ...]
    stem: bool  # the last word goes on with anything
    category: str
    rule: str

    def at(self, words: Sequence[frozenset[str]], start: int) -> bool:
        """Say whether it stands at a place, once its first word does."""
        if start + len(self.words) > len(words):
            return False
        for number, word in enumerate(self.words[1:], start=1):
            forms = words[start + number]
            last = self.stem and number == len(self.words) - 1
            if not (any(form.startswith(word) for form in forms) if last else word in forms):
                return False
        return True


class Rules:
    """All categories, ready to be looked for."""

    def __init__(self, phrases: Iterable[Phrase], inside: Mapping[str, Finding]) -> None:
        """`inside` are texts that are found within any other: scripts without spaces, and emoji."""
        self._first: dict[str, list[Phrase]] = defaultdict(list)
        self._stems: dict[str, list[Phrase]] = defaultdict(list)
        for phrase in phrases:
            goes_on = phrase.stem and len(phrase.words) == 1
            (self._stems if goes_on else self._first)[phrase.words[0]].append(phrase)
        self._inside = dict(inside)
        self._whole = {word: found for word, found in self._first.items() if any(len(p.words) == 1 for p in found)}
        self._longest = max(map(len, self._whole), default=0)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the words; blocks on disk, for start-up."""
        return cls.of(tomllib.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, Sequence[str]]]) -> Self:
        """Make rules of words by category and language."""
        phrases: list[Phrase] = []
        inside: dict[str, Finding] = {}
        for category, languages in tables.items():
            for language, texts in languages.items():
                kind = language if language in _EXCEPTIONS else category
                for text in texts:
                    plain = plainly(text)
                    if not _WORD.search(plain) or _WITHOUT_SPACES.search(plain):
                        inside[plain] = Finding(category=kind, rule=f"{category}/{language}")
                    else:
                        words = tuple(_WORD.findall(plain))
                        stem = plain.endswith("*")
                        phrases.append(Phrase(words=words, stem=stem, category=kind, rule=f"{category}/{language}"))
        return cls(phrases, inside)

    def check(self, asked: Asked) -> tuple[Finding, ...]:
        """Give what a request is refused or flagged for; the weightiest first."""
        wished = self._found([*map(read, asked.texts), *map(read_name, asked.names)])
        before = self._found(map(read, asked.before))
        unwanted = self._found(map(read, asked.unwanted))
        if _UNDRESSING in unwanted:
            wished.setdefault("sexual", "undressing")
        together = wished.keys() | before.keys()
        if MINORS_ALONE in together or (MINORS in together and _SEXUAL & together):
            return (Finding(category=MINORS, rule="sexual-and-minors", verdict=Verdict.REFUSE),)
        found = [
            Finding(category=category, rule=rule, verdict=Verdict.REFUSE if category in _REFUSED else None)
            for category, rule in wished.items()
            if category in _REFUSED | _ADULT and category not in asked.off
        ]
        return tuple(sorted(found, key=lambda finding: finding.verdict is None))

    def speak_of_minors(self, asked: Asked) -> bool:
        """Say whether a request, or what its pictures were made of, has minors in it."""
        wished = self._found([*map(read, asked.texts), *map(read_name, asked.names), *map(read, asked.before)])
        return MINORS in wished or MINORS_ALONE in wished

    def _found(self, readings: Iterable[Reading]) -> dict[str, str]:
        """Give the categories that are found, each with the first rule of it."""
        found: dict[str, str] = {}
        for reading in readings:
            for category, rule in self._hits(reading):
                found.setdefault(category, rule)
        return found

    def _hits(self, reading: Reading) -> Iterator[tuple[str, str]]:
        for words in reading.sequences:
            yield from self._in_sequence(words)
        for word in reading.loose:
            yield from ((p.category, p.rule) for p in self._single(word) if p.category not in _EXCEPTIONS)
        for run in reading.spelled:
            yield from self._within(run)
        yield from self._without_spaces(reading)
        if any(age < _OF_AGE for age in _ages(reading)):
            yield MINORS, f"{MINORS}/age"

    def _in_sequence(self, words: Sequence[frozenset[str]]) -> Iterator[tuple[str, str]]:
        skip = 0
        for start, forms in enumerate(words):
            if start < skip:
                continue
            here = [phrase for form in forms for phrase in self._starting(form) if phrase.at(words, start)]
            other = [phrase for phrase in here if phrase.category in _EXCEPTIONS]
            if other:
                skip = start + max(len(phrase.words) for phrase in other)
                yield from ((_EXCUSED, phrase.rule) for phrase in other if phrase.category == _EXCEPT_WITHOUT_MINORS)
                continue
            yield from ((phrase.category, phrase.rule) for phrase in here)
            if not here:
                yield from self._run_together(forms)

    def _starting(self, form: str) -> Iterator[Phrase]:
        """Give the phrases whose first word a form may be."""
        yield from self._first.get(form, ())
        for end in range(_SHORTEST_STEM, len(form) + 1):
            yield from self._stems.get(form[:end], ())

    def _single(self, form: str) -> Iterator[Phrase]:
        yield from (phrase for phrase in self._starting(form) if len(phrase.words) == 1)

    def _run_together(self, forms: frozenset[str]) -> Iterator[tuple[str, str]]:
        """Find two words that were written as one."""
        for form in forms:
            for end in range(_SHORTEST_HALF, len(form) - _SHORTEST_HALF + 1):
                left, right = self._whole.get(form[:end]), self._whole.get(form[end:])
                if left and right:
                    yield from ((p.category, p.rule) for p in (*left, *right) if len(p.words) == 1)

    def _within(self, run: str) -> Iterator[tuple[str, str]]:
        """Find words in letters that were spaced out: the whole run, or longer ones anywhere in it."""
        yield from ((phrase.category, phrase.rule) for phrase in self._single(run))
        for start in range(len(run)):
            for end in range(start + _SHORTEST_INSIDE, min(start + self._longest, len(run)) + 1):
                for phrase in self._whole.get(run[start:end], ()):
                    if len(phrase.words) == 1:
                        yield phrase.category, phrase.rule

    def _without_spaces(self, reading: Reading) -> Iterator[tuple[str, str]]:
        texts = [reading.plain, *reading.runs]
        other = {text: finding for text, finding in self._inside.items() if finding.category in _EXCEPTIONS}
        for text in texts:
            rest = text
            for exception, finding in other.items():
                if exception in rest and finding.category == _EXCEPT_WITHOUT_MINORS:
                    yield _EXCUSED, finding.rule
                rest = rest.replace(exception, " ")
            for words, finding in self._inside.items():
                if words not in other and words in rest:
                    yield finding.category, finding.rule


def _ages(reading: Reading) -> Iterator[int]:
    """Give the ages in years that a text speaks of."""
    for words in reading.sequences:
        for number, forms in enumerate(words):
            after = words[number + 1] if number + 1 < len(words) else frozenset[str]()
            before = words[number - 1] if number else frozenset[str]()
            for form in forms:
                age = _NUMBERS.get(form, int(form) if form.isascii() and form.isdigit() and len(form) <= 2 else None)
                if age is not None and (after & _YEARS or before & {"age", "aged"}):
                    yield age
                if match := _WRITTEN_AGE.fullmatch(form):
                    yield int(match[1])
    for match in _HAN_AGE.finditer(reading.plain):
        yield _han_number(match[1])


def _han_number(text: str) -> int:
    """Read a number below a hundred: 12, 十二, 二十, 九."""
    if text.isascii():
        return int(text)
    tens, ten, ones = text.partition("十")
    if not ten:
        return _HAN_DIGITS.get(tens[-1:], _OF_AGE)
    return 10 * _HAN_DIGITS.get(tens[-1:], 1) + _HAN_DIGITS.get(ones[:1], 0)

"""All checks as one: the rules for words, and whatever else looks at prompts and pictures. Implements `Safety`."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from engine.ports_moderation import Safety
from engine.safety import own
from engine.safety.rules import MINORS, Rules
from engine.safety.verdicts import Asked, Finding, Verdict

QUICK = 2_000  # characters that are read in far less than a millisecond each hundred; longer texts leave the event loop
_COMMUNITIES = 256  # whose own words are kept ready


class RuleSafety:
    """The rules for words; it looks at no pictures."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._own = lru_cache(maxsize=_COMMUNITIES)(own.compiled)

    @property
    def looks(self) -> bool:
        """It does not."""
        return False

    async def prompt(self, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.prompt`."""
        length = sum(map(len, (*asked.texts, *asked.unwanted, *asked.before, *asked.names)))
        if length <= QUICK:
            return self._check(asked)
        return await asyncio.to_thread(self._check, asked)

    async def input(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.input`."""
        return ()

    async def result(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.result`."""
        return ()

    def _check(self, asked: Asked) -> tuple[Finding, ...]:
        found = self._rules.check(asked)
        return found + own.check(self._own(tuple(asked.words)), asked)


class Guard:
    """Several checks, all of them made; the rules for words come first of all."""

    def __init__(self, rules: Rules, others: Sequence[Safety] = ()) -> None:
        self._rules = rules
        self._others = tuple(others)
        self._checks = (RuleSafety(rules), *others)

    @property
    def looks(self) -> bool:
        """Whether one of them looks at pictures."""
        return any(check.looks for check in self._others)

    async def prompt(self, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.prompt`."""
        return _all(await asyncio.gather(*(check.prompt(asked) for check in self._checks)))

    async def input(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.input`."""
        found = _all(await asyncio.gather(*(check.input(picture, asked) for check in self._others)))
        return await self._with_words(found, asked)

    async def result(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.result`."""
        found = _all(await asyncio.gather(*(check.result(picture, asked) for check in self._others)))
        return await self._with_words(found, asked)

    async def _with_words(self, found: tuple[Finding, ...], asked: Asked) -> tuple[Finding, ...]:
        """Refuse a picture that looks adult where the words speak of minors, whatever else is decided."""
        adult = any(finding.verdict is None for finding in found)
        if adult and await asyncio.to_thread(self._rules.speak_of_minors, asked):
            return (Finding(category=MINORS, rule="sexual-and-minors", verdict=Verdict.REFUSE), *found)
        return found


def _all(found: Sequence[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    return tuple(finding for findings in found for finding in findings)

"""What people read, in their language: Fluent messages from `config/locales/LANG/*.ftl`."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from babel import Locale
from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import FluentNone, FluentType, fluent_number
from fluent.syntax import ast
from fluent.syntax.visitor import Visitor

from engine.errors import AtelierError, Field, StartError

FALLBACK = "en"
_HAS = "has-"
_LONGEST_PLAIN = 2_000  # characters; the runtime refuses a plain text of more than 2,500


class _Verbatim(FluentType):
    """A function's result, taken as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def format(self, locale: Locale) -> str:
        return self._text


@dataclass(frozen=True, kw_only=True)
class _Language:
    """One locale's messages, and the variables that each of them reads; keys of attributes are `message.attribute`."""

    bundle: FluentBundle
    variables: Mapping[str, frozenset[str]]


class Texts:
    """All languages; immutable once loaded."""

    def __init__(self, languages: Mapping[str, _Language]) -> None:
        self._languages = dict(languages)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read LANG/*.ftl below a folder; blocks on disk, for start-up. Raises StartError for what is no Fluent."""
        languages = {}
        for home in sorted(path for path in folder.iterdir() if path.is_dir()):
            texts = {str(path): path.read_text(encoding="utf-8") for path in sorted(home.glob("*.ftl"))}
            languages[home.name] = _read_language(home.name, texts)
        if FALLBACK not in languages:
            raise StartError(
                f"{folder / FALLBACK}: the folder of the language that every text falls back to is missing"
            )
        return cls(languages)

    @property
    def locales(self) -> tuple[str, ...]:
        """The languages that there are."""
        return tuple(self._languages)

    def keys(self, locale: str) -> frozenset[str]:
        """The keys that a language has itself."""
        return frozenset(self._languages[locale].variables)

    def variables(self, locale: str, key: str) -> frozenset[str]:
        """The fields that a message reads."""
        return frozenset(name.removeprefix(_HAS) for name in self._languages[locale].variables[key])

    def choose(self, locale: str) -> str:
        """Give the language that serves a locale best: `zh-TW` is served by `zh-CN`, `fr` by English."""
        wanted = locale.replace("_", "-").casefold()
        for name in self._languages:
            if name.casefold() == wanted:
                return name
        language = wanted.partition("-")[0]
        return next((name for name in self._languages if name.partition("-")[0].casefold() == language), FALLBACK)

    def format(self, locale: str, key: str, /, **fields: Field) -> str:
        """Write a message in the language that serves the locale best, else in English.

        Fields are shown as they are, never read as Fluent; numbers without grouping. A message may ask by `$has-NAME`
        ("yes" or "no") whether a field is there and not empty. Raises KeyError for a key or field that is missing;
        only errors may know less than their text can say.
        """
        language = self._languages[self.choose(locale)]
        if key not in language.variables:
            language = self._languages[FALLBACK]
        wanted = language.variables[key]
        known = _known_fields(wanted, fields, lenient=key.startswith("error-"))
        long_texts = _set_aside(known)
        message_id, _, attribute = key.partition(".")
        message = language.bundle.get_message(message_id)
        pattern = message.attributes[attribute] if attribute else message.value
        if pattern is None:
            raise KeyError(key)
        text, problems = language.bundle.format_pattern(pattern, known)
        if problems or isinstance(text, FluentNone):
            raise KeyError(f"{key}: {problems}")
        for mark, long_text in long_texts.items():
            text = text.replace(mark, long_text)
        return text

    def error(self, locale: str, error: AtelierError) -> str:
        """Write an error as people read it; errors of starting may show their detail."""
        fields: dict[str, Field] = {"detail": error.detail, **error.fields}
        return self.format(locale, f"error-{error.code}", **fields)


def _known_fields(wanted: frozenset[str], fields: Mapping[str, Field], *, lenient: bool) -> dict[str, object]:
    """Give the arguments that a message reads, each in its Fluent type."""
    given: dict[str, Field] = dict(fields)
    if "same" in wanted:
        given["same"] = "yes" if given.get("flag") == given.get("other") else "no"
    known: dict[str, object] = {}
    for name in wanted:
        bare = name.removeprefix(_HAS)
        if bare not in given:
            if not lenient:
                raise KeyError(f"the field {bare} is missing")
            given[bare] = ""
        known[name] = ("yes" if given[bare] != "" else "no") if name.startswith(_HAS) else _argument(given[bare])
    return known


def _argument(value: Field) -> object:
    return value if isinstance(value, str) else fluent_number(value, useGrouping=False)


def _set_aside(known: dict[str, object]) -> dict[str, str]:
    """Put marks that nobody can guess in place of long texts, which the runtime would refuse; gives them by mark."""
    long_texts: dict[str, str] = {}
    for name, value in known.items():
        if isinstance(value, str) and len(value) > _LONGEST_PLAIN:
            mark = secrets.token_hex(16)
            known[name], long_texts[mark] = mark, value
    return long_texts


def _read_language(locale: str, texts: Mapping[str, str]) -> _Language:
    def duration(seconds: object) -> FluentType:
        return _Verbatim(_duration(bundle, float(seconds) if isinstance(seconds, int | float) else 0.0))

    bundle = FluentBundle([locale, FALLBACK], functions={"DURATION": duration}, use_isolating=False)
    entries: dict[str, ast.Pattern] = {}
    for file, text in texts.items():
        resource = FluentResource(text)
        for entry in resource.body:
            if isinstance(entry, ast.Junk):
                line = text.count("\n", 0, entry.span.start if entry.span else 0) + 1
                raise StartError(f"{file}, line {line}: {entry.annotations[0].message}")
            if isinstance(entry, ast.Message):
                _add(entries, entry, file)
        bundle.add_resource(resource)
    return _Language(bundle=bundle, variables={key: _variables(key, entries) for key in entries})


def _add(entries: dict[str, ast.Pattern], message: ast.Message, file: str) -> None:
    patterns = {} if message.value is None else {message.id.name: message.value}
    patterns |= {f"{message.id.name}.{attribute.id.name}": attribute.value for attribute in message.attributes}
    for key, pattern in patterns.items():
        if key in entries:
            raise StartError(f"{file}: there is a second text for {key}")
        entries[key] = pattern


class _References(Visitor):
    """Collects what a pattern refers to."""

    def __init__(self) -> None:
        self.variables: set[str] = set()
        self.messages: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802 (the visitor's own naming)
        self.variables.add(node.id.name)

    def visit_MessageReference(self, node: ast.MessageReference) -> None:  # noqa: N802
        self.messages.add(node.id.name + (f".{node.attribute.name}" if node.attribute else ""))


def _variables(key: str, entries: Mapping[str, ast.Pattern], seen: frozenset[str] = frozenset()) -> frozenset[str]:
    """Find the variables of a message and of those that it holds."""
    found = _References()
    found.visit(entries[key])
    missing = [name for name in found.messages if name not in entries]
    if missing or key in seen:
        raise StartError(f"the text of {key} refers to {', '.join(missing) or 'itself'}")
    inner = [_variables(name, entries, seen | {key}) for name in found.messages]
    return frozenset(found.variables).union(*inner)


def _duration(bundle: FluentBundle, seconds: float) -> str:
    """Write seconds in the two largest units that matter: 14.2 s, 2 min 5 s, 3 h 5 min, 2 d 3 h."""
    total = max(0.0, seconds)
    whole = round(total)
    if total < 60 and whole < 60:
        return _unit(bundle, "duration-seconds", seconds=round(total, 1) if total < 20 else whole)
    if whole < 3600:
        return _unit(bundle, "duration-minutes", minutes=whole // 60, seconds=whole % 60)
    minutes = round(total / 60)
    if minutes < 24 * 60:
        return _unit(bundle, "duration-hours", hours=minutes // 60, minutes=minutes % 60)
    hours = round(total / 3600)
    return _unit(bundle, "duration-days", days=hours // 24, hours=hours % 24)


def _unit(bundle: FluentBundle, key: str, **amounts: float) -> str:
    pattern = bundle.get_message(key).value
    if pattern is None:
        raise KeyError(key)
    text, _ = bundle.format_pattern(pattern, {name: _argument(value) for name, value in amounts.items()})
    return str(text)

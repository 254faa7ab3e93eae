"""Every error is drawn in its module's docstring, has a code of its own, and words in every language."""

import re
from collections.abc import Iterator

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl

from config.settings import config_dir
from engine import errors
from engine.errors import AtelierError

LANGUAGES = ("en", "zh-CN")


def all_errors(base: type[AtelierError] = AtelierError) -> Iterator[type[AtelierError]]:
    """The base and everything below it."""
    yield base
    for below in base.__subclasses__():
        yield from all_errors(below)


ERRORS = [error for error in all_errors() if error.__module__ == errors.__name__]


def messages(language: str) -> dict[str, set[str]]:
    """Every message of a language, with the names of the variables in it."""
    found: dict[str, set[str]] = {}
    for path in sorted((config_dir() / "locales" / language).glob("*.ftl")):
        for entry in FluentParser().parse(path.read_text(encoding="utf-8")).body:
            assert not isinstance(entry, ftl.Junk), f"{path}: {entry.content}"
            if isinstance(entry, ftl.Message):
                assert entry.id.name not in found, f"{path}: {entry.id.name} is there twice"
                found[entry.id.name] = variables(entry.to_json())
    return found


def variables(tree: object) -> set[str]:
    """Names of the variables anywhere in a message's syntax tree."""
    if isinstance(tree, list):
        return set().union(*map(variables, tree))
    if not isinstance(tree, dict):
        return set()
    if tree.get("type") == "VariableReference":
        return {tree["id"]["name"]}
    return set().union(*map(variables, tree.values()))


def test_the_tree_is_drawn_and_the_codes_are_unique() -> None:
    assert len(ERRORS) >= 40
    drawn = set(re.findall(r"\b[A-Z]\w+", errors.__doc__ or ""))
    assert {error.__name__ for error in ERRORS} <= drawn
    assert all("code" in vars(error) for error in ERRORS)
    codes = [error.code for error in ERRORS]
    assert sorted(codes) == sorted(set(codes))


def test_errors_are_defined_in_one_place() -> None:
    assert {
        error.__module__ for error in all_errors() if error.__module__.startswith(("bot", "engine", "storage"))
    } == {errors.__name__}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_words(language: str) -> None:
    known = messages(language)
    assert [error.code for error in ERRORS if f"error-{error.code}" not in known] == []


def test_the_words_use_only_fields_that_the_error_documents() -> None:
    for language in LANGUAGES:
        known = messages(language)
        for error in ERRORS:
            documented = set(re.findall(r"\w+", " ".join(base.__doc__ or "" for base in error.__mro__)))
            documented |= {"retry_after", "detail", "code"}
            # `bot.texts` adds `has-NAME` for each field: 0 where it is empty, else 1.
            used = {name.removeprefix("has-") for name in known[f"error-{error.code}"]}
            assert used <= documented, f"{language}: error-{error.code} uses {used - documented}"


def test_both_languages_say_the_same_things_with_the_same_variables() -> None:
    english, chinese = (messages(language) for language in LANGUAGES)
    assert english == chinese
    assert len(english) >= len(ERRORS)

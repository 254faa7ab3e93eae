"""Every error is drawn in its module's docstring, has a code of its own, and words in every language."""

import re
from collections.abc import Iterator

import pytest

from bot.texts import Texts
from config.settings import config_dir
from engine import errors
from engine.errors import AtelierError

LANGUAGES = ("en", "zh-CN")
GIVEN_BY_TEXTS = {"detail", "same"}
"""Variables that `bot.texts` makes itself."""


def all_errors(base: type[AtelierError] = AtelierError) -> Iterator[type[AtelierError]]:
    """The base and everything below it."""
    yield base
    for below in base.__subclasses__():
        yield from all_errors(below)


HOMES = {errors.__name__, f"{errors.__name__}_base", f"{errors.__name__}_work"}
"""The modules of the tree; all is imported from the first."""
ERRORS = [error for error in all_errors() if error.__module__ in HOMES]


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
    } == HOMES
    assert all(vars(errors)[error.__name__] is error for error in ERRORS)


@pytest.fixture(scope="module")
def texts() -> Texts:
    """What people read."""
    return Texts.load(config_dir() / "locales")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_words(texts: Texts, language: str) -> None:
    known = texts.keys(language)
    assert [error.code for error in ERRORS if f"error-{error.code}" not in known] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_use_only_fields_that_the_error_documents(texts: Texts, language: str) -> None:
    for error in ERRORS:
        documented = set(re.findall(r"\w+", " ".join(base.__doc__ or "" for base in error.__mro__)))
        unknown = texts.variables(language, f"error-{error.code}") - documented - GIVEN_BY_TEXTS
        assert not unknown, f"error-{error.code} uses {unknown}"


def test_both_languages_say_the_same_things(texts: Texts) -> None:
    english, chinese = (texts.keys(language) for language in LANGUAGES)
    assert english == chinese
    assert len(english) >= len(ERRORS)

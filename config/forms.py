"""What settings are made of: the forms that a value may have, and the table that holds some."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def _url(value: str) -> str:
    """Accept an http or https address without user, query or fragment; give it without its last slash."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is none
        usable = False
    if not usable:
        raise ValueError("it must be an address such as http://127.0.0.1:8188, with http or https")
    if parts.username or parts.password:
        raise ValueError("it must not carry a password; set the variable ATELIER_ENDPOINT_KEYS__NAME instead")
    if parts.query or parts.fragment:
        raise ValueError("it must be an address without ? and #")
    return value.rstrip("/")


def database_url(value: str) -> str:
    """Accept an SQLite file's address, or nothing."""
    if value and not (value.startswith("sqlite:///") and value.removeprefix("sqlite:///").strip()):
        raise ValueError("it must be empty or look like sqlite:///PATH")
    return value


def _form(pattern: str, words: str) -> AfterValidator:
    """Make a validator of a text's form whose refusal says the form in words."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"it must be {words}")
        return value

    return AfterValidator(check)


def empty_is_none(value: object) -> object:
    """Let an empty text mean that nothing is set."""
    return None if value == "" else value


def as_endpoints_are_named(value: object) -> object:
    """Give the names dashes: a variable's name has none, an endpoint's no underscores."""
    return (
        {str(name).lower().replace("_", "-"): key for name, key in value.items()} if isinstance(value, dict) else value
    )


Url = Annotated[str, AfterValidator(_url)]
Directory = Annotated[Path, AfterValidator(Path.expanduser)]
OptionalDirectory = Annotated[Directory | None, BeforeValidator(empty_is_none)]
Slug = Annotated[str, _form(r"[a-z0-9][a-z0-9-]{0,39}", "lower-case letters, digits and dashes, such as gpu-1")]
PlatformId = Annotated[str, _form(r"(discord|telegram):-?[0-9]{1,20}", "discord:ID or telegram:ID, such as discord:42")]
Language = Annotated[str, _form(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "a language tag, such as en or zh-CN")]


class Section(BaseModel):
    """A table of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

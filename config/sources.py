"""Where settings come from: a TOML file and a given environment, each read into a plain tree."""

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from config.keys import PREFIX, did_you_mean, fields_of, is_secret, table_of, variable_name

Tree = Mapping[str, Any]
Place = tuple[str | int, ...]
"""The way to a value in a tree: keys of tables and, from 0, numbers of entries."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]\]?\s*(#.*)?$")
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")


class SettingsError(Exception):
    """The settings cannot be used; `problems` has one sentence for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, kw_only=True)
class Document:
    """A settings file as read: its tree, and the line of its tables and keys."""

    name: str = "The settings"
    values: Tree = field(default_factory=dict)
    lines: Mapping[Place, int] = field(default_factory=dict)

    def where(self, place: Place) -> str:
        """Give "NAME, line N" for a value, with the line of its table if it has none of its own."""
        for end in range(len(place), 0, -1):
            for stands in (place[:end], (*place[:end], 0)):  # a list of tables stands where its first entry does
                if stands in self.lines:
                    return f"{self.name}, line {self.lines[stands]}"
        return self.name


def read_toml(path: Path) -> Document:
    """Read a settings file. Raises SettingsError if it cannot be read or is not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        return Document(name=str(path), values=tomllib.loads(text), lines=_lines(text))
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror or error}."]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path} is not text in UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path} is not valid TOML: {error}."]) from None


def _lines(text: str) -> dict[Place, int]:
    """Find where tables and keys stand; a multi-line value may hold what looks like a key, and misplace a hint."""
    lines: dict[Place, int] = {}
    table: Place = ()
    entries: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = tuple(part.strip() for part in header[2].split("."))
            if header[1] == "[[":
                entries[table] = entries.get(table, -1) + 1
                table = (*table, entries[table])
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *(part.strip() for part in assignment[1].split("."))), number)
    return lines


class GivenEnvironment(EnvSettingsSource):
    """Variables from a given mapping instead of the process's own; lists may be written `a, b` besides JSON."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items() if value}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Decode JSON; for a list of texts also `a, b`. Raises SettingsError."""
        if get_origin(field.annotation) is tuple and table_of(field) is None and not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return json.loads(value)
        except ValueError as error:
            raise SettingsError([f"{variable_name(field_name)} is not valid JSON: {error}."]) from None


def read_environment(settings: type[BaseSettings], environ: Mapping[str, str]) -> dict[str, Any]:
    """Read our variables into a tree; empty ones count as not set. Raises SettingsError for broken JSON."""
    return GivenEnvironment(settings, environ)()


def unknown_variables(
    settings: type[BaseSettings], environ: Mapping[str, str], *, ignore: Collection[str]
) -> list[str]:
    """Name the variables with our prefix that set nothing."""
    known = fields_of(settings)
    lists = tuple(f"{key}." for key, entry in known.items() if get_origin(entry.annotation) is tuple)
    tables = tuple(f"{key}." for key, entry in known.items() if get_origin(entry.annotation) is dict)
    keys = [key for key in known if not key.startswith(lists)]
    names = [variable_name(key) for key in keys]
    problems = []
    for name in sorted(environ):
        key = name.upper().removeprefix(PREFIX).lower().replace("__", ".")
        if name.upper().startswith(PREFIX) and name not in ignore and key not in keys and not key.startswith(tables):
            problems.append(f"The environment: there is no setting {name}{did_you_mean(name.upper(), names) or '.'}")
    return problems


def forbidden_secrets(settings: type[BaseSettings], document: Document) -> list[str]:
    """Name the secrets that stand in the file, and the variables that they belong in."""
    problems = []
    for key, entry in fields_of(settings).items():
        place: Place = tuple(key.split("."))
        value: object = document.values
        for part in place:
            value = value.get(str(part)) if isinstance(value, Mapping) else None
        if value is None or not is_secret(entry):
            continue
        places = [(*place, str(name)) for name in value] if isinstance(value, Mapping) else [place]
        for secret in places:
            name = ".".join(str(part) for part in secret)
            problems.append(
                f"{document.where(secret)}: `{name}` is a secret and does not belong in a file; "
                f"set the variable {variable_name(name)} instead."
            )
    return problems


def merge(lower: Tree, upper: Tree) -> dict[str, Any]:
    """Lay one tree over another: tables are merged, everything else is replaced."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged

"""What is wrong with the settings, in sentences: which key, where it stands, what was expected, the nearest right key.

No sentence repeats a secret.
"""

import json
import re
from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.keys import did_you_mean, fields_of, is_secret, range_of, variable_name
from config.sources import Document

_PASSWORD = re.compile(r"://[^/]*@")
"""User and password in an address: shown to nobody."""
_FORMS = {
    "int_parsing": "it must be a whole number",
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "float_type": "it must be a number",
    "finite_number": "it must be a finite number",
    "string_type": "it must be text",
    "string_too_short": "it must not be empty",
    "path_type": "it must be a path",
    "tuple_type": "it must be a list",
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "model_attributes_type": "it must be a table",
    "too_short": "it must not be empty",
    "missing": "it is missing",
}
"""Plain words for pydantic's error types."""


def describe(
    model: type[BaseModel], error: ValidationError, document: Document, variables: Mapping[str, object]
) -> list[str]:
    """Turn pydantic's findings into sentences that say where the value came from."""
    known = fields_of(model)
    details = [detail for detail in error.errors() if not _follows_from_another(detail)]
    return list(dict.fromkeys(_sentence(detail, known, document, variables) for detail in details))


def _follows_from_another(detail: ErrorDetails) -> bool:
    """Whether a list counts as too short only because its entries are wrong, which is said of each."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _sentence(
    detail: ErrorDetails, known: Mapping[str, FieldInfo], document: Document, variables: Mapping[str, object]
) -> str:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    key = ".".join(part for part in path if isinstance(part, str))
    where = _where(path, document, variables)
    if detail["type"] == "extra_forbidden":
        return f"{where}: there is no setting `{key}`{did_you_mean(key, known) or '.'}"
    field = known.get(key)
    problem = _problem(detail, field)
    end = "" if problem.endswith("?") else "."
    if not path:
        return f"{where}: {problem}{end}"
    return f"{where}: `{key}`{_shown(detail['input'], field)}: {problem}{end}"


def _where(path: tuple[str | int, ...], document: Document, variables: Mapping[str, object]) -> str:
    """Name the variable if it set the value, else the file and the nearest line above the value."""
    at: object = variables
    named: list[str] = []
    for part in path:
        if not isinstance(at, Mapping) or part not in at:
            break
        named.append(str(part))
        at = at[part]
    if named and (len(named) == len(path) or not isinstance(at, Mapping)):
        return variable_name(".".join(named))
    return document.where(path)


def _shown(value: object, field: FieldInfo | None) -> str:
    if field is None or is_secret(field) or isinstance(value, Mapping):
        return ""
    text = _PASSWORD.sub("://...@", json.dumps(value, default=str, ensure_ascii=False))
    return f" is {text if len(text) <= 60 else text[:57] + '...'}"


def _problem(detail: ErrorDetails, field: FieldInfo | None) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        choices = [str(choice) for choice in get_args(field.annotation)] if field is not None else []
        return f"it must be one of {', '.join(choices)}{did_you_mean(str(detail['input']), choices)}"
    if kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        return f"it must be {range_of(field)}" if field is not None else detail["msg"]
    form = _FORMS.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    limits = range_of(field) if field is not None else ""
    return f"{form}, {limits}" if limits else form

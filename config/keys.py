"""Which settings there are: their dotted keys, their variables, their ranges, and the nearest right one."""

import difflib
from collections.abc import Iterable
from typing import get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

PREFIX = "ATELIER_"
"""What the name of every environment variable of ours begins with."""


def variable_name(key: str) -> str:
    """The environment variable of a dotted key: `http.port` is ATELIER_HTTP__PORT."""
    return PREFIX + key.replace(".", "__").replace("-", "_").upper()


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Give "; did you mean `X`?" with the choice that looks most like the word, or nothing if none does."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


def fields_of(model: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """List every setting and every table by its dotted key; the entries of a list of tables count as one table."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        found[prefix + name] = field
        below = table_of(field)
        if below is not None:
            found.update(fields_of(below, f"{prefix}{name}."))
    return found


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """Give the model of a table or of a list of tables; None for a plain setting."""
    annotation = field.annotation
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting holds a secret (or a table of them)."""
    return any(kind is SecretStr for kind in (field.annotation, *get_args(field.annotation)))


def range_of(field: FieldInfo) -> str:
    """Give the range of a number in words, such as "above 0 and at most 1000"; empty if it has none."""
    words = []
    for limit in field.metadata:
        match limit:
            case Ge(ge=lowest):
                words.append(f"at least {lowest}")
            case Gt(gt=below):
                words.append(f"above {below}")
            case Le(le=highest):
                words.append(f"at most {highest}")
            case Lt(lt=above):
                words.append(f"below {above}")
    return " and ".join(words)

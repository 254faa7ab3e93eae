"""The Bot API as data: what a method takes and gives, and whether a call or an answer fits it.

Reads `telegram-bot-api.json` of the folder `shared/specs` beside the checkout; without that folder nothing is checked.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

PLACE = Path(__file__).parents[4] / "shared" / "specs" / "telegram-bot-api.json"
SIMPLE: dict[str, tuple[type, ...]] = {
    "Integer": (int,), "Float": (int, float), "String": (str,), "Boolean": (bool,), "True": (bool,),
}  # fmt: skip
ALWAYS = re.compile(r"(?:must be|always) [“\"*]?(\w+)")
TRUE, FALSE = {"true", "True", "1"}, {"false", "False", "0"}
LOOSE = {"RichText", "RichBlock", "InputFile"}  # not described as types

Fields = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Stands in a call's parameters where a file was uploaded under the parameter's own name."""

    name: str


class Spec:
    """The document, and what it says about calls and answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.methods: dict[str, Fields] = document["methods"]
        self.types: dict[str, Fields] = document["types"]
        self.by_lower_name = {name.lower(): name for name in self.methods}

    @classmethod
    @cache
    def load(cls) -> "Self | None":
        """The document, or None where it is absent."""
        return cls(json.loads(PLACE.read_text(encoding="utf-8"))) if PLACE.exists() else None

    def fields(self, method: str) -> dict[str, Fields]:
        """A method's parameters by name."""
        return {field["name"]: field for field in self.methods[method].get("fields", ())}

    def call_problems(self, method: str, params: dict[str, Any], files: set[str]) -> list[str]:
        """What is wrong with a call whose values were read by `read`; nothing if it fits."""
        known = self.fields(method)
        problems = [f"{method}: unknown parameter {name!r}" for name in params if name not in known]
        for name, field in known.items():
            if name not in params:
                problems += [f"{method}: {name} is required"] if field["required"] else []
            else:
                problems += self.problems(params[name], field["types"], f"{method}.{name}")
        attached = set(re.findall(r'attach://([^"\s]+)', json.dumps(params, default=str)))
        direct = {name for name, value in params.items() if isinstance(value, Upload)}
        problems += [f"{method}: attach://{name} is not uploaded" for name in sorted(attached - files)]
        problems += [f"{method}: the file {name} is used nowhere" for name in sorted(files - attached - direct)]
        return problems

    def answer_problems(self, method: str, result: Any) -> list[str]:
        """What is wrong with an answer of ours."""
        returns = ["Boolean" if kind == "True" else kind for kind in self.methods[method]["returns"]]
        return self.problems(result, returns, f"answer of {method}")

    def problems(self, value: Any, kinds: list[str], place: str) -> list[str]:
        """What is wrong with a value that may be one of these types: of the alternative that fits best."""
        tries = [self._problems(value, kind, place) for kind in kinds]
        return min(tries, key=len)

    def _problems(self, value: Any, kind: str, place: str) -> list[str]:
        if kind in SIMPLE:
            fits = isinstance(value, SIMPLE[kind]) and (isinstance(value, bool) == (kind in {"Boolean", "True"}))
            return [] if fits else [f"{place}: {value!r:.60} is no {kind}"]
        if kind == "InputFile":
            return [] if isinstance(value, Upload) else [f"{place}: no file"]
        if inner := re.fullmatch(r"Array of (.+)", kind):
            if not isinstance(value, list):
                return [f"{place}: {value!r:.60} is no {kind}"]
            return [p for n, each in enumerate(value) for p in self.problems(each, [inner[1]], f"{place}[{n}]")]
        if kind in LOOSE:
            return []
        return self._object_problems(value, kind, place)

    def _object_problems(self, value: Any, kind: str, place: str) -> list[str]:
        described = self.types[kind]
        if "subtypes" in described:
            candidates = [name for name in described["subtypes"] if self._is_named(value, name)]
            return self.problems(value, candidates or described["subtypes"][:1], place)
        if not isinstance(value, dict):
            return [f"{place}: {value!r:.60} is no {kind}"]
        known = {field["name"]: field for field in described.get("fields", ())}
        problems = [f"{place}: {kind} has no field {name!r}" for name in value if name not in known]
        for name, field in known.items():
            if name in value:
                problems += self.problems(value[name], field["types"], f"{place}.{name}")
            elif field["required"]:
                problems.append(f"{place}: {kind} needs {name}")
        return problems

    def _is_named(self, value: Any, kind: str) -> bool:
        """Whether a value says itself that it is this one of several types ("type": "photo")."""
        if not isinstance(value, dict):
            return kind in SIMPLE
        for field in self.types.get(kind, {}).get("fields", ()):
            fixed = ALWAYS.search(field["description"]) if field["types"] == ["String"] else None
            if fixed and field["name"] in {"type", "status", "source"}:
                return value.get(field["name"]) == fixed[1]
        return True

    def read(self, method: str, name: str, value: Any) -> Any:
        """A parameter as its type: forms and queries carry numbers, truth and JSON as text."""
        kinds = self.fields(method).get(name, {"types": ["String"]})["types"]
        is_text = "String" in kinds and "Integer" not in kinds
        return typed(value, kinds) if isinstance(value, str) and not is_text else value


def typed(text: str, kinds: list[str]) -> Any:
    """Text as the first type that it can be read as; as it is where it can't."""
    for kind in kinds:
        if kind == "Integer" and re.fullmatch(r"-?\d+", text):
            return int(text)
        if kind == "Float" and re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        if kind in {"Boolean", "True"} and text in TRUE | FALSE:
            return text in TRUE
        if kind not in SIMPLE:
            try:
                return json.loads(text)
            except ValueError:
                continue
    return text

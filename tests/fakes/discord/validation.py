"""Calls and answers held against Discord's own OpenAPI document of its REST API.

The document is large: each route's validator is made when first needed and kept. Unions of objects that are told apart
by their `type` are resolved by it before the rest is looked at; that is what Discord does, it is fast, and the
complaints name the mistake in the one that was meant instead of in all.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.fakes.discord.calls import Answer, Call
from tests.fakes.discord.errors import REQUIRED, Errors

SPEC = Path(__file__).parents[4] / "shared" / "specs" / "discord-openapi.json"
URI = "urn:discord"

# Where Discord's document and the API that clients really meet differ; each was seen in discord.py's traffic, which
# Discord takes.
EXCEPTIONS = {
    # Ids may be numbers in requests: discord.py sends `allowed_mentions.users` and `attachments[].id` as such.
    "SnowflakeType": {"anyOf": [{"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}, {"type": "integer", "minimum": 0}]},
}
SHORT = 600  # characters of JSON of what is remembered as right
REMEMBERED = 20_000  # so many of them
BOOLEANS = {"true", "false", "1", "0", "True", "False"}  # discord.py asks for `wait=1` and `with_response=1`


class Document:
    """The document, or its absence: then every call passes."""

    def __init__(self, path: Path = SPEC) -> None:
        self.present = path.is_file()
        self.checked = 0  # calls that were held against it
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if self.present else {"paths": {}}
        self.paths: dict[str, dict[str, Any]] = document["paths"]
        if self.present:
            schemas = document["components"]["schemas"]
            for name, schema in EXCEPTIONS.items():
                schemas[name] = schema
            _tell_apart(document, schemas)
        resource = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(URI, resource)
        self._validators: dict[str, Any] = {}
        # What was found right: buttons and rows come again with every edit of a message, answers with every use.
        self._passed: set[tuple[str, str]] = set()
        self._checker = validators.extend(Draft202012Validator, {"x-by-type": self._by_type})

    @staticmethod
    @functools.cache
    def shared() -> "Document":
        """The one of this process."""
        return Document()

    def knows(self, method: str, route: str) -> bool:
        """Whether there is such a route."""
        return not self.present or method.lower() in self.paths.get(route, {})

    def check_request(self, call: Call) -> Errors:
        """What is wrong with a call: its query, its path, its body."""
        if not self.present:
            return {}
        self.checked += 1
        operation = self.paths.get(call.route, {}).get(call.method.lower())
        if operation is None:
            return {"": ("UNKNOWN_ROUTE", f"There is no {call.method} {call.route or call.path}")}
        errors = self._check_parameters(call, operation)
        content = operation.get("requestBody", {}).get("content", {})
        if call.body is None:
            if operation.get("requestBody", {}).get("required"):
                errors[""] = REQUIRED
            return errors
        if "application/json" not in content:
            return errors if call.body == {} else errors | {"": ("UNEXPECTED_BODY", "This route takes no body")}
        pointer = ("paths", call.route, call.method.lower(), "requestBody", "content", "application/json", "schema")
        return errors | self._check(pointer, call.body)

    def check_answer(self, call: Call, answer: Answer) -> Errors:
        """What is wrong with an answer of ours."""
        operation = self.paths.get(call.route, {}).get(call.method.lower())
        if operation is None:
            return {}
        described = operation["responses"].get(str(answer.status))
        if described is None:
            return {"": ("STATUS", f"{answer.status} is not one of {sorted(operation['responses'])}")}
        if "application/json" not in described.get("content", {}):
            return {} if answer.body is None else {"": ("UNEXPECTED_BODY", "This answer has no body")}
        place = ("responses", str(answer.status), "content", "application/json", "schema")
        return self._check(("paths", call.route, call.method.lower(), *place), answer.body)

    def _check_parameters(self, call: Call, operation: dict[str, Any]) -> Errors:
        known = [*operation.get("parameters", []), *self.paths[call.route].get("parameters", [])]
        query = {parameter["name"]: parameter["schema"] for parameter in known if parameter["in"] == "query"}
        errors: Errors = {}
        for name, value in call.query.items():
            if name not in query:
                errors[name] = ("UNKNOWN_PARAMETER", f"There is no parameter {name} in {call.route}")
            elif query[name].get("type") == "boolean" and value not in BOOLEANS:
                errors[name] = ("BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
            elif query[name].get("type") == "integer":
                errors |= _check_number(name, value, query[name])
        for parameter in known:
            if parameter["in"] == "query" and parameter.get("required") and parameter["name"] not in call.query:
                errors[parameter["name"]] = REQUIRED
            is_id = parameter["schema"].get("$ref", "").endswith("/SnowflakeType")
            value = call.params.get(parameter["name"], "0")
            if parameter["in"] == "path" and is_id and not value.isdigit():
                errors[parameter["name"]] = ("NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
        return errors

    def _check(self, pointer: tuple[str, ...], instance: Any) -> Errors:
        fragment = "/".join(quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in pointer)
        validator = self._validators.get(fragment)
        if validator is None:
            validator = self._checker({"$ref": f"{URI}#/{fragment}"}, registry=self._registry)
            self._validators[fragment] = validator
        errors: Errors = {}
        for error in self._anew(fragment, instance, lambda: validator.iter_errors(instance)):
            errors.update(_complaints(error))
        return errors

    def _anew(
        self, schema: str, instance: Any, check: Callable[[], Iterator[ValidationError]]
    ) -> list[ValidationError]:
        """The errors of an instance, found again only if it is not known to have none."""
        text = json.dumps(instance, sort_keys=True)
        if (schema, text) in self._passed:
            return []
        errors = list(check())
        if not errors and len(text) <= SHORT:
            if len(self._passed) >= REMEMBERED:
                self._passed.clear()
            self._passed.add((schema, text))
        return errors

    def _by_type(
        self, validator: Any, branches: dict[str, str], instance: Any, schema: dict[str, Any]
    ) -> Iterator[ValidationError]:
        """The keyword `x-by-type`: the branch that the instance's `type` names, and no other."""
        if instance is None and schema.get("x-or-null"):
            return
        if not isinstance(instance, dict):
            yield ValidationError(f"{instance!r} is not of type 'object'", validator="type", validator_value="object")
            return
        kind = instance.get("type")
        if str(kind) not in branches or isinstance(kind, str | bool):
            allowed = ", ".join(sorted(branches, key=int))
            wrong = f'Value of field "type" must be one of ({allowed},).'
            yield ValidationError(wrong, validator="x-by-type", validator_value=branches, path=["type"])
            return
        branch = branches[str(kind)]
        yield from self._anew(branch, instance, lambda: validator.descend(instance, {"$ref": branch}))


def _check_number(name: str, value: str, schema: dict[str, Any]) -> Errors:
    """A whole number of the query, within its bounds."""
    if not re.fullmatch(r"-?\d+", value):
        return {name: ("NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')}
    if int(value) < schema.get("minimum", int(value)):
        return {name: ("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {schema['minimum']}.")}
    if int(value) > schema.get("maximum", int(value)):
        return {name: ("NUMBER_TYPE_MAX", f"int value should be less than or equal to {schema['maximum']}.")}
    return {}


def _tell_apart(node: Any, schemas: dict[str, Any]) -> None:
    """Give every union whose members have one `type` each the keyword `x-by-type` in its place, and every union of
    constants an `enum`."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _tell_apart(child, schemas)
    if not isinstance(node, dict):
        return
    for keyword in ("oneOf", "anyOf"):
        members = node.get(keyword)
        if not isinstance(members, list):
            continue
        if all(isinstance(member, dict) and "const" in member for member in members):
            node.pop(keyword)
            node["enum"] = [member["const"] for member in members]
            continue
        references = [member["$ref"] for member in members if isinstance(member, dict) and "$ref" in member]
        nullable = {"type": "null"} in members
        if len(references) < 2 or len(references) + nullable != len(members):
            continue
        branches: dict[str, str] = {}
        for reference in references:
            kinds = schemas[reference.rsplit("/", 1)[-1]].get("properties", {}).get("type", {}).get("enum", [])
            branches.update({str(kind): URI + reference for kind in kinds})
            if not kinds:
                break
        else:
            node.pop(keyword)
            node |= {"x-by-type": branches, "x-or-null": nullable}


def _complaints(error: ValidationError) -> Errors:
    """A validator's error in Discord's words, at its place."""
    at = ".".join(str(step) for step in error.absolute_path)
    limit = error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in limit if name not in error.instance]
            return {f"{at}.{name}".lstrip("."): REQUIRED for name in missing}
        case "maxLength" | "maxItems" | "maxProperties":
            return {at: ("BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")}
        case "minLength" | "minItems":
            return {at: ("BASE_TYPE_MIN_LENGTH", f"Must be {limit} or more in length.")}
        case "maximum":
            return {at: ("NUMBER_TYPE_MAX", f"int value should be less than or equal to {limit}.")}
        case "minimum":
            return {at: ("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {limit}.")}
        case "enum":
            return {at: ("BASE_TYPE_CHOICES", f"Value must be one of {limit}.")}
        case "x-by-type":
            return {at: ("UNION_TYPE_CHOICES", error.message)}
        case "anyOf" | "oneOf" if error.context:
            return _meant(error.context)
        case other:
            return {at: (f"BASE_TYPE_{str(other).upper()}", error.message[:300])}


def _meant(context: list[ValidationError]) -> Errors:
    """Of a union's branches, the complaints of the one that was meant: that of the right type with the fewest."""
    branches: dict[Any, list[ValidationError]] = {}
    for error in context:
        branches.setdefault(error.schema_path[0], []).append(error)
    found = []
    for errors in branches.values():
        another = any(error.validator == "type" and not error.path for error in errors)
        found.append((another, {at: what for error in errors for at, what in _complaints(error).items()}))
    return min(found, key=lambda branch: (branch[0], len(branch[1])))[1]

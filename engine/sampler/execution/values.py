"""Values that are written in a graph, brought into their declared type and range."""

import math
from collections.abc import Callable

from engine.sampler.execution.model import Json, JsonObject
from engine.sampler.nodes.registry import Input

_LONGEST_LIST_SHOWN = 20  # longer ones are named by their length, as ComfyUI does


class BadValue(Exception):
    """A value that an input cannot take: ComfyUI's error type, its message and its details."""

    def __init__(self, *, type: str, message: str, details: str, extra: JsonObject) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.details = details
        self.extra = extra


def convert(given: Input, value: Json) -> Json:
    """Give the value in the input's declared type. Raises BadValue, also for values out of range."""
    converter = _CONVERTERS.get(given.type)
    if converter is None:
        raise bad_link(given, value)
    try:
        converted = converter(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadValue(
            type="invalid_input_type",
            message=f"Failed to convert an input value to a {given.type} value",
            details=f"{given.name}, {value}, {error}",
            extra={"received_value": value, "exception_message": str(error)},
        ) from error
    _check_range(given, converted)
    return converted


def bad_link(given: Input, value: Json) -> BadValue:
    """Give the error for a value that had to be a link, or for a link that is none."""
    return BadValue(
        type="bad_linked_input",
        message="Bad linked input, must be a length-2 list of [node_id, slot_index]",
        details=given.name,
        extra={"received_value": value},
    )


def check_choice(given: Input, value: Json, offered: tuple[str, ...]) -> None:
    """Raise BadValue unless the value is one of those offered."""
    if isinstance(value, str) and value in offered:
        return
    short = len(offered) <= _LONGEST_LIST_SHOWN
    shown = str(list(offered)) if short else f"(list of length {len(offered)})"
    extra: JsonObject = {"received_value": value}
    if not short:
        extra["input_config"] = None
    raise BadValue(
        type="value_not_in_list",
        message="Value not in list",
        details=f"{given.name}: '{value}' not in {shown}",
        extra=extra,
    )


def _check_range(given: Input, value: Json) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    extra: JsonObject = {"received_value": value}
    if given.min is not None and value < given.min:
        message = f"Value {value} smaller than min of {given.min}"
        raise BadValue(type="value_smaller_than_min", message=message, details=given.name, extra=extra)
    if given.max is not None and value > given.max:
        message = f"Value {value} bigger than max of {given.max}"
        raise BadValue(type="value_bigger_than_max", message=message, details=given.name, extra=extra)


def _to_int(value: Json) -> int:
    if isinstance(value, str | int | float):
        return int(value)
    raise TypeError(f"int() argument must be a string or a real number, not '{type(value).__name__}'")


def _to_float(value: Json) -> float:
    if not isinstance(value, str | int | float):
        raise TypeError(f"float() argument must be a string or a real number, not '{type(value).__name__}'")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("the number must be finite")
    return number


def _to_text(value: Json) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(f"a text was expected, not '{type(value).__name__}'")


def _to_bool(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    raise TypeError("true or false was expected")


_CONVERTERS: dict[str, Callable[[Json], Json]] = {
    "INT": _to_int,
    "FLOAT": _to_float,
    "STRING": _to_text,
    "BOOLEAN": _to_bool,
}

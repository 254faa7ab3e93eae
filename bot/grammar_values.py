"""One flag's value, read and written. Every refusal names the flag, its range and the nearest right value."""

import re
import unicodedata
from typing import Never, TypeAlias

from bot.catalog import LORA_HIGHEST, LORA_LOWEST, Flag, FlagKind
from engine.errors import BadValue
from engine.model import OptionValue
from engine.workflows.nearest import nearest
from engine.workflows.ranges import Number, nearest_number, plain
from engine.workflows.slots import is_name, shorten

Pair: TypeAlias = tuple[int, int]
Value: TypeAlias = OptionValue | Pair

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})")
_ASPECT = re.compile(r"([0-9]{1,4})\s*[:/]\s*([0-9]{1,4})")
_SIZE = re.compile(r"([0-9]{1,5})\s*[xX×*]\s*([0-9]{1,5})")
_ON = frozenset({"on", "yes", "true", "1"})
_OFF = frozenset({"off", "no", "false", "0"})
_DIGITS = 6  # decimal places that a number keeps: more than any sampler reads, and the same after writing it down


def read_value(flag: Flag, text: str) -> Value:
    """Read what was typed for a flag. Raises BadValue."""
    match flag.kind:
        case FlagKind.TEXT:
            return text
        case FlagKind.NAME:
            return _read_name(flag, text)
        case FlagKind.INT | FlagKind.FLOAT:
            return _read_number(flag, text)
        case FlagKind.BOOL | FlagKind.SWITCH:
            return _read_bool(flag, text)
        case FlagKind.ASPECT | FlagKind.SIZE:
            return _read_pair(flag, text)
        case FlagKind.LORA:
            return _read_lora(flag, text)


def write_value(flag: Flag, value: Value) -> str:
    """Write a value as `read_value` reads it."""
    match value:
        case bool():
            return "on" if value else "off"
        case int() | float():
            return plain(value)
        case (across, down):
            return f"{across}:{down}" if flag.kind is FlagKind.ASPECT else f"{across}x{down}"
        case str():
            return value


def refuse(flag: Flag, text: str, near: str = "") -> Never:
    """Say what the flag takes instead."""
    raise BadValue(flag=flag.name, value=shorten(text), expected=flag.expected, nearest=near)


def _read_name(flag: Flag, text: str) -> str:
    if not flag.choices:
        return text if is_name(text) and '"' not in text else refuse(flag, text)
    folded = {choice.casefold(): choice for choice in flag.choices}
    found = folded.get(text.casefold())
    return found if found is not None else refuse(flag, text, nearest(text, flag.choices))


def _read_number(flag: Flag, text: str) -> Number:
    digits = _half_width(text)
    number: Number
    if flag.kind is FlagKind.INT and _WHOLE.fullmatch(digits):
        number = int(digits)
    elif _DECIMAL.fullmatch(digits):
        number = round(float(digits), _DIGITS) + 0.0  # not minus zero
    else:
        refuse(flag, text)
    if flag.kind is FlagKind.INT and isinstance(number, float):
        refuse(flag, text, plain(nearest_number(round(number), flag.min, flag.max, flag.step)))
    near = nearest_number(number, flag.min, flag.max, flag.step)
    return number if near == number else refuse(flag, text, plain(near))


def _read_bool(flag: Flag, text: str) -> bool:
    word = text.casefold()
    if word not in _ON | _OFF:
        refuse(flag, text)
    return word in _ON


def _read_pair(flag: Flag, text: str) -> Pair:
    form = _ASPECT if flag.kind is FlagKind.ASPECT else _SIZE
    match = form.fullmatch(_half_width(text))
    if match is None or not int(match[1]) or not int(match[2]):
        other = (_SIZE if form is _ASPECT else _ASPECT).fullmatch(_half_width(text))
        between = ":" if form is _ASPECT else "x"
        refuse(flag, text, f"{other[1]}{between}{other[2]}" if other and form is _ASPECT else "")
    return int(match[1]), int(match[2])


def _read_lora(flag: Flag, text: str) -> str:
    """Read `name:weight` (`name` alone: 1) and write it the one way in which it is kept."""
    name, colon, number = text.partition(":")
    name, digits = " ".join(name.split()), _half_width(number.strip())
    if not is_name(name) or any(sign in name for sign in '",<>'):
        refuse(flag, text)
    if colon and not _DECIMAL.fullmatch(digits):
        refuse(flag, text, f"{name}:1")
    weight = round(float(digits), _DIGITS) + 0.0 if colon else 1.0
    near = nearest_number(weight, LORA_LOWEST, LORA_HIGHEST)
    return f"{name}:{plain(weight)}" if near == weight else refuse(flag, text, f"{name}:{plain(near)}")


def _half_width(text: str) -> str:
    """Make the digits and colons of East Asian keyboards plain ones."""
    return unicodedata.normalize("NFKC", text[:64]) if len(text) <= 64 else text

"""Ranges of numbers: as people read them, and the nearest number within."""

from decimal import Decimal

Number = int | float


def plain(number: Number) -> str:
    """Write a number without exponent and without a useless `.0`: 5, 0.6, 18446744073709551615."""
    if isinstance(number, int):
        return str(number)
    return format(Decimal(repr(number)).normalize(), "f") if number else "0"


def range_text(low: Number | None, high: Number | None, step: Number | None = None) -> str:
    """Write a range in signs that every language reads: `1–60`, `64–2048 (64, 72, 80 …)`, `≥ 0`; empty for none."""
    if low is not None and high is not None:
        text = f"{plain(low)}–{plain(high)}"
    elif low is not None:
        text = f"≥ {plain(low)}"
    elif high is not None:
        text = f"≤ {plain(high)}"
    else:
        return ""
    if isinstance(step, int) and step > 1:
        start = int(low or 0)
        text += f" ({start}, {start + step}, {start + 2 * step} …)"
    return text


def nearest_number(value: Number, low: Number | None, high: Number | None, step: Number | None = None) -> Number:
    """Give the number nearest to `value` within the range; whole steps are counted from `low`, others are a form's."""
    if low is not None and value < low:
        return low
    if high is not None and value > high:
        value = high
    if not isinstance(step, int) or step <= 1 or not isinstance(value, int):
        return value
    start = int(low or 0)
    stepped = start + (value - start + step // 2) // step * step
    return stepped if high is None or stepped <= high else stepped - step

"""What can be made of a picture: which template does it, with which numbers, and what is taken over. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import BadValue, PictureUnfit
from engine.model import OptionValue
from engine.workflows.ranges import nearest_number
from engine.workflows.sizes import GRID, WIDEST, on_grid
from engine.workflows.slots import NUMBERS, Slot, SlotType
from engine.workflows.template import Template

LARGEST = 2048 * 2048  # pixels of what is made: what txt2img makes at most
ZOOM = 1.5  # how much more of the scene a picture shows afterwards, across and down
PAN = 0.5  # of a side is added
SCALE = 2.0  # times as large
SUBTLE, STRONG = 0.35, 0.7  # how much of a picture changes: ComfyUI's denoise


class Change(StrEnum):
    """What becomes of a picture."""

    UPSCALE = "upscale"
    VARY_SUBTLE = "vary-subtle"
    VARY_STRONG = "vary-strong"
    ZOOM_OUT = "zoom-out"
    PAN_LEFT = "pan-left"
    PAN_RIGHT = "pan-right"
    PAN_UP = "pan-up"
    PAN_DOWN = "pan-down"
    SQUARE = "square"


TEMPLATES: Mapping[Change, str] = {
    Change.UPSCALE: "upscale",
    Change.VARY_SUBTLE: "vary",
    Change.VARY_STRONG: "vary",
    Change.ZOOM_OUT: "outpaint",
    Change.PAN_LEFT: "outpaint",
    Change.PAN_RIGHT: "outpaint",
    Change.PAN_UP: "outpaint",
    Change.PAN_DOWN: "outpaint",
    Change.SQUARE: "outpaint",
}
"""The template of each change, by name."""

SAME_SEED = frozenset({Change.UPSCALE})
"""Changes that keep the picture's seed: the same picture larger, not another one."""

INHERITED = frozenset({SlotType.TEXT, SlotType.MODEL, SlotType.CHOICE, SlotType.LORAS, SlotType.INT, SlotType.FLOAT})
"""The types of slots that take over what the picture was made with."""
_OWN = frozenset({"width", "height", "strength", "left", "top", "right", "bottom"})
"""Slots that a change fills itself."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """A picture's width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def numbers(change: Change, size: Size, *, scale: float = SCALE, largest: int = LARGEST) -> dict[str, OptionValue]:
    """Give what a change puts into its template's slots for a picture of that size; at most `largest` pixels.

    Sides are multiples of 8. Raises PictureUnfit where the result would be too large or too long, where a picture is
    square already, or is none.
    """
    if min(size.width, size.height) < 1:
        raise PictureUnfit(reason="kind", size="", limit="")
    width, height = on_grid(size.width), on_grid(size.height)
    match change:
        case Change.UPSCALE:
            _require_fit(on_grid(width * scale), on_grid(height * scale), largest)
            return {"width": on_grid(width * scale), "height": on_grid(height * scale)}
        case Change.VARY_SUBTLE | Change.VARY_STRONG:
            _require_fit(width, height, largest)
            return {"width": width, "height": height, "strength": SUBTLE if change is Change.VARY_SUBTLE else STRONG}
        case Change.ZOOM_OUT:
            inner = Size(width=on_grid(width / ZOOM), height=on_grid(height / ZOOM))
            return _outpaint(inner, across=width - inner.width, down=height - inner.height, largest=largest)
        case Change.SQUARE:
            if width == height:
                raise PictureUnfit(reason="square", size=str(size), limit="")
            side = max(width, height)
            return _outpaint(Size(width=width, height=height), across=side - width, down=side - height, largest=largest)
        case _:
            return _pan(change, Size(width=width, height=height), largest)


def _pan(change: Change, size: Size, largest: int) -> dict[str, OptionValue]:
    sideways = change in (Change.PAN_LEFT, Change.PAN_RIGHT)
    added = on_grid((size.width if sideways else size.height) * PAN)
    pads = _outpaint(size, across=added if sideways else 0, down=0 if sideways else added, largest=largest)
    sides = {Change.PAN_LEFT: "left", Change.PAN_RIGHT: "right", Change.PAN_UP: "top", Change.PAN_DOWN: "bottom"}
    return {**pads, **dict.fromkeys(sides.values(), 0), sides[change]: added}


def _outpaint(inner: Size, *, across: int, down: int, largest: int) -> dict[str, OptionValue]:
    """Put a picture amid so many more pixels."""
    _require_fit(inner.width + across, inner.height + down, largest)
    left, top = across // 2 // GRID * GRID, down // 2 // GRID * GRID
    return {
        "width": inner.width,
        "height": inner.height,
        "left": left,
        "top": top,
        "right": across - left,
        "bottom": down - top,
    }


def _require_fit(width: int, height: int, largest: int) -> None:
    size = f"{width}x{height}"
    if width * height > largest:
        raise PictureUnfit(reason="pixels", size=size, limit=f"{largest / 1e6:.2g} MP")
    if max(width, height) > WIDEST * min(width, height):
        raise PictureUnfit(reason="ratio", size=size, limit=f"{WIDEST}:1")


def inherited(options: Mapping[str, OptionValue], template: Template) -> dict[str, OptionValue]:
    """Give what a template takes over of the options that a picture was made with.

    A number outside the template's range is drawn to its nearest end; what else does not fit is left to the default.
    """
    found: dict[str, OptionValue] = {}
    for name, value in options.items():
        slot = template.slots.get(name)
        if slot is None or slot.type not in INHERITED or name in _OWN:
            continue
        fitting = _fitting(slot, value)
        if fitting is not None:
            found[name] = fitting
    return found


def _fitting(slot: Slot, value: OptionValue) -> OptionValue | None:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if slot.type in NUMBERS and numeric:
            return slot.check(nearest_number(value, slot.min, slot.max, slot.step))  # type: ignore[arg-type]
        return slot.check(value)
    except BadValue:
        return None

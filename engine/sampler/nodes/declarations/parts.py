"""Inputs that many declarations share."""

from collections.abc import Mapping

from engine.sampler.nodes.registry import Input

LONGEST_SIDE = 16384  # pixels
_NOTHING: Mapping[str, object] = {}


def wire(name: str, type: str, tooltip: str = "", *, required: bool = True) -> Input:
    """An input that takes another node's output."""
    return Input(name=name, type=type, required=required, extra=_said(tooltip))


def choice(
    name: str, *choices: str, tooltip: str = "", required: bool = True, extra: Mapping[str, object] = _NOTHING
) -> Input:
    """A choice between words."""
    return Input(name=name, type="COMBO", choices=choices, required=required, extra={**_said(tooltip), **extra})


def model_file(name: str, folder: str, tooltip: str = "") -> Input:
    """A choice between the files of a models folder."""
    return Input(name=name, type="COMBO", folder=folder, extra=_said(tooltip))


def whole(
    name: str,
    default: int | None,
    least: int,
    most: int,
    step: int | None = None,
    *,
    extra: Mapping[str, object] = _NOTHING,
) -> Input:
    """A whole number."""
    return Input(name=name, type="INT", default=default, min=least, max=most, step=step, extra=extra)


def real(
    name: str,
    default: float | None,
    least: float,
    most: float,
    step: float | None = None,
    *,
    extra: Mapping[str, object] = _NOTHING,
) -> Input:
    """A number."""
    return Input(name=name, type="FLOAT", default=default, min=least, max=most, step=step, extra=extra)


def side(name: str, default: int = 512, *, least: int = 0, step: int = 1) -> Input:
    """A width, a height or a place in pixels."""
    return whole(name, default, least, LONGEST_SIDE, step)


def words(name: str, tooltip: str = "") -> Input:
    """A prompt."""
    return Input(name=name, type="STRING", extra={"multiline": True, "dynamicPrompts": True, **_said(tooltip)})


def _said(tooltip: str) -> Mapping[str, object]:
    return {"tooltip": tooltip} if tooltip else _NOTHING

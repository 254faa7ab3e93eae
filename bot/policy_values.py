"""What a community may set as defaults and caps: by flag, as it is typed, checked before it is kept. Pure."""

from collections.abc import Mapping

from bot.catalog import FLAGS, Flag, FlagKind
from bot.grammar_values import read_value, write_value
from engine.errors import BadValue, UnknownFlag
from engine.policies import CAPS, DEFAULTS, UNSET
from engine.workflows.library import Library
from engine.workflows.nearest import nearest
from engine.workflows.sizes import size_for

NEVER_USUAL = frozenset({"seed", "repeat", "dry", "style"})
"""Flags that mean something only where they are typed."""
_ANY = (512, 512)  # a model's native size, where only the form matters
CAPPED = ("steps", "cfg", "n", "size")
"""Flags that a community may cap."""


def usual_flags() -> tuple[str, ...]:
    """The flags that can be given a default."""
    return tuple(flag.name for flag in FLAGS if flag.name not in NEVER_USUAL)


def usual_flag(name: str) -> Flag:
    """Find a flag that can be given a default. Raises UnknownFlag with the nearest that can."""
    wanted = name.strip().lower().removeprefix("--").replace("_", "-")
    if wanted not in FLAGS or FLAGS.get(wanted).name in NEVER_USUAL:
        raise UnknownFlag(flag=wanted[:64], nearest=nearest(wanted, usual_flags()))
    return FLAGS.get(wanted)


def usual_value(flag: Flag, text: str) -> str:
    """Read a default as it would be typed after its flag, and write it in the one way in which it is kept.

    Raises BadValue.
    """
    words = " ".join(text.split())
    if flag.kind is FlagKind.SWITCH and not words:
        return "on"
    if not words:
        raise BadValue(flag=flag.name, value="", expected=flag.expected, nearest="")
    value = read_value(flag, words)
    if isinstance(value, tuple):
        size_for(native=_ANY, **{"aspect" if flag.kind is FlagKind.ASPECT else "exact": value})
    return write_value(flag, value)


def checked_changes(changes: Mapping[str, str], library: Library) -> dict[str, str]:
    """Check the changes of a policy that need to know templates and flags. Raises UserError."""
    checked = {}
    for written, value in changes.items():
        family, dot, member = written.strip().lower().partition(".")
        unset = value.strip().lower() in UNSET
        if family == "template" and not unset:
            library.get(value.strip())
        if dot and family == DEFAULTS:
            flag = usual_flag(member)
            if flag.name == "template" and not unset:
                library.get(value.strip())
            checked[f"{DEFAULTS}.{flag.name}"] = value if unset else usual_value(flag, value)
        elif dot and family == CAPS:
            flag = _capped_flag(member)
            checked[f"{CAPS}.{flag.name}"] = value if unset else usual_value(flag, value)
        else:
            checked[written] = value
    return checked


def _capped_flag(name: str) -> Flag:
    wanted = name.replace("_", "-")
    if wanted not in FLAGS or FLAGS.get(wanted).name not in CAPPED:
        raise UnknownFlag(flag=f"caps.{wanted}"[:64], nearest=f"caps.{nearest(wanted, CAPPED) or CAPPED[0]}")
    return FLAGS.get(wanted)

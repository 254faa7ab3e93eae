"""What somebody chooses in a select and fills into a dialog, as Discord's client lets them and sends it."""

from typing import Any

from tests.fakes.discord.interactions import Modal
from tests.fakes.discord.options import ClientRefuses, Resolved
from tests.fakes.discord.world import Channel, Role, User


def choose(part: dict[str, Any], values: list[Any], resolved: Resolved) -> list[str]:
    """What was chosen in a select, within its bounds."""
    low, high = part.get("min_values", 1), part.get("max_values", 1)
    if not low <= len(values) <= high:
        raise ClientRefuses(f"one chooses {low} to {high} here, not {len(values)}")
    chosen = []
    for value in values:
        if part["type"] == 3:
            found = next((o for o in part["options"] if value in {o["value"], o["label"]}), None)
            if found is None:
                raise ClientRefuses(f"{value!r} is not offered; there are {[o['label'] for o in part['options']]}")
            chosen.append(found["value"])
        elif isinstance(value, Channel):
            chosen.append(resolved.channel(value))
        elif isinstance(value, Role):
            chosen.append(resolved.role(value))
        else:
            chosen.append(resolved.user(value if isinstance(value, User) else value.user))
    return chosen


def filled_in(modal: Modal, values: dict[str, Any], resolved: Resolved) -> list[dict[str, Any]]:
    """The dialog's inputs as they are sent."""
    if unknown := values.keys() - modal.fields().keys():
        raise ClientRefuses(f"the dialog has no {sorted(unknown)}; it has {sorted(modal.fields())}")
    sent: list[dict[str, Any]] = []
    for number, part in enumerate(modal.form["components"], 1):
        if part["type"] == 10:
            sent.append({"type": 10, "id": number})
        elif part["type"] == 18:
            inner = _input(part["component"], values, resolved) | {"id": number + 100}
            sent.append({"type": 18, "id": number, "component": inner})
        else:
            inner = _input(part["components"][0], values, resolved) | {"id": number + 100}
            sent.append({"type": 1, "id": number, "components": [inner]})
    return sent


def _input(part: dict[str, Any], values: dict[str, Any], resolved: Resolved) -> dict[str, Any]:
    """One input with its value, within its bounds."""
    name, kind = str(part["custom_id"]), part["type"]
    sent: dict[str, Any] = {"type": kind, "custom_id": name}
    if kind == 4:
        value = str(values.get(name, part.get("value") or ""))
        low, high = part.get("min_length") or 0, part.get("max_length") or 4000
        needed = part.get("required", True) is not False
        if (needed and not value) or (value and not low <= len(value) <= high):
            raise ClientRefuses(f"{name} has {max(low, 1)} to {high} characters")
        return sent | {"value": value}
    if kind == 19:
        files = list(values.get(name, []))
        low, high = part.get("min_values", 1), part.get("max_values", 1)
        if not low <= len(files) <= high:
            raise ClientRefuses(f"{name} takes {low} to {high} files")
        return sent | {"values": [resolved.file(file) for file in files]}
    if kind in {3, 5, 6, 7, 8}:
        preset = [option["value"] for option in part.get("options", []) if option.get("default")]
        chosen = list(values.get(name, preset))
        if not chosen and part.get("required", True) is False:
            return sent | {"values": []}
        return sent | {"values": choose(part, chosen, resolved)}
    if kind == 22:
        return sent | {"values": list(values.get(name, []))}
    return sent | {"value": values.get(name, part.get("default", False if kind == 23 else None))}

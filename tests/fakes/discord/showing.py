"""Components as messages carry them afterwards: numbered, with defaults, and with their files in them."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.discord.components import (
    BUTTON,
    CONTAINER,
    FILE,
    GALLERY,
    SELECT,
    SELECTS,
    SEPARATOR,
    THUMBNAIL,
)
from tests.fakes.discord.messages import Attachment, walk

PICTURE: dict[str, Any] = {"description": None, "spoiler": False}
DEFAULTS: dict[int, dict[str, Any]] = {
    BUTTON: {"disabled": False},
    THUMBNAIL: PICTURE,
    FILE: {"spoiler": False},
    SEPARATOR: {"spacing": 1, "divider": True},
    CONTAINER: {"accent_color": None, "spoiler": False},
    **{kind: {"min_values": 1, "max_values": 1, "disabled": False} for kind in SELECTS},
}


def shown(components: list[dict[str, Any]], files: list[Attachment]) -> list[dict[str, Any]]:
    """What was sent, as everybody gets it."""
    taken = {part["id"] for part in walk(components) if part.get("id")}
    numbers = (number for number in range(1, 10_000) if number not in taken)
    return [_one(part, files, numbers) for part in components]


def _one(part: dict[str, Any], files: list[Attachment], numbers: Iterator[int]) -> dict[str, Any]:
    kind = part["type"]
    made = DEFAULTS.get(kind, {}) | _said(part)
    made["id"] = part.get("id") or next(numbers)
    if "components" in made:
        made["components"] = [_one(inner, files, numbers) for inner in part["components"]]
    if "accessory" in made:
        made["accessory"] = _one(part["accessory"], files, numbers)
    if kind == SELECT:
        made["options"] = [_said(option) for option in part["options"]]
    elif kind == THUMBNAIL:
        made["media"] = _media(part["media"], files)
    elif kind == GALLERY:
        made["items"] = [PICTURE | _said(item) | {"media": _media(item["media"], files)} for item in part["items"]]
    elif kind == FILE:
        made["file"] = _media(part["file"], files)
        file = next(file for file in files if str(file.id) == made["file"]["attachment_id"])
        made |= {"name": file.filename, "size": len(file.file.data)}
    return made


def _media(of: Mapping[str, Any], files: list[Attachment]) -> dict[str, Any]:
    """Something shown, with the file that it refers to by name or by the address that it already has."""
    url = str(of["url"])
    made: dict[str, Any] = {"url": url, "proxy_url": url, "id": "0", "loading_state": 2, "flags": 0}
    file = next((file for file in files if url in {f"attachment://{file.filename}", file.url}), None)
    if file is not None:
        made |= {"url": file.url, "proxy_url": file.url, "id": str(file.id), "attachment_id": str(file.id)}
        made |= {"content_type": file.file.content_type, "width": file.width, "height": file.height}
    return made


def _said(part: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is null, in an emoji too."""
    said = {key: value for key, value in part.items() if value is not None}
    if "emoji" in said:
        said["emoji"] = {key: value for key, value in said["emoji"].items() if value is not None}
    return said

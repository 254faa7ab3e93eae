"""The limits of embeds, as Discord documents them, and how it shows them."""

from typing import Any

from tests.fakes.discord.errors import Errors
from tests.fakes.discord.messages import Attachment

MAX_TOGETHER = 6000
LIMITS = {"title": 256, "description": 4096}


def check_embeds(embeds: list[dict[str, Any]]) -> Errors:
    """Mistakes in a message's embeds; their texts may together have 6,000 characters."""
    errors: Errors = {}
    if len(embeds) > 10:
        errors["embeds"] = ("BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = 0
    for number, embed in enumerate(embeds):
        texts = {key: (embed.get(key), limit) for key, limit in LIMITS.items()}
        texts["footer.text"] = ((embed.get("footer") or {}).get("text"), 2048)
        texts["author.name"] = ((embed.get("author") or {}).get("name"), 256)
        fields = embed.get("fields") or []
        if len(fields) > 25:
            errors[f"embeds.{number}.fields"] = ("BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        for place, field in enumerate(fields):
            texts[f"fields.{place}.name"] = (field.get("name"), 256)
            texts[f"fields.{place}.value"] = (field.get("value"), 1024)
        for path, (text, limit) in texts.items():
            total += len(text or "")
            if len(text or "") > limit:
                errors[f"embeds.{number}.{path}"] = ("BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
    if total > MAX_TOGETHER:
        errors["embeds"] = ("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_TOGETHER}")
    return errors


def shown_embeds(embeds: list[dict[str, Any]], files: list[Attachment]) -> list[dict[str, Any]]:
    """As messages carry them: of type rich, with the files that they refer to resolved."""
    by_name = {file.filename: file.url for file in files}
    made = []
    for embed in embeds:
        shown = {"type": "rich"} | {key: value for key, value in embed.items() if value is not None}
        for key in ("image", "thumbnail"):
            url = (shown.get(key) or {}).get("url", "")
            if url.startswith("attachment://"):
                url = by_name.get(url.removeprefix("attachment://"), url)
            if url:
                shown[key] = {"url": url, "proxy_url": url, "width": 0, "height": 0, "flags": 0}
        for key, needed in (("footer", "text"), ("author", "name")):
            if not (shown.get(key) or {}).get(needed):
                shown.pop(key, None)
        shown["fields"] = [{"inline": False} | field for field in shown.get("fields") or []]
        made.append({key: value for key, value in shown.items() if value not in ({}, [])})
    return made

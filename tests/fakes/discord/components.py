"""What Discord demands of a message's or modal's components beyond their shape.

Sources: Discord's component reference and the codes of its "Invalid Form Body" answers.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.fakes.discord.errors import REQUIRED, Errors

ROW, BUTTON, SELECT, INPUT = 1, 2, 3, 4
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LABEL, UPLOAD = 18, 19
SELECTS = {SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT}

MAX_COMPONENTS, MAX_ROWS, MAX_BUTTONS, MAX_OPTIONS, MAX_TEXT = 40, 5, 5, 25, 4000
IN_CONTAINER = {ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR}
ON_TOP = {False: {ROW}, True: IN_CONTAINER | {CONTAINER}}
INSIDE = {ROW: {BUTTON} | SELECTS, SECTION: {TEXT}, CONTAINER: IN_CONTAINER}
LINK, PREMIUM = 5, 6
OTHER_EMOJI = {"‼️", "⁉️", "〰️", "〽️", "㊗️", "㊙️"}  # emoji whose characters are punctuation or letters to Unicode


def choice(allowed: set[int]) -> tuple[str, str]:
    """The complaint about a component in a place where it may not be."""
    return "UNION_TYPE_CHOICES", f'Value of field "type" must be one of ({", ".join(map(str, sorted(allowed)))},).'


def length(low: int, high: int) -> tuple[str, str]:
    """The complaint about a text or list that is too short or too long."""
    return "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length."


def placed(components: list[dict[str, Any]], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every component with its path, in order."""
    for number, part in enumerate(components):
        here = f"{at}.{number}"
        yield here, part
        yield from placed(part.get("components") or [], f"{here}.components")
        for single in ("accessory", "component"):
            if isinstance(part.get(single), dict):
                yield f"{here}.{single}", part[single]


def check_message(components: list[dict[str, Any]], *, v2: bool, names: set[str], urls: set[str]) -> Errors:
    """Mistakes in a message's components; `names` are of its files, `urls` those of media that it already shows."""
    errors: Errors = {}
    for number, part in enumerate(components):
        if part["type"] not in ON_TOP[v2]:
            errors[f"components.{number}.type"] = choice(ON_TOP[v2])
    if not v2 and len(components) > MAX_ROWS:
        errors["components"] = length(1, MAX_ROWS)
    every = list(placed(components, "components"))
    if len(every) > MAX_COMPONENTS:
        errors["components"] = ("BASE_TYPE_MAX_LENGTH", f"Must be {MAX_COMPONENTS} or fewer in length.")
    for path, part in every:
        errors |= _check_one(path, part)
        for where, media in _media_of(path, part):
            errors |= _check_media(where, str(media.get("url", "")), names, urls)
    if sum(len(part.get("content") or "") for _, part in every if part["type"] == TEXT) > MAX_TEXT:
        errors["components"] = (
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"Components displayable text size exceeds maximum size of {MAX_TEXT}",
        )
    return errors | _duplicates(every)


def _duplicates(every: list[tuple[str, dict[str, Any]]]) -> Errors:
    """Custom ids and numeric ids are unique in a message."""
    errors: Errors = {}
    for key, code in (("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED"), ("id", "COMPONENT_ID_DUPLICATED")):
        counts = Counter(part[key] for _, part in every if part.get(key))
        for path, part in every:
            if part.get(key) and counts[part[key]] > 1:
                errors[f"{path}.{key}"] = (code, f"Component {key.replace('_', ' ')} cannot be duplicated")
    return errors


def _check_one(path: str, part: dict[str, Any]) -> Errors:
    """Mistakes in one component itself."""
    kind = part["type"]
    errors: Errors = {}
    for number, inner in enumerate(part.get("components") or []):
        if kind in INSIDE and inner["type"] not in INSIDE[kind]:
            errors[f"{path}.components.{number}.type"] = choice(INSIDE[kind])
    if kind == ROW:
        errors |= _check_row(path, part["components"])
    elif kind == BUTTON:
        errors |= _check_button(path, part)
    elif kind in SELECTS:
        errors |= check_select(path, part)
    elif kind == SECTION:
        if not 1 <= len(part["components"]) <= 3:
            errors[f"{path}.components"] = length(1, 3)
        if part["accessory"]["type"] not in {BUTTON, THUMBNAIL}:
            errors[f"{path}.accessory.type"] = choice({BUTTON, THUMBNAIL})
    elif kind == TEXT and not 1 <= len(part["content"].strip()) <= MAX_TEXT:
        errors[f"{path}.content"] = length(1, MAX_TEXT)
    return errors


def _check_row(path: str, inner: list[dict[str, Any]]) -> Errors:
    """A row holds one to five buttons, or one select."""
    if not 1 <= len(inner) <= MAX_BUTTONS:
        return {f"{path}.components": length(1, MAX_BUTTONS)}
    if len(inner) > 1 and any(part["type"] in SELECTS for part in inner):
        wide = ("COMPONENT_LAYOUT_WIDTH_EXCEEDED", "Component layout width limit exceeded")
        return {f"{path}.components": wide}
    return {}


def _check_button(path: str, part: dict[str, Any]) -> Errors:
    """Link buttons have an address, premium ones a SKU, all others a custom id; each shows something."""
    errors: Errors = {}
    style = part["style"]
    needed = {LINK: "url", PREMIUM: "sku_id"}.get(style, "custom_id")
    if not part.get(needed):
        errors[f"{path}.{needed}"] = REQUIRED
    for other in {"url", "sku_id", "custom_id"} - {needed}:
        if part.get(other):
            message = f"A {other} and {needed} cannot both be specified"
            errors[f"{path}.{other}"] = (f"BUTTON_COMPONENT_{other.upper()}_MUTUALLY_EXCLUSIVE", message)
    if style == LINK and part.get("url") and not re.match(r"(https?|discord)://", part["url"]):
        scheme = part["url"].split(":")[0]
        message = f"Scheme \"{scheme}\" is not supported. Scheme must be one of ('http', 'https', 'discord')."
        errors[f"{path}.url"] = ("URL_TYPE_INVALID_SCHEME", message)
    if style != PREMIUM and not (part.get("label") or part.get("emoji")):
        errors[path] = ("BUTTON_COMPONENT_INVALID", "A label or emoji must be provided")
    return errors | _check_emoji(path, part)


def _check_emoji(path: str, part: dict[str, Any]) -> Errors:
    """One without an id is a character that is an emoji; text is none."""
    emoji = part.get("emoji") or {}
    if not emoji or emoji.get("id") or is_emoji(emoji.get("name") or ""):
        return {}
    return {f"{path}.emoji.name": ("COMPONENT_INVALID_EMOJI", "Invalid emoji")}


def is_emoji(text: str) -> bool:
    """Whether it is one emoji: symbols with what joins and colours them, a flag, or a keycap."""
    if re.fullmatch("[0-9#*]\ufe0f?\u20e3", text):
        return True
    kinds = [unicodedata.category(character) for character in text]
    return "So" in kinds or "Sm" in kinds if set(kinds) <= {"So", "Sm", "Sk", "Mn", "Cf"} else text in OTHER_EMOJI


def check_select(path: str, part: dict[str, Any]) -> Errors:
    """The bounds of a select, and that its options are told apart by their values."""
    errors: Errors = {}
    options = part.get("options") or []
    low = 1 if part.get("min_values") is None else part["min_values"]
    high = 1 if part.get("max_values") is None else part["max_values"]
    if part["type"] == SELECT:
        if not 1 <= len(options) <= MAX_OPTIONS:
            errors[f"{path}.options"] = length(1, MAX_OPTIONS)
        counts = Counter(option["value"] for option in options)
        for number, option in enumerate(options):
            errors |= _check_emoji(f"{path}.options.{number}", option)
            if counts[option["value"]] > 1:
                message = "The specified option value is already used"
                errors[f"{path}.options.{number}.value"] = ("SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
        if high > len(options):
            message = f"Max values ({high}) exceeds the number of options ({len(options)})"
            errors[f"{path}.max_values"] = ("SELECT_COMPONENT_MAX_VALUES_EXCEEDED", message)
        if sum(bool(option.get("default")) for option in options) > high:
            message = "The number of default options exceeds max values"
            errors[f"{path}.options"] = ("SELECT_COMPONENT_DEFAULTS_EXCEEDED", message)
    if low > high:
        errors[f"{path}.min_values"] = ("SELECT_COMPONENT_MIN_VALUES", "Min values exceeds max values")
    return errors


def _media_of(path: str, part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where a component shows a file."""
    if part["type"] == GALLERY:
        for number, item in enumerate(part["items"]):
            yield f"{path}.items.{number}.media", item["media"]
    elif part["type"] == THUMBNAIL:
        yield f"{path}.media", part["media"]
    elif part["type"] == FILE:
        yield f"{path}.file", part["file"]
        if not str(part["file"].get("url", "")).startswith("attachment://"):
            yield f"{path}.file", {"url": "attachment://"}


def _check_media(path: str, url: str, names: set[str], urls: set[str]) -> Errors:
    """A reference names a file of this message; other media are addresses in the web."""
    if url.startswith("attachment://"):
        if url.removeprefix("attachment://") not in names:
            missing = "The referenced attachment was not found"
            return {f"{path}.url": ("UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", missing)}
    elif url not in urls and not re.match(r"https?://[^\s/]+", url):
        schemes = "Scheme must be one of ('http', 'https', 'attachment')."
        return {f"{path}.url": ("URL_TYPE_INVALID_SCHEME", f"Scheme is not supported. {schemes}")}
    return {}


def check_modal(form: dict[str, Any]) -> Errors:
    """Mistakes in a modal: one to five inputs, each with a label and a custom id of its own."""
    errors: Errors = {}
    every = list(placed(form["components"], "components"))
    if not 1 <= len(form["components"]) <= 5:
        errors["components"] = length(1, 5)
    for path, part in every:
        if part["type"] == ROW and [inner["type"] for inner in part["components"]] != [INPUT]:
            errors[f"{path}.components"] = choice({INPUT})
        if part["type"] == INPUT:
            errors |= _check_input(path, part, labelled=path.endswith(".component"))
        if part["type"] in SELECTS:
            errors |= check_select(path, part)
    return errors | _duplicates(every)


def _check_input(path: str, part: dict[str, Any], *, labelled: bool) -> Errors:
    """A text input's bounds; its label is the Label's where it is in one."""
    errors: Errors = {}
    if not labelled and not part.get("label"):
        errors[f"{path}.label"] = REQUIRED
    if labelled and part.get("label"):
        message = "A text input in a label has no label of its own"
        errors[f"{path}.label"] = ("COMPONENT_LABEL_NOT_ALLOWED", message)
    low, high = part.get("min_length") or 0, part.get("max_length") or 4000
    if low > high:
        errors[f"{path}.min_length"] = ("TEXT_INPUT_LENGTH", "min_length exceeds max_length")
    if part.get("value") and not low <= len(part["value"]) <= high:
        errors[f"{path}.value"] = length(low, high)
    return errors

"""What Discord demands of an application's commands, and how it shows them.

Sources: Discord's reference of application commands; the codes are those of its "Invalid Form Body" answers.
"""

import unicodedata
from collections import Counter
from typing import Any

from tests.fakes.discord.errors import Errors

CHAT, USER_MENU, MESSAGE_MENU = 1, 2, 3
MAX_COMMANDS = {CHAT: 100, USER_MENU: 15, MESSAGE_MENU: 15}
MAX_CHARACTERS = 8000
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
LOCALES = frozenset(
    {
        "id",
        "da",
        "de",
        "en-GB",
        "en-US",
        "es-ES",
        "es-419",
        "fr",
        "hr",
        "it",
        "lt",
        "hu",
        "nl",
        "no",
        "pl",
        "pt-BR",
        "ro",
    }
    | {"fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW", "ko"}
)
BAD_NAME = ("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def is_name(text: str) -> bool:
    """Whether a slash command or option may be called so: 1 to 32 lower-case letters, digits, - _ and '."""
    fits = all(c in "-_'" or unicodedata.category(c)[0] in "LNM" for c in text)
    return 1 <= len(text) <= 32 and fits and text == text.lower()


def check_commands(commands: list[dict[str, Any]]) -> Errors:
    """Mistakes in a whole list, by "number.place"."""
    errors: Errors = {}
    counts = Counter((command["name"], command.get("type") or CHAT) for command in commands)
    for number, command in enumerate(commands):
        errors |= {f"{number}.{at}".rstrip("."): error for at, error in check_command(command).items()}
        if counts[(command["name"], command.get("type") or CHAT)] > 1:
            sentence = "Application command names must be unique"
            errors[f"{number}.name"] = ("APPLICATION_COMMANDS_DUPLICATE_NAME", sentence)
    kinds = Counter(command.get("type") or CHAT for command in commands)
    for kind, most in MAX_COMMANDS.items():
        if kinds[kind] > most:
            errors[""] = ("BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
    return errors


def check_command(command: dict[str, Any]) -> Errors:
    """Mistakes in one command."""
    kind = command.get("type") or CHAT
    errors = _check_localizations(command, "", names_are_free=kind != CHAT)
    if kind != CHAT:
        if not 1 <= len(command["name"].strip()) <= 32:
            errors["name"] = BAD_NAME
        if command.get("description"):
            errors["description"] = ("APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Menus have no description")
        if command.get("options"):
            errors["options"] = ("APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS", "Menus have no options")
        return errors
    if not is_name(command["name"]):
        errors["name"] = BAD_NAME
    if not 1 <= len(command.get("description") or "") <= 100:
        errors["description"] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    errors |= _check_options(command.get("options") or [], "options", depth=0)
    if characters(command) > MAX_CHARACTERS:
        sentence = f"Command exceeds maximum size ({MAX_CHARACTERS})"
        errors[""] = ("APPLICATION_COMMAND_TOO_LARGE", sentence)
    return errors


def characters(command: dict[str, Any]) -> int:
    """Of names, descriptions and values together; of translations the longest counts."""
    total = 0
    for key in ("name", "description"):
        said = [command.get(key) or "", *(command.get(f"{key}_localizations") or {}).values()]
        total += max(map(len, said))
    total += len(command["value"]) if isinstance(command.get("value"), str) else 0
    return total + sum(characters(part) for key in ("options", "choices") for part in command.get(key) or [])


def _check_localizations(part: dict[str, Any], at: str, *, names_are_free: bool) -> Errors:
    errors: Errors = {}
    for key in ("name_localizations", "description_localizations"):
        for locale, text in (part.get(key) or {}).items():
            place = f"{at}{key}.{locale}"
            if locale not in LOCALES:
                errors[place] = ("BASE_TYPE_CHOICES", "Value must be a locale that Discord knows.")
            elif key.startswith("name") and not (names_are_free or is_name(text)):
                errors[place] = BAD_NAME
            elif key.startswith("description") and not 1 <= len(text) <= 100:
                errors[place] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return errors


def _check_options(options: list[dict[str, Any]], at: str, *, depth: int) -> Errors:
    """At most 25, told apart by name, required ones first; subcommands never beside values."""
    errors: Errors = {}
    if len(options) > 25:
        errors[at] = ("BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    counts = Counter(option["name"] for option in options)
    groups = {option["type"] <= GROUP for option in options}
    if len(groups) > 1:
        errors[at] = ("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Subcommands and values cannot be mixed")
    optional_seen = False
    for number, option in enumerate(options):
        here = f"{at}.{number}"
        if not is_name(option["name"]):
            errors[f"{here}.name"] = BAD_NAME
        if counts[option["name"]] > 1:
            errors[f"{here}.name"] = ("APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique")
        if not 1 <= len(option.get("description") or "") <= 100:
            errors[f"{here}.description"] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        errors |= _check_localizations(option, f"{here}.", names_are_free=False)
        if option["type"] <= GROUP:
            if depth > (0 if option["type"] == GROUP else 1):
                errors[f"{here}.type"] = ("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Nested too deeply")
            errors |= _check_options(option.get("options") or [], f"{here}.options", depth=depth + 1)
            continue
        if option.get("required") and optional_seen:
            sentence = "Required options must be placed before non-required options"
            errors[here] = ("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", sentence)
        optional_seen = optional_seen or not option.get("required")
        errors |= _check_value_option(option, here)
    return errors


def _check_value_option(option: dict[str, Any], here: str) -> Errors:
    """Choices, bounds and autocomplete of an option that takes a value."""
    errors: Errors = {}
    choices, kind = option.get("choices") or [], option["type"]
    if choices and option.get("autocomplete"):
        sentence = "Autocomplete is not allowed with choices"
        errors[f"{here}.autocomplete"] = ("APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID", sentence)
    if (choices or option.get("autocomplete")) and kind not in {STRING, INTEGER, NUMBER}:
        errors[f"{here}.type"] = ("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "This type has no choices")
    names = Counter(choice["name"] for choice in choices)
    for number, choice in enumerate(choices):
        place = f"{here}.choices.{number}"
        if names[choice["name"]] > 1:
            sentence = "Option choice names must be unique"
            errors[f"{place}.name"] = ("APPLICATION_COMMAND_OPTIONS_CHOICES_NAME_DUPLICATE", sentence)
        if kind == STRING and not 1 <= len(str(choice["value"])) <= 100:
            errors[f"{place}.value"] = ("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    for low, high in (("min_value", "max_value"), ("min_length", "max_length")):
        bounds = [option[key] for key in (low, high) if option.get(key) is not None]
        if bounds != sorted(bounds):
            errors[f"{here}.{low}"] = ("NUMBER_TYPE_MAX", f"{low} exceeds {high}")
        allowed = {INTEGER, NUMBER} if low == "min_value" else {STRING}
        if bounds and kind not in allowed:
            errors[f"{here}.{low}"] = ("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", f"This type has no {low}")
        if low == "min_value" and any(abs(bound) > 2**53 for bound in bounds):
            errors[f"{here}.{low}"] = ("NUMBER_TYPE_MAX", "Must be within 2^53 of zero.")
    return errors


def shown(form: dict[str, Any], *, ident: int, version: int, app_id: int, guild_id: int) -> dict[str, Any]:
    """A command as Discord keeps it."""
    kind = form.get("type") or CHAT
    permissions = form.get("default_member_permissions")
    made: dict[str, Any] = {
        "id": str(ident),
        "application_id": str(app_id),
        "version": str(version),
        "type": kind,
        "name": form["name"],
        "name_localizations": form.get("name_localizations"),
        "description": form.get("description") or "",
        "description_localizations": form.get("description_localizations"),
        "default_member_permissions": None if permissions is None else str(permissions),
        "nsfw": bool(form.get("nsfw")),
    }
    if kind == CHAT and form.get("options"):
        made["options"] = [_shown_option(option) for option in form["options"]]
    if guild_id:
        return made | {"guild_id": str(guild_id)}
    contexts = form.get("contexts")
    if contexts is None and form.get("dm_permission") is False:
        contexts = [0]
    made |= {"dm_permission": contexts is None or 1 in contexts, "contexts": contexts}
    return made | {"integration_types": form.get("integration_types") or [0, 1]}


def _shown_option(option: dict[str, Any]) -> dict[str, Any]:
    """An option without what was not said."""
    made = {key: value for key, value in option.items() if value is not None and key not in {"options", "choices"}}
    if not made.get("required"):
        made.pop("required", None)
    for key in ("options", "choices"):
        if option.get(key):
            made[key] = [_shown_option(one) for one in option[key]] if key == "options" else option[key]
    return made

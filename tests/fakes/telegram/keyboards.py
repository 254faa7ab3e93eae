"""Inline keyboards as bots send them, held to Telegram's limits."""

from typing import Any

from tests.fakes.telegram.errors import bad_request
from tests.fakes.telegram.model import Button, Keyboard

MAX_BUTTONS = 100
MAX_IN_A_ROW = 8
MAX_DATA = 64  # bytes
ACTIONS = ("url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
           "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay")  # fmt: skip


def keyboard_of(markup: dict[str, Any] | None) -> Keyboard | None:
    """The rows of an inline keyboard without the empty ones; None where there is none. Refusal for a bad button."""
    if not markup or "inline_keyboard" not in markup:
        return None
    rows = [[_checked(button) for button in row] for row in markup["inline_keyboard"] if row]
    if sum(map(len, rows)) > MAX_BUTTONS or any(len(row) > MAX_IN_A_ROW for row in rows):
        raise bad_request("reply markup is too long")
    return rows or None


def _checked(button: Button) -> Button:
    if not button["text"].strip():
        raise bad_request("inline keyboard button text must be non-empty")
    if not any(button.get(action) is not None and button[action] != "" for action in ACTIONS):
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(button.get("callback_data", "").encode()) > MAX_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button and not button["url"].startswith(("http://", "https://", "tg://")):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    return button

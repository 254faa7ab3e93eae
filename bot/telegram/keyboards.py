"""Buttons as Telegram shows them: inline keyboards, of which every button says by itself what it means."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.actions import ACTIONS
from bot.replies import Button
from bot.targets import Target
from bot.telegram.ids import LONGEST, Look
from bot.telegram.words import Words, shortened

LONGEST_LABEL = 40  # characters of a button
MOST_WORDED = 4  # buttons with words in a row
ACROSS = 3  # in a row that is parted
Row: TypeAlias = tuple[InlineKeyboardButton, ...]


def keyboard(rows: Sequence[Sequence[InlineKeyboardButton]]) -> InlineKeyboardMarkup | None:
    """Put rows together; None without any."""
    kept = [tuple(row) for row in rows if row]
    return InlineKeyboardMarkup(kept) if kept else None


def action_rows(words: Words, locale: str, rows: Sequence[Sequence[Button]]) -> list[Row]:
    """Make the rows of a reply's buttons; more than four in a row are too narrow for words."""
    return [tuple(action_button(words, locale, button) for button in part) for row in rows for part in _parted(row)]


def _parted(row: Sequence[Button]) -> list[Sequence[Button]]:
    """Part a row that is too narrow: words three in a row, then signs; one word among signs is shown as its sign."""
    worded = [button for button in row if not button.bare and not _is_short(button)]
    if len(row) <= MOST_WORDED or not worded:
        return [row]
    if len(worded) == 1:
        return [[replace(button, bare=button.bare or button in worded) for button in row]]
    signs = [button for button in row if button not in worded]
    return [*(worded[start : start + ACROSS] for start in range(0, len(worded), ACROSS)), *([signs] if signs else [])]


def _is_short(button: Button) -> bool:
    """Whether a button is a letter and a number: U1, V4."""
    return button.index > 0 and button.action in ("upscale", "vary-strong")


def action_button(words: Words, locale: str, button: Button) -> InlineKeyboardButton:
    """Make one button; its sign stands before its words, or alone."""
    action = ACTIONS.get(button.action)
    emoji = action.emoji if action is not None else ""
    label = words.say(locale, f"action-{button.action}", index=button.index)
    if emoji and (button.bare or button.index == 0):
        label = emoji if button.bare else f"{emoji} {label}"
    target = Target(action=button.action, job_id=button.job_id, index=button.index)
    return data_button(label, target.id)


def data_button(label: str, data: str) -> InlineKeyboardButton:
    """Make a button that comes back as a press."""
    if len(data.encode()) > LONGEST:
        raise ValueError(f"{data} is longer than a button's data may be")
    return InlineKeyboardButton(shortened(label, LONGEST_LABEL), callback_data=data)


def link_button(label: str, username: str, payload: str) -> InlineKeyboardButton:
    """Make a button that opens the conversation with us."""
    return InlineKeyboardButton(shortened(label, LONGEST_LABEL), url=f"https://t.me/{username}?start={payload}")


def look_button(words: Words, locale: str, look: Look) -> InlineKeyboardButton:
    """Make the button that shows a list anew."""
    return data_button(f"🔄 {words.say(locale, 'look-again')}", f"look:{look.name}")

"""Forms as Telegram asks for them: a panel of choices, or a question that is answered in words.

A panel keeps all that was chosen in the address of its title, and so outlives a restart; so does a question. What can
be chosen is asked of the studio anew at every press.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from telegram import ForceReply, InlineKeyboardButton

from bot.actions import ACTIONS
from bot.replies import FieldKind, Form, FormField
from bot.targets import Target
from bot.telegram import ids
from bot.telegram.keyboards import Row, data_button, keyboard
from bot.telegram.shown import Message
from bot.telegram.words import Words, harmless, shortened

PAGE = 8  # choices that are shown at once
_ACROSS = 2  # buttons in a row
_LONGEST_VALUE = 300  # characters of a value in a panel
_LONGEST_HELD = 2_500  # characters of what a question shows to be changed


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question in words."""

    message: Message
    markup: ForceReply


def is_worded(form: Form) -> bool:
    """Whether a form is answered in words alone."""
    return all(one.kind is not FieldKind.CHOICE for one in form.fields)


def target_of(form: Form) -> Target:
    """What a form is about."""
    return Target(action=form.action, job_id=form.job_id, index=form.index)


class Forms:
    """Writes panels and questions."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def panel(self, locale: str, form: Form, state: ids.State, username: str) -> Message | None:
        """The panel of a form, with what was chosen so far; None where that is more than a message can keep."""
        address = state.address(username)
        if address is None:
            return None
        lines = [self._title(locale, form, address)]
        buttons: list[InlineKeyboardButton] = []
        for number, one in enumerate(form.fields):
            label = self.label(locale, one.name)
            value = state.values.get(one.name, one.value)
            changed = one.name in state.values and value != one.value
            shown = escape(harmless(shortened(value, _LONGEST_VALUE)), quote=False) or "—"
            lines.append(f"{escape(label, quote=False)}: {f'<b>{shown}</b>' if changed else shown}")
            choice = one.kind is FieldKind.CHOICE
            buttons.append(
                data_button(
                    f"{label} ▾" if choice else f"{label} …", f"pick:{number}:0" if choice else f"type:{number}"
                )
            )
        rows = _rows(buttons)
        rows.append((self._do(locale, "make", "✅"), self._do(locale, "close", "✖️")))
        return Message(html="\n".join(lines), keyboard=keyboard(rows))

    def choices(self, locale: str, form: Form, state: ids.State, username: str, picked: ids.Picked) -> Message | None:
        """One page of a field's choices; None for a field that has none."""
        address = state.address(username)
        if address is None or picked.number >= len(form.fields):
            return None
        one = form.fields[picked.number]
        value = state.values.get(one.name, one.value)
        start = picked.start if picked.start < len(one.choices) else 0
        page = one.choices[start : start + PAGE]
        buttons = [
            data_button(f"● {choice}" if choice == value else choice, f"set:{picked.number}:{ids.mark_of(choice)}")
            for choice in page
        ]
        rows: list[Row] = [(button,) for button in buttons]
        turns = []
        if start > 0:
            turns.append(data_button("◀️", f"pick:{picked.number}:{max(0, start - PAGE)}"))
        if start + PAGE < len(one.choices):
            turns.append(data_button("▶️", f"pick:{picked.number}:{start + PAGE}"))
        unset = [data_button(f"∅ {self._words.say(locale, 'panel-unset')}", f"set:{picked.number}:")]
        rows += [tuple(turns), (*(unset if value and not one.required else []), self._do(locale, "back", "↩️"))]
        title = self._title(locale, form, address)
        return Message(html=f"{title}\n{escape(self.label(locale, one.name), quote=False)}:", keyboard=keyboard(rows))

    def question(
        self, locale: str, form: Form, one: FormField, state: ids.State, username: str, *, calls: str = ""
    ) -> Question | None:
        """A question for one field, or for all of a form of words; `calls` is the HTML that names its person."""
        address = replace(state, asks=one.name).address(username)
        if address is None:
            return None
        label = self.label(locale, one.name)
        several = one.name == "prompt" and any(other.name == "negative" for other in form.fields) and not state.panel
        hint = self._words.say(locale, "answer-prompt" if several else "answer-words", field=label)
        lines = [f"{self._title(locale, form, address)}{f' · {calls}' if calls else ''}", escape(hint, quote=False)]
        if one.expected:
            lines.append(escape(one.expected, quote=False))
        if held := state.values.get(one.name, one.value):
            lines.append(f"<code>{escape(shortened(held, _LONGEST_HELD), quote=False)}</code>")
        markup = ForceReply(selective=True, input_field_placeholder=shortened(label, 60))
        return Question(message=Message(html="\n".join(lines)), markup=markup)

    def label(self, locale: str, name: str) -> str:
        """What a field is called."""
        key = f"field-{name}"
        return self._words.say(locale, key) if self._words.knows(key) else name.replace("_", " ").capitalize()

    def _title(self, locale: str, form: Form, address: str) -> str:
        action = ACTIONS.get(form.action)
        emoji = f"{action.emoji} " if action is not None and action.emoji else ""
        title = self._words.say(locale, f"action-{form.action}", index=form.index)
        return f'<a href="{escape(address)}">{emoji}<b>{escape(title, quote=False)}</b></a>'

    def _do(self, locale: str, what: str, emoji: str) -> InlineKeyboardButton:
        return data_button(f"{emoji} {self._words.say(locale, f'panel-{what}')}", f"do:{what}")


def chosen(form: Form, state: ids.State, press: ids.Chosen) -> ids.State | None:
    """The state with another choice; None if there is no such choice any more."""
    if press.number >= len(form.fields):
        return None
    one = form.fields[press.number]
    value = next(
        (choice for choice in one.choices if ids.mark_of(choice) == press.mark), "" if not press.mark else None
    )
    return None if value is None else replace(state, values={**state.values, one.name: value})


def _rows(buttons: Sequence[InlineKeyboardButton]) -> list[Row]:
    return [tuple(buttons[start : start + _ACROSS]) for start in range(0, len(buttons), _ACROSS)]

"""Forms as Discord asks for them: a modal of texts, or a private panel of selects with one modal for the rest.

A panel keeps all that was chosen in its message: in the selects' defaults and in its buttons' ids. Whatever reads a
press reads it from there, so that a panel outlives a restart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import discord
from discord import ui

from bot.discord import ids
from bot.discord.buttons import PanelButton, PanelSelect, plain_button
from bot.discord.cards import COLOURS, view_of
from bot.discord.words import Words, escaped, shortened
from bot.replies import FieldKind, Form, FormField, Tone
from bot.targets import Target

MOST_FIELDS = 5  # of one modal
MOST_CHOICES = 25  # of one select
LONGEST_CHOICE = 100  # characters
LONGEST_LABEL = 45
LONGEST_VALUE = 4_000
MORE = "\N{HORIZONTAL ELLIPSIS}more:"  # no choice of ours begins so


@dataclass(frozen=True, kw_only=True)
class Select:
    """One select of a panel, as it is shown."""

    field: str
    choices: tuple[str, ...]  # those that are shown
    chosen: str = ""
    more: int | None = None  # where the next page of choices begins; None: these are all


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel as it is shown: enough to show it anew."""

    target: Target
    selects: tuple[Select, ...] = ()
    filled: Mapping[str, str] = field(default_factory=dict)  # the modal's fields; empty values are as they were
    numbers: bool = True  # whether there is a modal besides

    @property
    def values(self) -> dict[str, str]:
        """What a Command is given."""
        chosen = {select.field: select.chosen for select in self.selects if select.chosen}
        return chosen | {name: value for name, value in self.filled.items() if value}

    def with_chosen(self, name: str, value: str) -> "Panel":
        """The panel with another choice."""
        selects = tuple(replace(one, chosen=value) if one.field == name else one for one in self.selects)
        return replace(self, selects=selects)


def fits_modal(form: Form) -> bool:
    """Whether a modal alone asks for all of it."""
    return len(form.fields) <= MOST_FIELDS and all(one.kind is not FieldKind.CHOICE for one in form.fields)


def typed_fields(form: Form) -> list[FormField]:
    """The fields that go into a modal."""
    return [one for one in form.fields if one.kind is not FieldKind.CHOICE][:MOST_FIELDS]


def panel_of(form: Form) -> Panel:
    """The panel that a form begins with."""
    target = Target(action=form.action, job_id=form.job_id, index=form.index)
    selects = tuple(_select(one, 0) for one in form.fields if one.kind is FieldKind.CHOICE)
    typed = [one for one in typed_fields(form) if one.kind is not FieldKind.LONG]
    return Panel(
        target=target,
        selects=tuple(select for select in selects if select.choices),
        filled={one.name: one.value for one in typed},
        numbers=bool(typed_fields(form)),
    )


def turned(panel: Panel, form: Form, name: str, start: int) -> Panel:
    """The panel with the page of a select's choices that begins at `start`."""
    found = next((one for one in form.fields if one.name == name), None)
    if found is None:
        return panel
    selects = []
    for select in panel.selects:
        if select.field == name:
            select = replace(_select(found, start), chosen=select.chosen)  # noqa: PLW2901
        selects.append(select)
    return replace(panel, selects=tuple(selects))


def _select(one: FormField, start: int) -> Select:
    """One page of a field's choices, with the chosen one on the first."""
    known = dict.fromkeys((one.value, *one.choices))
    choices = [choice for choice in known if 0 < len(choice) <= LONGEST_CHOICE]
    if len(choices) <= MOST_CHOICES:
        return Select(field=one.name, choices=tuple(choices), chosen=one.value)
    size = MOST_CHOICES - 2  # room for the chosen one and for the way on
    start = start if 0 < start < len(choices) else 0
    onward = start + size
    return Select(
        field=one.name,
        choices=tuple(choices[start:onward]),
        chosen=one.value,
        more=onward if onward < len(choices) else 0,
    )


class Forms:
    """Shows forms."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def modal(
        self, locale: str, form: Form, *, custom_id: str, fields: Sequence[FormField], filled: Mapping[str, str]
    ) -> ui.Modal:
        """A modal for some fields; `filled` goes before the fields' own values."""
        title = self._words.say(locale, f"action-{form.action}", index=form.index)
        modal = ui.Modal(title=shortened(title, LONGEST_LABEL), custom_id=custom_id)
        for one in fields:
            modal.add_item(self._input(locale, one, filled.get(one.name) or one.value))
        return modal

    def line_modal(self, locale: str, line: str, *, custom_id: str) -> ui.Modal:
        """A modal that asks for a line anew."""
        title, label = self._words.say(locale, "ask-edit"), self._words.say(locale, "edit-line")
        return self.text_modal(locale, title=title, label=label, name="line", value=line, custom_id=custom_id)

    def text_modal(self, locale: str, *, title: str, label: str, name: str, value: str, custom_id: str) -> ui.Modal:
        """A modal that asks for one text."""
        modal = ui.Modal(title=shortened(title, LONGEST_LABEL), custom_id=custom_id)
        box: ui.TextInput[Any] = ui.TextInput(
            custom_id=name,
            style=discord.TextStyle.paragraph,
            default=value[:LONGEST_VALUE] or None,
            max_length=LONGEST_VALUE,
        )
        modal.add_item(ui.Label(text=shortened(label, LONGEST_LABEL), component=box))
        return modal

    def _input(self, locale: str, one: FormField, value: str) -> ui.Label[Any]:
        long = one.kind is FieldKind.LONG
        box: ui.TextInput[Any] = ui.TextInput(
            custom_id=one.name,
            style=discord.TextStyle.paragraph if long else discord.TextStyle.short,
            default=value[:LONGEST_VALUE] or None,
            placeholder=shortened(one.expected, 100) or None,
            required=one.required,
            max_length=LONGEST_VALUE if long else 400,
        )
        help_text = self._words.say(locale, f"option-{one.name}") if self._words.knows(f"option-{one.name}") else ""
        return ui.Label(
            text=shortened(self._label(locale, one.name), LONGEST_LABEL),
            description=shortened(help_text, 100) or None,
            component=box,
        )

    def _label(self, locale: str, name: str) -> str:
        key = f"field-{name}"
        return self._words.say(locale, key) if self._words.knows(key) else name.replace("_", " ").capitalize()

    def panel(self, locale: str, panel: Panel) -> ui.LayoutView:
        """The card of a panel."""
        title = self._words.say(locale, f"action-{panel.target.action}", index=panel.target.index)
        container: ui.Container[Any] = ui.Container(accent_colour=COLOURS[Tone.ASK])
        filled = " · ".join(
            f"{self._label(locale, name)} {escaped(value)}" for name, value in panel.filled.items() if value
        )
        container.add_item(ui.TextDisplay(f"**{title}**" + (f"\n{filled}" if filled else "")))
        for select in panel.selects:
            container.add_item(ui.ActionRow(self._shown(locale, select, panel.target)))
        container.add_item(ui.ActionRow(*self._buttons(locale, panel)))
        return view_of(container)

    def _shown(self, locale: str, select: Select, target: Target) -> PanelSelect:
        label = self._label(locale, select.field)
        names = list(select.choices)
        if select.chosen and select.chosen not in names and len(select.chosen) <= LONGEST_CHOICE:
            names.insert(0, select.chosen)
        options = [
            discord.SelectOption(
                label=shortened(f"{label} · {name}", LONGEST_CHOICE), value=name, default=name == select.chosen
            )
            for name in names
        ]
        if select.more is not None:
            options.append(
                discord.SelectOption(label=self._words.say(locale, "panel-more"), value=f"{MORE}{select.more}")
            )
        return PanelSelect(
            ui.Select(custom_id=f"pick:{select.field}:{target.id}", placeholder=shortened(label, 150), options=options)
        )

    def _buttons(self, locale: str, panel: Panel) -> Iterator[PanelButton]:
        styles = {
            "make": discord.ButtonStyle.success,
            "numbers": discord.ButtonStyle.secondary,
            "close": discord.ButtonStyle.secondary,
        }
        for what, style in styles.items():
            if what == "numbers" and not panel.numbers:
                continue
            custom_id = ids.do_id(what, panel.target, panel.filled) or ids.do_id(what, panel.target, {}) or ""
            yield PanelButton(plain_button(self._words.say(locale, f"panel-{what}"), custom_id, style=style))


def keeps(panel: Panel) -> bool:
    """Whether the panel's message can keep what was filled in."""
    return ids.do_id("numbers", panel.target, panel.filled) is not None


def read_panel(components: Sequence[Any]) -> Panel | None:
    """Read a panel from its message; None if it is none."""
    selects: list[Select] = []
    found: ids.Done | None = None
    numbers = False
    for component in _walk(components):
        custom_id = getattr(component, "custom_id", None)
        press = ids.read(custom_id) if isinstance(custom_id, str) else None
        match press:
            case ids.Picked():
                selects.append(_read_select(press.field, component.options))
            case ids.Done():
                found = press
                numbers = numbers or press.what == "numbers"
    if found is None:
        return None
    return Panel(target=found.target, selects=tuple(selects), filled=found.filled, numbers=numbers)


def _read_select(name: str, options: Sequence[discord.SelectOption]) -> Select:
    more = [option.value.removeprefix(MORE) for option in options if option.value.startswith(MORE)]
    return Select(
        field=name,
        choices=tuple(option.value for option in options if not option.value.startswith(MORE)),
        chosen=next((option.value for option in options if option.default), ""),
        more=int(more[0]) if more and more[0].isdigit() else None,
    )


def _walk(components: Sequence[Any]) -> Iterator[Any]:
    for component in components:
        yield component
        yield from _walk(getattr(component, "children", None) or ())


def values_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Read what was typed into a modal, by field."""
    found: dict[str, str] = {}
    stack = list(data.get("components", ()))
    while stack:
        part = stack.pop()
        stack += part.get("components", ())
        if isinstance(part.get("component"), Mapping):
            stack.append(part["component"])
        if isinstance(part.get("custom_id"), str) and isinstance(part.get("value"), str):
            found[part["custom_id"]] = part["value"]
    return found

"""Every action on a picture or a job, once, as data: platforms make buttons and menus of it.

Its words are the Fluent message `action-NAME`, which reads the button's `$index`: 0 where there is only one picture to
mean. A press is a `Command` of the action's name with the line `(job id, index)`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.replies import Button

Row = tuple[Button, ...]


class Style(StrEnum):
    """How much a button stands out."""

    PLAIN = "plain"
    MAIN = "main"
    DANGER = "danger"


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that can be done with a picture or a job."""

    name: str
    emoji: str = ""
    picture: bool = False  # it is about one picture, which the index names; else about the whole job
    form: bool = False  # pressed, it answers with a form to fill in
    private: bool = False  # its answer is for that person alone; jobs that it makes are shown like any other
    style: Style = Style.PLAIN
    template: str = ""  # the template that it runs; empty: the job's own, or none
    slot: str = ""  # what the job's own template must have for it
    owner: bool = False  # for the job's owner and the moderators of its place; else for whoever may see the picture


def _of_picture(name: str, emoji: str, template: str, *, form: bool = False) -> Action:
    return Action(name=name, emoji=emoji, picture=True, template=template, form=form)


ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        _of_picture("upscale", "🔍", "upscale"),
        _of_picture("vary-subtle", "🪄", "vary"),
        _of_picture("vary-strong", "🪄", "vary"),
        _of_picture("zoom-out", "🔭", "outpaint"),
        _of_picture("pan-left", "⬅️", "outpaint"),
        _of_picture("pan-right", "➡️", "outpaint"),
        _of_picture("pan-up", "⬆️", "outpaint"),
        _of_picture("pan-down", "⬇️", "outpaint"),
        _of_picture("square", "⏹️", "outpaint"),
        _of_picture("use-as-input", "🖼️", "img2img", form=True),
        Action(name="reroll", emoji="🔄", slot="seed"),
        Action(name="remix", emoji="✏️", form=True, slot="prompt"),
        Action(name="tweak", emoji="🎛️", form=True, private=True, slot="prompt"),
        Action(name="favourite", emoji="⭐", picture=True, private=True),
        Action(name="unfavourite", emoji="✖️", picture=True, private=True),
        Action(name="info", emoji="📋", picture=True, private=True),
        Action(name="originals", emoji="⬇️", private=True),
        Action(name="album", emoji="🖼️", private=True),
        Action(name="show", emoji="👁️", private=True),
        Action(name="older", emoji="◀️", private=True),  # a list goes on; its job is the last that was shown
        Action(name="report", emoji="🚩", picture=True, form=True, private=True, style=Style.DANGER),
        Action(name="approve", emoji="✅", private=True, style=Style.MAIN),  # these five are of the moderators' inbox
        Action(name="spoiler", emoji="🙈", private=True),
        Action(name="reject", emoji="🚫", form=True, private=True, style=Style.DANGER),
        Action(name="hide", emoji="🚫", form=True, private=True, style=Style.DANGER),
        Action(name="dismiss", emoji="👌", private=True),
        Action(name="set-defaults", emoji="⚙️", form=True, private=True),
        Action(name="cancel", emoji="✖️", private=True, style=Style.DANGER, owner=True),
        Action(name="delete", emoji="🗑️", private=True, style=Style.DANGER, owner=True),
    )
}
"""The actions by name."""

ALWAYS = frozenset({"delete", "favourite", "info", "originals"})
"""What can be done with every result, whatever its template."""

MOST_NUMBERED = 4
"""Of more pictures than this none has buttons of its own under the result: Info has them."""
_PANS = ("pan-left", "pan-right", "pan-up", "pan-down")
_BARE = frozenset({"reroll", "delete", *_PANS})
"""Shown by their sign alone wherever they are."""


def result_rows(job_id: str, pictures: int, able: Collection[str], *, extra: Collection[str] = ()) -> tuple[Row, ...]:
    """The buttons of a result, in rows; `able` are the actions that its template and the endpoints allow.

    `extra` are actions that only some platforms need for several pictures; they stand at the end.
    """
    if pictures < 1:
        return ()
    rows = _of_one(job_id) if pictures == 1 else _of_several(job_id, pictures)
    allowed = {*able, *ALWAYS}
    kept = [tuple(button for button in row if button.action in allowed) for row in rows]
    if pictures > 1:
        kept[-1] += tuple(_button(job_id, name) for name in extra)
    return tuple(row for row in kept if row)


def _of_one(job_id: str) -> list[Row]:
    return [
        _row(job_id, "upscale", "vary-subtle", "vary-strong", "reroll", "delete"),
        _row(job_id, "zoom-out", *_PANS),
        _row(job_id, "square"),
        (
            _button(job_id, "favourite"),
            *(Button(action=name, job_id=job_id, bare=True) for name in ("remix", "tweak", "info", "originals")),
        ),
    ]


def _of_several(job_id: str, pictures: int) -> list[Row]:
    numbers = range(1, pictures + 1) if pictures <= MOST_NUMBERED else ()
    return [
        (*(_button(job_id, "upscale", number) for number in numbers), _button(job_id, "reroll")),
        (*(_button(job_id, "vary-strong", number) for number in numbers), _button(job_id, "delete")),
        _row(job_id, "remix", "tweak", "info", "originals"),
    ]


def picture_rows(job_id: str, pictures: int, action: str) -> tuple[Row, ...]:
    """A button of one action for each picture of a job, at most five in a row."""
    buttons = [_button(job_id, action, number) for number in range(1, pictures + 1)]
    return tuple(tuple(buttons[start : start + 5]) for start in range(0, len(buttons), 5))


def rows_of(job_id: str, *names: str, index: int = 0) -> tuple[Row, ...]:
    """One row of buttons."""
    return (tuple(_button(job_id, name, index) for name in names),)


def _row(job_id: str, *names: str) -> Row:
    return tuple(_button(job_id, name) for name in names)


def _button(job_id: str, name: str, index: int = 0) -> Button:
    return Button(action=name, job_id=job_id, index=index, bare=name in _BARE)

"""The actions and the rows of a result's buttons."""

import re

import pytest

from bot.actions import ACTIONS, ALWAYS, Row, picture_rows, result_rows, rows_of
from bot.replies import Button
from bot.texts import Texts
from config.settings import config_dir

TEXTS = Texts.load(config_dir() / "locales")
JOB = "abcdefghijklmnop"
ALL = frozenset(ACTIONS)


def shown(rows: tuple[Row, ...]) -> list[str]:
    """The rows as people see them."""

    def words(button: Button) -> str:
        sign = ACTIONS[button.action].emoji
        label = TEXTS.format("en", f"action-{button.action}", index=button.index)
        return sign if button.bare else label

    return [" ".join(words(button) for button in row) for row in rows]


def test_four_pictures_have_the_buttons_that_people_know() -> None:
    assert shown(result_rows(JOB, 4, ALL)) == ["U1 U2 U3 U4 🔄", "V1 V2 V3 V4 🗑️", "Remix Tweak Info Originals"]
    assert shown(result_rows(JOB, 2, ALL))[:2] == ["U1 U2 🔄", "V1 V2 🗑️"]


def test_one_picture_has_its_own_buttons_and_square_only_where_it_is_none() -> None:
    rows = result_rows(JOB, 1, ALL - {"square"})
    assert shown(rows)[:2] == ["Upscale 2× Vary subtle Vary strong 🔄 🗑️", "Zoom out ⬅️ ➡️ ⬆️ ⬇️"]
    assert [button.action for button in rows[2]] == ["favourite", "remix", "tweak", "info", "originals"]
    assert [button.bare for button in rows[2]] == [False, True, True, True, True]
    assert shown(result_rows(JOB, 1, ALL))[2] == "Make square"


def test_what_cannot_be_done_is_not_shown() -> None:
    rows = result_rows(JOB, 1, ())
    assert [button.action for row in rows for button in row] == ["delete", "favourite", "info", "originals"]
    assert result_rows(JOB, 0, ALL) == ()
    album = result_rows(JOB, 4, ALL, extra=("album",))
    assert album[-1][-1].action == "album"


@pytest.mark.parametrize("pictures", range(1, 13))
def test_rows_fit_every_platform(pictures: int) -> None:
    rows = result_rows(JOB, pictures, ALL)
    assert len(rows) <= 5
    assert all(len(row) <= 5 for row in rows)
    several = picture_rows(JOB, pictures, "upscale")
    assert [button.index for row in several for button in row] == list(range(1, pictures + 1))


@pytest.mark.parametrize("locale", TEXTS.locales)
def test_every_action_has_words_and_fits_a_button(locale: str) -> None:
    assert len(ACTIONS) >= 20
    assert ALWAYS <= ALL
    for name, action in ACTIONS.items():
        assert re.fullmatch(r"[a-z][a-z-]{0,14}", name)
        for index in (0, 1, 12):
            assert 0 < len(TEXTS.format(locale, f"action-{name}", index=index)) <= 40
        assert len(f"{name}:{JOB}:12") <= 64, "Telegram's callback data"
        assert action.emoji
        assert not (action.template and action.slot)


def test_one_row_of_buttons() -> None:
    assert [[button.action for button in row] for row in rows_of(JOB, "show", "report", index=2)] == [
        ["show", "report"]
    ]

"""What people typed is shown letter by letter, whatever it is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bot.discord.words import MOST_TEXT, Words, escaped, pages, shortened
from bot.replies import text
from bot.texts import Texts
from config.settings import config_dir

TEXTS = Texts.load(config_dir() / "locales")
WORDS = Words(TEXTS)
MARKUP = re.compile(r"(?<!\\)(?:\\\\)*[*_~|`<>\[\]()@#]")


@given(st.text())
def test_nothing_in_it_means_anything(typed: str) -> None:
    shown = escaped(typed)
    assert MARKUP.search(shown) is None
    assert "\n" not in shown
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\0")
    assert "https://" not in shown
    assert not re.match(r"[-+] |\d+[.)] ", shown)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zs", "Zl", "Zp")), min_size=1))
def test_nothing_of_it_is_lost(typed: str) -> None:
    shown = escaped(typed).replace(r"\\", "\0")
    assert re.sub(r"\\(?=[^a-zA-Z0-9\s])", "", shown).replace("\0", "\\") == typed


@given(st.lists(st.text(max_size=5_000), max_size=40))
def test_pages_hold_every_line_and_fit(lines: list[str]) -> None:
    found = pages(lines)
    assert found
    assert all(len(page) <= MOST_TEXT for page in found)
    joined = "\n".join(found)
    assert all(shortened(line, MOST_TEXT - 200) in joined for line in lines)


def test_a_result_has_its_prompt_in_bold_and_its_owner_mentioned() -> None:
    line = text("job-result", prompt="a *cat* --ar 3:2", owner="Ann", seconds=2, endpoint="gpu_1", credits="3")
    (shown,) = WORDS.lines("en", [line], owner_id="42")
    assert shown.startswith("**a \\*cat\\*** --ar 3:2 — <@42> · ")
    assert "gpu\\_1" in shown
    (plain,) = WORDS.lines("en", [line])
    assert "Ann" in plain


def test_long_prompts_are_cut_and_shorter_in_lists() -> None:
    line = text("job-line", job="j", status="done", position=0, seconds=-1, prompt="x" * 8_000)
    (alone,) = WORDS.lines("en", [line])
    many = WORDS.lines("en", [line] * 10)
    assert 1_000 < len(alone) < 2_000
    assert all(len(one) < 300 for one in many)


def test_escapes_touch_no_selector() -> None:
    """A field that a text chooses by must come through as it is: no variant's name has a sign that is escaped."""
    names = set()
    for locale in TEXTS.locales:
        for file in sorted((config_dir() / "locales" / locale).glob("*.ftl")):
            names |= set(re.findall(r"^\s*\*?\[([^\]]+)\]", file.read_text(), re.MULTILINE))
    assert len(names) > 40
    assert all(escaped(name) == name for name in names)

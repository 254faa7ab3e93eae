"""What Telegram is told is HTML that it reads, short enough, and with nothing in it that somebody else has typed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.replies import Text, text
from bot.telegram.words import MOST_CAPTION, MOST_TEXT, Words, harmless, length, plain, shortened
from bot.texts import Texts
from config.settings import config_dir
from tests.fakes.telegram.entities import formatted

WORDS = Words(Texts.load(config_dir() / "locales"))
TYPED = st.text(max_size=3000) | st.from_regex(r"[<>&@#/.:a-z ]{0,200}", fullmatch=True)


def result(prompt: str) -> Text:
    """A job's end."""
    return text("job-result", prompt=prompt, owner="Ann <b>", seconds=1.5, endpoint="gpu", credits="0.3")


@given(TYPED, st.sampled_from(["", "42"]))
@settings(max_examples=60, deadline=None)
def test_a_caption_fits_and_calls_nobody_but_its_owner(prompt: str, owner: str) -> None:
    html = WORDS.fitting("en", [result(prompt)], MOST_CAPTION, owner_id=owner, foot="abcdefghijklmnop")
    shown, entities = formatted(html, "HTML")
    assert length(shown) <= MOST_CAPTION
    kinds = [entity["type"] for entity in entities]
    assert set(kinds) <= {"bold", "code", "text_mention", "text_link"}
    assert kinds.count("text_mention") + kinds.count("text_link") == (1 if owner else 0)


@given(st.lists(TYPED, min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_pages_hold_every_line_and_are_never_too_long(prompts: list[str]) -> None:
    lines = [text("picture-prompt", prompt=prompt) for prompt in prompts]
    for html in WORDS.pages("en", lines):
        shown, _ = formatted(html, "HTML")
        assert length(shown) <= MOST_TEXT


@given(st.text())
def test_harmless_is_one_line_without_signs_of_ours(typed: str) -> None:
    shown = harmless(typed)
    assert "\n" not in shown
    assert plain(shown) == shown


def test_a_cut_does_not_split_what_belongs_together() -> None:
    assert shortened("🎈🎈🎈", 4) == "🎈…"
    assert shortened("abc", 3) == "abc"

"""What people read: the same keys and variables in every language, and fields shown as they are."""

from pathlib import Path

import pytest

from bot.texts import Texts
from config.settings import config_dir
from engine import errors
from engine.errors import AtelierError, Field

TEXTS = Texts.load(config_dir() / "locales")
NUMBERS = {
    "position", "length", "seconds", "percent", "step", "steps", "missing", "count", "jobs", "pictures", "hours",
    "minutes", "days", "queued", "running", "limit", "resets", "port",
}  # fmt: skip


def test_every_language_has_the_same_keys_and_variables() -> None:
    assert TEXTS.locales == ("en", "zh-CN")
    assert len(TEXTS.keys("en")) > 140
    assert TEXTS.keys("en") == TEXTS.keys("zh-CN")
    for key in TEXTS.keys("en"):
        assert TEXTS.variables("en", key) == TEXTS.variables("zh-CN", key), key


@pytest.mark.parametrize("amount", [-1, 0, 1, 2, 61, 3_700, 90_000])
@pytest.mark.parametrize("word", ["", "x"])
@pytest.mark.parametrize("locale", TEXTS.locales)
def test_every_message_can_be_written_with_whatever_its_fields_hold(locale: str, word: str, amount: int) -> None:
    for key in TEXTS.keys(locale):
        fields: dict[str, Field] = {name: amount if name in NUMBERS else word for name in TEXTS.variables(locale, key)}
        text = TEXTS.format(locale, key, **fields)
        assert "{" not in text.replace("{a, b}", "").replace("{braces}", "").replace("{花括号}", ""), key
        assert not any(sign in text for sign in "\u2066\u2067\u2068\u2069"), "no isolation marks"
        if word:
            assert text.strip(), key
            assert "  " not in text, (key, text)


@pytest.mark.parametrize("locale", TEXTS.locales)
def test_every_error_can_be_said_with_all_that_is_known_and_with_nothing(locale: str) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AtelierError)]
    assert len(kinds) > 40
    said = {TEXTS.error(locale, kind()) for kind in kinds}
    assert len(said) == len({kind.code for kind in kinds}), "every error has words of its own"


def test_the_one_message_of_a_job() -> None:
    say = TEXTS.format
    assert say("en", "job-queued", position=3, length=7, seconds=40) == "⏳ Queued #3 of 7 · ETA in 40 s"
    assert say("en", "job-queued", position=3, length=7, seconds=-1) == "⏳ Queued #3 of 7"
    assert say("en", "job-loading") == "🔧 Loading model"
    assert say("en", "job-running", percent=46, bar="▓▓▓▓░░", step=14, steps=30) == "🎨 46 % ▓▓▓▓░░ 14/30"
    assert say("en", "job-uploading") == "☁️ Uploading"
    result: dict[str, Field] = {
        "prompt": "a house --ar 3:2 --seed 123",
        "owner": "@owner",
        "seconds": 14.2,
        "endpoint": "gpu-1",
        "credits": "3.1",
        "job": "abc",
    }
    assert say("en", "job-result", **result) == "a house --ar 3:2 --seed 123 — @owner · 14.2 s · gpu-1 · 3.1 credits"
    assert say("zh-CN", "job-result", **result).endswith("@owner · 14.2 秒 · gpu-1 · 3.1 点")


def test_a_refusal_says_flag_range_and_nearest() -> None:
    error = errors.BadValue(flag="n", value="9", expected="1–4", nearest="4")
    assert TEXTS.error("en", error) == "--n cannot be “9”. It takes 1–4. The nearest is --n 4"
    bare = errors.BadValue(flag="n", value="", expected="1–4", nearest="")
    assert TEXTS.error("en", bare) == "--n needs a value. It takes 1–4."
    assert TEXTS.error("en", errors.GivenTwice(flag="n", other="n")).startswith("--n is there twice")
    assert "--fast" in TEXTS.error("zh-CN", errors.GivenTwice(flag="relax", other="fast"))
    assert (
        TEXTS.error("en", errors.StartError("no endpoint")) == "Atelier cannot start as it is configured: no endpoint"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (14.2, "14.2 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3_599.6, "1 h"),
        (3_725, "1 h 2 min"),
        (86_399, "1 d"),
        (180_000, "2 d 2 h"),
        (-5, "0 s"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    text = TEXTS.error("en", errors.InsufficientCredits(cost="1", available="0", resets=seconds))
    assert f"More come in {words}." in text


@pytest.mark.parametrize(
    "text",
    [
        "{ $secret }",
        '{"x"}',
        "{ job-loading }",
        "line\n    .attribute = x",
        "[other] *[x]",
        "a\u2068b",
        "yes",
        "x" * 100_000,
        "{ DURATION(5) }",
    ],
)
def test_what_people_type_is_shown_and_never_read(text: str) -> None:
    assert text in TEXTS.format("en", "job-line", job="j", status="done", position=0, seconds=-1, prompt=text)
    assert text in TEXTS.error("zh-CN", errors.UnknownTemplate(value=text, nearest=""))


def test_numbers_are_not_grouped() -> None:
    assert "1000000" in TEXTS.error("en", errors.TooManyJobs(count=1_000_000, limit=8))


def test_a_locale_is_served_by_its_language_or_by_english() -> None:
    chosen = {locale: TEXTS.choose(locale) for locale in ("en", "en-US", "zh", "zh-CN", "zh_TW", "ZH-cn", "fr", "")}
    assert chosen == {
        "en": "en", "en-US": "en", "zh": "zh-CN", "zh-CN": "zh-CN", "zh_TW": "zh-CN", "ZH-cn": "zh-CN", "fr": "en",
        "": "en",
    }  # fmt: skip
    assert TEXTS.format("de-AT", "job-loading") == TEXTS.format("en", "job-loading")


def test_what_is_missing_is_a_bug_except_in_errors() -> None:
    with pytest.raises(KeyError):
        TEXTS.format("en", "no-such-key")
    with pytest.raises(KeyError, match="length"):
        TEXTS.format("en", "job-queued", position=1, seconds=1)
    assert TEXTS.format("en", "error-unknown-flag", flag="x")
    assert TEXTS.format("en", "job-loading", unused=1)


def written(folder: Path, **languages: str) -> Path:
    for name, text in languages.items():
        (folder / name).mkdir()
        (folder / name / "all.ftl").write_text(text, encoding="utf-8")
    return folder


def test_a_text_that_only_english_has_is_said_in_english(tmp_path: Path) -> None:
    texts = Texts.load(written(tmp_path, en="a = A\nb = B\n    .summary = S", de="a = Ä"))
    assert [texts.format("de", key) for key in ("a", "b", "b.summary")] == ["Ä", "B", "S"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = A\nb { = B", "line 2"),
        ("a = A\na = B", "second text for a"),
        ("a = { b }", "refers to b"),
        ("a = { a }", "refers to itself"),
    ],
)
def test_a_broken_file_is_named_at_start(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(errors.StartError, match=says):
        Texts.load(written(tmp_path, en=text))


def test_english_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(errors.StartError, match="en"):
        Texts.load(written(tmp_path, de="a = Ä"))

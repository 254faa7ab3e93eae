"""A hostile member's list, over `Commands.handle`: each line is refused or made harmless, and nothing breaks."""

import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions import ACTIONS
from bot.adapter import Command
from bot.catalog import COMMANDS
from bot.cleaning import cleaned
from bot.replies import Reply
from bot.texts import Texts
from config.settings import config_dir
from engine.model import Identity, Place, Power
from engine.studio import Access
from storage.proof import prove
from tests.fakes.house import ADA, BOB, House, open_house

TEXTS = Texts.load(config_dir() / "locales")
CLUB = {"community": "club", "community_name": "Club"}
EVE = Identity(platform="fake", id="666", name="Eve")
OWN = {"community": "own", "community_name": "Own", "power": Power.MODERATOR}
ACCESS = Access(operators=frozenset({"fake:99"}), open=True, allowed=frozenset())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, running=False, access=ACCESS) as house:
        yield house
        assert await house.database.read(prove) == []


def read(reply: Reply) -> str:
    return "\n".join(TEXTS.format("en", line.key, **line.fields) for line in reply.lines)


async def ask(house: House, name: str, line: object = "", *, who: Identity = EVE, **more: object) -> Reply:
    return await house.ask(name, line, who=who, **more)  # type: ignore[arg-type]


async def jobs(house: House) -> int:
    return len(await house.books.jobs(limit=1000))


# Prompts


async def test_a_prompt_that_is_too_long_is_told_the_limit(house: House) -> None:
    reply = await ask(house, "imagine", "house " * 1000)
    assert reply.private
    assert "It takes ≤ 4000." in read(reply)
    assert len(read(reply)) < 300, "it is not repeated"
    assert "≤ 4000" in read(await ask(house, "imagine", "a house --no " + "x" * 6000))
    assert await jobs(house) == 0


MARKS = [
    "\u202e",
    "\u202d\u202c",
    "\u2066\u2069",
    "\u200f",
    "\0",
    "\x1b[31m",
    "\r\n",
    "\x7f\x9f",
    "\ufeff",
    "\U000e0041",
]


async def test_marks_that_deceive_the_eye_are_taken_out(house: House) -> None:
    for marks in MARKS:
        name = Identity(platform="fake", id="666", name=f"Eve{marks}evE")
        reply = await house.ask("imagine", f"a red{marks} house --no ra{marks}in", who=name)
        job = (await house.job(reply.jobs[0])).job
        for text in (job.text, job.place.owner, *map(str, job.options.values())):
            assert not any(unicodedata.category(sign) in ("Cc", "Cf") for sign in text), repr(text)
        assert "house" in str(job.options["prompt"])


async def test_a_surrogate_and_other_nonsense_are_answered(house: House) -> None:
    for line in ("a \ud800 house", "\ud83d", "a house --steps \u0665", "\u0000", "{" * 4000, "{a," * 1000, "\\" * 4000):
        reply = await ask(house, "imagine", line)
        assert reply.lines
        assert reply.lines[0].key != "error-internal", repr(line[:20])


async def test_mentions_are_only_words(house: House) -> None:
    words = "@everyone <@1> <@&5> <#3> @here [x](http://evil.example) ||x|| `x`"
    reply = await ask(house, "imagine", words, **CLUB)
    job = (await house.job(reply.jobs[0])).job
    assert job.options["prompt"] == words
    assert not reply.ping
    assert "@everyone" not in read(reply)


async def test_fluent_and_format_signs_are_only_words(house: House) -> None:
    for words in ("{ $job }", "%s %(x)s {0}", "{job-held}", '{ "x" }'):
        reply = await ask(house, "imagine", words)
        assert (await house.job(reply.jobs[0])).job.options["prompt"] == words
        assert read(await ask(house, "queue"))


OUT_OF_RANGE = [
    "a --steps 9999999999999999999999",
    "a --steps -1",
    "a --cfg nan",
    "a --cfg inf",
    "a --cfg 1e400",
    "a --seed 18446744073709551616",
    "a --seed -1",
    "a --n 100",
    "a --repeat 1000",
    "a --size 99999x99999",
    "a --size 0x0",
    "a --ar 0:0",
    "a --ar 1:9999",
    "a --strength 5",
    "a --template ../../etc/passwd",
    "a --model ../../etc/passwd",
    "a --model /etc/passwd",
    "a --model C:\\x",
    "a --lora ../../x:0.5",
    "a --lora x:1e9",
    "a --style ../x",
    "a --sampler '; rm -rf /'",
    "{a, b}" * 12,
    "a --image deadbeef",
    "a --width 99999",
    "a --workflow {}",
]


async def test_options_out_of_range_or_place_are_refused(house: House) -> None:
    for line in OUT_OF_RANGE:
        reply = await ask(house, "imagine", line)
        assert reply.private
        assert reply.lines[0].key.startswith("error-")
        assert reply.lines[0].key != "error-internal"
    assert await jobs(house) == 0


# Other people's jobs, and forged presses


FORGED = [
    ("zzzzzzzzzzzzzzzz", "1"),
    ("../../etc/passwd", "' OR 1=1 --"),
    ("", ""),
    ("{job}", "999"),
    ("{job}", "١"),
    ("{job}", "1", "2"),
    ("x" * 5000, "-1"),
]


async def test_a_forged_press_does_nothing(house: House) -> None:
    job = (await house.ask("imagine", "a secret heron", who=BOB)).jobs[0]
    before = await jobs(house)
    nonsense = {"prompt": "x", "reason": "x", "seed": "nan", "unknown": "x", "steps": "10**9"}
    for action in sorted(ACTIONS):
        for forged in FORGED:
            line = tuple(part.replace("{job}", job) for part in forged)
            for values in (None, nonsense):
                reply = await ask(house, action, line, values=values, **OWN)
                assert reply.form is None or action == "set-defaults", (action, line)
                assert "heron" not in read(reply)
                assert [one for one in reply.lines if one.key == "error-internal"] == [], (action, line)
    assert await jobs(house) == before
    assert (await house.job(job)).job.status == "queued"


async def test_other_peoples_jobs_are_unknown_to_everybody_else(house: House) -> None:
    here = (await house.ask("imagine", "a secret heron", who=BOB, **CLUB)).jobs[0]  # type: ignore[arg-type]
    for name in ("show", "cancel", "report", "vary"):
        reply = await ask(house, name, here, **OWN)
        assert reply.lines[0].key == "error-unknown-job", name
        assert "heron" not in read(reply)


async def test_an_administrator_of_their_own_guild_reaches_nothing_outside_it(house: House) -> None:
    victim = (await house.ask("imagine", "a secret heron", who=BOB, **CLUB)).jobs[0]  # type: ignore[arg-type]
    for verb in ("cancel", "move", "hold", "release", "refund", "approve", "spoiler", "reject", "hide", "dismiss"):
        reply = await ask(house, "mod", f"{verb} {victim}", **OWN)
        assert reply.lines[0].key in ("error-unknown-job", "error-forbidden"), verb
    for line in (
        "pause x",
        "resume",
        "mint 5",
        "mint fake:2 5",
        "limits fake:own 5",
        "policy weight 5",
        "ban fake:2 everywhere",
    ):
        reply = await ask(house, "mod", line, **OWN)
        assert reply.lines[0].key.startswith("error-"), line
    for line in ("list", "drain fake", "enable fake"):
        assert (await ask(house, "backend", line, **OWN)).lines[0].key == "error-forbidden"
    for line in ("queue", "inbox", "audit", "words", "policy"):
        assert "heron" not in read(await ask(house, "mod", line, **OWN))
    job = (await house.job(victim)).job
    assert (job.status, job.reason) == ("queued", "")


async def test_what_a_platform_says_too_much_is_not_believed(house: House) -> None:
    refused = await ask(house, "mod", "pause", **{**OWN, "power": Power.OPERATOR})
    assert refused.lines[0].key == "error-forbidden"
    roles = frozenset({"99", "fake:99", "operator", "admin"})
    assert (await ask(house, "mod", "queue", **{**CLUB, "roles": roles})).lines[0].key == "error-forbidden"
    for name in ("imagine", "prefer", "report", "settings"):
        reply = await ask(house, name, "option set steps 3", **{**CLUB, "power": Power.NOBODY})
        assert reply.lines[0].key.startswith(("error-", "settings-")), name


async def test_preferences_are_no_way_around(house: House) -> None:
    """What is saved is read as what is typed, every time."""
    for line in (
        "option set steps 9999",
        "option set model ../../x",
        "style set x --steps 99999999",
        "suffix --seed 1",
    ):
        await ask(house, "prefer", line)
    await ask(house, "prefer", "style set s " + "y" * 900)
    assert "≤ 1000" in read(await ask(house, "prefer", "style set t " + "y" * 2000))
    reply = await ask(house, "imagine", "house " * 600 + "--style s")
    assert "≤ 4000" in read(reply)
    reply = await ask(house, "imagine", "a house")
    job = (await house.job(reply.jobs[0])).job
    assert job.options.get("steps", 60) == 60


LINES = st.text(max_size=80) | st.tuples(st.text(max_size=20), st.text(max_size=5))
VALUES = st.none() | st.dictionaries(st.sampled_from(["reason", "prompt", "aspect"]), st.text(max_size=20))


@given(name=st.sampled_from([*ACTIONS, "", "imagine"]), line=LINES, values=VALUES, power=st.sampled_from(Power))
def test_whatever_is_sent_has_an_answer(
    name: str, line: str | tuple[str, ...], values: dict[str, str] | None, power: Power
) -> None:
    """Without a house: what is typed is cleaned, and can be cleaned again without changing."""
    place = Place(platform="fake", chat="chat", owner=str(line)[:20])
    command = Command(name=name, identity=EVE, place=place, key="k", line=line, values=values, power=power)
    once = cleaned(command)
    assert cleaned(once) == once


async def test_random_lines_never_break_a_command(house: House) -> None:
    """Every command with every kind of nonsense; the rest of the suite knows what is right."""
    nonsense = ["", "--", "\\", '"{', "-1", "\u202e", "💥" * 50, "set x", "a b c d e f"]
    broken = []
    for command in COMMANDS:
        for verb in ("", *(verb.name for verb in command.verbs)):
            for words in nonsense:
                line = f"{verb} {words}".strip()
                reply = await ask(house, command.name, line, who=ADA, **{**CLUB, "power": Power.MODERATOR})
                read(reply)
                if any(one.key == "error-internal" for one in reply.lines):
                    broken.append((command.name, line))
    assert broken == []

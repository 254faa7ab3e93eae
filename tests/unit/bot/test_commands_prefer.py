"""/settings, /prefer, --style and a community's defaults and caps, as people type them, over a whole house."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.replies import Reply
from bot.texts import Texts
from config.settings import config_dir
from engine.model import Identity, OptionValue, Power
from tests.fakes.house import ADA, BOB, House, open_house

TEXTS = Texts.load(config_dir() / "locales")
CLUB = {"community": "club", "community_name": "Club"}
MOD = {**CLUB, "power": Power.MODERATOR}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, running=False) as house:
        yield house


def read(reply: Reply, locale: str = "en") -> str:
    both = {
        each: "\n".join(TEXTS.format(each, line.key, **line.fields) for line in reply.lines) for each in TEXTS.locales
    }
    return both[locale]


async def prefer(house: House, line: str, **more: object) -> str:
    reply = await house.ask("prefer", line, **more)  # type: ignore[arg-type]
    assert reply.private
    return read(reply)


async def policy(house: House, line: str) -> str:
    return read(await house.ask("mod", f"policy {line}", **MOD))  # type: ignore[arg-type]


async def drawn(house: House, line: str = "a red house", **more: object) -> tuple[dict[str, OptionValue], str]:
    """Ask for a picture; gives the options that it has, and what was said."""
    reply = await house.ask("imagine", line, **more)  # type: ignore[arg-type]
    assert reply.jobs, read(reply)
    job = (await house.job(reply.jobs[0])).job
    return {**job.options, "n": job.count, "template": job.template, "text": job.text}, read(reply)


async def test_defaults_resolve_system_community_channel_person_style_flag(house: House) -> None:
    assert (await drawn(house, **CLUB))[0].get("steps") is None
    await policy(house, "defaults.steps 11")
    assert (await drawn(house, **CLUB))[0]["steps"] == 11
    assert "in this channel" in await prefer(house, "option set steps 12 channel", **MOD)
    assert (await drawn(house, **CLUB))[0]["steps"] == 12
    assert (await drawn(house, chat="elsewhere", **CLUB))[0]["steps"] == 11
    assert "--steps 13 holds from now on for you" in await prefer(house, "option set steps 13")
    assert (await drawn(house, **CLUB))[0]["steps"] == 13
    assert (await drawn(house, who=BOB, **CLUB))[0]["steps"] == 12
    await prefer(house, "style set fine in ink --steps 14")
    options, _ = await drawn(house, "a house --style fine", **CLUB)
    assert (options["steps"], options["prompt"]) == (14, "a house, in ink")
    assert options["text"] == "a house --style fine"
    assert (await drawn(house, "a house --style FINE --steps 15", **CLUB))[0]["steps"] == 15
    assert "no more" in await prefer(house, "option delete steps")
    assert (await drawn(house, **CLUB))[0]["steps"] == 12
    assert "was not set" in await prefer(house, "option delete steps")


async def test_settings_show_what_holds_and_where_it_comes_from(house: House) -> None:
    await policy(house, "defaults.cfg 4 template txt2img")
    await policy(house, "caps.steps 30")
    await prefer(house, "option set ar 3:2")
    await prefer(house, "style set ink in ink")
    await prefer(house, "suffix very quiet")
    reply = await house.ask("settings", **CLUB)  # type: ignore[arg-type]
    lines = read(reply).splitlines()
    assert "--cfg 4 · this chat's" in lines
    assert "--ar 3:2 · yours" in lines
    assert "--template txt2img · this chat's" in lines
    assert "--steps 20 · the template's" in lines
    assert "--model atelier-tiny.safetensors · the studio's" in lines or any("--model" in line for line in lines)
    assert "Every prompt of yours ends with: very quiet" in lines
    assert "Styles for --style: ink" in lines
    assert "At most --steps 30 here" in lines
    assert [[button.action for button in row] for row in reply.buttons] == [["set-defaults"]]


async def test_a_form_changes_what_is_ones_own(house: House) -> None:
    await prefer(house, "option set no rain")
    asked = await house.ask("set-defaults", ("", "0"))  # type: ignore[arg-type]
    assert asked.form is not None
    fields = {field.name: field for field in asked.form.fields}
    assert len(fields) <= 5
    assert "zh-CN" in fields["language"].choices
    assert fields["negative"].value == "rain"
    filled = {"aspect": "2:3", "negative": "", "language": "zh-CN", "template": "", "model": ""}
    reply = await house.ask("set-defaults", ("", "0"), values=filled)  # type: ignore[arg-type]
    assert reply.locale in ("", "zh-CN")
    options, _ = await drawn(house)
    assert "negative" not in options
    assert options["width"] < options["height"]  # type: ignore[operator]
    wrong = await house.ask("set-defaults", ("", "0"), values={"aspect": "9:1"})  # type: ignore[arg-type]
    assert wrong.lines[0].key == "error-bad-value"


async def test_caps_come_last_and_are_said(house: House) -> None:
    await policy(house, "caps.steps 15 caps.n 2 caps.size 256x256")
    options, told = await drawn(house, "a house --steps 50 --n 4 --size 512x256", **CLUB)
    assert (options["steps"], options["n"]) == (15, 2)
    assert int(options["width"]) * int(options["height"]) <= 256 * 256
    assert int(options["width"]) == 2 * int(options["height"]) or abs(int(options["width"]) - 360) < 16
    assert "--steps was limited to 15 here." in told
    assert "--n was limited to 2 here." in told
    assert "--size was limited to" in told
    assert "limited" not in (await drawn(house, "a house --steps 10 --n 1 --size 128x128", **CLUB))[1]
    assert (await drawn(house, "a house --steps 50"))[0]["steps"] == 50
    assert "limited to 15" in (await drawn(house, "a house", **CLUB))[1]  # the template's own 20


async def test_a_default_that_a_template_does_not_take_becomes_the_nearest(house: House) -> None:
    assert "--cfg 90" in await prefer(house, "option set cfg 90")
    options, told = await drawn(house)
    assert options["cfg"] == 30.0
    assert "Your --cfg became 30, the nearest that this template takes (your setting)." in told
    await prefer(house, "option set strength 0.5")
    assert "strength" not in (await drawn(house))[0]


async def test_a_default_that_no_machine_has_any_more_is_left_out_and_said(house: House) -> None:
    await prefer(house, "option set sampler nothing-such")
    options, told = await drawn(house)
    assert "sampler" not in options
    assert "“nothing-such” for --sampler is in your settings, but no machine has it any more" in told


async def test_a_style_may_go_around_the_prompt_and_name_a_template(house: House) -> None:
    await prefer(house, "style set poster a poster of {prompt} in two colours --no photo --ar 2:3")
    options, _ = await drawn(house, "a fox --style poster")
    assert (options["prompt"], options["negative"]) == ("a poster of a fox in two colours", "photo")
    await prefer(house, "suffix quietly")
    assert (await drawn(house, "a fox --style poster"))[0]["prompt"] == "a poster of a fox in two colours, quietly"
    refused = read(await house.ask("imagine", "a fox --style postre"))
    assert refused == "There is no style “postre”. Did you mean “poster”?"
    assert "poster a poster of" in await prefer(house, "style list")
    assert "--style poster holds no more" in await prefer(house, "style delete poster")
    assert "“/prefer style” lists them" in read(await house.ask("imagine", "a fox --style poster"))


async def test_a_communitys_styles_are_its_moderators(house: House) -> None:
    assert "Only the moderators" in await prefer(house, "style set ink in ink community", **CLUB)
    assert "in this chat" in await prefer(house, "style set ink in ink community", **MOD)
    assert (await drawn(house, "a fox --style ink", who=BOB, **CLUB))[0]["prompt"] == "a fox, in ink"
    assert "no style" in read(await house.ask("imagine", "a fox --style ink", who=BOB))
    await prefer(house, "style set ink in blue ink", who=BOB)
    assert (await drawn(house, "a fox --style ink", who=BOB, **CLUB))[0]["prompt"] == "a fox, in blue ink"
    assert "Only the moderators" in await prefer(house, "option set steps 3 channel")
    assert "prefer" in read(await house.ask("mod", "audit", **MOD))  # type: ignore[arg-type]


async def test_community_defaults_are_its_policy(house: House) -> None:
    await prefer(house, "option set steps 9 community", **MOD)
    assert "defaults.steps 9" in await policy(house, "")
    await prefer(house, "option delete steps community", **MOD)
    assert "defaults.steps" not in await policy(house, "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("option set stepz 3", "Did you mean --steps"),
        ("option set seed 3", "There is no flag --seed"),
        ("option set steps many", "--steps cannot be “many”"),
        ("option set ar 9:1", "The nearest is --ar 4:1"),
        ("option set ar", "--ar needs a value"),
        ("option sett ar 3:2", "set | list | delete"),
        ("option set template nothing", "There is no template"),
        ("style set", "--style needs a value"),
        ("style set a/b x", "--style cannot be"),
        ("style set x --seed 5", "There is no flag --seed"),
        ("style set x", "--style needs a value"),
        ("style delete nothing", "There is no style"),
        ("suffix --nothing 3", "There is no flag --nothing"),
        ("language tlh", "en | zh-CN"),
        ("nothing", "There is no command “prefer nothing”"),
    ],
)
async def test_what_is_wrong_is_said_with_what_would_be_right(house: House, line: str, said: str) -> None:
    assert said in await prefer(house, line)


async def test_language(house: House) -> None:
    assert "answered in zh-CN" in await prefer(house, "language zh")
    reply = await house.ask("imagine", "a fox")
    assert reply.locale == "zh-CN"
    assert (await house.job(reply.jobs[0])).job.place.locale == "zh-CN"
    assert (await house.ask("queue", who=BOB)).locale == ""
    await prefer(house, "language none")
    assert (await house.ask("queue")).locale == ""


async def test_preferences_are_ones_own(house: House) -> None:
    await prefer(house, "option set steps 9")
    assert "steps" not in await prefer(house, "option list", who=Identity(platform="fake", id="77", name="Eve"))
    assert "steps 9 · yours" in await prefer(house, "option list", who=ADA)

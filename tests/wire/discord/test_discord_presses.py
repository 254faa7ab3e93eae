"""Buttons, forms, panels and questions: what a press means, after any restart, and what forgers get."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapter import Command
from bot.discord import presses
from bot.discord.questions import LIFE
from bot.replies import Button, FieldKind, Form, FormField, Reply, Tone, text
from tests.fakes.discord.interactions import Reply as Kind
from tests.fakes.discord.messages import Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.server import FakeDiscord
from tests.wire.discord.conftest import Stage, staged
from tests.wire.discord.test_discord_delivery import JOB, place, result

REMIX = Form(
    action="remix",
    job_id=JOB,
    fields=(
        FormField(name="prompt", kind=FieldKind.LONG, value="a red house", required=True),
        FormField(name="negative", kind=FieldKind.LONG),
        FormField(name="seed", kind=FieldKind.NUMBER, value="7", expected="0–18446744073709551615"),
    ),
)
MODELS = tuple(f"model-{number:03}.safetensors" for number in range(60))
TWEAK = Form(
    action="tweak",
    job_id=JOB,
    fields=(
        FormField(name="model", kind=FieldKind.CHOICE, value="model-040.safetensors", choices=MODELS),
        FormField(name="sampler", kind=FieldKind.CHOICE, value="euler", choices=("euler", "heun", "dpmpp_2m")),
        FormField(name="steps", kind=FieldKind.NUMBER, value="20", expected="1–60"),
        FormField(name="cfg", kind=FieldKind.NUMBER, value="5", expected="1–30"),
    ),
)
ACCEPTED = Reply(
    lines=(text("accepted", jobs=1, pictures=1, credits="1"),), tone=Tone.WORKING, private=True, jobs=("j",)
)
FORMS = {"remix": REMIX, "tweak": TWEAK}


def studio(command: Command) -> Reply:
    """Answer actions with their forms, and filled-in forms with a job."""
    form = FORMS.get(command.name)
    if form is not None and command.values is None:
        return Reply(lines=(), form=form, private=True)
    return ACCEPTED


async def posted(stage: Stage, *names: str) -> tuple[Person, Message]:
    """A member, and a result with these buttons."""
    ann = stage.server.world.member(stage.guild, "ann")
    rows = (tuple(Button(action=name, job_id=JOB, index=number) for number, name in enumerate(names)),)
    await stage.adapter.post(place(stage), replace(result(), buttons=rows), nonce="n1")
    return ann, ann.latest(stage.art)


async def test_a_press_is_a_command_even_after_a_restart(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        ann, shown = await posted(stage, "reroll", "upscale", "vary-strong")
        asked = await ann.click(shown, "U1")
        assert await asked.ack() is Kind.DEFERRED_MESSAGE
        assert (await asked.response()).private_to is ann.user
        (command,) = stage.handler.asked
        assert (command.name, command.line) == ("upscale", (JOB, "1"))
    async with staged(server, tmp_path) as stage:
        await (await ann.click(shown, "V2")).response()
        (command,) = stage.handler.asked
        assert (command.name, command.line) == ("vary-strong", (JOB, "2"))


async def test_the_word_of_an_accepted_job_goes_away_again(stage: Stage) -> None:
    ann, shown = await posted(stage, "reroll")
    stage.handler.answer = studio
    await (await ann.click(shown, f"reroll:{JOB}:0")).ack()
    await stage.server.until(lambda: stage.handler.asked)
    await stage.server.until(lambda: ann.sees(stage.art) == [shown])


async def test_remix_is_a_modal_and_comes_back_filled_in(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        ann, shown = await posted(stage, "remix")
        stage.handler.answer = studio
        dialog = await (await ann.click(shown, "Remix")).dialog()
        assert dialog.title == "Remix"
        assert list(dialog.fields()) == ["prompt", "negative", "seed"]
        assert dialog.fields()["prompt"]["value"] == "a red house"
    async with staged(server, tmp_path) as stage:
        stage.handler.answer = studio
        sent = await ann.submit_modal(dialog, {"prompt": "a blue house", "seed": "8"})
        assert await sent.ack() is Kind.DEFERRED_MESSAGE
        await stage.server.until(lambda: stage.handler.asked)
        (command,) = stage.handler.asked
        assert (command.name, command.line) == ("remix", (JOB, "0"))
        assert command.values == {"prompt": "a blue house", "negative": "", "seed": "8"}


async def test_a_form_that_comes_late_is_offered_by_a_button(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    known = asyncio.Event()

    async def slow(command: Command) -> Reply:
        await known.wait()
        return studio(command)

    monkeypatch.setattr(presses, "FORM_WAIT", 0.05)
    ann, shown = await posted(stage, "remix")
    stage.handler.answer = slow
    asked = await ann.click(shown, "Remix")
    assert await asked.ack() is Kind.DEFERRED_MESSAGE
    known.set()
    offered = await asked.response()
    assert (await (await ann.click(offered, "Remix")).dialog()).title == "Remix"


async def test_tweak_is_a_panel_whose_state_outlives_a_restart(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        stage.handler.answer = studio
        ann, shown = await posted(stage, "tweak")
        panel = await (await ann.click(shown, "Tweak")).response()
        assert panel.private_to is ann.user
        await (await ann.select(panel, f"pick:sampler:tweak:{JOB}:0", ["heun"])).ack()
    async with staged(server, tmp_path) as stage:
        stage.handler.answer = studio
        dialog = await (await ann.click(panel, "Numbers")).dialog()
        assert {name: part.get("value") for name, part in dialog.fields().items()} == {"steps": "20", "cfg": "5"}
        assert await (await ann.submit_modal(dialog, {"steps": "30"})).ack() is Kind.UPDATE
        assert "Steps 30" in panel.text
    async with staged(server, tmp_path) as stage:
        stage.handler.answer = studio
        await (await ann.click(panel, "Make it")).ack()
        await stage.server.until(lambda: stage.handler.asked)
        (command,) = stage.handler.asked
        assert command.name == "tweak"
        assert command.values == {"model": "model-040.safetensors", "sampler": "heun", "steps": "30", "cfg": "5"}


async def test_more_choices_than_a_select_has_are_turned_page_by_page(stage: Stage) -> None:
    stage.handler.answer = studio
    ann, shown = await posted(stage, "tweak")
    panel = await (await ann.click(shown, "Tweak")).response()
    select = f"pick:model:tweak:{JOB}:0"
    seen: set[str] = set()
    for _ in range(3):
        options = panel.control(select)["options"]
        assert len(options) <= 25
        seen |= {option["value"] for option in options if option["label"] != "More …"}
        await (await ann.select(panel, select, ["More …"])).ack()
        await stage.server.until(lambda before=options: panel.control(select)["options"] != before)
    assert seen == set(MODELS)
    await (await ann.select(panel, select, ["model-000.safetensors"])).ack()
    await stage.server.until(lambda: "model-000.safetensors" in chosen(panel, select))


def chosen(panel: Message, select: str) -> list[str]:
    return [option["value"] for option in panel.control(select)["options"] if option.get("default")]


def asking(command: Command) -> Reply:
    if command.confirmed or "{" not in str(command.line):
        return ACCEPTED
    lines = (text("quote", jobs=6, pictures=6, credits="18", seconds=120), text("quote-ask"))
    return Reply(lines=lines, tone=Tone.ASK, private=True)


async def test_many_jobs_ask_first(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    stage.handler.answer = asking
    question = await (await ann.slash(stage.art, "imagine", prompt="a {red, blue} house")).response()
    assert "6 jobs" in question.text
    assert [part["label"] for part in question.controls()] == ["Yes", "Edit", "Cancel"]
    dialog = await (await ann.click(question, "Edit")).dialog()
    assert dialog.fields()["line"]["value"] == "a {red, blue} house"
    await (await ann.submit_modal(dialog, {"line": "a {red, blue, green} house"})).ack()
    await stage.server.until(lambda: len(stage.handler.asked) == 2)
    await stage.server.until(question.controls)
    await (await ann.click(question, "Yes")).ack()
    await stage.server.until(lambda: len(stage.handler.asked) == 3)
    assert stage.handler.asked[2].line == "a {red, blue, green} house"
    assert stage.handler.asked[2].confirmed
    assert len({command.key for command in stage.handler.asked}) == 2, "what was asked is what is confirmed"


async def test_no_means_that_nothing_is_made(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    stage.handler.answer = asking
    question = await (await ann.slash(stage.art, "imagine", prompt="a {red, blue} house")).response()
    await (await ann.click(question, "Cancel")).ack()
    await ann.until_sees(stage.art, "Nothing was made")
    assert len(stage.handler.asked) == 1


async def test_a_question_of_before_a_restart_is_asked_again(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        ann = stage.server.world.member(stage.guild, "ann")
        stage.handler.answer = asking
        question = await (await ann.slash(stage.art, "imagine", prompt="a {red, blue} house")).response()
    async with staged(server, tmp_path) as stage:
        await (await ann.click(question, "Yes")).ack()
        await ann.until_sees(stage.art, "too old")
        assert stage.handler.asked == []
    assert LIFE == 900


async def test_forged_and_foreign_ids_are_answered_and_do_nothing(stage: Stage) -> None:
    ann, shown = await posted(stage, "reroll")
    other = "ponmlkjihgfedcba"
    for custom_id in (f"delete:{other}:0", "nonsense", "x" * 100, f"ask:{JOB}:yes", f"do:make:tweak:{JOB}:0:steps=1"):
        said = await (await ann.forge(shown, custom_id)).response()
        assert "not known" in said.text
        assert said.private_to is ann.user
    assert stage.handler.asked == []


async def test_an_interaction_that_is_over_is_let_be(stage: Stage) -> None:
    ann, shown = await posted(stage, "reroll")
    stage.server.faults.late(3.5, route="/callback")
    await ann.click(shown, f"reroll:{JOB}:0")
    await stage.server.until(lambda: any(call.code == 10062 for call in stage.server.log))
    await (await ann.click(shown, f"reroll:{JOB}:0")).response()

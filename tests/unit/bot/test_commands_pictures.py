"""What is made of pictures: every change, reroll and form, from the press to the one message."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.actions import ACTIONS
from bot.adapter import Command
from bot.commands_pictures import Press, pressed
from bot.replies import FieldKind
from engine.model import Outcome, OutputFile, PictureRef, Place
from engine.workflows.library import Library
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import ADA, House, open_house
from tests.fakes.presses import Painter, after, keys, last_run, made, names, press


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, endpoints=[Painter(slots=8)]) as house:
        await house.studio.until_ready(5)
        yield house


# The result's buttons


async def test_a_result_has_the_buttons_of_what_can_be_made_of_it(house: House) -> None:
    one = await made(house)
    (sent,) = house.adapter.results(one.job.id)
    assert names(sent.reply) == [
        ["upscale", "vary-subtle", "vary-strong", "reroll", "delete"],
        ["zoom-out", "pan-left", "pan-right", "pan-up", "pan-down"],
        ["favourite", "remix", "tweak", "info", "originals"],
    ]
    wide = await made(house, "a red house --ar 3:2")
    assert ["square"] in names(house.adapter.results(wide.job.id)[0].reply)
    four = await made(house, "a red house --n 4")
    assert names(house.adapter.results(four.job.id)[0].reply)[0] == [
        "upscale1", "upscale2", "upscale3", "upscale4", "reroll",
    ]  # fmt: skip


async def test_what_no_endpoint_can_run_is_not_shown(tmp_path: Path) -> None:
    endpoint = Painter(slots=8)
    info = dict(await _info(endpoint))
    del info["ImagePadForOutpaint"]
    async with open_house(tmp_path, endpoints=[Painter(slots=8, object_info=info)]) as house:
        await house.studio.until_ready(5)
        view = await made(house, "a red house --ar 3:2")
        shown = {name for row in names(house.adapter.results(view.job.id)[0].reply) for name in row}
        assert not {"zoom-out", "pan-left", "square"} & shown
        assert {"upscale", "vary-strong", "reroll", "remix", "delete"} <= shown
        reply = await press(house, "zoom-out", view.job.id)
        assert keys(reply) == ["error-nothing-can-run"]
        assert reply.lines[0].fields["missing"] == "ImagePadForOutpaint"


async def _info(endpoint: FakeEndpoint) -> dict[str, object]:
    endpoint.come_up()
    found = await endpoint.object_info()
    assert isinstance(found, dict)
    return dict(found)


def test_a_press_is_told_from_what_is_typed() -> None:
    job = "abcdefghijklmnop"
    place = Place(platform="fake", chat="c")
    command = Command(name="info", identity=ADA, place=place, key="k")
    assert pressed(replace(command, line=(job, "2"))) == Press(action="info", job_id=job, index=2)
    for line in (
        "",
        job,
        (job,),
        (job, "x"),
        (job, "-1"),
        ("../../etc", "1"),
        (job, "1", "2"),
        (job, "9999"),
        (job, "²"),
    ):
        assert pressed(replace(command, line=line)) is None, line
    assert pressed(replace(command, name="imagine", line=(job, "1"))) is None


# Changes


@pytest.mark.parametrize(
    ("action", "size", "slots"),
    [
        ("upscale", (192, 128), {}),
        ("vary-subtle", (96, 64), {"denoise": 0.35}),
        ("vary-strong", (96, 64), {"denoise": 0.7}),
        ("zoom-out", (96, 64), {}),
        ("pan-left", (144, 64), {}),
        ("pan-right", (144, 64), {}),
        ("pan-up", (96, 96), {}),
        ("pan-down", (96, 96), {}),
        ("square", (96, 96), {}),
    ],
)
async def test_a_change_is_made_of_the_picture_and_knows_it(
    house: House, action: str, size: tuple[int, int], slots: dict[str, float]
) -> None:
    parent = await made(house, "a red house --size 96x64 --seed 7 --no rain --steps 9 --cfg 3.5")
    view = await after(house, await press(house, action, parent.job.id))
    assert view.job.parent == PictureRef(job_id=parent.job.id, number=1)
    assert view.job.options["image"] == parent.pictures[0].blob
    (made_of_it,) = view.pictures
    assert (made_of_it.width, made_of_it.height) == size
    run = last_run(house)
    assert run["Prompt"]["text"] == "a red house"
    assert run["Negative"]["text"] == "rain"
    assert (run["Sampler"]["steps"], run["Sampler"]["cfg"]) == (9, 3.5)
    for name, value in slots.items():
        assert run["Sampler"][name] == value
    assert (view.tasks[0].seed == 7) is (action == "upscale")
    template = ACTIONS[action].template
    assert view.job.template == template
    assert view.job.text.startswith("a red house --no rain")
    assert f"--template {template}" in view.job.text
    assert "--size" not in view.job.text
    assert len(house.adapter.results(view.job.id)) == 1


async def test_of_several_pictures_the_numbered_one_is_meant(house: House) -> None:
    parent = await made(house, "a red house --seed 7 --n 4 --spoiler")
    view = await after(house, await press(house, "vary-strong", parent.job.id, 3))
    assert view.job.options["image"] == parent.pictures[2].blob
    assert view.job.parent == PictureRef(job_id=parent.job.id, number=3)
    assert len(view.pictures) == 4, "four pictures are varied into four"
    assert view.job.spoiler
    assert house.adapter.results(view.job.id)[0].reply.spoiler
    larger = await after(house, await press(house, "upscale", parent.job.id, 3))
    assert len(larger.pictures) == 1
    assert larger.tasks[0].seed == 9, "the picture's own seed"
    asked = await press(house, "upscale", parent.job.id)
    assert keys(asked) == ["which-picture"]
    assert names(asked) == [["upscale1", "upscale2", "upscale3", "upscale4"]]
    none = await press(house, "upscale", parent.job.id, 5)
    assert keys(none) == ["error-unknown-picture"]
    assert none.lines[0].fields["count"] == 4


async def test_the_same_press_twice_is_the_same_job(house: House) -> None:
    parent = await made(house)
    first = await press(house, "vary-strong", parent.job.id, key="fake:press")
    again = await press(house, "vary-strong", parent.job.id, key="fake:press")
    assert first.jobs == again.jobs
    await house.ended(first.jobs[0])


async def test_what_would_be_too_large_or_too_long_is_said(house: House) -> None:
    parent = await made(house, "a red house --size 1600x1600 --steps 1")
    reply = await press(house, "upscale", parent.job.id)
    assert keys(reply) == ["error-picture-unfit"]
    assert reply.lines[0].fields == {"reason": "pixels", "size": "3200x3200", "limit": "4.2 MP"}
    long = await made(house, "a red house --size 256x64")
    reply = await press(house, "pan-left", long.job.id)
    assert reply.lines[0].fields["reason"] == "ratio"
    square = await press(house, "square", (await made(house, "a red house --size 64x64")).job.id)
    assert square.lines[0].fields["reason"] == "square"


async def test_what_is_no_picture_can_be_rerolled_but_not_changed(house: House) -> None:
    film = OutputFile(node_id="9", kind="gifs", filename="a.mp4", mime="video/mp4", data=b"a film")
    house.endpoints[0].script.append(Outcome(files=(film,), seconds=1.0))
    view = await made(house)
    assert view.pictures[0].width == 0
    shown = {name for row in names(house.adapter.results(view.job.id)[0].reply) for name in row}
    assert shown == {"reroll", "delete", "remix", "tweak", "info", "originals", "favourite"}
    reply = await press(house, "upscale", view.job.id)
    assert reply.lines[0].fields["reason"] == "kind"


# The same again


async def test_reroll_is_the_same_with_other_seeds(house: House) -> None:
    parent = await made(house, "a red house --seed 7 --n 2 --steps 9 --ar 3:2")
    view = await after(house, await press(house, "reroll", parent.job.id))
    same = {name: value for name, value in parent.job.options.items() if name != "seed"}
    assert {name: value for name, value in view.job.options.items() if name != "seed"} == same
    assert view.job.count == 2
    assert view.job.text == "a red house --ar 3:2 --n 2 --steps 9"
    assert not {task.seed for task in view.tasks} & {7, 8}
    assert view.job.parent is None
    third = await after(house, await press(house, "reroll", view.job.id))
    assert third.job.options["seed"] != view.job.options["seed"]


async def test_reroll_of_a_variation_keeps_its_parent(house: House) -> None:
    parent = await made(house)
    varied = await after(house, await press(house, "vary-subtle", parent.job.id))
    view = await after(house, await press(house, "reroll", varied.job.id))
    assert view.job.parent == PictureRef(job_id=parent.job.id, number=1)
    assert view.job.options["image"] == parent.pictures[0].blob


async def test_in_a_year_the_same_again_means_the_same_whatever_became_of_the_template(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await made(house, "a red house --seed 7 --n 2 --steps 9")
    before = [attempt.graph for attempt in house.endpoints[0].runs]
    library = house.studio.library
    changed = replace(library.get("txt2img"), hash="another")
    others = {each.name: each for each in library.all() if each.name != "txt2img"}
    for templates in ({**others, "txt2img": changed}, others):
        monkeypatch.setattr(house.studio, "_library", Library(templates))
        view = await after(house, await press(house, "reroll", parent.job.id))
        graphs = [attempt.graph for attempt in house.endpoints[0].runs[-2:]]
        seeds = [task.seed for task in view.tasks]
        assert sorted(int(graph["3"]["inputs"]["seed"]) for graph in graphs) == sorted(seeds)  # type: ignore[index,call-overload,arg-type]
        assert not set(seeds) & {7, 8}
        assert [_seedless(graph) for graph in graphs] == [_seedless(graph) for graph in before]
        assert view.job.template_hash == parent.job.template_hash
        assert view.job.options["seed"] == seeds[0]


def _seedless(graph: object) -> object:
    copied = json.loads(json.dumps(graph))
    copied["3"]["inputs"]["seed"] = 0
    return copied


# Forms


async def test_remix_asks_for_words_and_makes_the_job_anew(house: House) -> None:
    parent = await made(house, "a red house --seed 7 --steps 9 --size 96x64 --no rain")
    asked = await press(house, "remix", parent.job.id)
    assert asked.form is not None
    fields = {field.name: field for field in asked.form.fields}
    assert (fields["prompt"].value, fields["prompt"].required) == ("a red house", True)
    assert (fields["negative"].value, fields["seed"].value) == ("rain", "")
    assert (asked.form.action, asked.form.job_id, asked.private) == ("remix", parent.job.id, True)
    values = {"prompt": "a blue boat --cfg 4", "negative": "", "seed": "11"}
    view = await after(house, await press(house, "remix", parent.job.id, values=values))
    run = last_run(house)
    assert (run["Prompt"]["text"], run["Negative"]["text"]) == ("a blue boat", "")
    assert (run["Sampler"]["seed"], run["Sampler"]["steps"], run["Sampler"]["cfg"]) == (11, 9, 4.0)
    assert (run["Canvas"]["width"], run["Canvas"]["height"]) == (96, 64)
    assert view.job.text == "a blue boat --size 96x64 --seed 11 --steps 9 --cfg 4"
    wrong = await press(house, "remix", parent.job.id, values={"prompt": "x --stepz 4"})
    assert keys(wrong) == ["error-unknown-flag"]
    wrong = await press(house, "remix", parent.job.id, values={"prompt": "x", "seed": "many"})
    assert (keys(wrong), wrong.lines[0].fields["flag"]) == (["error-bad-value"], "seed")
    assert keys(await press(house, "remix", parent.job.id, values={"prompt": " "})) == ["error-empty-prompt"]


async def test_a_prompt_with_signs_comes_back_as_it_was(house: House) -> None:
    parent = await made(house, r"a sign that says \--no and \{x\}")
    asked = await press(house, "remix", parent.job.id)
    assert asked.form is not None
    prompt = asked.form.fields[0].value
    view = await after(house, await press(house, "remix", parent.job.id, values={"prompt": prompt}))
    assert view.job.options["prompt"] == parent.job.options["prompt"]


async def test_tweak_offers_what_the_endpoints_have_and_changes_only_what_is_said(house: House) -> None:
    parent = await made(house, "a red house --seed 7 --steps 9 --size 96x64 --no rain")
    asked = await press(house, "tweak", parent.job.id)
    assert asked.form is not None
    fields = {field.name: field for field in asked.form.fields}
    assert [field.kind for field in asked.form.fields][-2:] == [FieldKind.NUMBER] * 2
    assert fields["size"].value == "96x64" == fields["size"].choices[0]
    assert set(fields) >= {"size", "model", "sampler", "guidance", "steps"}
    assert "strength" not in fields, "txt2img has none"
    assert (fields["steps"].value, fields["steps"].expected) == ("9", "1–60")
    assert "dpmpp_2m" in fields["sampler"].choices
    values = {"size": "128x96", "sampler": "dpmpp_2m", "steps": "9", "guidance": "4.5"}
    view = await after(house, await press(house, "tweak", parent.job.id, values=values))
    run = last_run(house)
    assert (run["Prompt"]["text"], run["Negative"]["text"]) == ("a red house", "rain")
    assert (run["Sampler"]["sampler_name"], run["Sampler"]["steps"], run["Sampler"]["cfg"]) == ("dpmpp_2m", 9, 4.5)
    assert (run["Canvas"]["width"], run["Canvas"]["height"]) == (128, 96)
    assert run["Sampler"]["seed"] != 7
    assert "--size 128x96" in view.job.text
    assert "--steps 9" in view.job.text
    wrong = await press(house, "tweak", parent.job.id, values={"steps": "600"})
    assert (wrong.lines[0].fields["flag"], wrong.lines[0].fields["nearest"]) == ("steps", "60")


async def test_a_picture_can_be_the_input_of_other_words(house: House) -> None:
    parent = await made(house, "a red house --size 96x64 --n 2 --steps 9")
    asked = await press(house, "use-as-input", parent.job.id, 2)
    assert asked.form is not None
    assert [field.name for field in asked.form.fields] == ["prompt", "strength"]
    assert asked.form.index == 2
    values = {"prompt": "a green house at night", "strength": "0.4"}
    view = await after(house, await press(house, "use-as-input", parent.job.id, 2, values=values))
    assert (view.job.template, view.job.count) == ("img2img", 1)
    assert view.job.options["image"] == parent.pictures[1].blob
    assert view.job.parent == PictureRef(job_id=parent.job.id, number=2)
    run = last_run(house)
    assert (run["Sampler"]["denoise"], run["Sampler"]["steps"]) == (0.4, 9)
    assert view.job.text == "a green house at night --template img2img --steps 9 --strength 0.4"

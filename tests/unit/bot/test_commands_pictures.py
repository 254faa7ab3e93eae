"""Every action on a picture, from the press to the one message, through the real rooms."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from bot.actions import ACTIONS, ALWAYS
from bot.adapter import Command
from bot.commands_pictures import Press, pressed
from bot.replies import FieldKind, Reply, Tone
from engine.errors import BlobMissing
from engine.model import Attempt, Identity, JobView, Outcome, OutputFile, PictureRef, Place, Power
from engine.policies import CommunityPolicy
from engine.workflows.library import Library
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import ADA, BOB, House, open_house, until

OF_JOBS = [
    name
    for name, action in ACTIONS.items()
    if action.template or action.slot or name in ALWAYS | {"album", "show", "cancel"}
]
"""Actions that look a job up and show or use something of it."""
CLUB: dict[str, object] = {"community": "club", "community_name": "Club"}


def picture(width: int, height: int, colour: str = "teal", *, prompt: str = "") -> bytes:
    """A PNG as ComfyUI writes it, with its workflow."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps({"6": prompt}))
    info.add_text("workflow", json.dumps({"nodes": [prompt]}))
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


class Painter(FakeEndpoint):
    """Gives pictures of the size that is asked for, with their prompt in them."""

    async def run(self, attempt, read, listen):  # type: ignore[no-untyped-def]
        self.script.append(self._painted(attempt))
        return await super().run(attempt, read, listen)

    def _painted(self, attempt: Attempt) -> Outcome:
        inputs = titled(attempt)
        canvas, pad = inputs["Canvas"], inputs.get("Pad", {})
        width = int(canvas["width"]) + int(pad.get("left", 0)) + int(pad.get("right", 0))
        height = int(canvas["height"]) + int(pad.get("top", 0)) + int(pad.get("bottom", 0))
        data = picture(
            width, height, f"#{hash(attempt.prompt_id) % 0xFFFFFF:06x}", prompt=str(inputs["Prompt"]["text"])
        )
        file = OutputFile(node_id="9", kind="images", filename="a_00001_.png", mime="image/png", data=data)
        return Outcome(files=(file,), seconds=1.0)


def titled(attempt: Attempt) -> Mapping[str, Mapping[str, object]]:
    """The inputs of an attempt's nodes by their titles."""
    return {node["_meta"]["title"]: node["inputs"] for node in attempt.graph.values()}  # type: ignore[index,call-overload,misc]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, endpoints=[Painter(slots=8)]) as house:
        await house.studio.until_ready(5)
        yield house


async def made(house: House, line: str = "a red house --seed 7", who: Identity = ADA, **more: object) -> JobView:
    """Make a job and wait for its pictures to be in the chat."""
    reply = await house.ask("imagine", line, who=who, **more)
    assert reply.jobs, reply
    return await house.ended(reply.jobs[0])


async def press(house: House, action: str, job_id: str, index: int = 0, who: Identity = ADA, **more: object) -> Reply:
    """Press a button."""
    return await house.ask(action, (job_id, str(index)), who=who, **more)  # type: ignore[arg-type]


async def after(house: House, reply: Reply) -> JobView:
    """The job that an answer made, once it has ended."""
    assert len(reply.jobs) == 1, reply
    return await house.ended(reply.jobs[0])


def keys(reply: Reply) -> list[str]:
    return [line.key for line in reply.lines]


def names(reply: Reply) -> list[list[str]]:
    return [[f"{button.action}{button.index or ''}" for button in row] for row in reply.buttons]


def last_run(house: House) -> Mapping[str, Mapping[str, object]]:
    return titled(house.endpoints[0].runs[-1])


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


# Looking


async def test_info_tells_everything_to_that_person_alone(house: House) -> None:
    parent = await made(house, "a red house --size 96x64 --seed 7 --no rain --n 2")
    view = await after(house, await press(house, "vary-subtle", parent.job.id, 2))
    reply = await press(house, "info", view.job.id)
    assert reply.private
    fields = {line.key: line.fields for line in reply.lines}
    assert fields["picture-title"]["template"] == "vary"
    assert fields["picture-prompt"]["prompt"] == "a red house"
    assert fields["picture-negative"]["negative"] == "rain"
    assert fields["picture-seed"]["seed"] == str(view.tasks[0].seed)
    assert fields["picture-parent"] == {"job": parent.job.id, "number": 2}
    assert (fields["picture-size"]["width"], fields["picture-size"]["height"]) == (96, 64)
    assert fields["picture-cost"]["endpoint"] == "fake"
    options = str(fields["picture-options"]["options"])
    for flag in ("--size 96x64", "--steps 20", "--cfg 5", "--sampler euler", "--scheduler normal", "--strength 0.35"):
        assert flag in options
    assert names(reply) == [["favourite1", "use-as-input1", "report1"], ["show"]]
    whole = await press(house, "info", parent.job.id)
    assert keys(whole).count("picture-seed") == 2
    assert names(whole) == [["info1", "info2"]]


async def test_originals_are_files_and_an_album_is_pictures(house: House) -> None:
    view = await made(house, "a red house --n 3 --spoiler")
    files = await press(house, "originals", view.job.id)
    assert (files.private, len(files.files), files.pictures) == (True, 3, ())
    album = await press(house, "album", view.job.id)
    assert (len(album.files), album.pictures, album.spoiler) == (3, view.pictures, True)
    small = await press(house, "originals", view.job.id, max_upload=10)
    assert small.files == ()
    assert keys(small)[1] == "job-smaller"


async def test_show_has_pictures_and_buttons(house: House) -> None:
    view = await made(house)
    reply = await house.ask("show", view.job.id)
    assert (reply.tone, reply.private, len(reply.files)) == (Tone.DONE, False, 1)
    assert names(reply)[0][0] == "upscale"
    assert (await press(house, "show", view.job.id)).private


async def test_history_is_read_page_by_page(house: House) -> None:
    made_jobs = [(await made(house, f"house {number}")).job.id for number in range(12)]
    first = await house.ask("history")
    assert keys(first) == ["history-title", *["job-line"] * 10]
    assert [line.fields["job"] for line in first.lines[1:]] == made_jobs[:1:-1]
    ((older,),) = first.buttons
    second = await press(house, older.action, older.job_id, older.index)
    assert [line.fields["job"] for line in second.lines[1:]] == [made_jobs[1], made_jobs[0]]
    assert second.buttons == ()
    typed = await house.ask("history", f"before {made_jobs[2]}")
    assert [line.fields["job"] for line in typed.lines[1:]] == [made_jobs[1], made_jobs[0]]


async def test_favourites_are_kept_listed_and_let_go(house: House) -> None:
    view = await made(house, "a red house --n 2")
    assert keys(await house.ask("history", "favourites")) == ["favourites-empty"]
    kept = await press(house, "favourite", view.job.id, 2)
    assert (keys(kept), names(kept)) == (["favourite-kept"], [["unfavourite2"]])
    assert keys(await press(house, "favourite", view.job.id, 2)) == ["favourite-kept"]
    listed = await house.ask("history", ("on",))  # type: ignore[arg-type]
    assert [(line.fields["job"], line.fields["number"]) for line in listed.lines[1:]] == [(view.job.id, 2)]
    assert keys(await press(house, "unfavourite", view.job.id, 2)) == ["favourite-let-go"]
    assert keys(await house.ask("history", "favourites")) == ["favourites-empty"]


# Ending


async def test_deleting_asks_and_then_every_trace_is_gone(house: House) -> None:
    view = await made(house, "a red house --n 2")
    blobs = [picture.blob for picture in view.pictures]
    asked = await press(house, "delete", view.job.id)
    assert (asked.tone, keys(asked)) == (Tone.ASK, ["delete-ask", "quote-ask"])
    done = await press(house, "delete", view.job.id, confirmed=True)
    assert keys(done) == ["deleted"]
    await until(lambda: len(house.adapter.results(view.job.id)) == 2)
    shown = house.adapter.results(view.job.id)[-1]
    assert (shown.what, keys(shown.reply), shown.reply.files, shown.reply.buttons) == ("edit", ["job-deleted"], (), ())
    assert len(house.adapter.messages(view.job.id)) == 1
    for blob in blobs:
        with pytest.raises(BlobMissing):
            await house.blobs.get(blob)
    for action in ("vary-strong", "reroll", "info", "show", "remix", "favourite", "originals", "delete"):
        reply = await press(house, action, view.job.id, 1)
        assert keys(reply) == ["error-picture-unavailable"], action
        assert reply.lines[0].fields["why"] == "deleted"
    assert keys(await house.ask("history")) == ["history-empty"]


async def test_a_message_that_is_gone_is_not_posted_anew_to_say_that_it_was_deleted(house: House) -> None:
    view = await made(house)
    (message,) = house.adapter.messages(view.job.id)
    house.adapter.delete_message(message)
    await press(house, "delete", view.job.id, confirmed=True)

    async def delivered() -> bool:
        delivery = await house.books.delivery(view.job.id)
        return delivery is not None and delivery.status == "delivered"

    await _until(delivered)
    assert len(house.adapter.posts(view.job.id)) == 1


async def _until(condition) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 (a test looks from outside)
            await asyncio.sleep(0.01)


async def test_a_picture_that_another_job_starts_from_stays(house: House) -> None:
    parent = await made(house)
    varied = await after(house, await press(house, "vary-strong", parent.job.id))
    await press(house, "delete", parent.job.id, confirmed=True)
    assert await house.blobs.get(parent.pictures[0].blob)
    again = await after(house, await press(house, "reroll", varied.job.id))
    assert again.job.status == "done"


async def test_delete_and_cancel_are_the_owners_and_the_moderators(house: House) -> None:
    view = await made(house, **CLUB)
    for action in ("delete", "cancel"):
        reply = await press(house, action, view.job.id, who=BOB, **CLUB)
        assert keys(reply) == ["error-forbidden"], action
    elsewhere = await press(house, "delete", view.job.id, who=BOB, community="other", power=Power.MODERATOR)
    assert keys(elsewhere) == ["error-unknown-job"]
    late = await press(house, "cancel", view.job.id, **CLUB)
    assert keys(late) == ["cancel-too-late"]
    done = await press(house, "delete", view.job.id, who=BOB, power=Power.MODERATOR, confirmed=True, **CLUB)
    assert keys(done) == ["deleted"]
    await until(lambda: len(house.adapter.results(view.job.id)) == 2)
    assert house.adapter.results(view.job.id)[-1].reply.lines[0].fields == {"by": "moderator"}
    actor = await house.studio.actor(BOB, locale="en", community="club", power=Power.MODERATOR)
    assert [line.action for line in await house.moderation.audit(actor)] == ["delete"]


async def test_a_job_on_its_way_is_cancelled_and_cannot_be_used_yet(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        await house.studio.until_ready(5)
        reply = await house.ask("imagine", "a red house")
        (job,) = reply.jobs
        for action in ("upscale", "originals", "favourite"):
            refused = await press(house, action, job, 1)
            assert refused.lines[0].fields["why"] == "running", action
        assert (await press(house, "delete", job)).lines[0].fields["why"] == "running"
        assert keys(await press(house, "cancel", job)) == ["cancelled"]
        assert (await house.job(job)).job.reason == "cancelled by owner"


async def test_pictures_that_are_too_old_say_so(house: House) -> None:
    view = await made(house)
    await house.blobs.delete(view.pictures[0].blob)
    reply = await press(house, "vary-strong", view.job.id)
    assert (keys(reply), reply.lines[0].fields["why"]) == (["error-picture-unavailable"], "old")


async def test_a_job_that_nobody_knows_says_so(house: House) -> None:
    assert len(OF_JOBS) >= 19
    for action in OF_JOBS:
        reply = await press(house, action, "aaaaaaaaaaaaaaaa", 1)
        assert keys(reply) == ["error-unknown-job"], action


# Who sees what


async def test_whoever_sees_a_picture_varies_it_on_their_own_credits(house: House) -> None:
    view = await made(house, **CLUB)
    bob = await house.studio.actor(BOB, locale="en", community="club")
    before = await house.studio.balance(bob)
    varied = await after(house, await press(house, "vary-strong", view.job.id, who=BOB, **CLUB))
    assert varied.job.person_id == bob.person.id
    assert (await house.studio.balance(bob)).available == before.available - varied.job.charged
    assert keys(await press(house, "favourite", view.job.id, 1, who=BOB, **CLUB)) == ["favourite-kept"]
    assert keys(await press(house, "vary-strong", view.job.id, who=BOB)) == ["error-unknown-job"], "not in the club"


async def test_a_private_jobs_pictures_are_the_owners_alone(house: House) -> None:
    view = await made(house, "a red house --private", **CLUB)
    for action in OF_JOBS:
        for power in (Power.MEMBER, Power.MODERATOR):
            reply = await press(house, action, view.job.id, 1, who=BOB, power=power, **CLUB)
            assert keys(reply) == ["error-unknown-job"], action
    own = await press(house, "vary-strong", view.job.id, **CLUB)
    varied = await house.ended(own.jobs[0])
    assert varied.job.private, "what is made of it is private, too"
    assert varied.job.place.chat == "direct:1"
    shown = await house.ask("show", view.job.id, **CLUB)
    assert shown.private


# /upscale and /vary


async def test_upscale_takes_a_picture_and_a_scale(house: House) -> None:
    images = {"image": picture(96, 64)}
    view = await after(house, await house.ask("upscale", images=images))
    assert (view.pictures[0].width, view.pictures[0].height) == (192, 128)
    view = await after(house, await house.ask("upscale", "1.5x", images=images))
    assert (view.pictures[0].width, view.pictures[0].height) == (144, 96)
    assert view.job.parent is None
    wrong = await house.ask("upscale", "9", images=images)
    assert wrong.lines[0].fields == {"flag": "scale", "value": "9", "expected": "1.25–4", "nearest": "4"}
    assert keys(await house.ask("upscale", "much", images=images)) == ["error-bad-value"]
    assert keys(await house.ask("upscale")) == ["error-missing-input"]


async def test_vary_takes_a_job_or_a_picture_and_a_strength(house: House) -> None:
    view = await after(house, await house.ask("vary", "0.5", images={"image": picture(96, 64)}))
    assert last_run(house)["Sampler"]["denoise"] == 0.5
    four = await made(house, "a red house --n 4")
    asked = await house.ask("vary", four.job.id)
    assert names(asked) == [["vary-strong1", "vary-strong2", "vary-strong3", "vary-strong4"]]
    view = await after(house, await house.ask("vary", (f"{four.job.id}#2", "0.25")))  # type: ignore[arg-type]
    assert view.job.parent == PictureRef(job_id=four.job.id, number=2)
    assert last_run(house)["Sampler"]["denoise"] == 0.25


# A community's caps


async def test_caps_hold_for_what_is_made_of_pictures(house: House) -> None:
    parent = await made(house, "a red house --size 96x64 --steps 9 --n 4", **CLUB)
    moderator = await house.studio.actor(BOB, locale="en", community="club", power=Power.MODERATOR)
    await house.moderation.set_policy(moderator, {"caps.steps": "5", "caps.size": "96x80", "caps.n": "2"})
    reply = await press(house, "vary-strong", parent.job.id, 1, **CLUB)
    assert [line.fields for line in reply.lines if line.key == "limited"] == [
        {"flag": "steps", "value": "5"},
        {"flag": "n", "value": "2"},
    ]
    view = await after(house, reply)
    assert (view.job.count, view.job.options["steps"]) == (2, 5)
    for action in ("upscale", "pan-left"):
        refused = await press(house, action, parent.job.id, 1, **CLUB)
        assert refused.lines[0].fields["reason"] == "pixels", action
    again = await after(house, await press(house, "reroll", parent.job.id, **CLUB))
    assert (again.job.count, again.job.options["steps"]) == (2, 5)


# Files without their workflow


async def test_a_community_can_keep_workflows_out_of_what_is_sent(house: House) -> None:
    with_it = await made(house, "a red house", **CLUB)
    assert b"a red house" in house.adapter.results(with_it.job.id)[0].reply.files[0].data
    moderator = await house.studio.actor(BOB, locale="en", community="club", power=Power.MODERATOR)
    await house.moderation.set_policy(moderator, {"workflow_in_png": "off"})
    assert CommunityPolicy().workflow_in_png
    without = await made(house, "a red house", **CLUB)
    sent = [house.adapter.results(without.job.id)[0].reply.files[0].data]
    for action in ("originals", "album", "show"):
        sent.append((await press(house, action, without.job.id, **CLUB)).files[0].data)
    for data in sent:
        assert b"a red house" not in data
        with Image.open(io.BytesIO(data)) as image:
            assert {"prompt", "workflow"}.isdisjoint(image.info)

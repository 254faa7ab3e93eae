import io
from pathlib import Path

import pytest
from PIL import Image

from bot.replies import Tone
from engine.model import Balance, Identity
from engine.studio import Access
from storage.policy import Policy
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import ADA, BOB, House, open_house


@pytest.fixture
async def house(tmp_path: Path):
    async with open_house(tmp_path) as house:
        yield house


async def balance(house: House, who: Identity = ADA) -> Balance:
    actor = await house.studio.actor(who, locale="en")
    return await house.studio.balance(actor)


def png(width: int = 96, height: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "PNG")
    return buffer.getvalue()


async def test_imagine_goes_the_whole_way(house: House):
    before = await balance(house)
    reply = await house.ask("imagine", "a red house --ar 3:2 --seed 7 --n 2 --no people, cars")
    assert (reply.tone, reply.private, len(reply.jobs)) == (Tone.WORKING, True, 1)
    view = await house.ended(reply.jobs[0])
    assert view.job.status == "done"
    assert [task.seed for task in view.tasks] == [7, 8]
    assert len(view.pictures) == 2
    results = house.adapter.results(view.job.id)
    assert len(results) == 1
    assert results[0].reply.tone is Tone.DONE
    assert results[0].reply.pictures == view.pictures
    assert len(house.adapter.messages(view.job.id)) == 1
    after = await balance(house)
    assert before.available - after.available == view.job.charged <= view.job.quote
    assert after.held == 0


async def test_what_was_typed_reaches_the_graph_through_its_slots(house: House):
    reply = await house.ask("imagine", "a red house --no rain --steps 9 --cfg 3.5 --seed 18446744073709551615")
    await house.ended(reply.jobs[0])
    graph = house.endpoints[0].runs[0].graph
    by_title = {node["_meta"]["title"]: node["inputs"] for node in graph.values()}
    assert by_title["Prompt"]["text"] == "a red house"
    assert by_title["Negative"]["text"] == "rain"
    sampler = by_title["Sampler"]
    assert (sampler["steps"], sampler["cfg"], sampler["seed"]) == (9, 3.5, 2**64 - 1)


async def test_a_random_seed_is_remembered(house: House):
    reply = await house.ask("imagine", "a red house")
    view = await house.ended(reply.jobs[0])
    assert view.tasks[0].seed == view.job.options["seed"] < 2**53


@pytest.mark.parametrize(
    ("line", "key", "fields"),
    [
        ("a house --stepz 3", "error-unknown-flag", {"flag": "stepz", "nearest": "steps"}),
        ("a house --steps 0", "error-bad-value", {"flag": "steps", "nearest": "1"}),
        ("a house --steps many", "error-bad-value", {"flag": "steps"}),
        ("a house --sampler eulr", "error-unknown-choice", {"flag": "sampler", "nearest": "euler"}),
        ("a house --template txt3img", "error-unknown-template", {"nearest": "txt2img"}),
        ("a house --strength 0.5", "error-unsupported-option", {"flag": "strength"}),
        ("a house --lora x:0.8", "error-unknown-choice", {"flag": "lora"}),
        ("a house --ar 9:1", "error-bad-value", {"flag": "ar", "nearest": "4:1"}),
        ("a house --model no-such-thing", "error-unknown-choice", {"flag": "model"}),
        ("a house --seed 1 --seed 2", "error-given-twice", {"flag": "seed"}),
        ("", "error-empty-prompt", {}),
        ("--steps 3", "error-empty-prompt", {}),
    ],
)
async def test_wrong_input_is_answered_with_what_would_be_right_and_nothing_is_queued(house: House, line, key, fields):
    reply = await house.ask("imagine", line)
    assert reply.private
    assert reply.lines[0].key == key
    assert fields.items() <= dict(reply.lines[0].fields).items()
    assert reply.tone is Tone.BAD_INPUT
    assert not await house.books.jobs()
    assert (await balance(house)).held == 0


async def test_a_name_that_is_not_there_is_looked_for_again_but_not_at_every_try(house: House):
    for _ in range(3):
        assert (await house.ask("imagine", "a house --model brand-new")).lines[0].key == "error-unknown-choice"
    assert house.endpoints[0].refreshes == 1


async def test_a_picture_makes_it_img2img_in_the_pictures_shape(house: House):
    reply = await house.ask("imagine", "a blue house --strength 0.4", images={"image": png(96, 64)})
    view = await house.ended(reply.jobs[0])
    assert view.job.template == "img2img"
    assert view.job.options["width"] > view.job.options["height"]
    attempt = house.endpoints[0].runs[0]
    assert len(attempt.inputs) == 1
    assert attempt.inputs[0].filename in str(attempt.graph)


def half_transparent() -> bytes:
    image = Image.new("RGBA", (96, 64), "teal")
    image.paste((0, 0, 0, 0), (48, 0, 96, 64))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("command", "images"),
    [
        ("imagine", {"image": png(), "mask": png()}),
        ("inpaint", {"image": png(), "mask": png()}),
        ("inpaint", {"image": half_transparent()}),
    ],
)
async def test_a_mask_or_a_transparent_part_makes_it_inpaint(house: House, command: str, images: dict[str, bytes]):
    reply = await house.ask(command, "a blue house", images=images)
    view = await house.ended(reply.jobs[0])
    assert view.job.template == "inpaint"
    assert {given.node_id for given in house.endpoints[0].runs[0].inputs} == {"1", "3"}
    scales = [
        node["inputs"] for node in house.endpoints[0].runs[0].graph.values() if node["class_type"] == "ImageScale"
    ]
    assert len({(scale["width"], scale["height"]) for scale in scales}) == 1


async def test_without_a_mask_there_is_nothing_to_inpaint(house: House):
    reply = await house.ask("inpaint", "a blue house", images={"image": png()})
    assert (reply.lines[0].key, reply.lines[0].fields["flag"]) == ("error-missing-input", "mask")
    assert not await house.books.jobs()


async def test_a_broken_picture_is_refused(house: House):
    reply = await house.ask("imagine", "a house", images={"image": b"no picture"})
    assert reply.lines[0].key == "error-image-rejected"
    assert not await house.books.jobs()


async def test_dry_says_the_price_and_queues_nothing(house: House):
    reply = await house.ask("imagine", "a house --n 4 --dry")
    assert reply.lines[0].key == "quote"
    assert reply.lines[0].fields["pictures"] == 4
    assert not await house.books.jobs()


async def test_many_jobs_ask_first(house: House):
    line = "a {red, blue} house {at night, by day}"
    asked = await house.ask("imagine", line)
    assert (asked.tone, asked.lines[0].fields["jobs"]) == (Tone.ASK, 4)
    assert not await house.books.jobs()
    reply = await house.ask("imagine", line, confirmed=True)
    assert len(reply.jobs) == 4
    texts = {(await house.ended(job)).job.text for job in reply.jobs}
    assert texts == {f"a {colour} house {when}" for colour in ("red", "blue") for when in ("at night", "by day")}


async def test_repeat_draws_new_seeds(house: House):
    reply = await house.ask("imagine", "a house --seed 5 --repeat 3")
    seeds = [(await house.ended(job)).tasks[0].seed for job in reply.jobs]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3


async def test_too_many_jobs_are_refused_before_they_are_made(house: House):
    reply = await house.ask("imagine", "a {1,2,3,4,5} {1,2,3,4,5} {1,2,3,4,5}")
    assert reply.lines[0].key == "error-too-many-jobs"
    assert reply.lines[0].fields == {"count": 125, "limit": 16}


async def test_a_redelivered_event_is_the_same_job(house: House):
    first = await house.ask("imagine", "a house", key="fake:event-9")
    second = await house.ask("imagine", "a house", key="fake:event-9")
    assert first.jobs == second.jobs
    await house.ended(first.jobs[0])
    assert len(await house.books.jobs()) == 1


async def test_without_credits_the_refusal_says_what_there_is(tmp_path: Path):
    async with open_house(tmp_path, policy=Policy(grant=50)) as house:
        reply = await house.ask("imagine", "a house")
        assert (reply.tone, reply.lines[0].key) == (Tone.REFUSED, "error-insufficient-credits")
        assert not await house.books.jobs()


async def test_words_that_the_model_does_not_know_are_named_once(tmp_path: Path):
    endpoint = FakeEndpoint(slots=8)
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        await house.studio.until_ready(5)
        for model in house.studio.choices("CheckpointLoaderSimple", "ckpt_name"):
            endpoint.metadata["checkpoints", model] = {"atelier.words": "red house at night on"}
        reply = await house.ask("imagine", "a red house, a (dragon:1.3) and 2 {Elves,elves} ＮＩＧＨＴ")
        assert [line.key for line in reply.lines] == ["accepted", "passed-over"]
        assert reply.lines[1].fields == {"words": "dragon, and, elves", "more": 0}
        many = await house.ask("imagine", "one two three four five six seven eight --no knife")
        assert many.lines[1].fields == {"words": "one, two, three, four, five, six", "more": 2}
        assert [line.key for line in (await house.ask("imagine", "the red house")).lines] == ["accepted"]


async def test_what_was_accepted_before_a_refusal_stays(tmp_path: Path):
    async with open_house(tmp_path, policy=Policy(grant=600_000, max_queued_jobs=2), running=False) as house:
        reply = await house.ask("imagine", "a {red, blue, green} house")
        assert len(reply.jobs) == 2
        assert [line.key for line in reply.lines] == ["accepted", "error-queue-full"]


async def test_other_peoples_jobs_can_be_neither_seen_nor_cancelled(house: House):
    reply = await house.ask("imagine", "a house")
    for command in ("show", "cancel"):
        answer = await house.ask(command, reply.jobs[0], who=BOB)
        assert answer.lines[0].key == "error-unknown-job"
    mine = await house.ask("show", reply.jobs[0])
    assert mine.job_id == reply.jobs[0]


async def test_an_allowlist_keeps_strangers_out_but_not_operators(tmp_path: Path):
    access = Access(operators=frozenset({"fake:2"}), open=False, allowed=frozenset())
    async with open_house(tmp_path, access=access) as house:
        assert (await house.ask("imagine", "a house")).lines[0].key == "error-access-denied"
        assert (await house.ask("imagine", "a house", who=BOB)).jobs


async def test_the_small_commands_answer(house: House):
    reply = await house.ask("imagine", "a house")
    await house.ended(reply.jobs[0])
    keys = {name: [line.key for line in (await house.ask(name)).lines] for name in ("queue", "history", "info")}
    assert keys["queue"] == ["queue-empty"]
    assert keys["history"] == ["history-title", "job-line"]
    assert keys["info"] == ["info"]
    assert "model-line" in [line.key for line in (await house.ask("models")).lines]
    assert [line.fields["name"] for line in (await house.ask("templates")).lines[1:]] == [
        "img2img",
        "inpaint",
        "outpaint",
        "txt2img",
        "upscale",
        "vary",
    ]
    assert len((await house.ask("help")).lines) > 20
    assert (await house.ask("imagin", "x")).lines[0].fields["nearest"] == "imagine"

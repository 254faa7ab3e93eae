"""Held and reported pictures over a whole house: who is shown what, who decides, and what people read of it."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.replies import Reply, Tone
from bot.texts import Texts
from config.settings import config_dir
from engine.model import DeliveryStatus, Identity, JobStatus, Power
from engine.safety.verdicts import Screening
from engine.studio import Access
from storage.proof import prove
from tests.fakes.books import delivery_of
from tests.fakes.house import ADA, BOB, House, open_house, until

OPERATOR = Identity(platform="fake", id="99", name="Op")
CY = Identity(platform="fake", id="3", name="Cy")
TEXTS = Texts.load(config_dir() / "locales")
CLUB = {"community": "club", "community_name": "Club"}
ACCESS = Access(operators=frozenset({"fake:99"}), open=True, allowed=frozenset())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, access=ACCESS) as house:
        yield house
        assert await house.database.read(prove) == []


def read(reply: Reply, locale: str = "en") -> str:
    """What people read of a reply, once it can be read in the other language too."""
    for each in TEXTS.locales:
        words = "\n".join(TEXTS.format(each, line.key, **line.fields) for line in reply.lines)
        if each == locale:
            wanted = words
    return wanted


async def mod(house: House, line: str, *, who: Identity = ADA, **more: object) -> Reply:
    reply = await house.ask("mod", line, who=who, **{"power": Power.MODERATOR, **CLUB, **more})
    assert reply.private
    return reply


async def press(house: House, action: str, job: str, index: int = 0, *, who: Identity = ADA, **more: object) -> Reply:
    """Press a button, as platforms tell of it."""
    options = {"power": Power.MODERATOR, **CLUB, **more}
    return await house.ask(action, (job, str(index)), who=who, **options)  # type: ignore[arg-type]


async def held(house: House, words: str = "a nude statue", **more: object) -> str:
    """Ask for something that a moderator has to look at, and wait until it is made."""
    reply = await house.ask("imagine", words, **{"who": BOB, **CLUB, **more})  # type: ignore[arg-type]
    assert [line.key for line in reply.lines] == ["accepted", "asked-moderator"]
    job = reply.jobs[0]
    await until(lambda: job in waiting_in(house))
    return job


def waiting_in(house: House) -> set[str]:
    """The jobs whose message says that they wait for a moderator."""
    return {
        sent.reply.job_id
        for sent in house.adapter.log
        if [line.key for line in sent.reply.lines] == ["job-waits-for-moderator"]
    }


async def test_what_is_held_is_shown_to_nobody_but_the_moderators(house: House) -> None:
    job = await held(house)
    view = await house.job(job)
    assert (view.job.status, view.job.screening, view.pictures) == (JobStatus.DELIVERING, Screening.HELD, ())
    for who in (BOB, CY, ADA):
        shown = await house.ask("show", job, who=who, **CLUB)  # type: ignore[arg-type]
        assert not shown.pictures
        assert not shown.files
        assert not shown.preview
    assert not any(sent.reply.pictures or sent.reply.files or sent.reply.preview for sent in house.adapter.log)
    inbox = await mod(house, "inbox")
    assert "One job waits for you:" in read(inbox)
    assert f"{job} · Bob · held: adult · a nude statue" in read(inbox)
    assert [[button.action for button in row] for row in inbox.buttons] == [["approve", "spoiler", "reject"]]
    (file,) = inbox.files
    assert inbox.spoiler
    with Image.open(io.BytesIO(file.data)) as preview:
        assert max(preview.size) <= 256
    assert "Only the moderators" in read(await mod(house, "inbox", who=BOB, power=Power.MEMBER))


async def test_an_approved_result_arrives_once(house: House) -> None:
    job = await held(house)
    assert "let through" in read(await press(house, "approve", job))
    view = await house.ended(job)
    assert view.job.status is JobStatus.DONE
    (result,) = house.adapter.results(job)
    assert result.reply.pictures == view.pictures
    assert not result.reply.spoiler
    assert len(house.adapter.messages(job)) == 1
    assert "nothing to decide" in read(await press(house, "reject", job, values={"reason": ""}))
    assert read(await mod(house, "inbox")) == "Nothing waits for you."


async def test_a_spoiler_is_one(house: House) -> None:
    job = await held(house)
    await mod(house, f"spoiler {job}")
    await house.ended(job)
    assert house.adapter.results(job)[0].reply.spoiler


async def test_a_rejection_asks_for_a_reason_refunds_and_says_it(house: House) -> None:
    bob = await house.studio.actor(BOB, locale="en")
    before = (await house.studio.balance(bob)).available
    job = await held(house)
    blob = (await house.reviews.of_job(job))[0].view.pictures[0].blob
    asked = await press(house, "reject", job)
    assert asked.form is not None
    assert [field.name for field in asked.form.fields] == ["reason"]
    assert "the credits are back" in read(await press(house, "reject", job, values={"reason": "not\nhere"}))
    view = await house.ended(job)
    assert (view.job.status, view.pictures) == (JobStatus.FAILED, ())
    assert (await house.studio.balance(bob)).available == before
    (result,) = house.adapter.results(job)
    assert read(result.reply) == "🚫 A moderator did not let these pictures through: not here The credits are back."
    with pytest.raises(Exception, match="blob"):
        await house.blobs.get(blob)
    assert "rejected" in read(await mod(house, "audit"))


async def test_only_those_with_power_over_the_place_decide(house: House) -> None:
    job = await held(house)
    outsider = {"community": "own", "community_name": "Own"}
    for action in ("approve", "spoiler", "reject", "hide", "dismiss"):
        refused = await press(house, action, job, who=CY, values={}, **outsider)
        assert [line.key for line in refused.lines] == ["error-unknown-job"]
        refused = await press(house, action, job, who=CY, values={}, power=Power.MEMBER)
        assert [line.key for line in refused.lines] == ["error-unknown-job"]
    assert "Nobody decides about their own pictures" in read(await press(house, "approve", job, who=BOB))
    assert (await house.job(job)).job.screening is Screening.HELD
    assert read(await mod(house, "inbox", who=CY, **outsider)) == "Nothing waits for you."
    assert "let through" in read(await press(house, "approve", job, who=OPERATOR, **outsider))


async def test_what_is_asked_for_in_direct_messages_comes_to_the_operators(house: House) -> None:
    job = await held(house, community="", community_name="")
    assert read(await mod(house, "inbox")) == "Nothing waits for you."
    inbox = await house.ask("mod", "inbox", who=OPERATOR)
    assert job in read(inbox)
    assert (await house.ask("mod", f"approve {job}", who=OPERATOR)).lines[0].key == "review-approved"


async def test_a_held_result_survives_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path, access=ACCESS) as house:
        job = await held(house)
        log = house.adapter
    async with open_house(tmp_path, access=ACCESS, adapter=log) as house:
        assert (await house.job(job)).job.screening is Screening.HELD
        assert job in read(await mod(house, "inbox"))
        await press(house, "approve", job)
        assert (await house.ended(job)).job.status is JobStatus.DONE
        assert len(house.adapter.results(job)) == 1


async def test_the_person_may_not_see_it_while_it_is_made(house: House) -> None:
    """A preview would show what is to be looked at first."""
    await held(house)
    assert not any(sent.reply.preview for sent in house.adapter.log)


async def test_what_nobody_looks_at_is_given_back(house: House) -> None:
    job = await held(house)
    assert await house.inbox.expire() == 0
    await house.database.write(
        lambda session: session.connection().exec_driver_sql("UPDATE review SET at = at - 700000").rowcount
    )
    assert await house.inbox.expire() == 1
    view = await house.ended(job)
    assert (view.job.status, view.job.charged) == (JobStatus.FAILED, 0)
    assert "Nobody looked at these pictures in time" in read(house.adapter.results(job)[0].reply)
    assert await house.inbox.expire() == 0


async def shown(house: House, who: Identity = BOB) -> str:
    """Make a picture that everybody sees."""
    reply = await house.ask("imagine", "a red house", who=who, **CLUB)  # type: ignore[arg-type]
    await house.ended(reply.jobs[0])
    return reply.jobs[0]


async def test_a_report_comes_into_the_inbox_once_for_each_person(house: House) -> None:
    job = await shown(house)
    member = {"power": Power.MEMBER}
    asked = await press(house, "report", job, 1, who=CY, **member)
    assert asked.form is not None
    assert (asked.form.action, asked.form.job_id, asked.form.index) == ("report", job, 1)
    told = await press(house, "report", job, 1, who=CY, values={"reason": "my face"}, **member)
    assert "Thank you" in read(told)
    assert "already" in read(await press(house, "report", job, 1, who=CY, values={"reason": "again"}, **member))
    assert "Thank you" in read(await house.ask("report", f"{job} mine too", who=ADA, **CLUB))  # type: ignore[arg-type]
    inbox = await mod(house, "inbox")
    assert f"{job} · Bob · reported by 2 people: “my face · mine too” · a red house" in read(inbox)
    assert [[button.action for button in row] for row in inbox.buttons] == [["hide", "dismiss"]]


async def test_a_slash_command_names_job_and_reason_apart(house: House) -> None:
    job = await shown(house)
    told = await house.ask("report", (job, "too red"), who=CY, power=Power.MEMBER, **CLUB)  # type: ignore[arg-type]
    assert "Thank you" in read(told)
    assert "“too red”" in read(await mod(house, "inbox"))


async def test_hidden_pictures_leave_their_message(house: House) -> None:
    job = await shown(house)
    await press(house, "report", job, who=CY, values={"reason": "x"}, power=Power.MEMBER)
    assert (await press(house, "hide", job)).form is not None
    assert "shows the pictures no more" in read(await press(house, "hide", job, values={"reason": "a real face"}))
    await until(lambda: house.adapter.results(job)[-1].reply.lines[0].key == "job-hidden")
    assert len(house.adapter.messages(job)) == 1
    message = house.adapter.results(job)[-1]
    assert not message.reply.pictures
    assert read(message.reply) == "🚫 A moderator has taken these pictures back: a real face"
    assert (await house.ask("show", job, who=BOB, **CLUB)).lines[0].key == "job-hidden"  # type: ignore[arg-type]
    again = await press(house, "upscale", job, who=BOB, power=Power.MEMBER)
    assert not again.jobs


async def test_dismissed_reports_leave_all_as_it_is(house: House) -> None:
    job = await shown(house)
    await press(house, "report", job, who=CY, values={"reason": "x"}, power=Power.MEMBER)
    assert "dismissed" in read(await press(house, "dismiss", job))
    assert (await house.ask("show", job, who=BOB, **CLUB)).pictures  # type: ignore[arg-type]
    delivery = await delivery_of(house.deliveries, job)
    assert delivery.status in (DeliveryStatus.DELIVERED, DeliveryStatus.DUE, DeliveryStatus.SENDING)


async def test_the_inbox_shows_so_many_and_says_that_there_are_more(house: House) -> None:
    for number in range(5):
        await held(house, f"a nude statue {number}")
    inbox = await mod(house, "inbox")
    assert "4 jobs wait for you, and there are more:" in read(inbox)
    assert (len(inbox.buttons), len(inbox.files)) == (4, 4)
    assert inbox.tone is not Tone.ASK

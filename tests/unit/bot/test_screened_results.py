"""What a check says of pictures, over a whole house: shown, behind a spoiler, held, or never seen by anybody."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from bot.texts import Texts
from config.settings import config_dir
from engine.model import JobStatus, Power
from engine.safety.guard import Guard
from engine.safety.verdicts import Asked, Finding, Screening, Verdict, unchecked
from storage.proof import prove
from tests.fakes.house import ADA, BOB, RULES, House, open_house, until
from tests.fakes.presses import Painter

TEXTS = Texts.load(config_dir() / "locales")
CLUB = {"community": "club", "community_name": "Club"}
Look = Callable[[bytes, Asked], tuple[Finding, ...]]


def nothing(picture: bytes, asked: Asked) -> tuple[Finding, ...]:
    return ()


@dataclass
class Eye:
    """A check that looks at pictures as a test says."""

    result_is: Look = nothing
    input_is: Look = nothing
    seen: list[Asked] = field(default_factory=list)

    @property
    def looks(self) -> bool:
        return True

    async def prompt(self, asked: Asked) -> tuple[Finding, ...]:
        return ()

    async def input(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        return self.input_is(picture, asked)

    async def result(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        self.seen.append(asked)
        return self.result_is(picture, asked)


def always(verdict: Verdict | None) -> Look:
    return lambda picture, asked: (Finding(category="classifier", rule="classifier", verdict=verdict),)


def png() -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(into, "PNG")
    return into.getvalue()


async def draw(house: House, words: str = "a red house", **more: object) -> str:
    reply = await house.ask("imagine", words, who=BOB, **{**CLUB, **more})  # type: ignore[arg-type]
    assert reply.jobs, reply
    return reply.jobs[0]


@pytest.mark.parametrize(
    ("verdict", "adult", "screening", "spoiler"),
    [
        (Verdict.ALLOW, False, Screening.NONE, False),
        (Verdict.SPOILER, True, Screening.NONE, True),
        (Verdict.HOLD, True, Screening.HELD, False),
        (None, False, Screening.HELD, False),
        (None, True, Screening.NONE, False),
    ],
)
async def test_a_result_is_treated_as_it_was_found(
    tmp_path: Path, verdict: Verdict | None, adult: bool, screening: Screening, spoiler: bool
) -> None:
    eye = Eye(result_is=always(verdict))
    async with open_house(tmp_path, safety=Guard(RULES, [eye])) as house:
        job = await draw(house, adult=adult)
        if screening is Screening.HELD:
            await until(lambda: any("waits" in line.key for sent in house.adapter.log for line in sent.reply.lines))
        else:
            await house.ended(job)
        now = (await house.job(job)).job
        assert (now.screening, now.spoiler) == (screening, spoiler)
        assert not any(sent.reply.preview for sent in house.adapter.log), "nobody has looked at a preview"
        assert eye.seen[0].texts == ("a red house",)
        assert await house.database.read(prove) == []


async def test_a_refused_result_is_nobodys_and_costs_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, safety=Guard(RULES, [Eye(result_is=always(Verdict.REFUSE))])) as house:
        view = await house.ended(await draw(house))
        assert (view.job.status, view.job.charged, view.pictures) == (JobStatus.FAILED, 0, ())
        (told,) = house.adapter.results(view.job.id)
        assert [TEXTS.format("en", line.key, **line.fields) for line in told.reply.lines] == [
            "❌ A check did not let the picture be shown here. The credits are back."
        ]
        assert (await house.deliveries.tallies())["refused-classifier"] == 1
        assert len(house.endpoints[0].runs) == 1, "it is not tried again"
        assert await house.database.read(prove) == []


async def test_minors_in_the_words_and_an_adult_picture_are_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path, safety=Guard(RULES, [Eye(result_is=always(None))])) as house:
        await house.ask("mod", "policy nsfw allow", who=ADA, power=Power.MODERATOR, **CLUB)  # type: ignore[arg-type]
        assert (await house.ended(await draw(house))).job.status is JobStatus.DONE
        assert (await house.ended(await draw(house, "a schoolgirl at the beach"))).job.status is JobStatus.FAILED


async def test_what_could_not_be_checked_waits_for_a_moderator(tmp_path: Path) -> None:
    look: Look = lambda picture, asked: unchecked("hook", closed=True, shown=True)  # noqa: E731
    async with open_house(tmp_path, safety=Guard(RULES, [Eye(result_is=look)])) as house:
        job = await draw(house)
        await until(lambda: any("waits" in line.key for sent in house.adapter.log for line in sent.reply.lines))
        assert (await house.job(job)).job.flagged == "unchecked"
        (review,) = await house.reviews.inbox(None)
        assert review.reasons == ("unchecked",)


async def test_a_picture_to_start_from_is_looked_at_before_anything_is_accepted(tmp_path: Path) -> None:
    eye = Eye(input_is=always(Verdict.REFUSE))
    async with open_house(tmp_path, running=False, safety=Guard(RULES, [eye])) as house:
        reply = await house.ask("img2img", "a boat", who=BOB, images={"image": png()}, **CLUB)  # type: ignore[arg-type]
        assert reply.lines[0].key == "error-unsafe"
        assert await house.books.jobs(limit=5) == ()
        eye.input_is = always(None)
        reply = await house.ask("img2img", "a toddler", who=BOB, images={"image": png()}, **CLUB)  # type: ignore[arg-type]
        assert reply.lines[0].fields["category"] == "minors"
        reply = await house.ask("img2img", "a boat", who=BOB, images={"image": png()}, **CLUB)  # type: ignore[arg-type]
        assert (await house.job(reply.jobs[0])).job.screening is Screening.ASKED


async def test_what_is_made_of_a_picture_is_read_with_what_that_was_made_of(tmp_path: Path) -> None:
    async with open_house(tmp_path, endpoints=[Painter(slots=8)]) as house:
        await house.studio.until_ready(5)
        club = {**CLUB, "adult": True}
        nude = await draw(house, "a nude statue", adult=True)
        await house.ended(nude)
        varied = await house.ask("vary-strong", (nude, "1"), who=BOB, **club)  # type: ignore[arg-type]
        assert (await house.job(varied.jobs[0])).job.flagged == "sexual"
        elsewhere = await house.ask("vary-strong", (nude, "1"), who=BOB, **CLUB)  # type: ignore[arg-type]
        assert (await house.job(elsewhere.jobs[0])).job.screening is Screening.ASKED
        child = await draw(house, "a portrait of a child")
        await house.ended(child)
        for job, words in ((nude, "a toddler"), (child, "naked")):
            values = {"prompt": words}
            reply = await house.ask("use-as-input", (job, "1"), who=BOB, values=values, **club)  # type: ignore[arg-type]
            assert reply.lines[0].key == "error-unsafe"
            assert reply.lines[0].fields["category"] == "minors"

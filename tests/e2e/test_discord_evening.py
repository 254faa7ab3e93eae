"""An evening on Discord: the real service with its real sampler, and people on a loopback Discord who use it.

What nobody may ever see is looked at after every scene: a call that Discord's own document refuses, a call over a
bucket, a message posted twice, a private picture in somebody else's view.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.on_discord import LONG, OnDiscord, done, job_of
from tests.e2e.processes import Service, Workplace
from tests.fakes.discord.interactions import Modal
from tests.fakes.discord.messages import File, Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import P
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.transcript.page import page, write
from tests.fakes.discord.world import Channel, Guild

QUICK = "--steps 4"


@dataclass(frozen=True, kw_only=True)
class Evening(OnDiscord):
    """Two guilds, and those who spend the evening there."""

    guild: Guild
    art: Channel
    other: Guild
    lounge: Channel
    ann: Person
    bob: Person
    mod: Person

    async def result(self, who: Person, channel: Channel, true: Callable[[Message], object]) -> Message:
        """Wait for a message with pictures that somebody sees."""

        def found() -> Message | None:
            return next((m for m in reversed(who.sees(channel)) if m.pictures() and done(m) and true(m)), None)

        try:
            message: Message = await self.server.until(found, within=LONG, what="no such result")
        except AssertionError:
            seen = "\n---\n".join(m.text for m in who.sees(channel))
            raise AssertionError(f"{who.user.name} sees no such result, but:\n{seen}") from None
        return message

    async def imagine(self, who: Person, channel: Channel, prompt: str, **options: object) -> Message:
        """Type a prompt and wait for its pictures."""
        before = set(who.sees(channel))
        await (await who.slash(channel, "imagine", prompt=f"{prompt} {QUICK}", **options)).ack()  # type: ignore[arg-type]
        return await self.result(who, channel, lambda m: m not in before)

    async def press(self, who: Person, message: Message, button: str) -> Message:
        """Press a button and wait for the pictures that come of it."""
        before = set(who.sees(message.channel))
        await (await who.click(message, button)).ack()
        return await self.result(who, message.channel, lambda m: m not in before)

    def look(self, name: str, who: Person, channel: Channel, *seen: Message, dialog: Modal | None = None) -> None:
        """Keep what somebody sees now as a page, beside the service's log."""
        content = page(self.server, who, channel, messages=seen or None, open_dialog=dialog)
        write(self.place.folder / "seen", name, content)

    def looks_right(self) -> None:
        """Nothing that nobody may ever see has happened so far."""
        assert [str(violation) for violation in self.server.violations] == []
        assert self.server.limits.overruns == []
        jobs = Counter(
            job_of(message)
            for channel in (self.art, self.lounge)
            for message in channel.messages.values()
            if message.author is self.server.world.app.bot and message.controls()
        )
        assert all(number == 1 for number in jobs.values()), jobs


@pytest.fixture
async def evening(tmp_path: Path) -> AsyncIterator[Evening]:
    async with FakeDiscord() as server:
        world = server.world
        guild, other = world.guild("Painters"), world.guild("Poets", owner="poet")
        (tmp_path / "data").mkdir()
        mods = world.role(guild, "Mods", P.MANAGE_GUILD)
        yield Evening(
            server=server,
            place=Workplace(folder=tmp_path),
            guild=guild,
            art=world.channel(guild, "art"),
            other=other,
            lounge=world.channel(other, "lounge"),
            ann=world.member(guild, "ann"),
            bob=world.member(guild, "bob", locale="zh-CN"),
            mod=world.member(guild, "mod", roles=(mods,)),
            boss=world.member(guild, "boss"),
        )


@pytest.mark.timeout(900)
async def test_an_evening(evening: Evening) -> None:
    async with evening.service():
        four = await pictures_are_made_and_made_again(evening)
        evening.looks_right()
    async with evening.service():
        await old_buttons_still_work(evening, four)
        await people_look_at_what_is_theirs(evening, four)
        evening.looks_right()
        await moderators_moderate(evening)
        await private_things_stay_private(evening)
        evening.looks_right()
    async with evening.service() as service:
        await many_jobs_ask_first(evening)
        await somebody_reports_and_the_moderators_decide(evening, four)
        await people_keep_and_delete(evening)
        await menus_of_messages(evening)
        await elsewhere_it_comes_along(evening)
        evening.looks_right()
        await floods_and_outages_lose_nothing(evening)
        await the_service_is_killed(evening, service)
    async with evening.service():
        await evening.result(evening.bob, evening.art, lambda m: "a house in the snow" in m.text)
        evening.looks_right()


async def pictures_are_made_and_made_again(evening: Evening) -> Message:
    """From a prompt to four pictures, to one of them enlarged, to others like it."""
    ann, bob, art = evening.ann, evening.bob, evening.art
    four = await evening.imagine(ann, art, "a red house under a yellow sun", count=4, seed="7")
    assert len(four.pictures()) == 4
    assert ann.mention in four.text
    assert "**a red house under a yellow sun**" in four.text
    evening.look("1-four", ann, art)
    upscaled = await evening.press(ann, four, "U1")
    evening.look("2-one", ann, art, upscaled)
    assert len(upscaled.pictures()) == 1
    varied = await evening.press(bob, four, "V2")
    assert bob.mention in varied.text
    again = await evening.press(bob, four, "🔄")
    assert len(again.pictures()) == 4
    assert again.pictures() != four.pictures()
    wider = await evening.press(ann, upscaled, "Zoom out")
    assert wider.media()[0]["description"]
    return four


async def old_buttons_still_work(evening: Evening, four: Message) -> None:
    """After a restart: remix by a modal, tweak by a panel, each on the message of before."""
    ann, art = evening.ann, evening.art
    dialog = await (await ann.click(four, "Remix")).dialog()
    evening.look("3-remix", ann, art, four, dialog=dialog)
    before = set(ann.sees(art))
    await (await ann.submit_modal(dialog, {"prompt": f"a blue boat on the sea {QUICK}"})).ack()
    remixed = await evening.result(ann, art, lambda m: m not in before)
    assert "a blue boat" in remixed.text
    panel = await (await ann.click(four, "Tweak")).response()
    assert panel.private_to is ann.user
    dialog = await (await ann.click(panel, "Numbers")).dialog()
    await (await ann.submit_modal(dialog, {"steps": "5"})).ack()
    await evening.server.until(lambda: "Steps 5" in panel.text, within=LONG)
    before = set(ann.sees(art))
    evening.look("4-tweak", ann, art, panel)
    await (await ann.click(panel, "Make it")).ack()
    tweaked = await evening.result(ann, art, lambda m: m not in before)
    assert "--steps 5" in tweaked.text


async def people_look_at_what_is_theirs(evening: Evening, four: Message) -> None:
    """Info, originals, history, show, queue, settings and the lists, each for that person alone."""
    ann, bob, art = evening.ann, evening.bob, evening.art
    info = await (await bob.click(four, "📋")).response()
    evening.look("5-info", bob, art, info)
    assert info.private_to is bob.user
    originals = await (await ann.click(four, "⬇️")).response()
    assert len(originals.attachments) == 4
    assert originals.private_to is ann.user
    job = job_of(four)
    for command, options in (
        ("history", {}),
        ("show", {"job": job}),
        ("queue", {}),
        ("info", {}),
        ("statement", {}),
        ("models", {}),
        ("templates", {}),
        ("help", {}),
    ):
        said = await (await ann.slash(art, command, options=options)).response()
        assert said.private_to is ann.user, command
        assert said.text, command
        evening.look(f"6-{command}", ann, art, said)
    jobs = await ann.autocomplete(art, "show", "job", "sun")
    assert job in {choice["value"] for choice in jobs}
    models = await ann.autocomplete(art, "imagine", "model", "tiny", prompt="a cat")
    assert models
    menu = await (await bob.message_menu(four, "Image info")).response()
    assert menu.private_to is bob.user
    assert "没有" not in menu.text


async def moderators_moderate(evening: Evening) -> None:
    """The queue of a guild is its moderators', and nobody else's."""
    ann, mod, art = evening.ann, evening.mod, evening.art
    refused = await (await ann.slash(art, "mod queue")).response()
    assert refused.private_to is ann.user
    await (await ann.slash(art, "imagine", prompt="a green tree --steps 60 --size 512x512 --n 4")).ack()
    card = await evening.server.until(
        lambda: next((m for m in art.messages.values() if any(c.get("label") == "Cancel" for c in m.controls())), None),
        within=LONG,
    )
    evening.look("7-progress", ann, art, card)
    queue = await (await mod.slash(art, "mod queue")).response()
    evening.look("7-mod-queue", mod, art, queue)
    job = job_of(card)
    said = await (await mod.slash(art, "mod cancel", job=job)).response()
    assert job in said.text
    await evening.server.until(lambda: "Cancelled" in card.text, within=LONG)
    banned = await (await mod.slash(art, "mod ban", person=ann, time="7d", reason="testing")).response()
    assert "ann" in banned.text
    told = await (await ann.slash(art, "imagine", prompt="a cat")).response()
    assert "testing" in told.text
    evening.look("8-banned", ann, art, told)
    await (await mod.slash(art, "mod unban", person=ann)).response()


async def private_things_stay_private(evening: Evening) -> None:
    """In one's own conversation, in a guild with --private, and where the bot is no member."""
    ann, bob, art = evening.ann, evening.bob, evening.art
    await evening.imagine(ann, ann.dm, "a white cat")
    await (await ann.slash(art, "imagine", prompt=f"a black cat {QUICK}", private=True)).response()
    await evening.result(ann, ann.dm, lambda m: "a black cat" in m.text)
    assert not any("black cat" in message.text for message in art.messages.values())
    assert not any("cat" in message.text for message in bob.sees(art))
    dog = File(filename="dog.png", data=art_of(evening))
    before = set(ann.sees(art))
    await (await ann.slash(art, "img2img", image=dog, prompt=f"a dog at night {QUICK}")).ack()
    await evening.result(ann, art, lambda m: m not in before)


async def many_jobs_ask_first(evening: Evening) -> None:
    """Permutations ask, can be edited, and are made once they are wanted."""
    ann, art = evening.ann, evening.art
    asked = await ann.slash(art, "imagine", prompt="a {red, blue, green, white} {house, boat} --steps 3")
    question = await asked.response()
    evening.look("9-ask", ann, art, question)
    assert "8 jobs" in question.text
    dialog = await (await ann.click(question, "Edit")).dialog()
    before = set(ann.sees(art))
    await (await ann.submit_modal(dialog, {"line": "a {red, blue} boat --steps 3"})).ack()
    for colour in ("red", "blue"):
        made = f"a {colour} boat"
        await evening.result(ann, art, lambda m, made=made: m not in before and made in m.text)  # type: ignore[misc]


async def somebody_reports_and_the_moderators_decide(evening: Evening, four: Message) -> None:
    """A report reaches the inbox of that guild, and what is hidden there is seen by nobody."""
    bob, mod, art = evening.bob, evening.mod, evening.art
    varied = await evening.press(bob, four, "V1")
    dialog = await (await bob.message_menu(varied, "Report")).dialog()
    thanked = await (await bob.submit_modal(dialog, {"reason": "not a house"})).response()
    assert thanked.private_to is bob.user
    inbox = await (await mod.slash(art, "mod inbox")).response()
    evening.look("9-inbox", mod, art, inbox)
    assert "not a house" in inbox.text
    assert job_of(varied) in inbox.text
    said = await (await mod.slash(art, "mod hide", job=job_of(varied), reason="it is a boat")).response()
    assert said.text
    await evening.server.until(lambda: not varied.pictures(), within=LONG)
    elsewhere = await (await evening.boss.slash(art, "mod audit")).response()
    assert elsewhere.text


async def people_keep_and_delete(evening: Evening) -> None:
    """Favourites are one's own; deleting is the owner's, and asks first."""
    ann, bob, art = evening.ann, evening.bob, evening.art
    one = await evening.imagine(ann, art, "a yellow moon")
    kept = await (await bob.click(one, "⭐")).response()
    assert kept.private_to is bob.user
    listed = await (await bob.slash(art, "history", favourites=True)).response()
    assert "a yellow moon" in listed.text
    refused = await (await bob.click(one, "🗑️")).response()
    assert refused.private_to is bob.user
    assert one.pictures()
    question = await (await ann.click(one, "🗑️")).response()
    await (await ann.click(question, "Yes")).ack()
    await evening.server.until(lambda: not one.pictures(), within=LONG)


async def menus_of_messages(evening: Evening) -> None:
    """What somebody attached can be enlarged, and drawn anew with other words."""
    ann, bob, art = evening.ann, evening.bob, evening.art
    said = await bob.says(art, "my drawing", files=(File(filename="mine.png", data=art_of(evening)),))
    before = set(ann.sees(art))
    await (await ann.message_menu(said, "Upscale")).ack()
    await evening.result(ann, art, lambda m: m not in before)
    dialog = await (await ann.message_menu(said, "Use as input")).dialog()
    before = set(ann.sees(art))
    await (await ann.submit_modal(dialog, {"line": f"a house at night {QUICK}"})).ack()
    drawn = await evening.result(ann, art, lambda m: m not in before)
    assert "a house at night" in drawn.text


async def elsewhere_it_comes_along(evening: Evening) -> None:
    """Where the bot is no member only its owner sees the picture, and nobody moderates with a guild of their own."""
    world = evening.server.world
    away = world.guild("Away", bot=False)
    den = world.channel(away, "den")
    eve, other = world.member(away, "eve"), world.member(away, "other")
    eve.user.installed = True
    await (await eve.slash(den, "imagine", prompt=f"a red moon {QUICK}")).ack()
    shown = await evening.result(eve, den, lambda m: "a red moon" in m.text)
    evening.look("9-borrowed", eve, den)
    assert shown.private_to is eve.user
    assert other.sees(den) == []


async def floods_and_outages_lose_nothing(evening: Evening) -> None:
    """429s, errors of Discord's own and lost answers: each result comes once."""
    ann, bob, art = evening.ann, evening.bob, evening.art
    faults = evening.server.faults
    faults.limited(0.5, route="/messages", times=2)
    faults.status(500, route="/messages", times=1, after=3)
    faults.lost(method="POST", route="/messages", times=1, after=1)
    before = set(art.messages)
    await (await ann.slash(art, "imagine", prompt=f"a green boat {QUICK}")).ack()
    await (await bob.slash(art, "imagine", prompt=f"a white boat {QUICK}")).ack()
    for made in ("a green boat", "a white boat"):
        await evening.result(ann, art, lambda m, made=made: made in m.text)  # type: ignore[misc]
    faults.lift()
    assert len(set(art.messages) - before) == 2


async def the_service_is_killed(evening: Evening, service: Service) -> None:
    """In the middle of a job; the next one finishes it, in the same message."""
    bob, art = evening.bob, evening.art
    await (await bob.slash(art, "imagine", prompt="a house in the snow --steps 60 --size 256x256")).ack()
    await evening.server.until(
        lambda: any(c.get("custom_id", "").startswith("cancel:") for m in art.messages.values() for c in m.controls()),
        within=LONG,
    )
    service.process.kill()
    await asyncio.to_thread(service.process.wait)


def art_of(evening: Evening) -> bytes:
    """A picture that was made this evening."""
    return next(m.pictures()[0] for m in evening.art.messages.values() if m.pictures() and done(m))

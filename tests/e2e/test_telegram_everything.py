"""Every command and every button that there is, once, on a loopback Telegram with the real service and its sampler."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.actions import ACTIONS
from bot.catalog import COMMANDS
from tests.e2e.on_telegram import LONG, QUICK, OnTelegram, is_result
from tests.e2e.processes import Workplace
from tests.fakes.telegram.model import Chat, Message
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import PLACE
from tests.wire.scripted import picture

ELSEWHERE = {"use-as-input"}
"""Discord's menu of a message: here people answer a photo with words."""


@dataclass(frozen=True, kw_only=True)
class Everything(OnTelegram):
    """A supergroup, and some who are in it."""

    lab: Chat
    ann: Person
    bob: Person
    mod: Person

    async def answered(self, who: Person, words: str, *, chat: Chat | None = None) -> Message:
        """Give a command; what it is answered with, in their own conversation."""
        return await self.says(who, chat or who.private, words, "", where=who.private)

    async def draws(self, who: Person, words: str, *, photo: bytes | None = None) -> Message:
        """Ask for a picture in their own conversation."""
        line = f"{words} {QUICK}"
        asked = await (who.sends_photo(who.private, photo, caption=line) if photo else who.says(who.private, line))
        return await self.result(who, who.private, "", after=asked)

    async def pressed(self, who: Person, message: Message, start: str) -> Message:
        """Press the button whose data begin so; what comes of it, in their own conversation or as a change here."""
        last = who.sees()[-1]
        press = await who.presses(message, data_of(message, start))
        await press.answered(LONG)
        return await who.waits(who.private, "", after=last, within=LONG)

    async def ended(self, query: str) -> None:
        """Wait until a query gives rows."""
        async with asyncio.timeout(LONG):
            while not self.place.rows(query):  # noqa: ASYNC110 (an outsider looks)
                await asyncio.sleep(0.05)


def data_of(message: Message, start: str) -> str:
    """The data of the button of a message that begins so."""
    data = [str(button.get("callback_data", "")) for row in message.keyboard or [] for button in row]
    found = [one for one in data if one.startswith(start)]
    assert found, (start, data, message.text)
    return found[0]


def job_of(message: Message) -> str:
    """The job that a result shows."""
    return data_of(message, "reroll:").split(":")[1]


@pytest.fixture
async def everything(tmp_path: Path) -> AsyncIterator[Everything]:
    if not PLACE.exists():
        pytest.skip("the specification is not beside this checkout")
    async with FakeTelegram() as server:
        world = server.world
        ann, bob, mod, boss = (world.person(name) for name in ("Ann", "Bob", "Mod", "Boss"))
        lab = world.supergroup("Painters", ann, bob, mod, boss)
        world.promote(lab, mod)
        for person in (ann, bob, mod, boss):
            await person.opens()
        server.updates.drop_pending()
        (tmp_path / "data").mkdir()
        yield Everything(server=server, place=Workplace(folder=tmp_path), boss=boss, lab=lab, ann=ann, bob=bob, mod=mod)


@pytest.mark.timeout(900)
async def test_every_command_and_button(everything: Everything) -> None:
    async with everything.service():
        await members(everything)
        await buttons(everything)
        await moderators(everything)
        await reviews(everything)
        await operators(everything)
        await lists(everything)
    server = everything.server
    assert server.violations == []
    assert server.own_violations == []
    assert server.excesses == []
    assert all(press.answer for press in server.presses.all.values())
    said = [m.text for chat in server.world.chats.values() for m in chat.messages.values() if not m.by_bot]
    given = {" ".join(text.split()[:count]).removeprefix("/") for text in said for count in (1, 2)}
    named = {f"{one.name} {verb.name}" if one.verbs else one.name for one in COMMANDS for verb in one.verbs or (one,)}
    assert named - given == set()
    pressed = {part for press in server.presses.all.values() for part in press.data.split(":")}
    assert set(ACTIONS) - pressed == ELSEWHERE


async def members(everything: Everything) -> None:
    """What everybody may give."""
    ann, photo = everything.ann, picture("green", (256, 256))
    four = await everything.draws(ann, "/imagine a red house under a yellow sun --n 4 --ar 3:2")
    job = job_of(four)
    await everything.draws(ann, "/img2img a house at night", photo=photo)
    sent = await ann.sends_photo(ann.private, photo, caption=f"a boat {QUICK}")
    await everything.result(ann, ann.private, "a boat", after=sent)
    mask = await ann.replies(sent, f"/inpaint a yellow sun {QUICK}", photo=picture("white", (256, 256)))
    await everything.result(ann, ann.private, "a yellow sun", after=mask)
    for words, more in (("/upscale 1.5", photo), (f"/vary {job}#2 0.4", None)):
        asked = await (ann.sends_photo(ann.private, more, caption=words) if more else ann.says(ann.private, words))
        await everything.result(ann, ann.private, "", after=asked)
    for words in (
        *("/queue", "/history", "/info", "/statement", "/settings", "/models", "/loras", "/templates", "/help"),
        *("/unlink", "/link", "/privacy export", f"/show {job}", f"/report {job} too red", "/cancel"),
        *("/prefer option set steps 4", "/prefer option delete steps", "/prefer suffix in the snow", "/prefer suffix"),
        *("/prefer style set soft in soft colours", "/prefer language en"),
    ):
        await everything.answered(ann, words)
    question = await everything.answered(everything.bob, "/privacy forget")
    told = await (await everything.bob.presses(question, data_of(question, "ask:"))).answered(LONG)
    assert "removed" in told.text or "forgot" in told.text.lower(), told
    await everything.bob.opens()


async def buttons(everything: Everything) -> None:
    """Every button below a result and in Info."""
    ann = everything.ann
    four = await everything.draws(ann, "a red house --n 4 --ar 3:2")
    one = await drawn(everything, four, "upscale")
    await drawn(everything, four, "vary-strong")
    await drawn(everything, four, "reroll")
    await everything.pressed(ann, four, "album:")
    await drawn(everything, one, "vary-subtle")
    for action in ("zoom-out", "pan-left", "pan-right", "pan-up", "pan-down", "square"):
        await drawn(everything, one, action)
    await everything.pressed(ann, one, "originals:")
    info = await everything.pressed(ann, one, "info:")
    await everything.pressed(ann, info, "show:")
    await (await ann.presses(one, data_of(one, "favourite:"))).answered(LONG)
    info = await everything.pressed(ann, one, "info:")
    kept = await everything.answered(ann, "/history favourites")
    assert "a red house" in kept.text
    await (await ann.presses(info, data_of(info, "unfavourite:"))).answered(LONG)
    await forms(everything, one)
    question = await everything.pressed(ann, one, "delete:")
    await (await ann.presses(question, data_of(question, "ask:"))).answered(LONG)
    await everything.server.until(lambda: one.deleted or not is_result(one), within=LONG)


async def drawn(everything: Everything, message: Message, action: str) -> Message:
    """Press a button and wait for the pictures that come of it."""
    return await everything.press(everything.ann, message, data_of(message, f"{action}:"))


async def forms(everything: Everything, one: Message) -> None:
    ann = everything.ann
    question = await everything.pressed(ann, one, "remix:")
    answer = await ann.replies(question, f"a blue boat {QUICK}")
    await everything.result(ann, ann.private, "a blue boat", after=answer)
    panel = await everything.pressed(ann, one, "tweak:")
    await (await ann.presses(panel, data_of(panel, "do:make"))).answered(LONG)
    await everything.result(ann, ann.private, "", after=panel)
    settings = await everything.answered(ann, "/settings")
    panel = await everything.pressed(ann, settings, "set-defaults:")
    await everything.pressed(ann, panel, "do:make")


async def moderators(everything: Everything) -> None:
    """What a group's administrators may give."""
    ann, mod, lab = everything.ann, everything.mod, everything.lab
    for number in range(2):
        await ann.says(lab, f"/imagine a slow tree {number} --steps 60 --size 512x512 --n 4")
    await everything.ended("SELECT 1 FROM job WHERE text LIKE 'a slow tree 1%'")
    rows = everything.place.rows("SELECT id FROM job WHERE text LIKE 'a slow tree%' ORDER BY sequence")
    first, second = (str(row[0]) for row in rows)
    for words in (
        *("queue", f"move {second}", f"hold {second}", f"release {second}", f"cancel {first}", f"clear {ann.id}"),
        *(f"ban {ann.id} 1d for a day", f"unban {ann.id}", f"grant {ann.id} 1", f"limits {ann.id} 5"),
        *(f"refund {first}", "policy", "words add purple", "inbox", "wallet", "audit"),
    ):
        await everything.answered(mod, f"/mod {words}", chat=lab)


async def reviews(everything: Everything) -> None:
    """What is held and what is reported, each decided by a command and by a button."""
    ann, mod, lab = everything.ann, everything.mod, everything.lab
    await everything.answered(mod, "/mod policy nsfw hold", chat=lab)
    for decision in ("approve", "spoiler", "reject"):
        for by_button in (False, True):
            await ann.says(lab, f"/imagine a nude statue {QUICK}")
            await everything.ended("SELECT 1 FROM job WHERE screening = 'held'")
            (row,) = everything.place.rows("SELECT id FROM job WHERE screening = 'held'")
            await decided(everything, decision, str(row[0]), by_button=by_button)
    for decision in ("hide", "dismiss"):
        for by_button in (False, True):
            asked = await ann.says(lab, f"/imagine a white cat {QUICK}")
            shown = await everything.result(ann, lab, "a white cat", after=asked)
            await reported(everything, shown)
            await decided(everything, decision, job_of(shown), by_button=by_button)


async def reported(everything: Everything, shown: Message) -> None:
    """Somebody of the group says by Info's button what is wrong with a picture."""
    bob = everything.bob
    info = await everything.pressed(bob, shown, "info:")
    why = await everything.pressed(bob, info, "report:")
    await bob.replies(why, "a dog")
    await everything.ended(f"SELECT 1 FROM review WHERE job_id = '{job_of(shown)}' AND state = 'open'")


async def decided(everything: Everything, decision: str, job: str, *, by_button: bool) -> None:
    mod, lab = everything.mod, everything.lab
    if by_button:
        start = f"{decision}:{job}"
        inbox = await everything.says(mod, lab, "/mod inbox", lambda m: start in str(m.keyboard), where=mod.private)
        await (await mod.presses(inbox, data_of(inbox, start))).answered(LONG)
        if ACTIONS[decision].form:
            why = await mod.waits(mod.private, "", after=inbox, within=LONG)
            await mod.replies(why, "not here")
    else:
        await everything.answered(mod, f"/mod {decision} {job}", chat=lab)
    await everything.ended(
        f"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM review WHERE job_id = '{job}' AND state = 'open')"
    )


async def operators(everything: Everything) -> None:
    """What operators alone may give; and a job is cancelled by its button while nothing runs."""
    boss, ann = everything.boss, everything.ann
    for words in (
        *(f"/mod mint telegram:{ann.id} 2", "/backend list", "/backend drain local", "/backend enable local"),
        "/mod pause for a moment",
    ):
        await everything.answered(boss, words)
    asked = await ann.says(ann.private, f"a moon {QUICK}")
    card = await ann.waits(ann.private, lambda m: "cancel:" in str(m.keyboard), after=asked, within=LONG)
    await (await ann.presses(card, data_of(card, "cancel:"))).answered(LONG)
    await everything.server.until(lambda: "cancel:" not in str(card.keyboard), within=LONG)
    await everything.answered(boss, "/mod resume")


async def lists(everything: Everything) -> None:
    """A long history goes on by its button."""
    ann = everything.ann
    history = await everything.answered(ann, "/history")
    await (await ann.presses(history, data_of(history, "older:"))).answered(LONG)

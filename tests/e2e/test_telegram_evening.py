"""An evening on Telegram: the real service with its real sampler, and 20 people in three chats who use it.

What nobody may ever see is looked at after every scene: a call that the Bot API's specification refuses, one over a
limit or during a flood wait, a job with two messages, a press that still shows its spinner.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.on_telegram import LONG, QUICK, OnTelegram, has_button
from tests.e2e.processes import Service, Workplace
from tests.fakes.telegram import transcript
from tests.fakes.telegram.model import Chat, Message
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import PLACE
from tests.wire.scripted import picture

FORGED = "forged"


@dataclass(frozen=True, kw_only=True)
class Evening(OnTelegram):
    """Three chats, and those who spend the evening there."""

    people: tuple[Person, ...]
    lab: Chat  # a supergroup
    studio: Chat  # a forum
    family: Chat  # a basic group
    mod: Person

    @property
    def ann(self) -> Person:
        """The one who does most."""
        return self.people[0]

    @property
    def bob(self) -> Person:
        """Another one."""
        return self.people[1]

    def look(self, name: str, who: Person, chat: Chat) -> None:
        """Keep what somebody sees now as a page, beside the service's log."""
        folder = self.place.folder / "seen"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.html").write_text(transcript.page(self.server, who, chat), encoding="utf-8")

    def looks_right(self) -> None:
        """Nothing that nobody may ever see has happened so far."""
        assert self.server.violations == []
        assert self.server.own_violations == []
        assert self.server.excesses == []
        jobs: dict[str, list[Message]] = {}
        for chat in self.server.world.chats.values():
            for message in chat.messages.values():
                if (job := job_of(message)) and not message.deleted and not chat.migrated_to:
                    jobs.setdefault(job, []).append(message)
        assert {job: messages for job, messages in jobs.items() if len(messages) > 1} == {}
        assert len(jobs) > 5


def job_of(message: Message) -> str:
    """The job whose one message it is; what somebody asked to be shown again is another."""
    asked = message.reply_to.text if message.reply_to is not None else ""
    if asked.startswith(("/show", "/start")) or message.text == FORGED:
        return ""
    for row in message.keyboard or []:
        for button in row:
            if str(button.get("callback_data", "")).startswith(("reroll:", "cancel:")):
                return str(button["callback_data"]).split(":")[1]
    return ""


@pytest.fixture
async def evening(tmp_path: Path) -> AsyncIterator[Evening]:
    if not PLACE.exists():
        pytest.skip("the specification is not beside this checkout")
    async with FakeTelegram() as server:
        world = server.world
        people = tuple(world.person(name) for name in ("Ann", "Bob", *(f"Guest {n}" for n in range(3, 21))))
        world.person("Bob", language="zh-hans")
        mod, boss = world.person("Mod"), world.person("Boss")
        lab = world.supergroup("Painters", *people[:10], mod)
        studio = world.supergroup("Studio", *people[8:16], people[0], mod, forum=True)
        family = world.group("Family", *people[14:], people[0])
        world.promote(lab, mod)
        for person in (*people[:6], mod, boss):
            await person.opens()
        server.updates.drop_pending()
        (tmp_path / "data").mkdir()
        yield Evening(
            server=server,
            place=Workplace(folder=tmp_path),
            people=people,
            lab=lab,
            studio=studio,
            family=family,
            mod=mod,
            boss=boss,
        )
        if folder := os.environ.get("TRANSCRIPTS"):  # to be looked at
            for page in (tmp_path / "seen").glob("*.html"):
                (Path(folder) / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")


@pytest.mark.timeout(900)
async def test_an_evening(evening: Evening) -> None:
    async with evening.service():
        four = await pictures_are_made_and_made_again(evening)
        evening.looks_right()
    async with evening.service():
        await old_buttons_still_work(evening, four)
        await pictures_come_from_pictures(evening)
        evening.looks_right()
        await people_look_at_what_is_theirs(evening, four)
        await moderators_moderate(evening, four)
        evening.looks_right()
    async with evening.service() as service:
        await twenty_people_ask_at_once(evening)
        await strangers_get_nothing(evening)
        evening.looks_right()
        await a_group_grows(evening)
        await the_service_is_killed(evening, service)
    async with evening.service():
        await evening.result(evening.bob, evening.bob.private, "a house in the snow")
        await weather_is_bad(evening)
        evening.looks_right()
    assert all(press.answer for press in evening.server.presses.all.values())


async def pictures_are_made_and_made_again(evening: Evening) -> Message:
    """From words to four pictures, to one of them enlarged, to others like it."""
    ann, bob, lab = evening.ann, evening.bob, evening.lab
    one = await evening.imagine(ann, ann.private, "a red house under a yellow sun --seed 7")
    evening.look("telegram-private", ann, ann.private)
    assert "--seed 7" in one.text
    four = await evening.imagine(ann, lab, "/imagine a red house under a yellow sun --n 4 --seed 7")
    assert four.buttons[0] == ["U1", "U2", "U3", "U4", "🔄"]
    shots = [shot.text for shot in evening.server.journal.history(four)]
    assert len(shots) >= 2
    await evening.press(ann, four, "U1")
    await evening.press(bob, four, "V2")
    again = await evening.press(bob, four, "🔄")
    assert again.picture != four.picture
    await evening.press(ann, one, "🔭")
    evening.look("telegram-group", bob, lab)
    return four


async def old_buttons_still_work(evening: Evening, four: Message) -> None:
    """After a restart: remix by a question, tweak by a panel, each on the message of before."""
    ann, bob, lab = evening.ann, evening.bob, evening.lab
    await (await ann.presses(four, "✏️")).answered(LONG)
    question = await ann.waits(lab, "Answer this message", after=four, within=LONG)
    answer = await ann.replies(question, f"a blue boat on the sea {QUICK}\nclouds")
    await evening.result(ann, lab, "--no clouds", after=answer)
    said = await bob.replies(four, f"a green tree {QUICK}")
    await evening.result(bob, lab, "a green tree", after=said)
    await (await bob.presses(four, "🎛️")).answered(LONG)
    panel = await bob.waits(bob.private, has_button(" ▾"), within=LONG)
    await (await bob.presses(panel, panel.buttons[0][0])).answered(LONG)
    await evening.server.until(lambda: any("●" in label for row in panel.buttons for label in row), within=LONG)
    evening.look("telegram-panel", bob, bob.private)
    back = next(label for row in panel.buttons for label in row if "↩️" in label)
    await (await bob.presses(panel, back)).answered(LONG)
    await evening.server.until(lambda: any("✅" in label for row in panel.buttons for label in row), within=LONG)
    make = next(label for row in panel.buttons for label in row if "✅" in label)
    last = max(lab.messages.values(), key=lambda one: one.id)
    await (await bob.presses(panel, make)).answered(LONG)
    await evening.result(bob, lab, "a red house", after=last)


async def pictures_come_from_pictures(evening: Evening) -> None:
    """Photo and caption, a file, a mask, an album."""
    ann, chat = evening.ann, evening.ann.private
    photo = await ann.sends_photo(chat, picture("green", (256, 256)), caption=f"a boat on the sea {QUICK}")
    await evening.result(ann, chat, "a boat on the sea", after=photo)
    mask = await ann.replies(photo, f"a yellow sun {QUICK}", photo=picture("white", (256, 256)))
    await evening.result(ann, chat, "a yellow sun", after=mask)
    album = await ann.sends_album(chat, [picture("red"), picture("blue")], caption=f"a cat {QUICK}")
    await evening.result(ann, chat, "a cat", after=album[-1])
    file = await ann.sends_document(chat, picture("blue", (200, 100)), "in.png", caption=f"/img2img a moon {QUICK}")
    await evening.result(ann, chat, "a moon", after=file)


async def people_look_at_what_is_theirs(evening: Evening, four: Message) -> None:
    """Every command, and the lists with their buttons."""
    ann, chat, lab = evening.ann, evening.ann.private, evening.lab
    for words, answer in (
        ("/help", "/imagine"),
        ("/info", "credits"),
        ("/statement", "credits"),
        ("/models", "atelier-tiny"),
        ("/loras", "LoRA"),
        ("/templates", "txt2img"),
        ("/settings", "--template"),
        ("/prefer option set steps 6", "--steps"),
        ("/prefer option delete steps", "--steps"),
        ("/queue", ""),
        ("/start", "image studio"),
        ("/imagine a cat --stepz 3", "steps"),
        ("/nonsense", "nonsense"),
        ("a house --dry", "credits"),
        ("/link", "/link"),
        ("/privacy export", "Everything"),
    ):
        await evening.says(ann, chat, words, answer)
    history = await evening.says(ann, chat, "/history", "a cat")
    older = next((label for row in history.buttons for label in row if "Older" in label), "")
    if older:
        await (await ann.presses(history, older)).answered(LONG)
    for button in ("📋", "⬇️", "🖼️ Album"):
        await (await ann.presses(four, button)).answered(LONG)
    await ann.waits(chat, lambda m: m.media and m.media.kind == "document", within=LONG)
    info = await ann.waits(chat, has_button("Info 1"), within=LONG)
    await (await ann.presses(info, "Info 1")).answered(LONG)
    details = await ann.waits(chat, has_button("Favourite"), after=info, within=LONG)
    assert "Painters" in details.text
    await (await ann.presses(details, "Favourite")).answered(LONG)
    await evening.says(ann, chat, "/history favourites", "⭐")
    job = job_of(four)
    await ann.opens(f"job-{job}")
    await evening.says(ann, lab, f"/show {job}", "a red house")
    await evening.says(ann, lab, "/info", "credits", where=chat)
    evening.look("telegram-lists", ann, chat)


async def moderators_moderate(evening: Evening, four: Message) -> None:
    """A chat's administrators moderate it; others, anonymous ones and channels do not."""
    mod, bob, ann, lab = evening.mod, evening.bob, evening.ann, evening.lab
    own = mod.private
    assert "mod" in mod.menu(lab)
    assert "mod" not in bob.menu(lab)
    for words, answer in (("/mod queue", ""), ("/mod policy", "payer"), ("/mod audit", ""), ("/mod inbox", "")):
        await evening.says(mod, lab, words, answer, where=own)
    theirs = await bob.says(lab, "hello")
    await mod.replies(theirs, "/mod ban 1h spam")
    await mod.waits(own, "spam", within=LONG)
    await evening.says(bob, lab, "/gen a house", "spam", where=bob.private)
    await mod.replies(theirs, "/mod unban")
    await mod.waits(own, lambda m: "Bob" in m.text, within=LONG)
    await evening.says(bob, lab, "/mod clear", "", where=bob.private)
    ghost = evening.people[5]
    evening.server.world.promote(lab, ghost, anonymous=True)
    said = await ghost.says(lab, "/mod clear")
    await ann.waits(lab, "anonymous", after=said, within=LONG)
    evening.server.world.promote(lab, ghost, anonymous=False)
    await evening.says(evening.boss, evening.boss.private, "/backend list", "local")
    mine = await evening.imagine(ann, lab, "/gen a sun")
    await (await mod.presses(mine, "🗑️")).answered(LONG)
    ask = await mod.waits(lab, has_button("Yes"), within=LONG)
    await (await mod.presses(ask, "✅ Yes")).answered(LONG)
    await evening.server.until(lambda: "moderator" in mine.text, within=LONG)
    reported = await evening.imagine(bob, lab, "/gen a tree")
    last = ann.sees()[-1]
    await (await ann.presses(reported, "📋")).answered(LONG)
    info = await ann.waits(ann.private, has_button("Report"), after=last, within=LONG)
    await (await ann.presses(info, "Report")).answered(LONG)
    why = await ann.waits(ann.private, "Answer this message", after=info, within=LONG)
    said = await ann.replies(why, "ugly")
    await ann.waits(ann.private, "", after=said, within=LONG)
    inbox = await evening.says(mod, lab, "/mod inbox", "ugly", where=own)
    assert inbox.buttons
    evening.look("telegram-moderator", mod, own)


async def twenty_people_ask_at_once(evening: Evening) -> None:
    """In a supergroup, a forum and a basic group; every one gets theirs, once, within every limit."""
    topic = evening.server.world.topic(evening.studio, "Art")
    asked: list[tuple[Person, Chat, str]] = []
    for number, who in enumerate(evening.people):
        chat = evening.lab if number < 8 else evening.studio if number < 14 else evening.family
        words = f"a house number {number}"
        await who.says(chat, f"/gen {words} --steps 2", thread=topic.id if chat is evening.studio else None)
        asked.append((who, chat, words))
    for who, chat, words in asked:
        found = await evening.result(who, chat, f"{words} --")
        assert (found.thread == topic.id) == (chat is evening.studio)
    evening.look("telegram-topic", evening.people[9], evening.studio)


async def strangers_get_nothing(evening: Evening) -> None:
    """Forged presses, other people's jobs, forwards, bombs and lies."""
    eve, ann, world = evening.server.world.person("Eve"), evening.ann, evening.server.world
    await eve.opens()
    secret = await evening.imagine(ann, ann.private, "a moon and a star --private")
    job = job_of(secret)
    before = secret.picture
    for data in (
        f"info:{job}:0",
        f"delete:{job}:0",
        f"show:{job}:0",
        "ask:aaaaaaaaaaaaaaaa:yes",
        "do:make",
        "x" * 64,
        "🗑️",
    ):
        own = world.add(eve.private, sender=world.bot, text=FORGED, keyboard=[[{"text": "x", "callback_data": data}]])
        answer = await evening.server.presses.press(eve.user, own, data).answered(LONG)
        assert "moon" not in answer.text
    await evening.says(eve, eve.private, f"/show {job}", job)
    await evening.says(eve, eve.private, f"/cancel {job}", job)
    await eve.opens(f"job-{job}")
    await eve.opens(f"do_delete_{job}_0")
    await eve.forwards(await ann.says(evening.lab, "a house"), eve.private)
    await eve.waits(eve.private, "passed on", within=LONG)
    bomb = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
    await eve.sends_document(eve.private, bomb, "bomb.png", caption="a house")
    await eve.sends_document(eve.private, b"<svg/>", "a.svg", caption="a house")
    await evening.says(eve, eve.private, "/mod pause", "")
    await evening.says(eve, eve.private, "/link ABCDE-FGHJK", "no such code")
    await evening.says(eve, eve.private, "@bob #x /gen https://evil.example \u202eab \x07 --stepz <b>", "steps")
    assert not any("moon" in m.text for m in eve.sees() if m.by_bot)
    assert secret.picture == before
    assert not any(m.media for m in eve.sees() if m.by_bot)


async def a_group_grows(evening: Evening) -> None:
    """A basic group becomes a supergroup while something is being made for it."""
    who = evening.people[15]
    await evening.server.until(
        lambda: not any("cancel:" in str(m.keyboard) for m in evening.family.messages.values()), within=LONG
    )
    asked = await who.says(evening.family, "/gen a boat at night --steps 30")
    await who.waits(evening.family, lambda m: "cancel:" in str(m.keyboard), after=asked, within=LONG)
    new = evening.server.world.migrate(evening.family)
    await evening.result(who, new, "a boat at night")
    await evening.imagine(who, new, "/gen a boat at noon")


async def the_service_is_killed(evening: Evening, service: Service) -> None:
    """With a job under way; the next service finishes it, in the same message."""
    bob = evening.bob
    asked = await bob.says(bob.private, "a house in the snow --steps 60")
    shown = await bob.waits(bob.private, lambda m: "cancel:" in str(m.keyboard), after=asked, within=LONG)
    written = f"SELECT 1 FROM delivery WHERE job_id = '{job_of(shown)}' AND message_id = '{shown.id}'"
    async with asyncio.timeout(LONG):
        while not evening.place.rows(written):  # noqa: ASYNC110 (what is not written down is posted anew, and counted)
            await asyncio.sleep(0.01)
    service.process.kill()
    await asyncio.to_thread(service.process.wait)
    evening.server.updates.unconfirm(1)  # and the update comes again


async def weather_is_bad(evening: Evening) -> None:
    """Flood waits, outages, lost answers and broken polls: every result is there, once."""
    ann, faults = evening.ann, evening.server.faults
    faults.flood("editMessage*", retry_after=2, times=2)
    faults.fail("editMessageMedia", times=1)
    faults.lose_answer("editMessageMedia", times=1)
    evening.server.updates.drop_poll()
    faults.fail("getUpdates", times=1)
    asked = await ann.says(ann.private, f"a cat in the rain {QUICK}")
    await evening.result(ann, ann.private, "a cat in the rain", after=asked)
    faults.clear()
    assert sum("a cat in the rain" in m.text and m.media is not None for m in ann.sees()) == 1

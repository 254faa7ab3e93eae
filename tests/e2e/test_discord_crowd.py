"""Twenty people on Discord at once, and every command and button that there is, with the real service.

Now and then Discord answers 429, and the service is stopped and killed on the way. At the end every picture was
seen by those who may, once, and nothing that the bot did was refused by Discord's document or over a bucket.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.actions import ACTIONS
from bot.catalog import COMMANDS
from tests.e2e.on_discord import OnDiscord, done, job_of
from tests.e2e.processes import Workplace
from tests.fakes.discord.checks import complaints, posted_twice, seen_by_others
from tests.fakes.discord.messages import File, Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import P
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.world import Channel

LONG = 120.0  # seconds before a wait is a hang
QUICK = "--steps 3"
EACH = 3  # pictures that each of the crowd asks for
ELSEWHERE = {"album": "Telegram's", "older": "needs a longer history than an evening's"}
"""Actions that are not pressed here, and why."""
PROVOKED = (10008,)  # a message that was deleted while its picture was drawn


@dataclass(frozen=True, kw_only=True)
class Crowd(OnDiscord):
    """Everybody, and the machine that the service runs on."""

    art: Channel
    lounge: Channel
    mod: Person  # of the first guild
    people: tuple[tuple[Person, Channel], ...]  # each where they ask

    async def shown(self, who: Person, channel: Channel, words: str) -> Message:
        """Wait for the result whose prompt has these words, as somebody sees it."""

        def found() -> Message | None:
            return next((m for m in who.sees(channel) if words in m.text and done(m)), None)

        message: Message = await self.server.until(found, within=LONG, what=f"{who.user.name} sees no {words}")
        return message

    async def said(self, who: Person, channel: Channel, command: str, **options: Any) -> Message:
        """Give a command and wait for its private answer."""
        answer = await (await who.slash(channel, command, options=options)).response(LONG)
        assert answer.private_to is who.user or channel is who.dm, command
        assert answer.text, command
        return answer

    async def made(self, who: Person, channel: Channel, prompt: str, **options: Any) -> Message:
        """Ask for pictures and wait for them."""
        await (await who.slash(channel, "imagine", options={"prompt": f"{prompt} {QUICK}", **options})).ack()
        return await self.shown(who, channel, prompt)

    async def pressed(self, who: Person, message: Message, action: str, index: int = 0) -> Message:
        """Press a button and wait for what is said of it."""
        job = job_of(message)
        return await (await who.click(message, f"{action}:{job}:{index}")).response(LONG)

    async def drawn(self, who: Person, message: Message, action: str, index: int = 0) -> Message:
        """Press a button and wait for the pictures that come of it."""
        before = set(message.channel.messages)
        await (await who.click(message, f"{action}:{job_of(message)}:{index}")).ack()
        return await self.new_result(who, message.channel, before, action)

    async def new_result(self, who: Person, channel: Channel, before: set[int], what: str) -> Message:
        """Wait for a result that was not there before."""

        def found() -> Message | None:
            return next((m for m in who.sees(channel) if m.id not in before and m.pictures() and done(m)), None)

        message: Message = await self.server.until(found, within=LONG, what=f"nothing came of {what}")
        return message


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Crowd]:
    async with FakeDiscord() as server:
        world = server.world
        guild, other = world.guild("Painters"), world.guild("Poets")
        (tmp_path / "data").mkdir()
        art, lounge = world.channel(guild, "art"), world.channel(other, "lounge")
        mods = world.role(guild, "Mods", P.MANAGE_GUILD)
        mod, boss = world.member(guild, "mod", roles=(mods,)), world.member(guild, "boss")
        locales = ("en-US", "zh-CN")
        painters = [world.member(guild, f"painter{number}", locale=locales[number % 2]) for number in range(9)]
        poets = [world.member(other, f"poet{number}") for number in range(6)]
        alone = [world.member(guild, f"hermit{number}") for number in range(3)]
        yield Crowd(
            server=server,
            place=Workplace(folder=tmp_path),
            art=art,
            lounge=lounge,
            mod=mod,
            boss=boss,
            people=(
                *((one, art) for one in painters),
                *((one, lounge) for one in poets),
                *((one, one.dm) for one in alone),
            ),
        )


@pytest.mark.timeout(900)
async def test_twenty_people_at_once(crowd: Crowd) -> None:
    """Each asks for some pictures, one of them for their own eyes; a stop and a kill come in between."""
    floods = asyncio.create_task(_floods(crowd.server))
    try:
        for round_, killed in enumerate((False, True, False)):
            async with crowd.service(killed=killed):
                await asyncio.gather(*(_asks(crowd, who, where, round_) for who, where in crowd.people))
                if not killed:
                    await _until_all_shown(crowd, range(round_ + 1))
    finally:
        floods.cancel()
        crowd.server.faults.lift()
    assert complaints(crowd.server) == []
    assert posted_twice(crowd.server) == []
    _private_is_private(crowd)
    ends = Counter(row[0] for row in crowd.place.rows("SELECT status FROM job"))
    assert ends == Counter({"done": len(crowd.people) * EACH})
    assert crowd.place.run("quota", "audit").returncode == 0


async def _floods(server: FakeDiscord) -> None:
    """Now and then Discord wants everybody, or one channel, to wait."""
    while True:
        server.faults.limited(0.3, route="/messages", times=1)
        await asyncio.sleep(1.0)
        server.faults.limited(0.2, scope="global", times=1)
        await asyncio.sleep(1.0)


def _prompt(who: Person, round_: int) -> str:
    return f"a red house of {who.user.name} number {round_}"


async def _asks(crowd: Crowd, who: Person, where: Channel, round_: int) -> None:
    options = {"prompt": f"{_prompt(who, round_)} {QUICK}", "private": round_ == 1}
    answer = await (await who.slash(where, "imagine", options=options)).response(LONG)
    assert "queued" in answer.text.lower() or "排" in answer.text, answer.text


async def _until_all_shown(crowd: Crowd, rounds: range) -> None:
    for who, where in crowd.people:
        for round_ in rounds:
            await crowd.shown(who, who.dm if round_ == 1 else where, _prompt(who, round_))


def _private_is_private(crowd: Crowd) -> None:
    """Nobody but its owner saw a private picture, or read its prompt."""
    for who, where in crowd.people:
        mine = next(m for m in who.dm.messages.values() if _prompt(who, 1) in m.text and done(m))
        digests = [hashlib.sha256(data).hexdigest() for data in mine.pictures()]
        assert digests
        assert all(seen_by_others(crowd.server, digest, [who.id]) == set() for digest in digests)
        if where is not who.dm:
            assert not any(_prompt(who, 1) in message.text for message in where.messages.values())


@pytest.mark.timeout(900)
async def test_every_command_and_button(crowd: Crowd) -> None:
    async with crowd.service():
        picture = await _members(crowd)
        await _buttons(crowd, picture)
        await _moderators(crowd)
        await _operators(crowd)
    assert complaints(crowd.server, allowed=PROVOKED) == []
    assert posted_twice(crowd.server) == []
    data = [asked.payload["data"] for asked in crowd.server.interactions.values()]
    missing = set(_named_commands()) - set(_given_commands(data))
    assert missing == set()
    pressed = {part for each in data for part in str(each.get("custom_id", "")).split(":")}  # panels' and forms', too
    menus = {each["name"] for each in data if each.get("type") == 3}
    assert menus == {"Image info", "Upscale", "Use as input", "Report"}
    # What a message's menu starts is the same action as its button.
    assert set(ACTIONS) - pressed - {"use-as-input"} == set(ELSEWHERE)


def _named_commands() -> list[str]:
    return [f"{one.name} {verb.name}" if one.verbs else one.name for one in COMMANDS for verb in one.verbs or (one,)]


def _given_commands(data: list[Mapping[str, Any]]) -> list[str]:
    given = []
    for each in data:
        options = each.get("options") or []
        verb = options[0]["name"] if options and options[0]["type"] == 1 else ""
        given.append(f"{each.get('name', '')} {verb}".strip())
    return given


async def _members(crowd: Crowd) -> Message:
    """What everybody may give; the picture that the buttons of others are then pressed on."""
    (ann, art), (bob, _) = crowd.people[0], crowd.people[2]
    four = await crowd.made(ann, art, "a red house under a yellow sun", count=4, aspect="3:2")
    image = File(filename="mine.png", data=four.pictures()[0])
    job = job_of(four)
    for command, options in (
        ("img2img", {"image": image, "prompt": f"a house at night {QUICK}", "strength": 0.5}),
        ("inpaint", {"image": image, "mask": image, "prompt": f"a green tree {QUICK}"}),
        ("upscale", {"image": image, "scale": 1.5}),
        ("vary", {"job": f"{job}#2", "strength": 0.4}),
    ):
        before = set(art.messages)
        await (await bob.slash(art, command, options=options)).ack()
        await crowd.new_result(bob, art, before, command)
    for command, options in (
        *((name, {}) for name in ("queue", "history", "info", "statement", "settings", "models", "loras", "templates")),
        *((name, {}) for name in ("help", "unlink", "link", "privacy export")),
        ("show", {"job": job}),
        ("report", {"job": job, "reason": "too red"}),
        ("prefer option", {"change": "set", "name": "steps", "value": "4"}),
        ("prefer style", {"change": "set", "name": "soft", "value": "in soft colours"}),
        ("prefer suffix", {"value": "in the snow"}),
        ("prefer language", {"value": "en"}),
    ):
        await crowd.said(bob, art, command, **options)
    question = await crowd.said(crowd.people[4][0], art, "privacy forget")
    await (await crowd.people[4][0].click(question, "Yes")).ack()
    return four


async def _buttons(crowd: Crowd, four: Message) -> None:
    """Every button below a result, and in a message's menu."""
    (ann, art) = crowd.people[0]
    bob = crowd.people[6][0]
    one = await crowd.drawn(bob, four, "upscale", 1)
    await crowd.drawn(bob, four, "vary-strong", 2)
    await crowd.drawn(bob, four, "reroll")
    await crowd.drawn(bob, one, "vary-subtle")
    for action in ("zoom-out", "pan-left", "pan-right", "pan-up", "pan-down", "square"):
        await crowd.drawn(bob, one, action)
    await crowd.pressed(ann, one, "originals")
    info = await crowd.pressed(ann, one, "info")
    await (await ann.click(info, _control(info, "show:"))).response(LONG)
    kept = await crowd.pressed(ann, one, "favourite")
    assert "a red house" in (await crowd.said(ann, art, "history", favourites=True)).text
    await (await ann.click(kept, _control(kept, "unfavourite:"))).response(LONG)
    assert "a red house" not in (await crowd.said(ann, art, "history", favourites=True)).text
    settings = await crowd.said(ann, art, "settings")
    panel = await (await ann.click(settings, _control(settings, "set-defaults:"))).response(LONG)
    await (await ann.click(panel, _control(panel, "do:make:set-defaults"))).ack()
    await _forms(crowd, bob, one)
    await (await bob.message_menu(one, "Image info")).response(LONG)
    before = set(art.messages)
    await (await bob.message_menu(one, "Upscale")).ack()
    await crowd.new_result(bob, art, before, "the menu")
    dialog = await (await bob.message_menu(one, "Use as input")).dialog()
    before = set(art.messages)
    await (await bob.submit_modal(dialog, {"prompt": f"a house in the snow {QUICK}"})).ack()
    await crowd.new_result(bob, art, before, "the menu's form")
    dialog = await (await ann.message_menu(one, "Report")).dialog()
    await (await ann.submit_modal(dialog, {"reason": "too large"})).response(LONG)
    question = await crowd.pressed(bob, one, "delete")
    await (await bob.click(question, "Yes")).ack()
    await crowd.server.until(lambda: not one.pictures(), within=LONG)


def _control(message: Message, start: str) -> str:
    """The custom id of a message that begins like this."""
    found = [str(c["custom_id"]) for c in message.controls() if str(c.get("custom_id", "")).startswith(start)]
    assert found, [c.get("custom_id") for c in message.controls()]
    return found[0]


async def _forms(crowd: Crowd, who: Person, one: Message) -> None:
    job = job_of(one)
    dialog = await (await who.click(one, f"remix:{job}:0")).dialog()
    before = set(one.channel.messages)
    await (await who.submit_modal(dialog, {"prompt": f"a blue boat {QUICK}"})).ack()
    await crowd.new_result(who, one.channel, before, "remix")
    panel = await (await who.click(one, f"tweak:{job}:0")).response(LONG)
    before = set(one.channel.messages)
    await (await who.click(panel, "Make it")).ack()
    await crowd.new_result(who, one.channel, before, "tweak")


async def _moderators(crowd: Crowd) -> None:
    """What moderators of the guild may give."""
    mod, (ann, art) = crowd.mod, crowd.people[0]
    await (await ann.slash(art, "imagine", options={"prompt": "a slow tree --steps 60 --size 512x512 --n 4"})).ack()
    await (await ann.slash(art, "imagine", options={"prompt": "another tree --steps 60 --size 512x512 --n 4"})).ack()
    cards = await crowd.server.until(lambda: _waiting(art)[1:] and _waiting(art), within=LONG)
    first, second = (job_of(card) for card in cards[:2])
    for command, options in (
        ("mod queue", {}),
        ("mod move", {"job": second}),
        ("mod hold", {"job": second}),
        ("mod release", {"job": second}),
        ("mod cancel", {"job": first}),
        ("mod clear", {"person": ann}),
        ("mod ban", {"person": ann, "time": "1d", "reason": "for a day"}),
        ("mod unban", {"person": ann}),
        ("mod grant", {"person": ann, "credits": 1.0}),
        ("mod limits", {"person": ann, "credits": 5.0}),
        ("mod refund", {"job": first}),
        ("mod policy", {}),
        ("mod words", {"change": "add", "phrase": "purple"}),
        ("mod inbox", {}),
        ("mod wallet", {}),
        ("mod audit", {}),
    ):
        await crowd.said(mod, art, command, **options)
    await _reviews(crowd)


async def _reviews(crowd: Crowd) -> None:
    """Pictures that are held, and those that were reported, each decided by a command and by a button."""
    mod, (ann, art) = crowd.mod, crowd.people[0]
    await crowd.said(mod, art, "mod policy", field="nsfw", value="hold")
    for decision in ("approve", "spoiler", "reject"):
        for by_button in (False, True):
            job = await _held(crowd, ann, art)
            await _decide(crowd, decision, job, by_button=by_button)
    for decision in ("hide", "dismiss"):
        for by_button in (False, True):
            shown = await crowd.made(ann, art, f"a white cat {decision} {by_button:d}")
            await crowd.said(mod, art, "report", job=job_of(shown), reason="a dog")
            await _decide(crowd, decision, job_of(shown), by_button=by_button)


async def _held(crowd: Crowd, who: Person, where: Channel) -> str:
    """Ask for something that the rules hold, and wait until it is in the inbox; its job."""
    query = "SELECT id FROM job WHERE screening = 'held'"
    await (await who.slash(where, "imagine", options={"prompt": f"a nude statue {QUICK}"})).ack()
    for _ in range(int(LONG * 10)):
        rows = crowd.place.rows(query)
        if rows:
            return str(rows[0][0])
        await asyncio.sleep(0.1)
    raise AssertionError("nothing is held")


async def _decide(crowd: Crowd, decision: str, job: str, *, by_button: bool) -> None:
    if not by_button:
        await crowd.said(crowd.mod, crowd.art, f"mod {decision}", job=job)
        return
    inbox = await (await crowd.mod.slash(crowd.art, "mod inbox")).response(LONG)
    pressed = await crowd.mod.click(inbox, _control(inbox, f"{decision}:{job}"))
    await pressed.ack()
    if ACTIONS[decision].form:
        await (await crowd.mod.submit_modal(await pressed.dialog(), {"reason": "not here"})).ack()
    open_ = f"SELECT count(*) FROM review WHERE job_id = '{job}' AND state = 'open'"
    for _ in range(int(LONG * 10)):
        if crowd.place.rows(open_) == [(0,)]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{decision} decided nothing")


async def _operators(crowd: Crowd) -> None:
    """What operators alone may give."""
    boss, (ann, art) = crowd.boss, crowd.people[0]
    for command, options in (
        ("mod mint", {"person": f"discord:{ann.id}", "credits": 2.0}),
        ("backend list", {}),
        ("backend drain", {"endpoint": "local"}),
        ("backend enable", {"endpoint": "local"}),
        ("mod pause", {"reason": "for a moment"}),
    ):
        await crowd.said(boss, art, command, **options)
    await (await ann.slash(art, "imagine", options={"prompt": f"a moon {QUICK}"})).ack()
    card = (await crowd.server.until(lambda: _waiting(art), within=LONG))[0]
    await (await ann.click(card, f"cancel:{job_of(card)}:0")).response(LONG)
    await crowd.said(boss, art, "mod resume")
    await crowd.said(ann, art, "cancel")


def _waiting(channel: Channel) -> list[Message]:
    """The messages of jobs that wait or run."""
    return [
        message
        for message in channel.messages.values()
        if any(str(part.get("custom_id", "")).startswith("cancel:") for part in message.controls())
    ]

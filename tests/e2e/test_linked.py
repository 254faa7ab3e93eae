"""One person on Discord and on Telegram: joined by a code, they have one history and one balance."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.e2e.processes import Workplace
from tests.fakes.discord.server import TOKEN, FakeDiscord
from tests.fakes.telegram.model import Message
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import PLACE

LONG = 90.0  # seconds before a wait is a hang


async def said(ann: Person, words: str, answer: str) -> Message:
    """Say something to the Telegram bot, and wait for an answer with these words."""
    asked = await ann.says(ann.private, words)
    return await ann.waits(ann.private, answer, after=asked, within=LONG)


def credits_in(text: str) -> str:
    """What is left, as /info says."""
    found = re.search(r"[0-9]+(\.[0-9]+)?", text)
    assert found is not None
    return found[0]


@pytest.mark.timeout(600)
async def test_a_picture_of_discord_is_in_the_history_on_telegram(tmp_path: Path) -> None:
    if not PLACE.exists():
        pytest.skip("the specification is not beside this checkout")
    async with FakeDiscord() as discord, FakeTelegram() as telegram:
        guild = discord.world.guild("Painters")
        art = discord.world.channel(guild, "art")
        there = discord.world.member(guild, "ann")
        here = telegram.world.person("Ann")
        await here.opens()
        (tmp_path / "data").mkdir()
        running = Workplace(folder=tmp_path).serve(
            ATELIER_DISCORD__TOKEN=TOKEN,
            ATELIER_DISCORD__API_BASE=discord.api_base,
            ATELIER_DISCORD__CDN_BASE=discord.cdn_base,
            ATELIER_TELEGRAM__TOKEN=telegram.token,
            ATELIER_TELEGRAM__API_BASE=telegram.base_url.removesuffix("/bot"),
            ATELIER_TELEGRAM__FILE_BASE=telegram.base_file_url.removesuffix("/bot"),
            ATELIER_ACCESS="open",
        )
        service = await asyncio.to_thread(running.__enter__)
        try:
            await asyncio.to_thread(service.until_ready)
            await discord.until(lambda: discord.gateway.identifies, within=LONG)
            await (await there.slash(art, "imagine", prompt="a red house --steps 4")).ack()
            await discord.until(lambda: any(m.pictures() for m in there.sees(art)), within=LONG)
            await here.waits(here.private, "image studio", within=LONG)
            await said(here, "/history", "made nothing")
            offered = await (await there.slash(art, "link")).response()
            code = re.search(r"[A-Z2-9]{5}-[A-Z2-9]{5}", offered.text)
            assert code is not None
            question = await said(here, f"/link {code[0]}", "Discord")
            await (await here.presses(question, "✅")).answered(LONG)
            history = await said(here, "/history", "a red house")
            assert history.by_bot
            own = credits_in((await said(here, "/info", "credits")).text)
            theirs = credits_in((await (await there.slash(art, "info")).response()).text)
            assert own == theirs
            await said(here, f"/link {code[0]}", "no such code")
            job = re.search(r"[a-z2-7]{16}", history.text)
            assert job is not None
            shown = await said(here, f"/show {job[0]}", "a red house")
            assert shown.media is not None
            again = await here.presses(shown, "🔄")
            await again.answered(LONG)
            await here.waits(here.private, lambda m: m.media and m.buttons, after=shown, within=LONG)
            await (await there.slash(art, "unlink")).response()
        finally:
            service.process.terminate()
            await asyncio.to_thread(running.__exit__, None, None, None)
        assert telegram.violations == telegram.own_violations == telegram.excesses == []
        assert [str(violation) for violation in discord.violations] == []

"""A service that is told to stop hears the platforms' answers to its last messages, and writes them down.

Else a result that everybody has would be sent again by the next service, and on Telegram nothing keeps a message that
is sent again from being a second one.
"""

import pytest

from tests.e2e.on_discord import OnDiscord, done
from tests.e2e.on_telegram import OnTelegram
from tests.e2e.processes import Workplace
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import PLACE

LONG = 60.0  # seconds before a wait is a hang
PROMPT = "a red house --steps 4"
THINKS = 1.0  # seconds from what a platform does to its answer


@pytest.mark.timeout(300)
async def test_a_result_on_discord(place: Workplace) -> None:
    async with FakeDiscord() as server:
        guild = server.world.guild("Painters")
        art, boss = server.world.channel(guild, "art"), server.world.member(guild, "boss")
        async with OnDiscord(server=server, place=place, boss=boss).service():
            await (await boss.slash(art, "imagine", prompt=PROMPT)).ack()
            server.faults.slow(THINKS, method="PATCH", times=100)
            await server.until(lambda: any(map(done, boss.sees(art))), within=LONG)
    assert place.rows("SELECT status FROM job") == [("done",)], place.log("serve")


@pytest.mark.timeout(300)
async def test_a_new_message_on_telegram(place: Workplace) -> None:
    if not PLACE.exists():
        pytest.skip("the specification is not beside this checkout")
    async with FakeTelegram() as server:
        ann = server.world.person("Ann")
        await ann.opens()
        server.updates.drop_pending()
        async with OnTelegram(server=server, place=place, boss=server.world.person("Boss")).service():
            server.faults.slow("sendMessage", seconds=THINKS)
            asked = await ann.says(ann.private, PROMPT)
            first = await ann.waits(ann.private, lambda m: "cancel:" in str(m.keyboard), after=asked, within=LONG)
    assert place.rows("SELECT message_id FROM delivery") == [(str(first.id),)], place.log("serve")

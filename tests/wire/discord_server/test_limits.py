"""Rate limits: headers, what is over them, and that discord.py keeps to them."""

import asyncio
import time

import pytest

from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.limits import Rule
from tests.fakes.discord.server import FakeDiscord
from tests.wire.discord_server.conftest import Bot, Rest, Studio, started

POST = ("POST", "/channels/{channel_id}/messages")


@pytest.fixture
def limited(rest: Rest) -> Rest:
    """With limits; the one of messages is 2 in a minute."""
    rest.server.limits.enabled = True
    rest.server.limits.rules[POST] = Rule(limit=2, seconds=60)
    return rest


async def test_headers_tell_what_is_left(limited: Rest, studio: Studio) -> None:
    first = await limited.post(studio.art, {"content": "a"})
    second = await limited.post(studio.art, {"content": "a"})
    left = [said.headers["X-RateLimit-Remaining"] for said in (first, second)]
    assert (first.headers["X-RateLimit-Limit"], left) == ("2", ["1", "0"])
    assert 0 < float(second.headers["X-RateLimit-Reset-After"]) <= 60
    third = await limited.post(studio.art, {"content": "a"})
    assert (third.status, third.body["global"], third.headers["X-RateLimit-Scope"]) == (429, False, "user")
    assert 0 < third.body["retry_after"] <= 60
    assert third.headers["X-RateLimit-Bucket"] == first.headers["X-RateLimit-Bucket"]
    assert len(limited.server.limits.overruns) == 1
    assert limited.server.log[-1].over_bucket
    limited.server.limits.time = lambda: time.monotonic() + 60
    assert (await limited.post(studio.art, {"content": "a"})).status == 200


async def test_buckets_are_per_channel(limited: Rest, studio: Studio) -> None:
    other = limited.server.world.channel(studio.guild, "other")
    said = [await limited.post(place, {"content": "a"}) for place in (studio.art, other) for _ in range(2)]
    assert [one.status for one in said] == [200] * 4
    assert len({one.headers["X-RateLimit-Bucket"] for one in said}) == 1


async def test_one_limit_is_for_all(limited: Rest, studio: Studio) -> None:
    limited.server.limits.global_rule = Rule(limit=3, seconds=60)
    said = [await limited("GET", "/users/@me") for _ in range(4)]
    last = said[-1]
    assert (last.status, last.body["global"], last.headers["X-RateLimit-Global"]) == (429, True, "true")
    asked = await interaction(limited, studio)
    assert (await limited.answer(asked, 4, {"content": "a"})).status == 200  # not bound to it
    assert (await limited.hook("POST", asked, "", {"content": "a"})).status == 200


async def interaction(rest: Rest, studio: Studio) -> Interaction:
    """A use of a command that was registered behind the scenes."""
    rest.server.world.app.commands[0] = {
        1: {
            "id": "1",
            "name": "draw",
            "type": 1,
            "integration_types": [0],
            "contexts": None,
            "nsfw": False,
            "default_member_permissions": None,
        }
    }
    return await studio.ann.slash(studio.art, "draw")


async def test_invalid_requests_are_counted(limited: Rest, studio: Studio) -> None:
    await limited("GET", "/users/@me", token="other")
    for _ in range(3):
        await limited.post(studio.art, {"content": "a"})
    limited.server.world.kick_bot(studio.guild)
    await limited("GET", f"/channels/{studio.art.id}")
    assert [call.status for call in limited.server.log] == [401, 200, 200, 429, 403]
    assert limited.server.limits.invalid == 3


async def test_discord_py_never_goes_over_a_bucket(server: FakeDiscord, studio: Studio) -> None:
    server.limits.rules[POST] = Rule(limit=3, seconds=0.3)
    bot = Bot()
    async with started(bot, bot.up.wait):
        channel = bot.get_partial_messageable(studio.art.id)
        await asyncio.gather(*(channel.send(str(n)) for n in range(10)))
    assert len(studio.art.messages) == 10
    assert server.limits.overruns == []
    assert server.refused() == []

"""Flood control: budgets, waits, and who goes over them; a bot that keeps to them never gets a 429."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.telegram.clock import Clock
from tests.fakes.telegram.flood import Flood, FloodLimits
from tests.fakes.telegram.model import Chat, Kind
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import Api, met, png

DEFAULT = pytest.mark.parametrize("server", [FloodLimits()], indirect=True)


async def burst(api: Api, chat_id: int, count: int) -> list[int]:
    """Statuses of so many messages sent one right after the other."""
    return [(await api("sendMessage", chat_id=chat_id, text="x")).status for _ in range(count)]


@DEFAULT
async def test_a_chat_takes_a_message_a_second_after_a_short_burst(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    assert await burst(api, ann.id, 4) == [200, 200, 200, 429]
    (excess,) = server.excesses
    assert (excess.rule, excess.method, excess.chat_id, excess.retry_after) == ("chat", "sendMessage", ann.id, 1)
    for _ in range(3):
        server.clock.advance(1.0)
        assert await burst(api, ann.id, 1) == [200]
    assert len(server.excesses) == 1


@DEFAULT
async def test_a_wait_is_told_and_holds_for_that_chat_only(server: FakeTelegram, api: Api) -> None:
    ann, bob = await met(server, "Ann"), await met(server, "Bob")
    server.faults.flood("sendMessage", retry_after=3, chat=ann.private)
    reply = await api("sendMessage", chat_id=ann.id, text="x")
    assert reply.refusal == (429, "Too Many Requests: retry after 3")
    assert reply.body["parameters"] == {"retry_after": 3}
    assert reply.headers["Retry-After"] == "3"
    assert await burst(api, bob.id, 1) == [200]
    assert server.excesses == [], "a wait of the server's own making is not the bot's fault"
    server.clock.advance(1.5)
    assert await burst(api, ann.id, 1) == [429]
    assert [excess.rule for excess in server.excesses] == ["wait"], "but going on during it is"
    server.clock.advance(1.6)
    assert await burst(api, ann.id, 1) == [200]


@DEFAULT
async def test_a_call_on_its_way_when_the_wait_began_is_no_offence(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    server.faults.flood("sendMessage", retry_after=3)
    statuses = await asyncio.gather(*(burst(api, ann.id, 1) for _ in range(2)))
    assert statuses == [[429], [429]]
    assert server.excesses == []


@DEFAULT
async def test_a_group_takes_twenty_messages_a_minute(server: FakeTelegram, api: Api) -> None:
    group = server.world.group("Lab")
    for _ in range(20):
        assert await burst(api, group.id, 1) == [200]
        server.clock.advance(1.1)
    assert await burst(api, group.id, 1) == [429]
    assert [(excess.rule, excess.retry_after > 30) for excess in server.excesses] == [("group", True)]
    server.clock.advance(server.excesses[0].retry_after)
    assert await burst(api, group.id, 1) == [200]


@DEFAULT
async def test_a_private_chat_takes_more_than_twenty_a_minute(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    for _ in range(30):
        assert await burst(api, ann.id, 1) == [200]
        server.clock.advance(1.0)
    assert server.excesses == []


@pytest.mark.parametrize("server", [FloodLimits(second=30.0)], indirect=True)
async def test_all_chats_together_take_thirty_a_second(server: FakeTelegram, api: Api) -> None:
    people = [await met(server, f"P{number}") for number in range(31)]
    statuses = [(await burst(api, person.id, 1))[0] for person in people]
    assert statuses == [200] * 30 + [429]
    assert [excess.rule for excess in server.excesses] == ["all"]


@DEFAULT
async def test_edits_and_albums_count_and_other_calls_do_not(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    number = await api.send(ann.private)
    for text in ("one", "two"):
        await api("editMessageText", chat_id=ann.id, message_id=number, text=text)
    reply = await api("editMessageText", chat_id=ann.id, message_id=number, text="three")
    assert reply.status == 429
    assert (await api("deleteMessage", chat_id=ann.id, message_id=number)).status == 200
    assert (await api("sendChatAction", chat_id=ann.id, action="typing")).status == 200
    server.clock.advance(10)
    media = [{"type": "photo", "media": f"attach://f{n}"} for n in range(4)]
    files = {f"f{n}": png() for n in range(4)}
    assert (await api.upload("sendMediaGroup", files, chat_id=ann.id, media=media)).status == 200
    server.clock.advance(1)
    assert await burst(api, ann.id, 1) == [429], "four pictures are four messages"


@DEFAULT
async def test_a_call_that_is_refused_counts_too(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    statuses = [(await api("sendMessage", chat_id=ann.id, text="<p>", parse_mode="HTML")).status for _ in range(4)]
    assert statuses == [400, 400, 400, 429]


class Set(Clock):
    """A clock that stands where it is put."""

    at = 0.0

    def now(self) -> float:
        """Seconds."""
        return self.at


def kept(wishes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """When a bot that keeps to a message a second, 20 a minute in a group (even chats) and 30 a second in all sends."""
    sent: list[tuple[float, int]] = []
    at = 0.0
    for wait, chat in wishes:
        at += wait
        own = [when for when, where in sent if where == chat]
        at = max([at, *(when + 1 for when in own[-1:]), *(when + 1 for when, _ in sent[-30:-29])])
        at = max([at, *(when + 60 for when in own[-20:-19] if chat % 2 == 0)])
        sent.append((at, chat))
    return sent


@settings(deadline=None)
@example([(0.0, 2)] * 120, [0.2, 0.0] * 60)
@example([(0.0, number % 40) for number in range(120)], [0.2] * 60 + [0.0] * 60)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.3, 2.0]), st.integers(0, 40)), max_size=120),
    st.lists(st.floats(0, 0.2), min_size=120, max_size=120),
)
def test_a_bot_that_keeps_the_budgets_gets_none(wishes: list[tuple[float, int]], delays: list[float]) -> None:
    clock = Set()
    flood = Flood(clock, FloodLimits())
    chats = [Chat(id=n, kind=Kind.PRIVATE if n % 2 else Kind.GROUP) for n in range(41)]
    arrivals = [(at + delay, chat) for (at, chat), delay in zip(kept(wishes), delays, strict=False)]
    for at, chat in sorted(arrivals):
        clock.at = at
        flood.check("sendMessage", chats[chat])
    assert flood.excesses == []

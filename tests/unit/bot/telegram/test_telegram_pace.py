"""The budgets that answers and results share, on a clock that a test moves."""

import asyncio
from pathlib import Path

import pytest

from bot.adapter import Limits
from bot.delivery_budget import Rate
from bot.telegram.pace import Pace
from bot.telegram.recent import Recent
from engine.errors import FloodWait

LIMITS = Limits(
    progress_interval=0,
    preview_interval=0,
    chat=(Rate(count=1, seconds=1.0),),
    chat_kinds={"group": (Rate(count=4, seconds=60.0),)},
    everywhere=(Rate(count=10, seconds=1.0),),
)


async def spend(pace: Pace, chat: str, kind: str = "", *, messages: int = 1, important: bool = True) -> None:
    async with pace.turn(chat, kind, messages=messages, important=important, patience=0):
        pass


async def test_a_chat_has_to_wait_and_others_do_not() -> None:
    now = [100.0]
    pace = Pace(LIMITS, clock=lambda: now[0])
    await spend(pace, "a")
    with pytest.raises(FloodWait):
        await spend(pace, "a")
    await spend(pace, "b")
    now[0] += 1.0
    await spend(pace, "a")


async def test_answers_leave_room_for_results() -> None:
    pace = Pace(LIMITS, clock=lambda: 100.0)
    for _ in range(3):
        await spend(pace, "a", "group", important=False)
    with pytest.raises(FloodWait):
        await spend(pace, "a", "group", important=False)
    assert not pace.is_free("a", "group")
    await spend(pace, "a", "group")


async def test_an_album_counts_for_each_of_its_messages() -> None:
    now = [100.0]
    pace = Pace(LIMITS, clock=lambda: now[0])
    await spend(pace, "a", messages=5)
    now[0] += 4.5
    with pytest.raises(FloodWait) as wait:
        await spend(pace, "a")
    assert wait.value.retry_after == pytest.approx(0.5)
    now[0] += 0.5
    await spend(pace, "a")


async def test_a_flood_wait_holds_one_chat() -> None:
    now = [100.0]
    pace = Pace(LIMITS, clock=lambda: now[0])
    pace.hold("a", "", 30.0)
    with pytest.raises(FloodWait) as wait:
        await spend(pace, "a")
    assert wait.value.retry_after == pytest.approx(30.0)
    await spend(pace, "b")


async def test_a_chats_calls_go_one_after_the_other() -> None:
    pace = Pace(Limits(progress_interval=0, preview_interval=0))
    order: list[str] = []

    async def call(name: str) -> None:
        async with pace.turn("a", ""):
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await asyncio.gather(*(call(name) for name in "xyz"))
    assert order == [f"{name} {what}" for name in "xyz" for what in ("begins", "ends")]
    assert pace.waiting("a") == 0


async def test_a_restart_goes_on_where_the_budgets_were(tmp_path: Path) -> None:
    wall, now = [1000.0], [100.0]
    first = Recent(tmp_path / "sent", clock=lambda: wall[0])
    pace = Pace(LIMITS, clock=lambda: now[0], noted=first.note)
    for _ in range(4):
        await spend(pace, "-5", "group")
    await first.flush()
    with (tmp_path / "sent").open("a") as file:
        file.write("-5 10")  # cut off by a kill, and of long ago
    wall[0] += 20.0
    second = Recent(tmp_path / "sent", clock=lambda: wall[0])
    pace = Pace(LIMITS, clock=lambda: now[0])
    pace.recall(await second.recall())
    with pytest.raises(FloodWait) as wait:
        await spend(pace, "-5", "group")
    assert wait.value.retry_after == pytest.approx(40.0)
    wall[0] += 60.0
    assert await second.recall() == []
    assert (tmp_path / "sent").read_text() == ""


async def test_quiet_chats_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.telegram import pace as module

    monkeypatch.setattr(module, "QUIET", 10)
    now = [0.0]
    pace = Pace(LIMITS, clock=lambda: now[0])
    for number in range(50):
        await spend(pace, f"chat-{number}")
        now[0] += 2.0
    assert len(pace._chats) <= 11

import asyncio

from engine.board import Board
from engine.model import Progress

STEP = Progress(prompt_id="p", stage="sampling", step=3, steps=10)


async def test_changes_coalesce_in_the_order_of_their_first():
    board = Board()
    changes = board.subscribe()
    for job in ("a", "b", "a", "c", "b"):
        board.changed(job)
    assert await changes.take() == ("a", "b", "c")
    assert await changes.take(timeout=0) == ()


async def test_each_listener_hears_for_itself_and_until_it_stops():
    board = Board()
    first, second = board.subscribe(), board.subscribe()
    board.changed("a")
    assert await first.take() == ("a",)
    board.unsubscribe(first)
    board.changed("b")
    assert await second.take() == ("a", "b")
    assert await first.take(timeout=0) == ()


async def test_a_waiting_listener_is_woken():
    board = Board()
    changes = board.subscribe()
    waiting = asyncio.create_task(changes.take())
    await asyncio.sleep(0)
    board.changed("a")
    assert await waiting == ("a",)


def test_progress_lasts_as_long_as_its_task():
    board = Board()
    board.progressed("job", "one", STEP)
    board.progressed("job", "two", STEP)
    board.task_ended("job", "one")
    assert dict(board.progress("job")) == {"two": STEP}
    board.task_ended("job", "two")
    board.task_ended("job", "two")
    assert not board.progress("job")


def test_work_is_held_up_until_the_last_who_said_so_goes_on():
    board = Board()
    with board.stall("disk-full") as first:
        assert board.stalled == ""
        assert first()
        assert not first()
        with board.stall("disk-full") as second:
            assert not second()
        assert board.stalled == "disk-full"
    assert board.stalled == ""

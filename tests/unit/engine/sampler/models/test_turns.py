"""Turns at a device: waiting is interruptible, and one turn serves all who wait with tasks of the same kind."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.sampler.models.turns import Shared, proceed, turn
from engine.sampler.nodes.registry import InterruptedPrompt


class Device:
    """Works on numbers; notes what it was given at once."""

    def __init__(self, most: int = 4) -> None:
        self.lock = threading.Lock()
        self.shared: Shared[int, int] = Shared(lock=self.lock, most=most)
        self.turns: list[list[int]] = []
        self.fails_with: set[int] = set()

    def work(self, tasks: list[int]) -> list[int]:
        """Double each number; a turn that some numbers lead fails."""
        self.turns.append(tasks)
        if tasks[0] in self.fails_with:
            raise ValueError(tasks[0])
        return [2 * task for task in tasks]

    def do(self, task: int, kind: str = "even") -> int:
        """Do one task."""
        return self.shared.do(task, kind=kind, work=self.work, between=proceed)

    def wait_for_line(self, length: int) -> None:
        """Wait until so many tasks are in line."""
        while len(self.shared._line) < length:
            threading.Event().wait(0.001)


def test_one_turn_serves_all_of_a_kind() -> None:
    device = Device()
    with ThreadPoolExecutor(6) as pool:
        with device.lock:
            asked = [pool.submit(device.do, number) for number in range(4)]
            other = pool.submit(device.do, 9, "odd")
            device.wait_for_line(5)
        assert [one.result(30) for one in asked] == [0, 2, 4, 6]
        assert other.result(30) == 18
    assert sorted(len(tasks) for tasks in device.turns) == [1, 4]


def test_a_turn_is_no_larger_than_allowed() -> None:
    device = Device(most=2)
    with ThreadPoolExecutor(6) as pool:
        with device.lock:
            asked = [pool.submit(device.do, number) for number in range(5)]
            device.wait_for_line(5)
        assert [one.result(30) for one in asked] == [0, 2, 4, 6, 8]
    assert sorted(len(tasks) for tasks in device.turns) == [1, 2, 2]


def test_a_turn_that_fails_fails_for_its_leader_alone() -> None:
    device = Device()
    device.fails_with = {0, 1, 2}
    with ThreadPoolExecutor(4) as pool:
        with device.lock:
            asked = [pool.submit(device.do, number) for number in (0, 1, 2, 3)]
            device.wait_for_line(4)
        ends = [one.exception(30) or one.result() for one in asked]
    assert ends[3] == 6
    for number, end in enumerate(ends[:3]):
        assert end == 2 * number or isinstance(end, ValueError)


def test_who_waits_can_be_interrupted() -> None:
    device = Device()
    interrupted = threading.Event()

    def between() -> None:
        if interrupted.is_set():
            raise InterruptedPrompt

    def hold() -> None:
        with turn(device.lock, between):
            raise AssertionError("the lock is held by the test")

    with ThreadPoolExecutor(2) as pool, device.lock:
        waits = pool.submit(hold)
        shares = pool.submit(device.shared.do, 1, kind="even", work=device.work, between=between)
        device.wait_for_line(1)
        interrupted.set()
        with pytest.raises(InterruptedPrompt):
            waits.result(30)
        with pytest.raises(InterruptedPrompt):
            shares.result(30)
    assert device.turns == []
    assert device.do(4) == 8

"""The queue's order, its memory and its bounds."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from engine.sampler.execution.model import HistoryEntry, Prompt
from engine.sampler.execution.queue import PromptQueue


def prompt(name: str, number: float = 0) -> Prompt:
    return Prompt(id=name, number=number, graph={}, nodes={}, outputs=("9",), client_id=f"client of {name}")


def entry(of: Prompt) -> HistoryEntry:
    return HistoryEntry(prompt=of, outputs={}, completed=True, messages=[], meta={})


def quiet(*_: object) -> None:
    """Nobody listens."""


@given(st.lists(st.integers(-3, 3), max_size=12))
def test_lower_numbers_go_first_and_equal_ones_as_they_came(numbers: list[int]) -> None:
    queue = PromptQueue(quiet)
    for place, number in enumerate(numbers):
        queue.put(prompt(str(place), number))
    wanted = [str(place) for place, _ in sorted(enumerate(numbers), key=lambda found: (found[1], found[0]))]
    assert [waiting.id for waiting in queue.snapshot()[1]] == wanted
    taken = [queue.take() for _ in numbers]
    assert [running.prompt.id for running in taken if running] == wanted


def test_a_known_id_keeps_its_first_prompt_while_it_waits_runs_and_after() -> None:
    queue = PromptQueue(quiet)
    first = queue.put(prompt("a", 1))
    again = prompt("a", 2)
    assert queue.put(again) is first
    running = queue.take()
    assert running is not None
    assert queue.put(again) is first
    queue.finish(entry(first))
    assert queue.put(again) is first
    assert queue.remaining == 0
    queue.forget(["a"])
    assert queue.put(again) is again


def test_the_history_keeps_the_newest() -> None:
    queue = PromptQueue(quiet, longest_history=3)
    for name in "abcde":
        queue.put(prompt(name))
        running = queue.take()
        assert running is not None
        queue.finish(entry(running.prompt))
    assert list(queue.history()) == ["c", "d", "e"]
    assert queue.history_of("a") == {}
    assert list(queue.history(offset=1)) == ["d", "e"]
    assert list(queue.history(max_items=5)) == ["c", "d", "e"]
    assert list(queue.history(max_items=1, offset=9)) == []


def test_changes_are_announced_in_order_with_whose_they_are() -> None:
    told: list[tuple[int, str | None]] = []
    queue = PromptQueue(lambda remaining, client: told.append((remaining, client)))
    queue.put(prompt("a"))
    queue.put(prompt("b"))
    running = queue.take()
    assert running is not None
    queue.delete(["nope"])
    queue.delete(["b", "a"])
    queue.finish(entry(running.prompt))
    queue.announce(running.prompt)
    queue.clear()
    a, b = "client of a", "client of b"
    assert told == [(1, a), (2, b), (2, a), (1, None), (0, a)]


def test_interrupt_reaches_the_named_or_the_oldest() -> None:
    queue = PromptQueue(quiet)
    for name in "abc":
        queue.put(prompt(name))
    first, second = queue.take(), queue.take()
    assert first is not None
    assert second is not None
    assert not queue.interrupt("c"), "it waits"
    assert queue.interrupt("b")
    assert (first.interrupted.is_set(), second.interrupted.is_set()) == (False, True)
    assert queue.interrupt(None)
    assert first.interrupted.is_set()
    queue.finish(entry(first.prompt))
    queue.finish(entry(second.prompt))
    assert not queue.interrupt(None)


def test_stop_lets_every_worker_go() -> None:
    queue = PromptQueue(quiet)
    queue.put(prompt("a"))
    running = queue.take()
    assert running is not None
    taken: list[object] = []
    workers = [threading.Thread(target=lambda: taken.append(queue.take())) for _ in range(5)]
    for worker in workers:
        worker.start()
    queue.stop()
    for worker in workers:
        worker.join(10)
    assert taken == [None] * 5
    assert running.interrupted.is_set()


def test_racing_workers_never_get_the_same_prompt() -> None:
    queue = PromptQueue(quiet)
    taken: list[str] = []

    def work() -> None:
        while (running := queue.take()) is not None:
            taken.append(running.prompt.id)
            queue.finish(entry(running.prompt))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    names = [str(number) for number in range(500)]
    for name in names:
        queue.put(prompt(name))
    while len(queue.history()) < len(names):
        threading.Event().wait(0.01)
    queue.stop()
    for worker in workers:
        worker.join(10)
    assert sorted(taken) == sorted(names)

"""What is in memory: loaded once, kept within the budget, held by prompts, let go in the order of last use."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from engine.sampler.models.residency import Residency
from engine.sampler.nodes.registry import InterruptedPrompt


@dataclass(frozen=True)
class Thing:
    """Something of a size."""

    size: int


@dataclass
class Prompt:
    """A prompt that asks."""

    prompt_id: str
    interrupted: threading.Event = field(default_factory=threading.Event)

    def check_interrupted(self) -> None:
        if self.interrupted.is_set():
            raise InterruptedPrompt


class Shelf:
    """A residency whose things are ten bytes large, and what it loaded."""

    def __init__(self, budget: int) -> None:
        self.residency: Residency[Thing] = Residency(budget=budget)
        self.loaded: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def get(self, name: str, asker: Prompt | None = None, *, base: str | None = None) -> Thing:
        """Ask for a thing; one called "bad" cannot be loaded."""
        return self.residency.get(name, lambda: self._load(name), coming=lambda: 10, base=base, asker=asker)

    def _load(self, name: str) -> Thing:
        self.loaded.append(name)
        assert self.go.wait(30)
        if name == "bad":
            raise ValueError(name)
        return Thing(10)


def wait_for_line(shelf: Shelf, length: int) -> None:
    """Wait until so many are in line."""
    end = time.monotonic() + 30
    while len(shelf.residency._line) < length:
        assert time.monotonic() < end
        time.sleep(0.001)


def still_waits(asked: Future[Thing]) -> bool:
    """Whether a call has not come back after a while."""
    time.sleep(0.3)
    return not asked.done()


def test_all_who_ask_at_once_share_one_loading() -> None:
    shelf = Shelf(100)
    shelf.go.clear()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(shelf.get, "a", Prompt(str(number))) for number in range(4)]
        shelf.go.set()
        found = {id(one.result(30)) for one in asked}
    assert len(found) == 1
    assert shelf.loaded == ["a"]


def test_the_least_recently_used_leaves_when_room_is_needed() -> None:
    shelf = Shelf(25)
    for name in ("a", "b", "a", "c"):
        shelf.get(name)
    assert shelf.residency.keys() == ("a", "c")


def test_what_is_larger_than_the_budget_is_kept_alone() -> None:
    shelf = Shelf(5)
    shelf.get("a")
    shelf.get("b")
    assert shelf.residency.keys() == ("b",)


def test_what_could_not_be_loaded_is_tried_again() -> None:
    shelf = Shelf(100)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            shelf.get("bad")
    assert shelf.loaded == ["bad", "bad"]
    assert shelf.residency.keys() == ()


def test_what_a_prompt_uses_stays_until_it_ends() -> None:
    shelf = Shelf(10)
    first, second = Prompt("first"), Prompt("second")
    shelf.get("a", first)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(shelf.get, "b", second)
        assert still_waits(asked)
        assert shelf.get("a", first).size == 10
        shelf.residency.clear()
        assert shelf.residency.keys() == ("a",)
        shelf.residency.let_go("first")
        asked.result(30)
    assert shelf.loaded == ["a", "b"]
    assert shelf.residency.keys() == ("b",)


def test_two_that_want_each_others_room_both_get_it() -> None:
    shelf = Shelf(20)
    meet = threading.Barrier(2)

    def use(prompt: Prompt, names: tuple[str, str]) -> None:
        shelf.get(names[0], prompt)
        meet.wait(30)
        shelf.get(names[1], prompt)
        shelf.residency.let_go(prompt.prompt_id)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(use, Prompt("1"), ("a", "x")), pool.submit(use, Prompt("2"), ("b", "y"))]
        for one in asked:
            one.result(30)
    assert set(shelf.loaded) == {"a", "b", "x", "y"}


def test_who_waits_for_room_is_passed_by_a_bounded_number_of_times() -> None:
    shelf = Shelf(10)
    shelf.get("a", Prompt("first"))
    with ThreadPoolExecutor(2) as pool:
        wants_b = pool.submit(shelf.get, "b", Prompt("b"))
        assert still_waits(wants_b)
        for number in range(8):
            shelf.get("a", Prompt(f"passes {number}"))
        refused = pool.submit(shelf.get, "a", Prompt("last"))
        assert still_waits(refused)
        for prompt in ("first", *(f"passes {number}" for number in range(8))):
            shelf.residency.let_go(prompt)
        wants_b.result(30)
        assert still_waits(refused)
        shelf.residency.let_go("b")
        refused.result(30)
    assert shelf.loaded == ["a", "b", "a"]


def test_two_that_do_not_fit_together_change_places_for_several_prompts_at_once() -> None:
    shelf = Shelf(10)
    shelf.get("a", Prompt("first"))

    def use(name: str, number: int) -> None:
        prompt = Prompt(f"{name}{number}")
        for _ in range(3):
            shelf.get(name, prompt)
        shelf.residency.let_go(prompt.prompt_id)

    with ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(use, "b", number) for number in range(16)]
        wait_for_line(shelf, 16)
        asked += [pool.submit(use, "a", number) for number in range(16)]
        wait_for_line(shelf, 24)  # eight pass by the first who waits for room
        shelf.residency.let_go("first")
        for one in asked:
            one.result(60)
    assert len(shelf.loaded) <= 6


def test_an_interrupt_while_waiting_for_room() -> None:
    shelf = Shelf(10)
    shelf.get("a", Prompt("first"))
    second = Prompt("second")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(shelf.get, "b", second)
        assert still_waits(asked)
        second.interrupted.set()
        with pytest.raises(InterruptedPrompt):
            asked.result(30)
    assert shelf.get("a", Prompt("third")).size == 10  # nobody is in the way any more


def test_what_shares_weights_leaves_with_them_and_before_them() -> None:
    shelf = Shelf(30)
    shelf.get("base")
    shelf.get("changed", base="base")
    shelf.get("other")
    shelf.get("another")
    assert shelf.residency.keys() == ("base", "other", "another")
    prompt = Prompt("holds")
    shelf.get("base", prompt)
    shelf.get("changed", prompt, base="base")
    shelf.get("more")
    assert set(shelf.residency.keys()) == {"base", "changed", "more"}


def test_fetching_ahead_takes_nothing_away() -> None:
    shelf = Shelf(20)
    assert shelf.residency.prefetch("a", lambda: Thing(10), coming=10)
    assert not shelf.residency.prefetch("a", lambda: Thing(10), coming=10)
    shelf.get("b")
    assert not shelf.residency.prefetch("c", lambda: Thing(10), coming=10)
    assert shelf.residency.keys() == ("a", "b")
    assert shelf.loaded == ["b"]

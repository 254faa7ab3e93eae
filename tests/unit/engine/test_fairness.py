"""Fair queueing on a virtual clock, against the bound of the paper."""

import heapq
import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.fairness import Bounds, Debts, Head, Tag, advance, choose, finish_without, tags
from engine.model import Lane


@dataclass
class VirtualQueue:
    """One server of one mgs per tick that claims by tag; arrivals are put in as time passes."""

    now: int = 0
    virtual_time: int = 0
    last_finish: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[int, int, str, int]] = field(default_factory=list)  # start tag, order of arrival, person, cost
    ended: dict[str, list[int]] = field(default_factory=dict)
    arrivals: int = 0

    def arrive(self, person: str, costs: list[int], weight: float = 1.0) -> None:
        tagged = tags(
            virtual_time=self.virtual_time,
            last_finish=self.last_finish.get(person, 0),
            costs=costs,
            weight=weight,
        )
        self.last_finish[person] = tagged[-1].finish
        for tag, cost in zip(tagged, costs, strict=True):
            self.arrivals += 1
            heapq.heappush(self.waiting, (tag.start, self.arrivals, person, cost))

    def serve(self) -> None:
        start, _, person, cost = heapq.heappop(self.waiting)
        lowest = self.waiting[0][0] if self.waiting else None
        self.virtual_time = advance(virtual_time=self.virtual_time, claimed=start, lowest_waiting=lowest)
        self.now += cost
        self.ended.setdefault(person, []).append(self.now)


costs = st.integers(1, 5000)


@given(
    st.lists(costs, min_size=200, max_size=200),
    st.lists(st.tuples(st.integers(0, 150), costs), min_size=31, max_size=31),
)
def test_two_hundred_jobs_of_one_delay_the_single_jobs_of_31_by_no_more_than_the_bound(
    flood: list[int], singles: list[tuple[int, int]]
) -> None:
    """Theorem 4 of the paper: a first task ends within one task of every other person, and its own, of its arrival."""
    queue = VirtualQueue()
    queue.arrive("flood", flood)
    arrived: dict[str, int] = {}
    for served in range(200 + 31):
        for number, (after, cost) in enumerate(singles):
            if after == served:
                arrived[f"single {number}"] = queue.now
                queue.arrive(f"single {number}", [cost])
        if queue.waiting:
            queue.serve()
    assert len(arrived) == 31
    bound = max(flood) + sum(cost for _, cost in singles)
    for person, at in arrived.items():
        assert queue.ended[person][0] - at <= bound


@given(st.lists(costs, min_size=50, max_size=50), st.lists(costs, min_size=50, max_size=50), st.sampled_from([1, 2, 3]))
def test_two_who_are_always_busy_share_by_weight(ours: list[int], theirs: list[int], weight: int) -> None:
    """Theorem 1 of the paper: normalized service differs by no more than a task of each, over any stretch."""
    queue = VirtualQueue()
    queue.arrive("ours", ours, weight)
    queue.arrive("theirs", theirs)
    served = {"ours": 0, "theirs": 0}
    costs_of = {"ours": iter(ours), "theirs": iter(theirs)}
    while {"ours", "theirs"} <= {person for _, _, person, _ in queue.waiting}:
        before = {person: len(ends) for person, ends in queue.ended.items()}
        queue.serve()
        (person,) = [who for who, ends in queue.ended.items() if len(ends) != before.get(who, 0)]
        served[person] += next(costs_of[person])
        rounding = len(ours)
        assert abs(served["ours"] / weight - served["theirs"]) <= max(ours) / weight + max(theirs) + rounding


@given(
    st.integers(0, 10**12), st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1), st.floats(0.01, 100)
)
def test_tags_of_one_person_follow_each_other(virtual: int, last: int, given_costs: list[int], weight: float) -> None:
    tagged = tags(virtual_time=virtual, last_finish=last, costs=given_costs, weight=weight)
    assert tagged[0].start == max(virtual, last)
    assert all(tag.finish > tag.start for tag in tagged)
    assert all(after.start == before.finish for before, after in itertools.pairwise(tagged))


def test_the_formula_of_the_paper() -> None:
    assert tags(virtual_time=70, last_finish=100, costs=[10, 20], weight=2.0) == (
        Tag(start=100, finish=105),
        Tag(start=105, finish=115),
    )
    assert tags(virtual_time=0, last_finish=0, costs=[0]) == (Tag(start=0, finish=1),)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_weight_is_positive(weight: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        tags(virtual_time=0, last_finish=0, costs=[1], weight=weight)


def test_virtual_time_follows_the_head_and_never_goes_back() -> None:
    assert advance(virtual_time=5, claimed=9, lowest_waiting=12) == 9
    assert advance(virtual_time=5, claimed=9, lowest_waiting=None) == 9
    assert advance(virtual_time=5, claimed=900, lowest_waiting=12) == 12
    assert advance(virtual_time=5, claimed=3, lowest_waiting=4) == 5


def test_cancelled_work_leaves_what_was_served_and_what_waits() -> None:
    assert finish_without(served_finish=10, waiting_finishes=[]) == 10
    assert finish_without(served_finish=10, waiting_finishes=[40, 30]) == 40


lanes = st.sampled_from(Lane)
models = st.sampled_from(["", "a", "b"])
work = st.lists(st.tuples(lanes, costs, models, st.integers(0, 40)), min_size=1, max_size=60)
bounds = st.builds(Bounds, relaxed_share=st.integers(0, 90), affinity=st.integers(0, 20_000))


def heads_of(tasks: list[tuple[Lane, int, str, int]]) -> list[Head]:
    return [
        Head(sequence=number, lane=lane, start=start * 1000, cost=cost, model=model)
        for number, (lane, cost, model, start) in enumerate(tasks)
    ]


def served(waiting: list[Head], loaded: str, limits: Bounds) -> list[tuple[Head, Debts]]:
    """Serve everything, one task after the other."""
    debts, order = Debts(), []
    while (choice := choose(waiting, loaded=loaded, debts=debts, bounds=limits)) is not None:
        waiting = [head for head in waiting if head != choice.head]
        debts = choice.debts
        order.append((choice.head, debts))
    return order


@given(work, bounds)
def test_while_relaxed_work_waits_it_gets_its_share(tasks: list[tuple[Lane, int, str, int]], limits: Bounds) -> None:
    """Before a relaxed task that is first in its lane goes at most c * (100 - share) / share of fast work, and one."""
    fast_since, longest = 0, max(cost for _, cost, _, _ in tasks)
    order = [head for head, _ in served(heads_of(tasks), "", limits)]
    assert sorted(head.sequence for head in order) == list(range(len(tasks)))
    for head in order:
        if head.lane is Lane.RELAXED:
            if limits.relaxed_share:
                assert fast_since <= head.cost * (100 - limits.relaxed_share) / limits.relaxed_share + longest
            fast_since = 0
        else:
            fast_since += head.cost
    first = [head.lane for head in order]
    if not limits.relaxed_share:
        assert first == sorted(first)  # all fast work, then all relaxed work


@given(work, models, bounds)
def test_relaxed_work_gets_its_share_whatever_is_loaded(
    tasks: list[tuple[Lane, int, str, int]], loaded: str, limits: Bounds
) -> None:
    """Until relaxed work of c mgs is done, at most c * (100 - share) / share mgs of fast work are, and one task."""
    assume(limits.relaxed_share)
    order = [head for head, _ in served(heads_of(tasks), loaded, limits)]
    longest, done = max(cost for _, cost, _, _ in tasks), dict.fromkeys(Lane, 0)
    for head in order:
        done[head.lane] += head.cost
        if head.lane is Lane.RELAXED:
            earning = done[Lane.RELAXED] * (100 - limits.relaxed_share) / limits.relaxed_share
            assert done[Lane.FAST] <= earning + longest


@given(work, models, bounds)
@example(  # a relaxed task in its turn once paid for fast ones
    tasks=[
        (Lane.FAST, 1, "", 0),
        (Lane.FAST, 1, "", 0),
        (Lane.FAST, 95, "a", 2),
        (Lane.FAST, 2968, "a", 1),
        (Lane.FAST, 1, "", 0),
        (Lane.RELAXED, 93, "", 0),
    ],
    loaded="a",
    limits=Bounds(relaxed_share=3, affinity=3051),
)
def test_a_loaded_checkpoint_never_puts_more_ahead_than_its_bound(
    tasks: list[tuple[Lane, int, str, int]], loaded: str, limits: Bounds
) -> None:
    """For every task: what affinity puts before it is at most `affinity` and what was served in its turn."""
    heads = heads_of(tasks)
    order = served(heads, loaded, limits)
    assert all(0 <= ahead <= limits.affinity for _, debts in order for ahead in (debts.fast_ahead, debts.relaxed_ahead))
    places = {head.sequence: place for place, (head, _) in enumerate(order)}
    for head in heads:
        before = [other for other, _ in order[: places[head.sequence]] if other.lane is head.lane]
        early = sum(other.cost for other in before if (other.start, other.sequence) > (head.start, head.sequence))
        in_turn = sum(other.cost for other in before) - early
        assert early <= limits.affinity + in_turn


def test_without_anything_to_choose_there_is_no_choice() -> None:
    assert choose([], loaded="a", debts=Debts(), bounds=Bounds()) is None

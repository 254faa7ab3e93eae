"""Traffic on a virtual clock: no budget exceeded, results never behind progress, each last state sent."""

import heapq
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapter import Limits
from bot.delivery_budget import Budget, Rate
from bot.delivery_traffic import Call, Kind, Traffic

INFINITY = float("inf")


def limits(*chat: Rate, everywhere: tuple[Rate, ...] = (), progress_interval: float = 0.0) -> Limits:
    return Limits(progress_interval=progress_interval, preview_interval=0.0, chat=chat, everywhere=everywhere)


@dataclass(kw_only=True)
class Simulation:
    """A platform whose every call takes `latency` seconds, and the loop that an adapter's delivery runs."""

    traffic: Traffic
    latency: float
    now: float = 0.0
    begun: list[tuple[float, Call]] = field(default_factory=list)
    under_way: list[tuple[float, int, Call]] = field(default_factory=list)
    waiting: dict[tuple[str, str], float] = field(default_factory=dict)  # results, since when
    overtaken: int = 0

    def until(self, end: float) -> None:
        """Let time pass."""
        while True:
            while isinstance(found := self.traffic.next(self.now), Call):
                self.begin(found)
            ends = self.under_way[0][0] if self.under_way else INFINITY
            upcoming = min(found, ends)
            if upcoming > end:
                break
            assert upcoming > self.now or ends <= self.now, "the loop would be a busy one"
            self.now = max(self.now, upcoming)
            while self.under_way and self.under_way[0][0] <= self.now:
                self.traffic.ended(heapq.heappop(self.under_way)[2], self.now)
        self.now = end

    def begin(self, call: Call) -> None:
        if call.kind is not Kind.RESULT and any(chat == call.chat for chat, _ in self.waiting):
            self.overtaken += 1
        if call.kind is Kind.RESULT:
            del self.waiting[call.chat, call.job_id]
        assert all(other.chat != call.chat for _, _, other in self.under_way)
        self.begun.append((self.now, call))
        self.traffic.sent(call, self.now)
        heapq.heappush(self.under_way, (self.now + self.latency, len(self.begun), call))

    def want(self, kind: Kind, chat: str, job: str) -> None:
        if kind is Kind.RESULT:
            self.waiting.setdefault((chat, job), self.now)
        self.traffic.want(kind, chat, job, self.now)


def check_rates(times: list[float], rates: tuple[Rate, ...]) -> None:
    for rate in rates:
        for start in times:
            assert sum(start <= at < start + rate.seconds - 1e-6 for at in times) <= rate.count


RATES = st.builds(Rate, count=st.integers(1, 6), seconds=st.sampled_from([0.5, 1.0, 5.0, 60.0]))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.01, 0.3, 2.0]),  # seconds since the one before
        st.sampled_from([Kind.PROGRESS, Kind.PROGRESS, Kind.PROGRESS, Kind.FIRST, Kind.RESULT, Kind.PING]),
        st.sampled_from("abc"),
        st.integers(0, 5),
    ),
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(
    chat=st.lists(RATES, max_size=2),
    everywhere=st.lists(RATES, max_size=2),
    interval=st.sampled_from([0.0, 1.0]),
    latency=st.sampled_from([0.0, 0.2, 3.0]),
    events=EVENTS,
)
def test_no_budget_is_ever_exceeded_and_the_last_word_of_each_job_is_said(chat, everywhere, interval, latency, events):
    rules = limits(*chat, everywhere=tuple(everywhere), progress_interval=interval)
    simulation = Simulation(traffic=Traffic(rules), latency=latency)
    asked: dict[tuple[str, str, Kind], float] = {}
    finished: set[tuple[str, str]] = set()
    for wait, kind, name, number in events:
        simulation.until(simulation.now + wait)
        job = f"{name}{number}"
        if (name, job) in finished and kind in (Kind.FIRST, Kind.PROGRESS):
            continue  # a job that ended makes no progress
        if kind is Kind.RESULT:
            finished.add((name, job))
            asked.pop((name, job, Kind.FIRST), None)
            asked.pop((name, job, Kind.PROGRESS), None)
        simulation.want(kind, name, job)
        asked[name, job, kind] = simulation.now
    simulation.until(simulation.now + 100_000.0)
    times: defaultdict[str, list[float]] = defaultdict(list)
    last: dict[tuple[str, str, Kind], float] = {}
    for at, call in simulation.begun:
        times[call.chat].append(at)
        last[call.chat, call.job_id, call.kind] = at
    for own in times.values():
        check_rates(own, tuple(chat))
    check_rates([at for at, _ in simulation.begun], tuple(everywhere))
    assert simulation.overtaken == 0
    for key, at in asked.items():
        assert last[key] >= at
    simulation.traffic.forget_quiet(simulation.now)
    assert len(simulation.traffic) == 0


@settings(max_examples=100, deadline=None)
@given(count=st.integers(2, 30), seconds=st.sampled_from([1.0, 60.0]), jobs=st.integers(1, 40))
def test_progress_leaves_room_so_that_a_result_goes_out_at_once(count: int, seconds: float, jobs: int):
    rate = Rate(count=count, seconds=seconds)
    for rules in (limits(rate), limits(everywhere=(rate,))):
        simulation = Simulation(traffic=Traffic(rules), latency=0.0)
        for job in range(jobs):
            for _ in range(3):
                simulation.want(Kind.PROGRESS, "a", str(job))
        simulation.until(seconds / 2)
        simulation.want(Kind.RESULT, "a", "result")
        simulation.until(simulation.now)
        assert simulation.begun[-1] == (seconds / 2, Call(chat="a", job_id="result", kind=Kind.RESULT))


def test_a_chat_that_hangs_or_has_to_wait_stalls_no_other():
    traffic = Traffic(limits())
    for chat in "abc":
        traffic.want(Kind.PROGRESS, chat, f"job in {chat}", 0.0)
    first = traffic.next(0.0)
    assert isinstance(first, Call)
    assert first.chat == "a"  # and never ends
    traffic.hold("b", 50.0, 0.0)
    other = traffic.next(0.0)
    assert isinstance(other, Call)
    assert other.chat == "c"
    assert traffic.next(0.0) == 50.0
    held = traffic.next(50.0)
    assert isinstance(held, Call)
    assert held.chat == "b"


def test_a_wait_for_everybody_is_kept_to_by_results_too():
    traffic = Traffic(limits())
    traffic.hold_everywhere(30.0)
    traffic.want(Kind.RESULT, "a", "job", 0.0)
    assert traffic.next(0.0) == 30.0
    assert isinstance(traffic.next(30.0), Call)


def test_progress_is_coalesced_and_a_result_replaces_it():
    traffic = Traffic(limits(Rate(count=1, seconds=1.0)))
    traffic.want(Kind.PROGRESS, "a", "other", 0.0)
    traffic.ended(_call(traffic, 0.0), 0.0)
    for _ in range(10):
        traffic.want(Kind.PROGRESS, "a", "job", 0.1)
    traffic.want(Kind.RESULT, "a", "job", 0.2)
    traffic.want(Kind.PROGRESS, "a", "job", 0.3)
    call = _call(traffic, 1.0)
    assert (call.job_id, call.kind) == ("job", Kind.RESULT)
    traffic.ended(call, 1.0)
    assert traffic.next(100.0) == INFINITY


def test_what_turned_out_to_be_nothing_costs_nothing():
    rate = Rate(count=1, seconds=60.0)
    traffic = Traffic(limits(rate, everywhere=(rate,)))
    for job in ("nothing new", "news"):
        traffic.want(Kind.PROGRESS, "a", job, 0.0)
    traffic.ended(_call(traffic, 0.0, sent=False), 0.0)
    assert _call(traffic, 0.0).job_id == "news"


def test_progress_edits_of_one_chat_keep_their_distance_and_take_turns():
    traffic = Traffic(limits(progress_interval=2.0))
    order = []
    for second in range(8):
        for job in ("x", "y"):
            traffic.want(Kind.PROGRESS, "a", job, float(second))
        if isinstance(call := traffic.next(float(second)), Call):
            order.append((second, call.job_id))
            traffic.sent(call, float(second))
            traffic.ended(call, float(second))
    assert order == [(0, "x"), (2, "y"), (4, "x"), (6, "y")]


def test_a_kind_of_chat_has_its_own_rates():
    rules = Limits(
        progress_interval=0.0,
        preview_interval=0.0,
        chat=(Rate(count=1, seconds=1.0),),
        chat_kinds={"group": (Rate(count=1, seconds=3.0),)},
    )
    traffic = Traffic(rules)
    for chat, kind in (("person", "private"), ("crowd", "group")):
        traffic.want(Kind.RESULT, chat, "one", 0.0, chat_kind=kind)
        traffic.want(Kind.RESULT, chat, "two", 0.0, chat_kind=kind)
    for _ in range(2):
        traffic.ended(_call(traffic, 0.0), 0.0)
    assert traffic.next(0.5) == 1.0
    assert _call(traffic, 1.0).chat == "person"
    assert _call(traffic, 3.0).chat == "crowd"


def test_a_call_that_is_being_prepared_counts_when_it_is_made():
    rate = Rate(count=2, seconds=10.0)
    traffic = Traffic(limits(everywhere=(rate,)))
    for chat in "abc":
        traffic.want(Kind.RESULT, chat, "job", 0.0)
    slow, quick = _call(traffic, 0.0, sent=False), _call(traffic, 0.0)
    traffic.ended(quick, 0.0)
    traffic.sent(slow, 9.0)
    assert traffic.next(9.0) == 10.0
    traffic.ended(slow, 9.5)
    assert traffic.next(9.5) == 10.0
    assert _call(traffic, 10.0).chat == "c"
    traffic.want(Kind.RESULT, "d", "job", 10.0)
    assert traffic.next(18.9) == 19.0


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_a_budget_counts_calls_within_any_window(count: int):
    budget = Budget([Rate(count=count, seconds=10.0)])
    for number in range(count):
        assert budget.free_at(progress=False) <= number * 0.1
        budget.spend(number * 0.1)
    assert budget.free_at(progress=False) == 10.0
    assert budget.quiet_at() == (count - 1) * 0.1 + 10.0


def _call(traffic: Traffic, now: float, *, sent: bool = True) -> Call:
    found = traffic.next(now)
    assert isinstance(found, Call)
    if sent:
        traffic.sent(found, now)
    return found

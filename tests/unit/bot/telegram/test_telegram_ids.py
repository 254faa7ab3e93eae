"""What buttons, deep links and titles carry: read back as they were written, and nothing else is read."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions import ACTIONS
from bot.targets import Answered, Target
from bot.telegram.ids import (
    LONGEST,
    LONGEST_ADDRESS,
    Chosen,
    Code,
    Done,
    Link,
    Look,
    Origin,
    Picked,
    State,
    Typing,
    mark_of,
    payload_of,
    read,
    read_link,
    read_origin,
    read_state,
)

JOB = "abcdefghijklmnop"
TARGETS = st.builds(
    Target, action=st.sampled_from(sorted(ACTIONS)), job_id=st.sampled_from([JOB, ""]), index=st.integers(0, 999)
)
ORIGINS = st.builds(
    Origin,
    chat=st.integers(-(2**52), 2**52).map(str),
    thread=st.sampled_from(["", "7"]),
    message=st.sampled_from(["", "8"]),
)


@given(TARGETS)
def test_an_action_is_read_back_and_fits(target: Target) -> None:
    assert read(target.id) == target
    assert len(target.id.encode()) <= LONGEST
    payload = payload_of(target, "-1001234567890")
    assert len(payload) <= LONGEST
    assert set(payload) <= {*string.ascii_letters, *string.digits, "_", "-"}
    assert read_link(payload) == Link(target=target, chat="-1001234567890")


@pytest.mark.parametrize(
    ("data", "press"),
    [
        (f"ask:{JOB}:yes", Answered(key=JOB, answer="yes")),
        ("pick:2:16", Picked(number=2, start=16)),
        (f"set:2:{mark_of('x')}", Chosen(number=2, mark=mark_of("x"))),
        ("set:2:", Chosen(number=2, mark="")),
        ("type:1", Typing(number=1)),
        ("do:make", Done(what="make")),
        ("look:queue", Look(name="queue")),
    ],
)
def test_every_press_is_read(data: str, press: object) -> None:
    assert read(data) == press


@given(st.text(max_size=80))
def test_nothing_else_is_read(data: str) -> None:
    found = read(data)
    assert not isinstance(found, Target) or found.id == data or found.index == int(data.rpartition(":")[2])
    read_link(data)
    assert read_state(data, "atelier_bot") is None
    assert read_origin(data, "atelier_bot") is None


def test_deep_links() -> None:
    assert read_link(f"job-{JOB}") == Link(target=Target(action="show", job_id=JOB))
    assert read_link("link-ABCDE-FGHJK") == Code(code="ABCDE-FGHJK")
    assert read_link("job-short") is None


@given(
    st.builds(
        State,
        target=TARGETS,
        owner_id=st.integers(1, 2**40).map(str),
        values=st.dictionaries(st.sampled_from(["size", "model", "prompt"]), st.text(max_size=50)),
        asks=st.sampled_from(["", "steps", "prompt"]),
        panel=st.integers(0, 10**6),
        origin=st.none() | ORIGINS,
    )
)
def test_a_state_is_read_back_from_its_address(state: State) -> None:
    address = state.address("Atelier_Bot")
    assert address is not None
    assert read_state(address, "atelier_bot") == state
    assert read_origin(address, "atelier_bot") == state.origin
    assert read_state(address, "other_bot") is None


def test_what_is_too_long_has_no_address() -> None:
    state = State(target=Target(action="remix"), owner_id="1", values={"prompt": "x" * LONGEST_ADDRESS})
    assert state.address("atelier_bot") is None

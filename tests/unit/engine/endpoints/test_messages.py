"""Frames become types; nothing that a stranger sends raises anything but BadMessage."""

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.endpoints.comfyui.answers import (
    parse_accepted,
    parse_history,
    parse_queue,
    parse_uploaded,
    rejection_reason,
)
from engine.endpoints.comfyui.messages import (
    BadMessage,
    Executing,
    ExecutionCached,
    ExecutionEnded,
    ExecutionStarted,
    NodeExecuted,
    NodeProgress,
    NodeText,
    OtherFrame,
    Preview,
    ProgressReport,
    parse_binary_frame,
    parse_json,
    parse_text_frame,
)
from tests.fakes.comfyui import recorded_frames

RECORDINGS = [
    "ws_seed_workflow",
    "ws_seed_workflow_cached",
    "ws_partly_cached",
    "ws_interrupted",
    "ws_execution_error",
]
KINDS = [
    "status",
    "execution_start",
    "execution_cached",
    "executing",
    "progress",
    "progress_state",
    "executed",
    "execution_success",
    "execution_error",
    "execution_interrupted",
    "crystools.monitor",
]
KEYS = ["type", "data", "prompt_id", "node", "nodes", "display_node", "value", "max", "outputs", "status", "messages"]
FUZZ = settings(max_examples=60, deadline=None)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**4000) | st.floats() | st.text() | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_frame_is_understood(name: str) -> None:
    frames = [parse_text_frame(json.dumps(frame)) for frame in recorded_frames(name)]
    others = {frame.type for frame in frames if isinstance(frame, OtherFrame)}
    assert others == {"status"}
    assert any(isinstance(frame, ExecutionEnded) for frame in frames)
    assert isinstance(frames[-1], Executing)
    assert frames[-1].node is None


def test_frames_say_what_they_say() -> None:
    def parse(kind: str, **data: Any) -> object:
        return parse_text_frame(json.dumps({"type": kind, "data": data}))

    assert parse("execution_start", prompt_id="p", timestamp=1) == ExecutionStarted(prompt_id="p")
    assert parse("execution_cached", prompt_id="p", nodes=["4", 5]) == ExecutionCached(
        prompt_id="p", nodes=frozenset({"4", "5"})
    )
    assert parse("executing", prompt_id="p", node="3.0.1", display_node="3") == Executing(prompt_id="p", node="3")
    assert parse("executed", prompt_id="p", node="9", output={}) == NodeExecuted(prompt_id="p", node="9")
    assert parse("progress", prompt_id="p", node="3", value=1.0, max=20) == ProgressReport(
        prompt_id="p", nodes=(NodeProgress(node="3", value=1, maximum=20),)
    )
    state = {"3": {"value": 2, "max": 4, "state": "running", "display_node_id": "7"}}
    assert parse("progress_state", prompt_id="p", nodes=state) == ProgressReport(
        prompt_id="p", nodes=(NodeProgress(node="7", value=2, maximum=4),)
    )
    assert parse("status", status={}) == OtherFrame(type="status")


@pytest.mark.parametrize(
    "number",
    [10**4000, -(10**4000), float("nan"), float("inf"), True, "7", None],
    ids=["huge", "less than nothing", "nan", "inf", "bool", "text", "none"],
)
def test_numbers_that_count_nothing_are_harmless(number: Any) -> None:
    data = {"prompt_id": number, "node": number, "value": number, "max": number}
    frame = parse_text_frame(json.dumps({"type": "progress", "data": data}))
    assert isinstance(frame, ProgressReport)
    assert 0 <= frame.nodes[0].value <= 2**53


def test_binary_frames() -> None:
    assert parse_binary_frame(struct.pack(">II", 1, 2) + b"PNG") == Preview(prompt_id="", node="", image=b"PNG")
    about = b'{"node_id": "3", "display_node_id": "4", "prompt_id": "p", "image_type": "image/jpeg"}'
    assert parse_binary_frame(struct.pack(">II", 4, len(about)) + about + b"JPEG") == Preview(
        prompt_id="p", node="4", image=b"JPEG"
    )
    assert parse_binary_frame(struct.pack(">II", 3, 2) + b"12some text") == NodeText(node="12", text="some text")
    assert parse_binary_frame(struct.pack(">I", 77) + b"whatever") == OtherFrame(type="binary 77")


@pytest.mark.parametrize(
    "frame",
    [b"", b"\0\0\0", struct.pack(">I", 1), struct.pack(">II", 4, 5) + b"{}", struct.pack(">II", 4, 2) + b"[]"],
)
def test_binary_frames_that_end_too_early_are_bad(frame: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_binary_frame(frame)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"type": "progress"}', "1" * 5000])
def test_text_that_is_no_frame_is_bad(text: str) -> None:
    with pytest.raises(BadMessage):
        parse_text_frame(text)


@FUZZ
@given(st.binary(max_size=200) | st.builds(lambda e, b: struct.pack(">I", e) + b, st.integers(0, 5), st.binary()))
def test_no_binary_frame_raises_anything_else(data: bytes) -> None:
    with suppress(BadMessage):
        parse_binary_frame(data)


@FUZZ
@given(st.sampled_from(KINDS), JSON)
def test_no_text_frame_raises_anything_else(kind: str, data: Any) -> None:
    with suppress(BadMessage):
        parse_text_frame(json.dumps({"type": kind, "data": data}))


@FUZZ
@given(st.text() | JSON.map(json.dumps))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(BadMessage):
        parse_text_frame(text)


QUEUE = st.fixed_dictionaries(
    {"queue_running": st.lists(st.lists(JSON, max_size=6), max_size=3) | JSON, "queue_pending": st.lists(JSON)}
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "prompt": JSON,
        "outputs": st.dictionaries(st.text(), st.dictionaries(st.text(), st.lists(JSON, max_size=3)), max_size=3)
        | JSON,
        "status": st.fixed_dictionaries(
            {"messages": st.lists(st.tuples(st.sampled_from(KINDS), JSON).map(list), max_size=4) | JSON}
        )
        | JSON,
    },
)
ERRORS = st.fixed_dictionaries(
    {"node_errors": st.dictionaries(st.text(), st.fixed_dictionaries({"errors": st.lists(JSON), "class_type": JSON}))},
    optional={"error": JSON, "prompt_id": JSON},
)


@FUZZ
@given(JSON | st.dictionaries(st.text(), ENTRY, max_size=2) | QUEUE | ERRORS)
def test_no_answer_raises_anything_else(body: Any) -> None:
    for parse in (parse_history, parse_queue, parse_accepted, parse_uploaded, rejection_reason):
        with suppress(BadMessage):
            parse(parse_json(json.dumps(body)))

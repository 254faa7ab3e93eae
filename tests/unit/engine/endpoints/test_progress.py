"""Frames become stages and steps that never go back."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.endpoints.comfyui.messages import (
    Executing,
    ExecutionCached,
    ExecutionStarted,
    Frame,
    NodeProgress,
    ProgressReport,
    parse_text_frame,
)
from engine.endpoints.comfyui.progress import ProgressTracker
from engine.model import Graph
from tests.fakes.comfyui import recorded_frames
from tests.wire.endpoints.support import seed_graph

STAGES = ["queued", "loading", "sampling", "saving"]


def two_passes() -> Graph:
    """Two samplers, the second from the first one's latent, scaled up."""
    graph = seed_graph(steps=4)
    graph["11"] = {"class_type": "LatentUpscale", "inputs": {"samples": ["3", 0]}}
    graph["12"] = {"class_type": "KSampler", "inputs": {"steps": 2, "latent_image": ["11", 0], "model": ["4", 0]}}
    graph["8"] = {"class_type": "VAEDecode", "inputs": {"samples": ["12", 0], "vae": ["4", 2]}}
    return graph


def report(node: str, value: int, maximum: int, state: str = "running") -> Frame:
    """A progress frame."""
    nodes = (NodeProgress(node=node, value=value, maximum=maximum, state=state),)
    return ProgressReport(prompt_id="p", nodes=nodes)


def walk(graph: Graph, *frames: Frame) -> list[tuple[str, int, int]]:
    """Stage, step and steps after each frame."""
    tracker = ProgressTracker("p", graph)
    seen = []
    for frame in frames:
        tracker.advance(frame)
        seen.append((tracker.current.stage, tracker.current.step, tracker.current.steps))
    return seen


def test_two_passes_are_counted_together() -> None:
    assert walk(
        two_passes(),
        ExecutionStarted(prompt_id="p"),
        report("3", 0, 1),
        report("3", 1, 4),
        report("3", 4, 4, "finished"),
        Executing(prompt_id="p", node="11"),
        Executing(prompt_id="p", node="12"),
        report("12", 1, 2),
        report("12", 2, 2),
        Executing(prompt_id="p", node="8"),
        Executing(prompt_id="p", node="9"),
    ) == [
        ("loading", 0, 6),
        ("loading", 0, 6),
        ("sampling", 1, 6),
        ("sampling", 4, 6),
        ("sampling", 4, 6),
        ("sampling", 4, 6),
        ("sampling", 5, 6),
        ("sampling", 6, 6),
        ("saving", 6, 6),
        ("saving", 6, 6),
    ]


def test_a_cached_pass_is_not_waited_for() -> None:
    seen = walk(
        two_passes(),
        ExecutionStarted(prompt_id="p"),
        ExecutionCached(prompt_id="p", nodes=frozenset({"3", "4"})),
        report("12", 1, 2),
    )
    assert seen[-1] == ("sampling", 1, 2)


def test_an_upscaler_counts_its_tiles() -> None:
    graph: Graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "2": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }
    assert walk(
        graph,
        Executing(prompt_id="p", node="2"),
        report("2", 3, 12),
        Executing(prompt_id="p", node="3"),
    ) == [("loading", 0, 0), ("sampling", 3, 12), ("saving", 3, 12)]


def test_what_people_would_not_see_is_not_told() -> None:
    tracker = ProgressTracker("p", seed_graph())
    assert tracker.advance(ExecutionStarted(prompt_id="p")) is not None
    assert tracker.advance(ExecutionStarted(prompt_id="p")) is None
    assert tracker.advance(report("3", 0, 1)) is None


GRAPHS = st.dictionaries(
    st.sampled_from("12345"),
    st.fixed_dictionaries(
        {
            "class_type": st.sampled_from(["KSampler", "SaveImage", "VAEDecode", "Other"]),
            "inputs": st.dictionaries(
                st.sampled_from(["a", "b", "steps"]),
                st.integers(-5, 50) | st.tuples(st.sampled_from("123456"), st.integers(0, 2)).map(list),
            ),
        }
    )
    | st.none(),
)
FRAMES = st.lists(
    st.builds(report, st.sampled_from("123456"), st.integers(0, 30), st.integers(0, 30), st.just("running"))
    | st.builds(Executing, prompt_id=st.just("p"), node=st.sampled_from("123456") | st.none())
    | st.just(ExecutionStarted(prompt_id="p")),
)


@settings(deadline=None)
@given(GRAPHS, FRAMES)
def test_whatever_comes_stages_never_go_back_and_steps_stay_within(graph: Any, frames: list[Frame]) -> None:
    seen = walk(graph, *frames)
    stages = [STAGES.index(stage) for stage, _, _ in seen]
    assert stages == sorted(stages)
    assert all(0 <= step <= steps for _, step, steps in seen)


def test_a_recorded_run() -> None:
    frames = [parse_text_frame(json.dumps(frame)) for frame in recorded_frames("ws_seed_workflow")]
    seen = walk(seed_graph(), *frames)
    assert seen[-1] == ("saving", 2, 2)

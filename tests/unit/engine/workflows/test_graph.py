"""Graphs in API format: what is read, and what is refused and why."""

import copy

import pytest

from engine.model import Json
from engine.workflows.graph import GraphInvalid, Link, as_link, by_title, nodes_of, order, parse

TWO: dict[str, Json] = {
    "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64}, "_meta": {"title": "Canvas"}},
    "2": {"class_type": "VAEDecode", "inputs": {"samples": ["1", 0]}},
}


def test_a_graph_is_read_by_id_title_and_wire() -> None:
    nodes = nodes_of(parse(copy.deepcopy(TWO)))
    assert nodes["1"].title == "Canvas"
    assert nodes["2"].title == "VAEDecode", "an untitled node bears its class, as ComfyUI shows it"
    assert dict(nodes["2"].links()) == {"samples": Link(node="1", output=0)}
    assert order(nodes) == ("1", "2")
    assert set(by_title(nodes)) == {"Canvas", "VAEDecode"}


@pytest.mark.parametrize("value", [["1", 0, 1], [1, 0], ["1", True], ["1"], "1", {"1": 0}, ["1", 0.0], None])
def test_only_a_node_and_an_output_are_a_wire(value: Json) -> None:
    assert as_link(value) is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "no graph"),
        ({}, "no graph"),
        ({"nodes": [], "links": []}, "Export (API)"),
        ({"1": 5}, "node 1 is no object"),
        ({"1": {"inputs": {}}}, "no class_type"),
        ({"1": {"class_type": "A", "inputs": []}}, "inputs"),
        ({"1": {"class_type": "A", "inputs": {"x": ["9", 0]}}}, "comes from node 9"),
        ({"1": {"class_type": "A", "inputs": {"x": ["1", 0]}}}, "wait for one another"),
        ({"1": {"class_type": "A", "inputs": {"x": ["2", -1]}}, "2": {"class_type": "B"}}, "output -1"),
        (
            {"1": {"class_type": "A", "inputs": {"x": ["2", 0]}}, "2": {"class_type": "B", "inputs": {"y": ["1", 0]}}},
            "→",
        ),
    ],
)
def test_what_is_no_graph_is_refused_and_said_why(document: Json, says: str) -> None:
    with pytest.raises(GraphInvalid, match=says.replace("(", r"\(").replace(")", r"\)")):
        parse(document)

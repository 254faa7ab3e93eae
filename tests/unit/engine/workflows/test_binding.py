"""Binding: values reach a graph only through slots, in type and range, and the template stays as it was."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadValue, EmptyPrompt, MissingInput, UnsupportedOption, UserError
from engine.ids import SEED_LIMIT
from engine.model import GraphInput, OptionValue
from engine.workflows.binding import bind
from engine.workflows.graph import nodes_of, parse
from engine.workflows.library import Library
from engine.workflows.template import Template, read_template

LIBRARY = Library.load([Path("config/workflows")])
TXT2IMG, IMG2IMG = LIBRARY.get("txt2img"), LIBRARY.get("img2img")
BLOB = "0123456789abcdef" * 4


def inputs_of(graph: object, title: str) -> dict[str, object]:
    assert isinstance(graph, dict)
    (node,) = [node for node in nodes_of(graph).values() if node.title == title]
    return dict(node.inputs)


def test_options_land_where_their_slots_say() -> None:
    options: dict[str, OptionValue] = {
        "prompt": "a red house",
        "negative": "cars",
        "width": 160,
        "height": 104,
        "steps": 12,
        "cfg": 4,
        "sampler": "dpmpp_2m",
        "scheduler": "karras",
        "model": "sd15.safetensors",
    }
    graph = bind(TXT2IMG, options, seed=7).graph
    assert inputs_of(graph, "Prompt")["text"] == "a red house"
    assert inputs_of(graph, "Negative")["text"] == "cars"
    assert inputs_of(graph, "Canvas") == {"width": 160, "height": 104, "batch_size": 1}
    assert inputs_of(graph, "Checkpoint") == {"ckpt_name": "sd15.safetensors"}
    sampler = inputs_of(graph, "Sampler")
    assert (sampler["seed"], sampler["steps"], sampler["cfg"]) == (7, 12, 4.0)
    assert isinstance(sampler["cfg"], float)
    assert (sampler["sampler_name"], sampler["scheduler"]) == ("dpmpp_2m", "karras")
    assert sampler["model"] == ["4", 0], "wires stay"
    assert parse(json.loads(json.dumps(graph))) == graph


def test_what_is_not_said_takes_the_default() -> None:
    sampler = inputs_of(bind(TXT2IMG, {"prompt": "x"}, seed=1).graph, "Sampler")
    assert (sampler["steps"], sampler["cfg"], sampler["sampler_name"]) == (20, 5.0, "euler")
    assert inputs_of(bind(IMG2IMG, {"prompt": "x", "image": BLOB}, seed=1).graph, "Sampler")["denoise"] == 0.6


def test_a_picture_is_named_by_its_content_and_listed_as_input() -> None:
    bound = bind(IMG2IMG, {"prompt": "x", "image": BLOB, "strength": 0.25}, seed=1)
    assert inputs_of(bound.graph, "Image") == {"image": "0123456789abcdef.png"}
    assert bound.inputs == (GraphInput(node_id="1", input="image", blob=BLOB, filename="0123456789abcdef.png"),)
    named = GraphInput(node_id="", input="", blob=BLOB, filename="0123456789abcdef.webp")
    again = bind(IMG2IMG, {"prompt": "x", "image": BLOB}, seed=1, inputs={"image": named})
    assert inputs_of(again.graph, "Image") == {"image": "0123456789abcdef.webp"}
    assert again.inputs[0].node_id == "1"


@pytest.mark.parametrize("filename", ["../x.png", "a/b.png", "x.exe", ".png", "x.png [output]", "", "x\n.png"])
def test_a_file_name_that_could_leave_its_folder_is_a_bug(filename: str) -> None:
    named = GraphInput(node_id="", input="", blob=BLOB, filename=filename)
    with pytest.raises(ValueError, match="image"):
        bind(IMG2IMG, {"prompt": "x", "image": BLOB}, seed=1, inputs={"image": named})


def test_the_template_itself_never_changes() -> None:
    before = copy.deepcopy(TXT2IMG.graph)
    first = bind(TXT2IMG, {"prompt": "first"}, seed=1).graph
    second = bind(TXT2IMG, {"prompt": "second"}, seed=2).graph
    assert before == TXT2IMG.graph
    assert inputs_of(first, "Prompt")["text"] == "first"
    assert inputs_of(second, "Prompt")["text"] == "second"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, EmptyPrompt),
        ({"prompt": "   "}, EmptyPrompt),
        ({"prompt": "x", "denoise": 0.5}, UnsupportedOption),
        ({"prompt": "x", "strength": 0.5}, UnsupportedOption),
        ({"prompt": ["4", 0]}, BadValue),
        ({"prompt": "x\0"}, BadValue),
        ({"prompt": "\ud800"}, BadValue),
        ({"prompt": "x" * 8_001}, BadValue),
        ({"prompt": "x", "steps": 61}, BadValue),
        ({"prompt": "x", "steps": 0}, BadValue),
        ({"prompt": "x", "steps": True}, BadValue),
        ({"prompt": "x", "steps": 20.0}, BadValue),
        ({"prompt": "x", "steps": "20"}, BadValue),
        ({"prompt": "x", "cfg": float("nan")}, BadValue),
        ({"prompt": "x", "cfg": float("inf")}, BadValue),
        ({"prompt": "x", "width": 100}, BadValue),
        ({"prompt": "x", "width": 4096}, BadValue),
        ({"prompt": "x", "seed": -1}, BadValue),
        ({"prompt": "x", "model": "../secret.safetensors"}, BadValue),
        ({"prompt": "x", "model": "C:\\secret.safetensors"}, BadValue),
        ({"prompt": "x", "model": "/etc/passwd"}, BadValue),
        ({"prompt": "x", "model": ""}, BadValue),
        ({"prompt": "x", "sampler": "a\nb"}, BadValue),
        ({"prompt": "x", "loras": "../a:1"}, BadValue),
        ({"prompt": "x", "loras": "a:strong"}, BadValue),
        ({"prompt": "x", "loras": "a:nan"}, BadValue),
        ({"prompt": "x", "loras": ":1"}, BadValue),
        ({"prompt": "x", "loras": 0.8}, BadValue),
    ],
)
def test_nothing_else_gets_through(options: dict[str, OptionValue], error: type[UserError]) -> None:
    with pytest.raises(error):
        bind(TXT2IMG, options, seed=1)


@pytest.mark.parametrize("blob", ["x", BLOB.upper(), BLOB + "0", "../" + BLOB, 5])
def test_a_picture_is_a_blobs_name_and_nothing_else(blob: OptionValue) -> None:
    with pytest.raises(BadValue):
        bind(IMG2IMG, {"prompt": "x", "image": blob}, seed=1)


def test_a_missing_picture_is_named() -> None:
    with pytest.raises(MissingInput) as caught:
        bind(IMG2IMG, {"prompt": "x"}, seed=1)
    assert caught.value.fields == {"flag": "image", "template": "img2img"}


def test_a_refusal_names_flag_range_and_nearest() -> None:
    with pytest.raises(BadValue) as caught:
        bind(TXT2IMG, {"prompt": "x", "width": 100}, seed=1)
    assert caught.value.fields == {
        "flag": "width",
        "value": "100",
        "expected": "64–2048 (64, 72, 80 …)",
        "nearest": "104",
    }


def community_template(slots: str) -> Template:
    graph = {"1": {"class_type": "Old", "inputs": {"seed": 0, "noise_seed": 0, "tile": False, "mask": "m.png"}}}
    return read_template("old", 'title = "Old"\n' + slots, json.dumps(graph), folder="old")


def test_one_slot_may_feed_several_inputs_and_seeds_fold_into_a_smaller_range() -> None:
    template = community_template(
        """
        [slots.seed]
        node = "Old"
        input = "seed"
        type = "seed"
        max = 4294967295
        also = [{ node = "Old", input = "noise_seed" }]
        """,
    )
    inputs = inputs_of(bind(template, {}, seed=2**32 + 5).graph, "Old")
    assert (inputs["seed"], inputs["noise_seed"]) == (5, 5)


def test_bools_and_optional_masks() -> None:
    template = community_template(
        """
        [slots.tile]
        node = "Old"
        input = "tile"
        type = "bool"
        [slots.mask]
        node = "Old"
        input = "mask"
        type = "mask"
        """,
    )
    bound = bind(template, {"tile": True}, seed=1)
    assert inputs_of(bound.graph, "Old")["tile"] is True
    assert bound.inputs == (), "a picture that nobody gave stays as the author saved it"
    assert bind(template, {"mask": BLOB}, seed=1).inputs[0].input == "mask"
    with pytest.raises(BadValue):
        bind(template, {"tile": 1}, seed=1)


@settings(deadline=None)
@given(
    options=st.dictionaries(
        st.sampled_from([*TXT2IMG.slots, "denoise", "__class__"]),
        st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.booleans()),
    ),
    seed=st.integers(0, SEED_LIMIT - 1),
)
def test_any_options_bind_or_are_refused_and_never_touch_anything_but_slots(
    options: dict[str, OptionValue], seed: int
) -> None:
    try:
        graph = bind(TXT2IMG, options, seed=seed).graph
    except UserError:
        return
    open_inputs = {(slot.node, slot.input) for slot in TXT2IMG.slots.values()}
    for identifier, node in nodes_of(graph).items():
        original = TXT2IMG.nodes()[identifier]
        assert (node.class_type, node.title) == (original.class_type, original.title)
        for name, value in node.inputs.items():
            assert value == original.inputs[name] or (node.title, name) in open_inputs
    assert json.loads(json.dumps(graph)) == graph

"""LoRAs: read from their one option, put behind the model loader of a graph, and nothing else changed."""

import json
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TemplateBroken
from engine.model import Json
from engine.workflows.binding import bind
from engine.workflows.graph import nodes_of, parse
from engine.workflows.library import Library
from engine.workflows.lint import check, missing, needs_of, slot_choices
from engine.workflows.loras import Lora, read_loras, write_loras
from engine.workflows.template import Template, read_template

LIBRARY = Library.load([Path("config/workflows")])
TXT2IMG = LIBRARY.get("txt2img")
FOLDER = Path("config/workflows/txt2img")


def recorded() -> dict[str, Json]:
    info = cast("dict[str, Json]", json.loads(Path("tests/data/workflows/object_info.json").read_text()))
    loader = cast("dict[str, dict[str, dict[str, list[list[str]]]]]", info)
    loader["LoraLoader"]["input"]["required"]["lora_name"][0][:] = ["ink.safetensors"]
    loader["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].append("atelier-tiny.safetensors")
    return info


@given(
    st.lists(
        st.builds(
            Lora,
            name=st.text("abcXYZ _-./é", min_size=1).map(lambda name: f"a{name}a"),
            weight=st.floats(-4, 4).map(lambda weight: round(weight, 6) + 0.0),
        )
    )
)
def test_what_is_written_is_read(loras: list[Lora]) -> None:
    assert read_loras(write_loras(tuple(loras))) == tuple(loras)


def test_loaders_are_put_in_one_behind_the_other() -> None:
    graph = bind(TXT2IMG, {"prompt": "x", "loras": "ink.safetensors:0.8, wash.safetensors:-0.5"}, seed=1).graph
    nodes = nodes_of(graph)
    first, second = [node for node in nodes.values() if node.class_type == "LoraLoader"]
    checkpoint = next(node for node in nodes.values() if node.class_type == "CheckpointLoaderSimple")
    assert first.inputs == {
        "model": [checkpoint.id, 0],
        "clip": [checkpoint.id, 1],
        "lora_name": "ink.safetensors",
        "strength_model": 0.8,
        "strength_clip": 0.8,
    }
    assert (second.inputs["model"], second.inputs["clip"]) == ([first.id, 0], [first.id, 1])
    assert second.inputs["strength_model"] == -0.5
    titles = {node.title: node.inputs for node in nodes.values()}
    assert titles["Sampler"]["model"] == [second.id, 0]
    assert titles["Prompt"]["clip"] == titles["Negative"]["clip"] == [second.id, 1]
    assert titles["Decode"]["vae"] == [checkpoint.id, 2], "the VAE stays the checkpoint's"
    assert parse(json.loads(json.dumps(graph))) == graph


def test_without_loras_the_graph_is_as_it_was_saved() -> None:
    assert bind(TXT2IMG, {"prompt": ""} | {"prompt": "x"}, seed=1).graph.keys() == TXT2IMG.graph.keys()


@pytest.mark.parametrize("name", LIBRARY.names())
def test_every_built_in_template_takes_loras_that_the_endpoint_has(name: str) -> None:
    template, info = LIBRARY.get(name), recorded()
    images = {slot: "ab" * 32 for slot in ("image", "mask") if slot in template.slots}
    have = bind(template, {"prompt": "x", "loras": "ink.safetensors:1", **images}, seed=1).graph
    lack = bind(template, {"prompt": "x", "loras": "oil.safetensors:1", **images}, seed=1).graph
    assert missing(needs_of(have), info) == ()
    assert missing(needs_of(lack), info) == ("oil.safetensors",)
    assert slot_choices(template, template.slots["loras"], info) == ("ink.safetensors",)


def template_with(table: str) -> Template:
    slots = (FOLDER / "template.toml").read_text()
    before, _, rest = slots.partition("[slots.loras]")
    after = rest[rest.index("[slots.") :]
    return read_template(
        "own", f"{before}[slots.loras]\n{table}\n{after}", (FOLDER / "workflow.json").read_text(), folder="own"
    )


def test_loras_go_only_behind_a_node_that_gives_a_model_and_a_text_encoder() -> None:
    assert check(template_with('node = "Checkpoint"\ntype = "loras"'), recorded()) == []
    (problem,) = check(template_with('node = "Canvas"\ntype = "loras"'), recorded())
    assert "gives LATENT" in str(problem)
    assert "slots.loras.node" in str(problem)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('node = "Checkpoint"\ntype = "loras"\ninput = "ckpt_name"', "a slot of type “loras” has none"),
        ('node = "Chekpoint"\ntype = "loras"', "nearest: “Checkpoint”"),
        ('node = "Checkpoint"\ntype = "text"\ninput = "ckpt_name"', "is of type “loras”"),
        ('node = "Checkpoint"\ntype = "loras"\ndefault = "../x:1"', "is outside"),
    ],
)
def test_a_wrong_table_says_what_is_right(table: str, words: str) -> None:
    with pytest.raises(TemplateBroken, match=words):
        template_with(table)

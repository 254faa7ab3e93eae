"""Templates: every mistake of an author is answered with file, slot, field and the nearest right thing."""

import json

import pytest

from engine.errors import TemplateBroken
from engine.workflows.slots import SlotType, Target
from engine.workflows.template import Template, read_template

GRAPH = {
    "1": {"class_type": "KSampler", "inputs": {"steps": 20, "cfg": 7.0, "seed": 0, "latent": ["2", 0]}},
    "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}, "_meta": {"title": "Canvas"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "hello"}, "_meta": {"title": "Prompt"}},
    "4": {"class_type": "Note", "inputs": {"text": ""}, "_meta": {"title": "Twin"}},
    "5": {"class_type": "Note", "inputs": {"text": "", "on": True}, "_meta": {"title": "Twin"}},
    "6": {"class_type": "Tiler", "inputs": {"on": True, "mode": "a"}, "_meta": {"title": "Tiler"}},
}


def read(slots: str, *, top: str = 'title = "T"\n', name: str = "mine") -> Template:
    return read_template(name, top + slots, json.dumps(GRAPH), folder="flows/mine")


def refusal(slots: str, **options: str) -> str:
    with pytest.raises(TemplateBroken) as caught:
        read(slots, **options)
    return str(caught.value.fields["reason"])


def test_a_template_is_read_with_defaults_from_its_file_or_its_graph() -> None:
    template = read(
        """
        [slots.prompt]
        node = "Prompt"
        input = "text"
        type = "text"
        required = true
        [slots.steps]
        node = "KSampler"
        input = "steps"
        type = "int"
        default = 24
        min = 1
        max = 60
        [slots.cfg]
        node = "KSampler"
        input = "cfg"
        type = "float"
        [slots.side]
        node = "Canvas"
        input = "width"
        type = "int"
        also = [{ node = "Canvas", input = "height" }]
        [slots.seed]
        node = "KSampler"
        input = "seed"
        type = "seed"
        """,
    )
    slots = template.slots
    assert slots["prompt"].default is None
    assert slots["steps"].default == 24
    assert slots["cfg"].default == 7.0, "where the file gives none, the graph's own value is the default"
    assert slots["side"].targets == (
        Target(node="Canvas", input="width"),
        Target(node="Canvas", input="height"),
    )
    assert slots["seed"].default is None
    assert slots["steps"].type is SlotType.INT
    assert template.node("Canvas").id == "2"


SLOT = '[slots.{name}]\nnode = "{node}"\ninput = "{input}"\ntype = "{type}"\n{more}\n'


def slot(name: str = "steps", node: str = "KSampler", input: str = "steps", type: str = "int", more: str = "") -> str:
    return SLOT.format(name=name, node=node, input=input, type=type, more=more)


@pytest.mark.parametrize(
    ("slots", "says"),
    [
        (slot(node="KSampeler"), ["template.toml: slots.steps.node", "“KSampeler”", "nearest: “KSampler”"]),
        (slot(input="step"), ["slots.steps.input", "“step”", "nearest: “steps”"]),
        (slot(type="integer"), ["slots.steps.type", "nearest: “int”"]),
        (slot(more="defualt = 5"), ["slots.steps.defualt", "nearest: “default”"]),
        (slot(name="mine", node="Twin", input="text", type="text"), ["nodes 4, 5", "titled “Twin”"]),
        (slot(name="latents", input="latent"), ["from node 2", "cannot cut a wire"]),
        (slot(name="seed", input="seed"), ["slots.seed.type", "of type “seed”"]),
        (slot(name="Steps"), ["name"]),
        (slot(name="n"), ["slots.n: --n is a flag of its own already"]),
        (slot(more="min = 30"), ["slots.steps.input", "20", "≥ 30"]),
        (slot(more="max = 10\ndefault = 11"), ["slots.steps.default", "11", "≤ 10", "nearest: 10"]),
        (slot(more="min = 5\nmax = 2"), ["slots.steps.min", "above max"]),
        (slot(more="min = 1.5"), ["slots.steps.min", "whole number"]),
        (slot(more="step = 0"), ["slots.steps.step", "above 0"]),
        (slot(more='choices = ["a"]'), ["slots.steps.choices", "has none"]),
        (slot(more='required = "yes"'), ["slots.steps.required", "true or false"]),
        (slot(more="help = 5"), ["slots.steps.help"]),
        (slot(more="required = true\ndefault = 3"), ["slots.steps.default"]),
        (slot(more='also = [{ node = "Canvas" }]'), ["slots.steps.also[0]"]),
        (slot(more='also = [{ node = "Canvs", input = "width" }]'), ["also[0].node", "nearest: “Canvas”"]),
        (slot(more='also = "Canvas"'), ["slots.steps.also"]),
        (slot(more="default = 2020-01-01"), ["slots.steps.default"]),
        (slot(name="flow", node="Prompt", input="text"), ["“text” of “Prompt” holds a text"]),
        (slot(name="tile", node="Tiler", input="on"), ["holds true or false"]),
        (slot(name="mode", node="Tiler", input="mode", type="choice", more="choices = []"), ["different texts"]),
        (slot(name="mode", node="Tiler", input="mode", type="choice", more='choices = ["b"]'), ["'a'", "outside b"]),
        (slot(name="seed", input="seed", type="seed", more="min = 4"), ["only a max"]),
        (slot(name="seed", input="seed", type="seed", more="required = true"), ["drawn"]),
        (slot(name="words", node="Prompt", input="text", type="text", more="max = 0"), ["at least 1"]),
        (slot() + slot(name="more"), ["slots.more.input", "from slot “steps” already"]),
        ("slots = 5", ["slots"]),
        ("[slots]\nsteps = 5", ["slots.steps", "table"]),
        ("[slts.steps]\n", ["slts", "nearest: “slots”"]),
        ("node = 'x'\n", ["belongs below"]),
        ("description = 5\n", ["description"]),
        ("title", ["no TOML"]),
    ],
)
def test_a_mistake_names_its_place_and_the_nearest_right_thing(slots: str, says: list[str]) -> None:
    reason = refusal(slots)
    assert reason.startswith("flows/mine/template.toml: ")
    for words in says:
        assert words in reason


def test_all_mistakes_are_said_at_once() -> None:
    reason = refusal(slot(node="KSampeler") + slot(name="cfg", input="cgf", type="float") + "[slots.x]\n", top="")
    assert len(reason.splitlines()) == 4


def test_a_name_must_fit_every_platform() -> None:
    assert "a template's name" in refusal("", name="My Flow")
    assert "a template's name" in refusal("", name="../up")


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 100_000, '{"nodes": [], "links": []}', "\ud800"])
def test_a_broken_graph_is_no_crash(text: str) -> None:
    with pytest.raises(TemplateBroken) as caught:
        read_template("mine", 'title = "T"', text, folder="flows/mine")
    assert "flows/mine/workflow.json" in str(caught.value.fields["reason"])


def test_the_hash_follows_the_content_and_not_the_layout() -> None:
    base = read(slot())
    spaced = read_template("mine", 'title   =  "T"\n\n' + slot(), json.dumps(GRAPH, indent=8), folder="elsewhere")
    assert base.hash == spaced.hash
    assert len(base.hash) == 64
    assert read(slot(more="default = 21")).hash != base.hash

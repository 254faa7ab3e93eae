"""Lint: what a graph needs, what an endpoint lacks, and whether a template fits it, by a real endpoint's record."""

import copy
import json
from pathlib import Path

import pytest

from engine.model import Json
from engine.workflows.binding import bind
from engine.workflows.library import Library
from engine.workflows.lint import Needs, check, lacks, missing, needs_of, slot_choices
from engine.workflows.template import Template, read_template

LIBRARY = Library.load([Path("config/workflows")])
TINY = "atelier-tiny.safetensors"


@pytest.fixture
def endpoint() -> dict[str, Json]:
    """A recorded `/object_info`, with the built-in model beside the recorded one."""
    recorded = json.loads(Path("tests/data/workflows/object_info.json").read_text())
    assert len(recorded) >= 100
    recorded["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].append(TINY)
    return dict(recorded)


@pytest.mark.parametrize("name", LIBRARY.names())
def test_the_built_in_templates_run_on_a_real_endpoint(name: str, endpoint: dict[str, Json]) -> None:
    template = LIBRARY.get(name)
    assert check(template, endpoint) == []
    assert missing(needs_of(template.graph), endpoint) == ()


def test_txt2img_is_the_graph_that_everybody_knows() -> None:
    classes = sorted(node.class_type for node in LIBRARY.get("txt2img").nodes().values())
    assert classes == [
        "CLIPTextEncode",
        "CLIPTextEncode",
        "CheckpointLoaderSimple",
        "EmptyLatentImage",
        "KSampler",
        "SaveImage",
        "VAEDecode",
    ]


def test_needs_hold_no_prompt_seed_or_number() -> None:
    options = {"prompt": "a secret wish", "negative": "hidden", "steps": 33}
    needs = needs_of(bind(LIBRARY.get("txt2img"), options, seed=987654321).graph)
    for secret in ("secret", "hidden", "33", "987654321", 'atelier"'):
        assert secret not in needs
    assert needs == needs_of(bind(LIBRARY.get("txt2img"), {"prompt": "other"}, seed=1).graph), "equal needs, equal text"
    assert Needs.loads(needs).dumps() == needs


def test_needs_differ_by_model_and_sampler() -> None:
    base = {"prompt": "x"}
    template = LIBRARY.get("txt2img")
    all_needs = {
        needs_of(bind(template, base | more, seed=1).graph)
        for more in ({}, {"model": "b.safetensors"}, {"sampler": "heun"}, {"scheduler": "karras"})
    }
    assert len(all_needs) == 4


def test_what_an_endpoint_lacks_is_named_with_the_nearest(endpoint: dict[str, Json]) -> None:
    graph = bind(LIBRARY.get("txt2img"), {"prompt": "x", "model": "atelier-tny", "sampler": "eulr"}, seed=1).graph
    needs = needs_of(graph)
    assert missing(needs, endpoint) == ("atelier-tny", "eulr")
    assert [lack.nearest for lack in lacks(needs, endpoint)] == [TINY, "euler"]
    del endpoint["KSampler"]
    assert missing(needs, endpoint)[0] == "KSampler"
    assert lacks(needs, endpoint)[0].nearest == "KSamplerSelect"
    assert set(missing(needs, {})) >= {"KSampler", "SaveImage"}


def test_newer_endpoints_list_choices_in_another_shape(endpoint: dict[str, Json]) -> None:
    loader = copy.deepcopy(endpoint["CheckpointLoaderSimple"])
    assert isinstance(loader, dict)
    loader["input"] = {"required": {"ckpt_name": ["COMBO", {"options": ["new.safetensors"]}]}}
    endpoint["CheckpointLoaderSimple"] = loader
    template = LIBRARY.get("txt2img")
    assert missing(needs_of(template.graph), endpoint) == (TINY,)
    assert slot_choices(template, template.slots["model"], endpoint) == ("new.safetensors",)


def test_completions_come_from_the_endpoint(endpoint: dict[str, Json]) -> None:
    template = LIBRARY.get("txt2img")
    assert TINY in slot_choices(template, template.slots["model"], endpoint)
    assert "dpmpp_2m" in slot_choices(template, template.slots["sampler"], endpoint)
    assert slot_choices(template, template.slots["steps"], endpoint) == ()


def changed(change: dict[tuple[str, str], Json], slots: str = "") -> Template:
    """txt2img with some inputs set to something else."""
    graph = copy.deepcopy(LIBRARY.get("txt2img").graph)
    for (identifier, name), value in change.items():
        node = graph[identifier]
        assert isinstance(node, dict)
        if name == "class_type":
            node[name] = value
        else:
            inputs = node["inputs"]
            assert isinstance(inputs, dict)
            inputs[name] = value
    return read_template("bad", 'title = "Bad"\n' + slots, json.dumps(graph), folder="bad")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({("3", "class_type"): "KSamplr"}, ["no node KSamplr", "nearest: “KSampler”"]),
        ({("3", "cgf"): 4}, ["no input “cgf”", "nearest: “cfg”"]),
        ({("3", "steps"): 20_000}, ["“steps” is 20000", "1–10000"]),
        ({("3", "steps"): "many"}, ["“steps” must be a number"]),
        ({("3", "sampler_name"): "eulr"}, ["does not list “eulr”", "nearest: “euler”"]),
        ({("3", "positive"): ["4", 0]}, ["“positive” is CONDITIONING", "gives MODEL"]),
        ({("3", "positive"): ["4", 9]}, ["output 9", "which has 3"]),
        ({("3", "model"): "sd15"}, ["takes MODEL from a wire"]),
        ({("6", "text"): 5}, ["“text” must be a text"]),
        ({("9", "class_type"): "VAEEncode"}, ["no node of it saves anything"]),
    ],
)
def test_what_keeps_an_endpoint_from_running_it_is_said(
    change: dict[tuple[str, str], Json], says: list[str], endpoint: dict[str, Json]
) -> None:
    text = "\n".join(str(problem) for problem in check(changed(change), endpoint))
    assert "bad/workflow.json" in text
    for words in says:
        assert words in text


@pytest.mark.parametrize(
    ("slot", "says"),
    [
        ('[slots.steps]\nnode = "Sampler"\ninput = "steps"\ntype = "int"', "lets everything through"),
        ('[slots.steps]\nnode = "Sampler"\ninput = "steps"\ntype = "int"\nmin = 0\nmax = 9999', "0–9999"),
        ('[slots.cfgs]\nnode = "Sampler"\ninput = "cfg"\ntype = "int"\nmin = 1\nmax = 9', None),
        ('[slots.flow]\nnode = "Sampler"\ninput = "scheduler"\ntype = "text"', "is COMBO"),
        ('[slots.image]\nnode = "Sampler"\ninput = "scheduler"\ntype = "image"', "takes no uploaded picture"),
        (
            '[slots.pick]\nnode = "Sampler"\ninput = "scheduler"\ntype = "choice"\nchoices = ["normal", "karas"]',
            "nearest: “karras”",
        ),
    ],
)
def test_a_slot_lets_nothing_through_that_the_endpoint_refuses(
    slot: str, says: str | None, endpoint: dict[str, Json]
) -> None:
    template = changed({("3", "cfg"): 5}, slot)
    text = "\n".join(str(problem) for problem in check(template, endpoint))
    assert says in text if says is not None else text == ""


@pytest.mark.parametrize("nonsense", [None, [], {}, {"KSampler": None}, {"KSampler": {"input": 5, "output": 5}}, "x"])
def test_an_endpoint_that_answers_nonsense_is_no_crash(nonsense: Json) -> None:
    template = LIBRARY.get("txt2img")
    assert missing(needs_of(template.graph), nonsense)
    assert check(template, nonsense)

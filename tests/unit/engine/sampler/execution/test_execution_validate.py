"""Validation never raises for what clients send, and what it accepts can be ordered and signed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.sampler.execution.cache import signatures
from engine.sampler.execution.model import Link, Prompt, Value
from engine.sampler.execution.order import by_ancestors, needed
from engine.sampler.execution.validate import MOST_NODES, Accepted, Rejected, validate
from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.registry import Input, NodeDeclaration

DECLARATIONS = built_in()


class Listing:
    """Two checkpoints, one picture."""

    def names(self, folder: str) -> tuple[str, ...]:
        return {"checkpoints": ("a.safetensors", "b.safetensors"), "input": ("cat.png",)}.get(folder, ())

    def exists(self, folder: str, name: str) -> bool:
        return name in self.names(folder)

    def fingerprint(self, folder: str, name: str) -> str:
        return f"{folder}:{name}"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def graph(**changes: Any) -> dict[str, Any]:
    nodes = {
        "load": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "text": node("CLIPTextEncode", text="a house", clip=["load", 1]),
        "empty": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "sample": node(
            "KSampler",
            model=["load", 0],
            seed=1,
            steps=2,
            cfg=7,
            sampler_name="euler",
            scheduler="normal",
            positive=["text", 0],
            negative=["text", 0],
            latent_image=["empty", 0],
            denoise=1,
        ),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["load", 2]),
        "save": node("SaveImage", images=["decode", 0], filename_prefix="x"),
    }
    return {**nodes, **changes}


def errors_of(changes: dict[str, Any], node_id: str) -> list[dict[str, Any]]:
    verdict = validate(graph(**changes), DECLARATIONS, Listing())
    assert isinstance(verdict, Rejected)
    found: Any = verdict.node_errors[node_id]
    return list(found["errors"])


def test_values_come_in_their_declared_types() -> None:
    changed = graph(empty=node("EmptyLatentImage", width="64", height=64.9, batch_size=True))
    verdict = validate(changed, DECLARATIONS, Listing())
    assert isinstance(verdict, Accepted)
    assert verdict.outputs == ("save",)
    assert verdict.nodes["empty"].inputs == {
        "width": Value(value=64),
        "height": Value(value=64),
        "batch_size": Value(value=1),
    }
    assert verdict.nodes["sample"].inputs["cfg"] == Value(value=7.0)
    assert verdict.nodes["decode"].inputs["vae"] == Link(node="load", slot=2)
    shown: Any = verdict.graph["empty"]
    assert shown["inputs"]["width"] == 64


def test_inputs_that_are_not_declared_are_kept_in_the_graph_and_not_run() -> None:
    changed = graph(save=node("SaveImage", images=["decode", 0], filename_prefix="x", whatever=[1, 2, 3]))
    verdict = validate(changed, DECLARATIONS, Listing())
    assert isinstance(verdict, Accepted)
    assert "whatever" not in verdict.nodes["save"].inputs
    shown: Any = verdict.graph["save"]
    assert shown["inputs"]["whatever"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a house", "bad_linked_input"),
        (["decode"], "bad_linked_input"),
        (["decode", "0"], "bad_linked_input"),
        (["decode", True], "bad_linked_input"),
        ([4, 0], "bad_linked_input"),
        (None, "bad_linked_input"),
        (["nope", 0], "exception_during_validation"),
        (["decode", 1], "exception_during_validation"),
        (["decode", -1], "exception_during_validation"),
        (["load", 2], "return_type_mismatch"),
    ],
)
def test_links_that_cannot_be(value: Any, kind: str) -> None:
    (error,) = errors_of({"save": node("SaveImage", images=value, filename_prefix="x")}, "save")
    assert error["type"] == kind


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("seed", -1, "value_smaller_than_min"),
        ("seed", 2**64, "value_bigger_than_max"),
        ("seed", {}, "invalid_input_type"),
        ("steps", float("inf"), "invalid_input_type"),
        ("cfg", "nan", "invalid_input_type"),
        ("cfg", 10**400, "invalid_input_type"),
        ("denoise", 1.01, "value_bigger_than_max"),
        ("sampler_name", 5, "value_not_in_list"),
        ("sampler_name", "heunpp3", "value_not_in_list"),
    ],
)
def test_values_that_cannot_be(name: str, value: Any, kind: str) -> None:
    inputs = {**graph()["sample"]["inputs"], name: value}
    (error,) = errors_of({"sample": node("KSampler", **inputs)}, "sample")
    assert (error["type"], error["extra_info"]["input_name"]) == (kind, name)


def test_a_picture_that_is_not_there() -> None:
    changes = {"save": node("SaveImage", images=["picture", 0], filename_prefix="x")}
    for name in ("dog.png", "../cat.png", 5, None):
        (error,) = errors_of({**changes, "picture": node("LoadImage", image=name)}, "picture")
        assert error["type"] == "custom_validation_failed"
        assert error["details"] == f"image - Invalid image file: {name}"
    found = validate(graph(**changes, picture=node("LoadImage", image="cat.png")), DECLARATIONS, Listing())
    assert isinstance(found, Accepted)


def test_an_output_that_depends_on_itself_and_one_that_does_not() -> None:
    scale = {"upscale_method": "area", "width": 8, "height": 8, "crop": "center"}
    changes = {
        "a": node("ImageScale", image=["b", 0], **scale),
        "b": node("ImageScale", image=["a", 0], **scale),
        "bad": node("PreviewImage", images=["a", 0]),
    }
    verdict = validate(graph(**changes), DECLARATIONS, Listing())
    assert isinstance(verdict, Accepted)
    assert verdict.outputs == ("save",)
    told: Any = verdict.node_errors["a"]
    assert told["errors"][0]["type"] == "dependency_cycle"
    assert told["dependent_outputs"] == ["bad"]


def test_a_fault_is_told_with_every_output_that_depends_on_it() -> None:
    changes = {
        "load": node("CheckpointLoaderSimple", ckpt_name="nope"),
        "preview": node("PreviewImage", images=["decode", 0]),
    }
    verdict = validate(graph(**changes), DECLARATIONS, Listing())
    assert isinstance(verdict, Rejected)
    told: Any = verdict.node_errors
    assert told["load"]["dependent_outputs"] == ["save", "preview"]
    assert list(told) == ["load"]


def test_a_long_chain_is_no_deeper_than_the_stack() -> None:
    scale = {"upscale_method": "area", "width": 8, "height": 8, "crop": "center"}
    length = MOST_NODES - 2
    chain = {"0": node("LoadImage", image="cat.png")}
    chain |= {str(place): node("ImageScale", image=[str(place - 1), 0], **scale) for place in range(1, length)}
    chain["save"] = node("SaveImage", images=[str(length - 1), 0], filename_prefix="x")
    verdict = validate(chain, DECLARATIONS, Listing())
    assert isinstance(verdict, Accepted)
    assert [found.id for found in by_ancestors(verdict.nodes)] == list(chain)
    chain["more"] = chain["another"] = chain["third"] = node("LoadImage", image="cat.png")
    assert isinstance(validate(chain, DECLARATIONS, Listing()), Rejected)


def test_optional_inputs_and_any_types() -> None:
    declarations = {
        "Source": NodeDeclaration(class_type="Source", inputs=(), outputs=("*",), implementation="x:x"),
        "Sink": NodeDeclaration(
            class_type="Sink",
            inputs=(
                Input(name="flag", type="BOOLEAN", required=False),
                Input(name="both", type="IMAGE,MASK", required=False),
            ),
            outputs=("MASK",),
            implementation="x:x",
            output_node=True,
        ),
    }
    good = {
        "s": node("Source"),
        "m": node("Sink"),
        "a": node("Sink", flag=1, both=["s", 0]),
        "b": node("Sink", both=["m", 0]),
    }
    verdict = validate(good, declarations, Listing())
    assert isinstance(verdict, Accepted)
    assert verdict.outputs == ("m", "a", "b")
    assert verdict.nodes["a"].inputs["flag"] == Value(value=True)
    assert isinstance(validate({"a": node("Sink", flag="yes")}, declarations, Listing()), Rejected)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ids = st.sampled_from(["1", "2", "3", "4", "5", "6", "x", ""])
links = st.lists(ids | scalars, max_size=3) | st.tuples(ids, st.integers(-1, 3)).map(list)
input_names = sorted({given.name for declaration in DECLARATIONS.values() for given in declaration.inputs})
known_values = st.sampled_from(
    ["euler", "normal", "a.safetensors", "cat.png", "center", "area", "enable", "disable", 8]
)
inputs = st.dictionaries(st.sampled_from(input_names), links | known_values | scalars, max_size=13)
nodes = st.fixed_dictionaries(
    {"class_type": st.sampled_from(sorted(DECLARATIONS))}, optional={"inputs": inputs, "_meta": scalars}
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
graphs = st.dictionaries(ids, nodes, max_size=6) | st.dictionaries(ids, nodes | anything, max_size=4) | anything


@st.composite
def nearly_right(draw: st.DrawFn) -> Any:
    """A graph that runs, with some inputs replaced and some nodes gone."""
    made: Any = graph()
    for node_id in draw(st.lists(st.sampled_from(sorted(made)), max_size=3)):
        names = sorted(made[node_id]["inputs"])
        if names:
            value = st.tuples(st.sampled_from(sorted(made)), st.integers(0, 2)).map(list) | scalars | known_values
            made[node_id]["inputs"][draw(st.sampled_from(names))] = draw(value)
    for node_id in draw(st.lists(st.sampled_from(sorted(made)), max_size=1)):
        made.pop(node_id)
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs | nearly_right())
def test_whatever_comes_is_answered(prompt: Any) -> None:
    verdict = validate(prompt, DECLARATIONS, Listing())
    if isinstance(verdict, Rejected):
        assert verdict.as_json().keys() == {"error", "node_errors"}
        assert verdict.error["type"]
        return
    order = by_ancestors(verdict.nodes)
    assert {found.id for found in order} == verdict.nodes.keys()
    assert needed(verdict.outputs, verdict.nodes, {}).keys() == verdict.nodes.keys()

    class Store(Listing):
        """Files are as they are listed."""

    store: Any = Store()
    accepted = Prompt(id="p", number=1, graph=verdict.graph, nodes=verdict.nodes, outputs=verdict.outputs)
    assert signatures(order, DECLARATIONS, store, accepted).keys() == verdict.nodes.keys()

"""Our nodes are declared as ComfyUI's: names, inputs, types, ranges, orders, outputs."""

import copy
import inspect
import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from engine.sampler.execution.describe import object_info
from engine.sampler.nodes.declarations import built_in
from tests.unit.engine.sampler.nodes.bench import ROOT

RECORDED: dict[str, Any] = json.loads((ROOT / "tests/data/comfyui/object_info.core.json").read_text(encoding="utf-8"))
LATER = {  # of the recorded nodes: for families of models that are not supported, and changes of networks
    "CLIPLoader",
    "CLIPTextEncodeFlux",
    "ControlNetApply",
    "ControlNetApplyAdvanced",
    "ControlNetLoader",
    "DifferentialDiffusion",
    "DualCLIPLoader",
    "EmptySD3LatentImage",
    "FluxGuidance",
    "FreeU_V2",
    "HyperTile",
    "ModelMergeSimple",
    "ModelSamplingFlux",
    "ModelSamplingSD3",
    "PerpNeg",
    "RescaleCFG",
    "TomePatchModel",
    "TripleCLIPLoader",
    "UNETLoader",
}
MORE = {"ConditioningSetAreaStrength", "CLIPTextEncodeSDXLRefiner", "PrimitiveBoolean"}  # ComfyUI's, not recorded
CUT = {("ModelSamplingDiscrete", "sampling")}  # choices of which only some work here
OURS = ("description", "output_tooltips")  # what is said in our words


class NoFiles:
    """Empty folders."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Nothing is there."""
        return ()


FOUND: Mapping[str, Any] = object_info(built_in(), NoFiles())


def test_what_is_missing_is_known() -> None:
    assert set(RECORDED) - set(FOUND) <= LATER
    assert len(set(RECORDED) & set(FOUND)) >= 80


@pytest.mark.parametrize("name", sorted(set(RECORDED) & set(FOUND)))
def test_it_is_declared_as_recorded(name: str) -> None:
    found, recorded = comparable(FOUND[name]), comparable(RECORDED[name])
    for class_type, given in CUT:
        if class_type == name:
            mine, theirs = found["input"]["required"][given], recorded["input"]["required"][given]
            assert len(mine[0]) >= 3
            theirs[0] = [choice for choice in theirs[0] if choice in mine[0]]
    assert found == recorded
    for group, inputs in RECORDED[name]["input"].items():
        assert list(FOUND[name]["input"][group]) == list(inputs), "the order of inputs is the order of widgets"


@pytest.mark.parametrize("name", sorted(FOUND))
def test_its_implementation_takes_what_is_declared(name: str) -> None:
    declaration = built_in()[name]
    module, _, function = declaration.implementation.partition(":")
    taken = inspect.signature(getattr(import_module(f"engine.sampler.nodes.{module}"), function)).parameters
    assert next(iter(taken)) == "context"
    declared = {given.name: given.required for given in declaration.inputs}
    assert set(taken) - {"context"} == set(declared)
    for given, required in declared.items():
        assert required or taken[given].default is not inspect.Parameter.empty, given


def comparable(info: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is said in our words and which files there are."""
    kept = {key: value for key, value in copy.deepcopy(dict(info)).items() if key not in OURS}
    for group in ("required", "optional"):
        for given in kept["input"].get(group, {}).values():
            if isinstance(given[0], list) and not _is_choice_of_words(given[0]):
                given[0] = []
            if len(given) > 1:
                given[1].pop("tooltip", None)
                if not given[1]:
                    given.pop()
    return kept


def _is_choice_of_words(choices: list[str]) -> bool:
    return len(choices) > 1

"""Plans: every picture has its seed, and an old job's graphs get new ones and nothing else."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from config.settings import config_dir
from engine.ids import SEED_LIMIT
from engine.model import Graph, Place, Request
from engine.plans import AGAIN_SEED_LIMIT, plan, plan_again, reseeded
from engine.workflows.library import Library

LIBRARY = Library.load([config_dir() / "workflows"])
REQUEST = Request(
    request_key="k",
    template="txt2img",
    options={"prompt": "a house", "model": "m.safetensors", "seed": SEED_LIMIT - 1},
    count=3,
    place=Place(platform="fake", chat="c"),
)


def node(class_type: str, **inputs: object) -> dict[str, object]:
    return {"class_type": class_type, "inputs": inputs}


def seeds_of(graph: Graph) -> dict[str, int]:
    found = {}
    for identifier, each in graph.items():
        inputs = cast("dict[str, dict[str, int]]", each)["inputs"]
        found |= {f"{identifier}.{name}": value for name, value in inputs.items() if name in ("seed", "noise_seed")}
    return found


def test_picture_i_has_the_seed_plus_i() -> None:
    planned = plan(REQUEST, LIBRARY.get("txt2img"))
    assert [task.seed for task in planned.tasks] == [SEED_LIMIT - 1, 0, 1]
    assert [seeds_of(task.graph) for task in planned.tasks] == [
        {"3.seed": SEED_LIMIT - 1},
        {"3.seed": 0},
        {"3.seed": 1},
    ]


@given(st.integers(0, AGAIN_SEED_LIMIT - 1))
def test_planned_again_only_the_seeds_differ(seed: int) -> None:
    planned = plan(REQUEST, LIBRARY.get("txt2img"))
    again = plan_again(REQUEST, planned.template_hash, planned.tasks, seed)
    for before, after in zip(planned.tasks, again.tasks, strict=True):
        assert after.seed == (seed + before.index) % AGAIN_SEED_LIMIT
        assert reseeded(after.graph, after.seed, before.seed) == before.graph
        assert (after.needs, after.cost, after.inputs, after.kind) == (
            before.needs,
            before.cost,
            before.inputs,
            before.kind,
        )


def test_all_samplers_of_one_seed_get_the_new_one_and_an_authors_own_stays() -> None:
    graph = cast(
        "Graph",
        {
            "1": node("KSampler", seed=7, steps=20),
            "2": node("KSamplerAdvanced", noise_seed=7),
            "3": node("KSampler", seed=1234),
            "4": node("KSampler", seed=["5", 0]),
            "5": node("PrimitiveInt", value=7),
        },
    )
    assert seeds_of(reseeded(graph, 7, 8)) == {"1.seed": 8, "2.noise_seed": 8, "3.seed": 1234, "4.seed": ["5", 0]}
    assert seeds_of(graph)["1.seed"] == 7, "the stored graph is not touched"


def test_a_seed_that_was_folded_into_its_slots_range_is_found() -> None:
    graph = cast("Graph", {"1": node("OldSampler", seed=7 % 5)})
    assert seeds_of(reseeded(graph, 7, 3)) == {"1.seed": 3}


def test_what_is_added_at_the_sides_is_paid_for() -> None:
    outpaint = LIBRARY.get("outpaint")
    options = {"image": "ab" * 32, "model": "m.safetensors", "width": 512, "height": 512}
    one = plan(Request(request_key="a", template="outpaint", options=options, place=REQUEST.place), outpaint)
    more = {**options, "left": 512}
    two = plan(Request(request_key="b", template="outpaint", options=more, place=REQUEST.place), outpaint)
    assert two.tasks[0].cost - 100 == 2 * (one.tasks[0].cost - 100)
    assert two.tasks[0].kind != one.tasks[0].kind

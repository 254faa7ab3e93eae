"""A request becomes a plan: graphs with a seed each, priced. What was planned before can be planned again as it was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.ids import SEED_LIMIT, new_seed
from engine.model import BoundTask, Graph, GraphInput, Json, NewJob, Request
from engine.pace import kind_of
from engine.pricing import class_of, price
from engine.workflows.binding import bind
from engine.workflows.lint import needs_of
from engine.workflows.template import Template

SEED_INPUTS = frozenset({"seed", "noise_seed"})
"""The inputs by which nodes of ComfyUI take a seed."""
AGAIN_SEED_LIMIT = 2**32
"""New seeds for old graphs stay below it: nodes that take no 64 bits take these."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A request with the tasks that it is made of."""

    request: Request
    template_hash: str
    tasks: tuple[BoundTask, ...]

    def new_job(self, person_id: str, community_id: str | None) -> NewJob:
        """The job that somebody makes of it."""
        return NewJob(
            request=self.request,
            person_id=person_id,
            community_id=community_id,
            template_hash=self.template_hash,
            model=str(self.request.options.get("model", "")),
            tasks=self.tasks,
        )


def plan(request: Request, template: Template) -> Plan:
    """Bind a request to its template. Raises UserError.

    A seed that the request leaves open is drawn, so that the job remembers it; picture i gets the seed plus i.
    """
    request = _with_seed(request, template)
    inputs = {
        name: GraphInput(node_id="", input="", blob=str(blob), filename=f"{str(blob)[:16]}.png")
        for name, blob in request.options.items()
        if name in template.slots and template.slots[name].type in ("image", "mask")
    }
    first = int(request.options.get("seed", 0))
    cost, kind = _price(request, template), _kind(request, template)
    tasks = []
    for index in range(request.count):
        seed = (first + index) % SEED_LIMIT
        bound = bind(template, request.options, seed=seed, inputs=inputs)
        needs = needs_of(bound.graph)
        task = BoundTask(
            index=index, seed=seed, graph=bound.graph, inputs=bound.inputs, needs=needs, cost=cost, kind=kind
        )
        tasks.append(task)
    return Plan(request=request, template_hash=template.hash, tasks=tuple(tasks))


def plan_again(request: Request, template_hash: str, tasks: Sequence[BoundTask], seed: int) -> Plan:
    """Plan the tasks of an earlier job anew with seeds from `seed` on, whatever has become of their template.

    `seed` is below AGAIN_SEED_LIMIT.
    """
    again = []
    for task in tasks:
        new = (seed + task.index) % AGAIN_SEED_LIMIT
        again.append(replace(task, seed=new, graph=reseeded(task.graph, task.seed, new)))
    return Plan(request=request, template_hash=template_hash, tasks=tuple(again))


def reseeded(graph: Graph, before: int, after: int) -> Graph:
    """Give a graph with another seed wherever it has the one of before, or a folded one of it.

    A seed of the author's own, at another sampler, stays as it was saved.
    """
    held = [value for _, value in _seeds(graph)]
    folded = before not in held
    found = {node for node, value in _seeds(graph) if folded or value == before}
    return {
        identifier: _reseeded_node(node, after) if identifier in found else node for identifier, node in graph.items()
    }


def _seeds(graph: Graph) -> list[tuple[str, int]]:
    """Find the seeds of a graph, each with its node's id."""
    found = []
    for identifier, node in graph.items():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        for name, value in inputs.items() if isinstance(inputs, dict) else ():
            if name in SEED_INPUTS and isinstance(value, int) and not isinstance(value, bool):
                found.append((identifier, value))
    return found


def _reseeded_node(node: Json, seed: int) -> Json:
    if not isinstance(node, dict) or not isinstance(inputs := node.get("inputs"), dict):
        return node
    held = {name: seed for name in SEED_INPUTS if isinstance(inputs.get(name), int)}
    return {**node, "inputs": {**inputs, **held}}


def _with_seed(request: Request, template: Template) -> Request:
    if "seed" not in template.slots or "seed" in request.options:
        return request
    return replace(request, options={**request.options, "seed": new_seed()})


def _kind(request: Request, template: Template) -> str:
    """Name the kind of work that a request's tasks are; see `engine.pace`."""
    model = str(request.options.get("model", ""))
    return kind_of(template.name, model, *_size(request, template))


def _price(request: Request, template: Template) -> int:
    """Price one task of a request in mgs, from its size, steps, strength and model where the template has them."""
    value = _values(request, template)
    width, height = _size(request, template)
    return price(
        width=width,
        height=height,
        steps=int(value("steps", 20)),
        strength=value("strength", 1.0),
        model_class=class_of(str(request.options.get("model", ""))),
    )


def _size(request: Request, template: Template) -> tuple[int, int]:
    """The size that is sampled, in pixels: what a template's slots `left`, `top`, ... add belongs to it."""
    value = _values(request, template)
    across = value("width", 512) + value("left", 0) + value("right", 0)
    return int(across), int(value("height", 512) + value("top", 0) + value("bottom", 0))


def _values(request: Request, template: Template) -> Callable[[str, float], float]:
    """Give a function that reads a number of a request: what it says, the template's default, or another."""

    def value(name: str, otherwise: float) -> float:
        slot = template.slots.get(name)
        default = slot.default if slot is not None and slot.default is not None else otherwise
        return float(request.options.get(name, default))

    return value

"""In which order nodes run."""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

from engine.sampler.execution.model import Node


def by_ancestors(nodes: Mapping[str, Node]) -> list[Node]:
    """Sort nodes so that each comes after those it takes inputs from; otherwise they keep the order of the graph.

    Links to nodes that are not among them do not matter. Source: A. B. Kahn, Topological sorting of large networks,
    Communications of the ACM 5 (1962). Raises ValueError for a circle.
    """
    position = {node_id: index for index, node_id in enumerate(nodes)}
    waits = {node_id: sum(source in nodes for source in node.ancestors) for node_id, node in nodes.items()}
    consumers: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    for node_id, node in nodes.items():
        for source in node.ancestors:
            if source in consumers:
                consumers[source].append(node_id)
    ready = [(position[node_id], node_id) for node_id, count in waits.items() if count == 0]
    heapify(ready)
    ordered: list[Node] = []
    while ready:
        _, node_id = heappop(ready)
        ordered.append(nodes[node_id])
        for consumer in consumers[node_id]:
            waits[consumer] -= 1
            if waits[consumer] == 0:
                heappush(ready, (position[consumer], consumer))
    if len(ordered) < len(nodes):
        raise ValueError("the graph goes in a circle")
    return ordered


def needed(outputs: Iterable[str], nodes: Mapping[str, Node], known: Mapping[str, object]) -> dict[str, Node]:
    """Give the nodes that have to run for the outputs, in the order of the graph.

    Known nodes are not among them, nor those that only known nodes need.
    """
    wanted: set[str] = set()
    open_ends = [output for output in outputs if output not in known]
    while open_ends:
        node_id = open_ends.pop()
        if node_id in wanted:
            continue
        wanted.add(node_id)
        open_ends += [source for source in nodes[node_id].ancestors if source not in known]
    return {node_id: node for node_id, node in nodes.items() if node_id in wanted}

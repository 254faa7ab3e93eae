"""The types of execution: frozen, keyword-only, free of assumptions about where a node runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from engine.sampler.nodes.registry import Folders

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class Link:
    """An input that takes the output of another node."""

    node: str
    slot: int


@dataclass(frozen=True, kw_only=True)
class Value:
    """An input that is written in the graph, in its declared type."""

    value: Json


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of a validated graph; only declared inputs are here."""

    id: str
    class_type: str
    inputs: Mapping[str, Link | Value]

    @property
    def ancestors(self) -> tuple[str, ...]:
        """The nodes that it takes inputs from, each once, in the order of its inputs."""
        links = (given.node for given in self.inputs.values() if isinstance(given, Link))
        return tuple(dict.fromkeys(links))


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt that was accepted: the graph as it came and as it is run."""

    id: str
    number: int | float  # its place in the queue; lower goes first
    graph: JsonObject  # as /queue and /history show it
    nodes: Mapping[str, Node]  # what its outputs need, in the order of the graph
    outputs: tuple[str, ...]  # the output nodes to run
    extra_data: JsonObject = field(default_factory=dict)
    client_id: str | None = None  # who gets its frames
    node_errors: JsonObject = field(default_factory=dict)  # of outputs that will not run

    def as_row(self) -> list[Json]:
        """Give it as a row of `/queue`."""
        return [self.number, self.id, self.graph, self.extra_data, list(self.outputs)]


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """A prompt that ended, as `/history` shows it."""

    prompt: Prompt
    outputs: JsonObject
    completed: bool
    messages: list[Json]
    meta: JsonObject

    def as_json(self) -> JsonObject:
        """Give the value that stands behind the prompt's id."""
        status = "success" if self.completed else "error"
        return {
            "prompt": self.prompt.as_row(),
            "outputs": self.outputs,
            "status": {"status_str": status, "completed": self.completed, "messages": self.messages},
            "meta": self.meta,
        }


class Events(Protocol):
    """Where execution tells what happens; every method may be called from any thread and never blocks."""

    def send(self, client_id: str | None, event: str, data: JsonObject) -> None:
        """Tell the client whose prompt it is; nobody if None."""

    def preview(self, client_id: str | None, *, prompt_id: str, node_id: str, image: bytes) -> None:
        """Show that client a JPEG or PNG of the unfinished picture."""


class Store(Folders, Protocol):
    """The folders, as execution needs them: besides the nodes' contract, what tells one content from another."""

    def exists(self, folder: str, name: str) -> bool:
        """Whether that file can be loaded now; False also for names that leave the folder."""

    def fingerprint(self, folder: str, name: str) -> str:
        """What changes when the file's content does; empty if it is not there."""

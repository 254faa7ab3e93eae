"""Outputs of nodes, kept for the next prompt that has the same nodes; each is computed once at a time.

A node's signature covers its class, its inputs, the content of files that it names and, through its links, all of its
ancestors. Entries live over many prompts until there are too many or too large ones; the least recently used go first.
"""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from engine.model_files import SUFFIX
from engine.sampler.execution.model import JsonObject, Link, Node, Prompt, Store
from engine.sampler.nodes.registry import Input, NodeDeclaration

MOST_ENTRIES = 1024
MOST_BYTES = 1 << 30
_EMBEDDING = re.compile(r"embedding:([^\s:()]+)")  # a learned word, by the name of its file


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a node made."""

    values: tuple[object, ...] = ()
    ui: JsonObject = field(default_factory=dict)  # what /history and the `executed` frame show


def signatures(
    order: Iterable[Node], declarations: Mapping[str, NodeDeclaration], store: Store, prompt: Prompt
) -> dict[str, str]:
    """Give each node's signature; `order` has ancestors first. Uncached nodes get one of this prompt's own.

    What a node takes besides its inputs counts too: a picture never carries the workflow of somebody else's prompt.
    """
    hidden = {"PROMPT": prompt.graph, "EXTRA_PNGINFO": prompt.extra_data.get("extra_pnginfo")}
    signed: dict[str, str] = {}
    for node in order:
        declaration = declarations[node.class_type]
        parts: list[object] = [node.class_type]
        if declaration.uncached:
            parts += [prompt.id, node.id]
        parts += [hidden[kind] for kind in declaration.hidden.values() if kind in hidden]
        for given in declaration.inputs:
            match node.inputs.get(given.name):
                case None:
                    continue
                case Link(node=source, slot=slot):
                    parts.append([given.name, "link", signed[source], slot])
                case taken:
                    parts.append([given.name, "value", taken.value, _marks(given, str(taken.value), store)])
        signed[node.id] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return signed


def _marks(given: Input, value: str, store: Store) -> list[str]:
    """Give what changes with the contents of the files that a value names, be it among the words of a prompt."""
    if given.folder:
        return [store.fingerprint(given.folder, value)]
    if given.type != "STRING":
        return []
    names = (name.strip(",") for name in _EMBEDDING.findall(value))
    return [store.fingerprint("embeddings", name if name.endswith(SUFFIX) else name + SUFFIX) for name in names]


class NodeCache:
    """Node outputs by signature; thread-safe."""

    def __init__(self, *, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Computed, int]] = OrderedDict()
        self._bytes = 0
        self._flights: dict[str, threading.Event] = {}
        self._generation = 0  # what was begun before `clear` is not kept after it

    def get(self, signature: str) -> Computed | None:
        """Find what was computed, and keep it longer."""
        with self._lock:
            return self._found(signature)

    def drop(self, signature: str) -> None:
        """Forget one entry."""
        with self._lock:
            self._remove(signature)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
            self._generation += 1

    def compute(
        self, signature: str, work: Callable[[], Computed], wait: Callable[[threading.Event], None]
    ) -> Computed:
        """Give the entry, computing it by `work` in this thread unless another thread does so already.

        `wait` is called with what to wait for and may return early or raise; it is called again while it is not set.
        If the other thread fails, this one computes.
        """
        while True:
            with self._lock:
                if found := self._found(signature):
                    return found
                flight = self._flights.get(signature)
                if flight is None:
                    mine = self._flights[signature] = threading.Event()
                    generation = self._generation
                    break
            wait(flight)
        try:
            computed = work()
            with self._lock:
                if generation == self._generation:
                    self._keep(signature, computed)
            return computed
        finally:
            with self._lock:
                del self._flights[signature]
            mine.set()

    def _found(self, signature: str) -> Computed | None:
        entry = self._entries.get(signature)
        if entry is None:
            return None
        self._entries.move_to_end(signature)
        return entry[0]

    def _keep(self, signature: str, computed: Computed) -> None:
        size = size_of(computed.values)
        self._remove(signature)
        if size > self._most_bytes:
            return
        self._entries[signature] = (computed, size)
        self._bytes += size
        while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
            self._remove(next(iter(self._entries)))

    def _remove(self, signature: str) -> None:
        _, size = self._entries.pop(signature, (None, 0))
        self._bytes -= size


def size_of(value: object) -> int:
    """Estimate the bytes of tensors and arrays in a value (those with `nbytes`), looking into containers."""
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, Mapping):
        return sum(size_of(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(size_of(item) for item in value)
    size = getattr(value, "nbytes", 0)
    return size if isinstance(size, int) else 0

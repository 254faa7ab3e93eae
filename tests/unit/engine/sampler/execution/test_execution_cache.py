"""What is kept, for how long, and that it is computed once."""

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from engine.sampler.execution.cache import Computed, NodeCache, signatures, size_of
from engine.sampler.execution.model import Link, Node, Prompt, Value
from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.registry import Input, NodeDeclaration


@dataclass
class Tensor:
    """As large as it says."""

    nbytes: int


def keep(cache: NodeCache, name: str, *values: object) -> Computed:
    return cache.compute(name, lambda: Computed(values=values), lambda _: None)


def test_the_least_recently_used_go_first() -> None:
    cache = NodeCache(most_entries=2)
    for name in "ab":
        keep(cache, name)
    assert cache.get("a")
    keep(cache, "c")
    assert cache.get("a")
    assert cache.get("b") is None
    cache.clear()
    assert cache.get("a") is None


def test_large_values_push_others_out_and_too_large_ones_are_not_kept() -> None:
    cache = NodeCache(most_bytes=100)
    keep(cache, "a", {"samples": Tensor(60)})
    keep(cache, "b", [Tensor(20), (Tensor(10), b"1234")])
    assert cache.get("a")
    keep(cache, "c", Tensor(30))
    assert cache.get("b") is None
    assert cache.get("a")
    assert keep(cache, "d", Tensor(101)).values
    assert cache.get("d") is None
    assert cache.get("a"), "what was there stays"
    cache.drop("a")
    keep(cache, "e", Tensor(70))
    assert cache.get("c")


def test_sizes_are_looked_for_in_containers() -> None:
    assert size_of([Tensor(3), {"a": (Tensor(4), "text", 5, None)}, b"12"]) == 9


def test_many_threads_compute_once() -> None:
    cache, calls, gate = NodeCache(), [], threading.Event()

    def work() -> Computed:
        calls.append(1)
        gate.wait(10)
        return Computed(values=("made",))

    made: list[Computed] = []
    threads = [threading.Thread(target=lambda: made.append(cache.compute("x", work, _wait))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert calls == [1]
    assert [found.values for found in made] == [("made",)] * 8


def test_after_a_failure_the_next_one_computes() -> None:
    cache = NodeCache()

    def fail() -> Computed:
        raise ValueError

    with pytest.raises(ValueError):
        cache.compute("x", fail, _wait)
    assert keep(cache, "x", 1).values == (1,)


def test_what_was_begun_before_clear_is_not_kept_after_it() -> None:
    cache = NodeCache()

    def work() -> Computed:
        cache.clear()
        return Computed(values=("made of models that are gone",))

    assert cache.compute("x", work, _wait).values
    assert cache.get("x") is None


def _wait(flight: threading.Event) -> None:
    flight.wait(10)


class Store:
    """Files whose content can change."""

    def __init__(self) -> None:
        self.content = "one"

    def fingerprint(self, folder: str, name: str) -> str:
        return f"{folder}/{name}/{self.content}"


def sign(
    store: Store, *nodes: Node, prompt_id: str = "p", pnginfo: Any = None, **more: NodeDeclaration
) -> dict[str, str]:
    anything: Any = store
    prompt = Prompt(id=prompt_id, number=1, graph={}, nodes={}, outputs=(), extra_data={"extra_pnginfo": pnginfo})
    return signatures(nodes, {**built_in(), **more}, anything, prompt)


def load(name: str = "a") -> Node:
    return Node(id="1", class_type="CheckpointLoaderSimple", inputs={"ckpt_name": Value(value=name)})


def encode(text: str = "a", slot: int = 1, node_id: str = "2") -> Node:
    inputs = {"text": Value(value=text), "clip": Link(node="1", slot=slot)}
    return Node(id=node_id, class_type="CLIPTextEncode", inputs=inputs)


def test_signatures_follow_inputs_ancestors_and_files_but_not_ids() -> None:
    store = Store()
    first = sign(store, load(), encode())
    assert sign(store, load(), encode()) == first
    assert sign(store, load(), encode(node_id="7"))["7"] == first["2"]
    assert sign(store, load(), encode("b"))["2"] != first["2"]
    assert sign(store, load(), encode(slot=0))["2"] != first["2"]
    assert sign(store, load("b"), encode())["2"] != first["2"], "another ancestor"
    store.content = "two"
    changed = sign(store, load(), encode())
    assert changed["1"] != first["1"], "the file was overwritten"
    assert changed["2"] != first["2"]


def test_learned_words_are_files_that_a_prompt_names() -> None:
    def words(text: str, content: str) -> str:
        class Words(Store):
            def fingerprint(self, folder: str, name: str) -> str:
                return content if (folder, name) == ("embeddings", "mine.safetensors") else "same"

        return sign(Words(), load(), encode(text))["2"]

    for text in ("embedding:mine, a cat", "(embedding:mine:1.2)", "embedding:other embedding:mine.safetensors"):
        assert words(text, "one") != words(text, "two")
    assert words("mine, a cat", "one") == words("mine, a cat", "two")


def test_uncached_nodes_and_what_follows_them_belong_to_one_prompt() -> None:
    clock = NodeDeclaration(class_type="Clock", inputs=(), outputs=("CLIP",), implementation="x:x", uncached=True)
    node = Node(id="1", class_type="Clock", inputs={})
    one = sign(Store(), node, encode(slot=0), Clock=clock)
    two = sign(Store(), node, encode(slot=0), Clock=clock, prompt_id="q")
    assert one["1"] != two["1"]
    assert one["2"] != two["2"]


def test_a_picture_is_not_shared_with_a_prompt_that_has_another_workflow() -> None:
    save = Node(id="3", class_type="SaveImage", inputs={"images": Link(node="2", slot=0)})
    one, two = (sign(Store(), load(), encode(), save, pnginfo={"workflow": name}) for name in ("mine", "yours"))
    assert one["3"] != two["3"]
    assert one["2"] == two["2"]


def test_undeclared_and_absent_inputs_do_not_matter() -> None:
    maybe = NodeDeclaration(
        class_type="Maybe", inputs=(Input(name="x", type="INT", required=False),), outputs=(), implementation="x:x"
    )
    bare = sign(Store(), Node(id="1", class_type="Maybe", inputs={}), Maybe=maybe)
    given = sign(Store(), Node(id="1", class_type="Maybe", inputs={"x": Value(value=1)}), Maybe=maybe)
    assert bare["1"] != given["1"]

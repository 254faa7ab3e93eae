"""The pool: who is ready, who can run what, and what they offer together."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.endpoints.pool import Pool
from engine.errors import EndpointLost, SamplerFailed
from engine.model import Json
from tests.fakes.endpoint import FakeEndpoint
from tests.wire.endpoints.support import until


def offering(*checkpoints: str, classes: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object_info with these checkpoints, and further node classes without inputs."""
    loader = {"input": {"required": {"ckpt_name": [list(checkpoints), {}]}}}
    return {"CheckpointLoaderSimple": loader, **{name: {"input": {}} for name in classes}}


class Asked:
    """A `missing` that counts: needs are a JSON list of node classes."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, needs: str, object_info: Json) -> tuple[str, ...]:
        self.count += 1
        assert isinstance(object_info, dict)
        return tuple(name for name in json.loads(needs) if name not in object_info)


@asynccontextmanager
async def pool_of(
    *endpoints: FakeEndpoint, missing: Callable[[str, Json], tuple[str, ...]] | None = None
) -> AsyncIterator[Pool]:
    """A started pool."""
    pool = Pool(endpoints, missing=missing or Asked())
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="same name"):
        Pool([FakeEndpoint("a"), FakeEndpoint("a")], missing=Asked())


async def test_only_those_that_can_run_it_are_named() -> None:
    a, b = FakeEndpoint("a", object_info=offering(classes=("X",))), FakeEndpoint("b", object_info=offering())
    async with pool_of(a, b) as pool:
        await until(lambda: len(pool.ready) == 2)
        assert pool.can_run('["X"]') == ("a",)
        assert pool.can_run('["CheckpointLoaderSimple"]') == ("a", "b")
        assert pool.can_run('["X", "Y"]') == ()
        assert pool.explain('["X", "Y"]') == ("Y", "")
        assert pool.explain('["CheckpointLoader", "Y", "Z"]') == ("CheckpointLoader, Y, Z", "CheckpointLoaderSimple")
        assert pool.explain('["X"]') == ("", "")
        assert pool.get("a") is a
        assert pool.get("c") is None


async def test_answers_are_kept_until_an_offer_changes() -> None:
    asked = Asked()
    endpoint = FakeEndpoint("a", object_info=offering())
    async with pool_of(endpoint, missing=asked) as pool:
        await until(lambda: pool.ready)
        assert [pool.can_run('["X"]') for _ in range(3)] == [()] * 3
        assert asked.count == 1
        endpoint.offer(offering(classes=("X",)))
        await until(lambda: pool.can_run('["X"]') == ("a",))
        assert asked.count == 2


async def test_changes_are_told() -> None:
    endpoint = FakeEndpoint("a", object_info=offering())
    async with pool_of(endpoint) as pool:
        await until(lambda: pool.ready)
        heard: list[int] = []
        pool.subscribe(lambda: heard.append(len(pool.ready)))
        endpoint.go_down()
        await until(lambda: heard)
        endpoint.come_up()
        await until(lambda: heard[-1] == 1)


async def test_while_none_is_ready_the_last_word_counts() -> None:
    a, b = FakeEndpoint("a", object_info=offering("x", "y")), FakeEndpoint("b", object_info=offering("y", "z"))
    async with pool_of(a, b) as pool:
        assert pool.can_run("[]") == ()
        assert pool.explain('["X"]') == ("", "")
        await until(lambda: len(pool.ready) == 2)
        assert pool.choices("CheckpointLoaderSimple", "ckpt_name") == ("x", "y", "z")
        assert pool.choices("CheckpointLoaderSimple", "vae_name") == ()
        assert pool.choices("Nope", "ckpt_name") == ()
        b.go_down()
        assert pool.choices("CheckpointLoaderSimple", "ckpt_name") == ("x", "y")
        assert list(pool.object_infos()) == ["a"]
        a.go_down()
        assert pool.ready == ()
        assert pool.choices("CheckpointLoaderSimple", "ckpt_name") == ("x", "y", "z")
        assert pool.can_run("[]") == ("a", "b")


async def test_newer_combo_inputs_are_read_too() -> None:
    info = {
        "Blend": {"input": {"optional": {"mode": ["COMBO", {"options": ["normal", "screen"], "default": "normal"}]}}}
    }
    async with pool_of(FakeEndpoint("a", object_info=info)) as pool:
        await until(lambda: pool.ready)
        assert pool.choices("Blend", "mode") == ("normal", "screen")


@pytest.mark.parametrize(
    ("name", "said", "size"),
    [
        ("tiny.safetensors", "128x128", (128, 128)),
        ("wide.safetensors", "768X512", (768, 512)),
        ("plain.safetensors", None, (512, 512)),
        ("juggernautXL_v9.safetensors", None, (1024, 1024)),
        ("flux1-dev.safetensors", "nonsense", (1024, 1024)),
        ("sd3.5_large.safetensors", "0x99999999", (1024, 1024)),
        ("unlisted.safetensors", "64x64", (512, 512)),
    ],
)
async def test_a_models_size_is_as_it_says_or_as_its_name_does(
    name: str, said: str | None, size: tuple[int, int]
) -> None:
    endpoint = FakeEndpoint("a", object_info=offering(*([] if name.startswith("unlisted") else [name])))
    if said is not None:
        endpoint.metadata["checkpoints", name] = {"modelspec.resolution": said}
    async with pool_of(endpoint) as pool:
        await until(lambda: pool.ready)
        assert (await pool.model_card(name)).size == size
        endpoint.metadata.clear()
        assert (await pool.model_card(name)).size == size


async def test_a_model_may_say_which_words_it_knows() -> None:
    endpoint = FakeEndpoint("a", object_info=offering("tiny.safetensors", "large.safetensors"))
    endpoint.metadata["checkpoints", "tiny.safetensors"] = {"atelier.words": "house red"}
    async with pool_of(endpoint) as pool:
        await until(lambda: pool.ready)
        assert (await pool.model_card("tiny.safetensors")).words == {"house", "red"}
        assert (await pool.model_card("large.safetensors")).words == frozenset()


async def test_waiting_ends_with_the_first_that_is_ready() -> None:
    slow, quick = Asleep("slow"), Asleep("quick")
    async with pool_of(slow, quick) as pool:
        waiting = asyncio.create_task(pool.wait_ready(30.0))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        quick.come_up()
        assert await waiting
        assert pool.failure is None


async def test_waiting_ends_when_it_is_of_no_use() -> None:
    endpoint = Asleep("a")
    async with pool_of(endpoint) as pool:
        assert not await pool.wait_ready(0.01)
        waiting = asyncio.create_task(pool.wait_ready(30.0))
        endpoint.fail_to_start(EndpointLost("not yet"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        endpoint.fail_to_start(SamplerFailed("no torch", reason="no torch"))
        assert not await waiting
        assert isinstance(pool.failure, SamplerFailed)


class Asleep(FakeEndpoint):
    """Does not come up by itself."""

    async def start(self) -> None:
        """Stay down."""

    def fail_to_start(self, failure: EndpointLost | SamplerFailed) -> None:
        """Say why it is down."""
        self.failure = failure
        self.go_down()

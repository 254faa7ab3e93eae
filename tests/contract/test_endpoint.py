"""The promises of the Endpoint port, held by the fake, by ComfyUI's protocol as recorded, and by our own sampler."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.endpoints.comfyui.connection import Pace
from engine.endpoints.comfyui.endpoint import ComfyEndpoint
from engine.endpoints.local.child import SamplerChild
from engine.endpoints.local.endpoint import LocalEndpoint
from engine.endpoints.pool import PooledEndpoint
from engine.errors import AttemptUnknown, EndpointLost, GraphRejected, Interrupted
from engine.ids import new_id
from engine.model import Attempt, AttemptStatus, Graph, GraphInput, Progress
from tests.fakes.comfyui import FakeComfy, png
from tests.fakes.endpoint import FakeEndpoint, Hang

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one sampler serves all its tests: torch loads for seconds

FAST = Pace(health=0.2, retry=0.05, retry_limit=0.2, poll=0.1, poll_heard=0.5, patience=1.0)
STAGES = ["queued", "loading", "sampling", "saving"]


def graph(*, steps: int = 4, seed: int = 7) -> Graph:
    """The seed document's seven nodes, for the built-in model."""
    return {
        "3": {
            "class_type": "KSampler",
            "_meta": {"title": "Sampler"},
            "inputs": {
                "seed": seed,
                "steps": steps,
                "cfg": 4.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "atelier-tiny.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 128, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red house", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "contract"}},
    }


def img2img() -> Graph:
    """The same, from an uploaded picture."""
    nodes = graph()
    nodes["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["4", 2]}}
    nodes["10"] = {"class_type": "LoadImage", "inputs": {"image": "placeholder.png"}}
    return nodes


def attempt(nodes: Graph | None = None, inputs: tuple[GraphInput, ...] = ()) -> Attempt:
    """An attempt that nobody has sent yet."""
    return Attempt(
        id=new_id(),
        task_id=new_id(),
        job_id=new_id(),
        endpoint="any",
        prompt_id=new_id(),
        status=AttemptStatus.SENT,
        number=1,
        graph=nodes or graph(),
        inputs=inputs,
        created_at=0.0,
    )


async def no_blobs(name: str) -> bytes:
    raise AssertionError(f"nobody asked for {name}")


def deaf(progress: Progress) -> None:
    """Hear nothing."""


async def nothing() -> None:
    """Do nothing."""


@dataclass
class Bench:
    """An endpoint and the ways in which a test can make it slow."""

    endpoint: PooledEndpoint
    make_slow: Callable[[], None] = lambda: None
    let_go: Callable[[], None] = lambda: None
    slow_graph: Graph = field(default_factory=graph)


async def fake_bench(stack: AsyncExitStack, _: object) -> Bench:
    endpoint = FakeEndpoint()
    await endpoint.start()
    stack.push_async_callback(endpoint.close)
    return Bench(endpoint=endpoint, make_slow=lambda: endpoint.script.append(Hang()), let_go=endpoint.release)


async def comfy_bench(stack: AsyncExitStack, _: object) -> Bench:
    server = await stack.enter_async_context(FakeComfy(key="secret"))

    def make_slow() -> None:
        server.released.clear()
        server.behaviour.hold_at = 9

    endpoint = ComfyEndpoint(name="comfy", url=server.url, key="secret", pace=FAST)
    await endpoint.start()
    stack.push_async_callback(endpoint.close)
    return Bench(endpoint=endpoint, make_slow=make_slow, let_go=server.release)


async def local_bench(_: AsyncExitStack, sampler: LocalEndpoint | None) -> Bench:
    assert sampler is not None
    return Bench(endpoint=sampler, slow_graph=graph(steps=4000))


def new_local(folder: Path) -> LocalEndpoint:
    """Our own sampler, with the built-in model only."""
    folders = [part for kind in ("input", "output", "temp") for part in (f"--{kind}-directory", str(folder / kind))]
    command = [sys.executable, "-m", "engine.sampler", "--listen", "127.0.0.1", "--port", "0", "--exit-with-parent"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ATELIER_")}
    child = SamplerChild(command=[*command, "--device", "cpu", *folders], environment=environment)
    return LocalEndpoint(child=child, pace=FAST)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def samplers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[LocalEndpoint]]:
    """The samplers started so far; the last one may be shared, unless a test has closed it."""
    started: list[LocalEndpoint] = []
    yield started
    for endpoint in started:
        await endpoint.close()


MAKERS: dict[str, Callable[[AsyncExitStack, LocalEndpoint | None], Awaitable[Bench]]] = {
    "fake": fake_bench,
    "comfyui": comfy_bench,
    "local": local_bench,
}


@pytest_asyncio.fixture(params=list(MAKERS), loop_scope="module")
async def bench(
    request: pytest.FixtureRequest, samplers: list[LocalEndpoint], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    if request.param == "local" and not any(endpoint.ready for endpoint in samplers[-1:]):
        samplers.append(new_local(tmp_path_factory.mktemp("sampler")))
        await samplers[-1].start()
    async with AsyncExitStack() as stack:
        made = await MAKERS[request.param](stack, samplers[-1] if samplers else None)
        await until(lambda: made.endpoint.ready, made)
        yield made


async def until(condition: Callable[[], Any], bench: Bench | None = None) -> None:
    """Wait for something that must come."""
    async with asyncio.timeout(120):
        while not condition():
            assert bench is None or bench.endpoint.failure is None or bench.endpoint.failure.retryable, (
                bench.endpoint.failure
            )
            await asyncio.sleep(0.01)


async def test_gives_the_picture_and_says_how_far_it_is(bench: Bench) -> None:
    heard: list[Progress] = []
    mine = attempt()
    outcome = await bench.endpoint.run(mine, no_blobs, heard.append)
    assert [file.kind for file in outcome.files] == ["images"]
    assert outcome.files[0].mime == "image/png"
    assert outcome.files[0].data.startswith(b"\x89PNG")
    assert outcome.seconds >= 0
    assert {progress.prompt_id for progress in heard} == {mine.prompt_id}
    stages = [STAGES.index(progress.stage) for progress in heard]
    assert stages == sorted(stages)
    assert heard[0].stage == "queued"
    assert heard[-1].stage == "saving"
    steps = [progress.step for progress in heard]
    assert steps == sorted(steps)
    assert all(progress.step <= progress.steps for progress in heard)


async def test_several_at_once_each_get_their_own(bench: Bench) -> None:
    attempts = [attempt(graph(seed=seed)) for seed in range(3)]
    heard: dict[str, list[Progress]] = {each.prompt_id: [] for each in attempts}
    outcomes = await asyncio.gather(
        *(bench.endpoint.run(each, no_blobs, heard[each.prompt_id].append) for each in attempts)
    )
    assert all(outcome.files for outcome in outcomes)
    for prompt_id, progresses in heard.items():
        assert {progress.prompt_id for progress in progresses} == {prompt_id}


async def test_follow_gives_what_run_gave(bench: Bench) -> None:
    mine = attempt()
    ran = await bench.endpoint.run(mine, no_blobs, deaf)
    followed = await bench.endpoint.follow(mine, deaf)
    assert [file.data for file in followed.files] == [file.data for file in ran.files]


async def test_follow_takes_up_what_still_runs(bench: Bench) -> None:
    bench.make_slow()
    mine = attempt()
    heard: list[Progress] = []
    running = asyncio.create_task(bench.endpoint.run(mine, no_blobs, heard.append))
    await until(lambda: heard)
    running.cancel()  # as when the service stops: the endpoint goes on
    await asyncio.gather(running, return_exceptions=True)
    following = asyncio.create_task(bench.endpoint.follow(mine, deaf))
    await asyncio.sleep(0.05)
    bench.let_go()
    assert (await following).files


async def test_follow_does_not_know_what_was_never_sent(bench: Bench) -> None:
    with pytest.raises(AttemptUnknown) as caught:
        await bench.endpoint.follow(attempt(), deaf)
    assert caught.value.retryable


async def test_interrupt_ends_what_runs(bench: Bench) -> None:
    bench.make_slow()
    heard: list[Progress] = []
    mine = attempt(bench.slow_graph)
    running = asyncio.create_task(bench.endpoint.run(mine, no_blobs, heard.append))
    await until(lambda: any(progress.stage != "queued" for progress in heard))
    await bench.endpoint.interrupt(mine)
    with pytest.raises(Interrupted):
        await running


async def test_interrupt_of_the_unknown_and_of_the_ended_is_harmless(bench: Bench) -> None:
    mine = attempt()
    await bench.endpoint.interrupt(attempt())
    await bench.endpoint.run(mine, no_blobs, deaf)
    await bench.endpoint.interrupt(mine)
    assert (await bench.endpoint.follow(mine, deaf)).files


async def test_a_graph_that_it_cannot_run_is_rejected_with_a_reason(bench: Bench) -> None:
    nodes = graph()
    nodes["3"] = {"class_type": "NoSuchSampler", "inputs": {}}
    with pytest.raises(GraphRejected) as caught:
        await bench.endpoint.run(attempt(nodes), no_blobs, deaf)
    assert caught.value.fields["reason"]
    assert caught.value.fields["endpoint"] == bench.endpoint.name
    assert not caught.value.retryable


async def test_reads_the_inputs_of_a_graph(bench: Bench) -> None:
    asked: list[str] = []

    async def read(name: str) -> bytes:
        asked.append(name)
        return png("green", 128)

    item = GraphInput(node_id="10", input="image", blob="b" * 64, filename=f"{'b' * 64}.png")
    outcome = await bench.endpoint.run(attempt(img2img(), (item,)), read, deaf)
    assert asked == ["b" * 64]
    assert outcome.files


async def test_tells_what_it_can_run(bench: Bench) -> None:
    info = await bench.endpoint.object_info()
    assert isinstance(info, dict)
    assert {node["class_type"] for node in graph().values() if isinstance(node, dict)} <= info.keys()
    assert isinstance(await bench.endpoint.model_metadata("checkpoints", "atelier-tiny.safetensors"), dict)
    assert await bench.endpoint.model_metadata("checkpoints", "no-such-model.safetensors") == {}


async def test_a_listener_or_a_reader_that_raises_hurts_nobody_else(bench: Bench) -> None:
    async def broken_read(name: str) -> bytes:
        raise OSError("the disk is gone")

    item = GraphInput(node_id="10", input="image", blob="c" * 64, filename="c.png")
    with pytest.raises(OSError, match="the disk is gone"):
        await bench.endpoint.run(attempt(img2img(), (item,)), broken_read, deaf)
    other = replace(attempt(), prompt_id=new_id())
    assert (await bench.endpoint.run(other, no_blobs, deaf)).files


@pytest.mark.parametrize("bench", ["local"], indirect=True)
async def test_our_sampler_killed_at_work_loses_the_attempt_at_once_and_does_it_again(bench: Bench) -> None:
    assert isinstance(bench.endpoint, LocalEndpoint)
    assert bench.endpoint.pid is not None
    wanted = await bench.endpoint.run(attempt(), no_blobs, deaf)
    heard: list[Progress] = []
    mine = attempt(bench.slow_graph)
    running = asyncio.create_task(bench.endpoint.run(mine, no_blobs, heard.append))
    await until(lambda: any(progress.stage == "sampling" for progress in heard))
    os.kill(bench.endpoint.pid, signal.SIGKILL)
    with pytest.raises(EndpointLost):
        await running
    await until(lambda: bench.endpoint.ready)
    with pytest.raises(AttemptUnknown):
        await bench.endpoint.follow(mine, deaf)
    again = await bench.endpoint.run(attempt(), no_blobs, deaf)
    assert [file.data for file in again.files] == [file.data for file in wanted.files]


async def test_close_fails_what_runs_and_whatever_comes_after(bench: Bench) -> None:
    bench.make_slow()
    changes: list[bool] = []
    bench.endpoint.subscribe(lambda: changes.append(bench.endpoint.ready))
    heard: list[Progress] = []
    running = asyncio.create_task(bench.endpoint.run(attempt(bench.slow_graph), no_blobs, heard.append))
    await until(lambda: heard)
    await bench.endpoint.close()
    with pytest.raises(EndpointLost):
        await running
    assert not bench.endpoint.ready
    assert changes[-1:] == [False]
    for refused in (
        bench.endpoint.run(attempt(), no_blobs, deaf),
        bench.endpoint.follow(attempt(), deaf),
        bench.endpoint.object_info(),
    ):
        with pytest.raises(EndpointLost):
            await refused
    await bench.endpoint.interrupt(attempt())

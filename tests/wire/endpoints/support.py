"""What the wire tests of endpoints share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from engine.endpoints.comfyui.client import TIMEOUTS, Limits, Timeouts
from engine.endpoints.comfyui.connection import Pace
from engine.endpoints.comfyui.endpoint import ComfyEndpoint
from engine.ids import new_id
from engine.model import Attempt, AttemptStatus, Graph, GraphInput, Progress
from tests.fakes.comfyui import FakeComfy, recorded_frames

FAST = Pace(health=0.1, retry=0.02, retry_limit=0.1, poll=0.05, poll_heard=0.3, patience=5.0)
PROMPT = "a secret castle, seen by nobody"


def seed_graph(**sampler: Any) -> Graph:
    """The seed document's graph, under the node ids of the recordings."""
    inputs = {"seed": 0, "steps": 2, "model": ["4", 0], "positive": ["6", 0], "latent_image": ["5", 0], **sampler}
    return {
        "3": {"class_type": "KSampler", "_meta": {"title": "Sampler"}, "inputs": inputs},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "rand-sd15.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": PROMPT, "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "wire"}},
    }


def new_attempt(graph: Graph | None = None, *, inputs: tuple[GraphInput, ...] = ()) -> Attempt:
    """An attempt that nobody has sent yet."""
    return Attempt(
        id=new_id(),
        task_id=new_id(),
        job_id=new_id(),
        endpoint="comfy",
        prompt_id=new_id(),
        status=AttemptStatus.SENT,
        number=1,
        graph=graph or seed_graph(),
        inputs=inputs,
        created_at=0.0,
    )


async def no_blobs(name: str) -> bytes:
    """Fail the test: nobody should ask."""
    raise AssertionError(f"nobody asked for {name}")


def deaf(_: Progress) -> None:
    """Hear nothing."""


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that must come."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 (conditions live in other objects)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def endpoint_at(
    server: FakeComfy,
    *,
    key: str = "",
    timeout: float = 30.0,  # noqa: ASYNC109 (the endpoint's own)
    pace: Pace = FAST,
    limits: Limits | None = None,
    timeouts: Timeouts = TIMEOUTS,
    ready: bool = True,
) -> AsyncIterator[ComfyEndpoint]:
    """A started endpoint, ready and with its socket open."""
    endpoint = ComfyEndpoint(
        name="comfy",
        url=server.url,
        key=key,
        timeout=timeout,
        pace=pace,
        limits=limits or Limits(),
        timeouts=timeouts,
    )
    await endpoint.start()
    try:
        if ready:
            await until(lambda: endpoint.ready)
            if not server.behaviour.refuse_sockets:
                await until(lambda: server.listeners)
        yield endpoint
    finally:
        await endpoint.close()


def position_of(frames: str, kind: str) -> int:
    """Where in a recording the first frame of a type is."""
    return next(index for index, frame in enumerate(recorded_frames(frames)) if frame["type"] == kind)

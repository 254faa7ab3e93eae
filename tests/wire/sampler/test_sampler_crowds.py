"""Many clients, slow clients, many prompts, and interrupts at any moment."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.http_websocket import WSMsgType

from engine.sampler.execution.executor import MOST_AT_ONCE
from engine.sampler.server import sockets
from tests.wire.sampler.support import Server, checkpoint_bytes, eventually, seed_graph, until_end


async def test_two_hundred_clients_hear_their_own_prompts(server: Server) -> None:
    async def one(number: int) -> None:
        frames = await server.run_and_listen(seed_graph(seed=number), client_id=f"c{number}")
        others = {frame["data"].get("prompt_id") for frame in frames if frame["type"] != "status"}
        assert len(others) == 1
        assert [frame["type"] for frame in frames][-1] == "executing"
        assert "execution_success" in [frame["type"] for frame in frames]

    await asyncio.gather(*(one(number) for number in range(200)))
    assert server.nodes.calls.count("KSampler") == 200
    assert server.nodes.calls.count("CheckpointLoaderSimple") == 1, "the same node of many prompts is computed once"


async def test_a_client_that_does_not_read_holds_up_nobody(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MOST_FRAMES_WAITING", 200)
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        f"GET /ws?clientId=slow HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    server.nodes.preview = b"\xff\xd8" + bytes(200_000)
    slow = [await server.submit(seed_graph(seed=seed, steps=300), client_id="slow") for seed in range(8)]
    frames = await server.run_and_listen(seed_graph(seed=100), client_id="quick")
    assert [frame["type"] for frame in frames if isinstance(frame, dict)].count("execution_success") == 1
    for prompt_id in slow:
        assert (await server.finished(prompt_id))["status"]["completed"]
    await server.lost("slow")
    writer.close()


async def test_previews_are_dropped_before_frames(server: Server) -> None:
    server.nodes.preview = b"\xff\xd8" + bytes(500_000)
    async with server.socket("slow") as socket:
        prompt_id = await server.submit(seed_graph(steps=200), client_id="slow")
        await server.finished(prompt_id)
        frames = await until_end(socket, prompt_id)
    texts = [frame for frame in frames if isinstance(frame, dict)]
    assert [frame["data"]["value"] for frame in texts if frame["type"] == "progress"] == list(range(1, 201))
    previews = [frame for frame in frames if isinstance(frame, bytes)]
    assert 0 < len(previews) < 200


async def test_a_client_that_dies_leaves_no_trace(server: Server) -> None:
    server.nodes.step_seconds = 0.01
    socket = await server.http.ws_connect(f"{server.url}/ws?clientId=gone")
    prompt_id = await server.submit(seed_graph(steps=20), client_id="gone")
    assert socket._response.connection is not None
    transport = socket._response.connection.transport
    assert transport is not None
    transport.abort()
    assert (await server.finished(prompt_id))["status"]["completed"]
    await server.lost("gone")
    await socket.close()


async def test_clients_that_share_an_id_both_hear(server: Server) -> None:
    async with server.socket("shared") as first, server.socket("shared") as second:
        prompt_id = await server.submit(seed_graph(), client_id="shared")
        heard = await asyncio.gather(until_end(first, prompt_id), until_end(second, prompt_id))
    kinds = [[frame["type"] for frame in frames if frame["type"] != "status"] for frames in heard]
    assert kinds[0] == kinds[1]


async def reached(server: Server) -> None:
    assert await asyncio.to_thread(server.nodes.reached.wait, 10)


async def ended(server: Server, prompt_id: str) -> str:
    entry = await server.finished(prompt_id)
    return str(entry["status"]["messages"][-1][0])


async def test_interrupt_in_a_node_stops_that_prompt_only(server: Server) -> None:
    server.nodes.hold.clear()
    first, second = [await server.submit(seed_graph(seed=seed)) for seed in (1, 2)]
    await server.runs(2)
    await reached(server)
    await server.post("/interrupt", {"prompt_id": second})
    assert await ended(server, second) == "execution_interrupted"
    assert await server.get(f"/history/{first}") == {}
    server.nodes.hold.set()
    assert await ended(server, first) == "execution_success"


async def test_interrupt_while_it_waits_changes_nothing_and_delete_unqueues(tmp_path: Path, server: Server) -> None:
    server.nodes.hold.clear()
    for seed in range(32):
        await server.submit(seed_graph(seed=seed))
    await server.runs(32)
    waiting = await server.submit(seed_graph(seed=40))
    await server.post("/interrupt", {"prompt_id": waiting})
    assert [row[1] for row in (await server.get("/queue"))["queue_pending"]] == [waiting]
    await server.post("/queue", {"delete": [waiting]})
    server.nodes.hold.set()
    assert await server.get(f"/history/{waiting}") == {}


async def test_interrupt_after_the_end_changes_nothing(server: Server) -> None:
    prompt_id = await server.submit(seed_graph())
    entry = await server.finished(prompt_id)
    await server.post("/interrupt", {"prompt_id": prompt_id})
    assert await server.finished(prompt_id) == entry


async def test_one_who_waits_for_anothers_node_can_be_interrupted_and_the_other_is_not(server: Server) -> None:
    server.nodes.hold.clear()
    leader = await server.submit(seed_graph(seed=5))
    await reached(server)
    follower = await server.submit(seed_graph(seed=5))
    await server.runs(2)
    await server.post("/interrupt", {"prompt_id": follower})
    assert await ended(server, follower) == "execution_interrupted"
    server.nodes.hold.set()
    assert await ended(server, leader) == "execution_success"
    assert server.nodes.calls.count("KSampler") == 1


async def test_when_the_leader_is_interrupted_the_follower_computes(server: Server) -> None:
    server.nodes.hold.clear()
    leader = await server.submit(seed_graph(seed=5))
    await reached(server)
    follower = await server.submit(seed_graph(seed=5))
    await server.post("/interrupt", {"prompt_id": leader})
    assert await ended(server, leader) == "execution_interrupted"
    server.nodes.hold.set()
    assert await ended(server, follower) == "execution_success"


async def test_prompts_at_once_share_time(server: Server) -> None:
    server.nodes.step_seconds = 0.02
    ids = [await server.submit(seed_graph(seed=seed, steps=10)) for seed in range(16)]
    for prompt_id in ids:
        assert (await server.finished(prompt_id))["status"]["completed"]
    assert server.nodes.most_at_once > 8


async def test_a_stopping_server_says_goodbye(server: Server) -> None:
    async with server.socket("x") as socket:
        assert json.loads((await socket.receive(timeout=30)).data)["type"] == "status"
        goodbye = asyncio.create_task(server.sampler.hub.close())
        message: Any = await socket.receive(timeout=30)
        await goodbye
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
        assert socket.close_code == 1001


async def test_the_next_prompts_checkpoint_is_fetched_while_all_workers_are_busy(server: Server) -> None:
    (server.sampler.folders.models / "checkpoints" / "next.safetensors").write_bytes(checkpoint_bytes())
    server.nodes.hold.clear()
    running = [await server.submit(seed_graph(seed=seed)) for seed in range(MOST_AT_ONCE)]
    await server.runs(MOST_AT_ONCE)
    graph = seed_graph(seed=99)
    loader = next(node for node in graph.values() if node["class_type"] == "CheckpointLoaderSimple")
    loader["inputs"]["ckpt_name"] = "next.safetensors"
    waiting = await server.submit(graph)

    async def fetched() -> bool:
        return "next.safetensors" in server.runtime.prefetched

    await eventually(fetched)
    server.nodes.hold.set()
    for prompt_id in (*running, waiting):
        await server.finished(prompt_id)
    assert set(server.runtime.over) == {*running, waiting}


async def test_who_waits_for_the_work_of_another_lets_go_of_its_models(server: Server) -> None:
    server.nodes.hold.clear()
    works = await server.submit(seed_graph(seed=1))
    assert await asyncio.to_thread(server.nodes.reached.wait, 20)
    waits = await server.submit(seed_graph(seed=1))

    async def let_go() -> bool:
        return waits in server.runtime.over

    await eventually(let_go)
    assert works not in server.runtime.over
    server.nodes.hold.set()
    for prompt_id in (works, waits):
        assert (await server.finished(prompt_id))["status"]["completed"]
    assert server.nodes.calls.count("KSampler") == 1

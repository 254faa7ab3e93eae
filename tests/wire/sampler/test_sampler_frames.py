"""The frames of our server against those that ComfyUI sent, run by run."""

import asyncio
import json
import struct
from typing import Any

import pytest

from engine.sampler.server import sockets
from tests.wire.sampler.support import Server, exchange, png, recorded, seed_graph, until_end


def shape(frames: list[Any], prompt_id: str) -> list[tuple[Any, ...]]:
    """Reduce frames to their order: type, node, and what each says; other prompts' and connects left out."""
    kept = []
    for frame in frames:
        kind, data = frame["type"], frame["data"]
        if kind == "status" or data.get("prompt_id") != prompt_id:
            continue
        match kind:
            case "progress_state":
                states = [(node, said["value"], said["max"], said["state"]) for node, said in data["nodes"].items()]
                kept.append((kind, sorted(data), states))
            case "execution_cached":
                kept.append((kind, sorted(data), tuple(data["nodes"])))
            case _:
                kept.append((kind, sorted(data), data.get("node"), data.get("node_id"), data.get("value")))
    return kept


def statuses(frames: list[Any]) -> list[int]:
    return [frame["data"]["status"]["exec_info"]["queue_remaining"] for frame in frames if frame["type"] == "status"]


def of_recording(name: str) -> tuple[list[Any], str]:
    frames = recorded(f"ws_{name}.json")
    return frames, frames[-1]["data"]["prompt_id"]


async def warm(server: Server) -> None:
    """Leave in the cache what ComfyUI had in it when the seed workflow was recorded: 4, 6 and 7."""
    graph = seed_graph()
    graph["5"]["inputs"]["width"] = 128
    await server.finished(await server.submit(graph))


async def test_a_fresh_run_sends_what_comfyui_sends(server: Server) -> None:
    await warm(server)
    frames = await server.run_and_listen(seed_graph(), prompt_id="p")
    theirs, their_id = of_recording("seed_workflow")
    assert shape(frames, "p") == shape(theirs, their_id)
    assert statuses(frames) == statuses(theirs)
    assert frames[0]["data"]["sid"] == "rec-1"


async def test_a_cached_run_sends_what_comfyui_sends(server: Server) -> None:
    await server.finished(await server.submit(seed_graph()))
    frames = await server.run_and_listen(seed_graph(), prompt_id="p")
    theirs, their_id = of_recording("seed_workflow_cached")
    assert shape(frames, "p") == shape(theirs, their_id)
    assert statuses(frames) == statuses(theirs)


async def test_a_partly_cached_run_sends_what_comfyui_sends(server: Server) -> None:
    await server.finished(await server.submit(seed_graph()))
    frames = await server.run_and_listen(seed_graph(seed=7), prompt_id="p")
    theirs, their_id = of_recording("partly_cached")
    assert shape(frames, "p") == shape(theirs, their_id)


async def test_an_interrupted_run_sends_what_comfyui_sends(server: Server) -> None:
    await server.finished(await server.submit(seed_graph()))
    server.nodes.hold.clear()
    server.nodes.reached.clear()
    async with server.socket("rec-1") as socket:
        prompt_id = await server.submit(seed_graph(seed=8), client_id="rec-1")
        await asyncio.to_thread(server.nodes.reached.wait, 10)
        assert await server.post("/interrupt", {"prompt_id": prompt_id}) == (200, "")
        frames = await until_end(socket, prompt_id)
    theirs, their_id = of_recording("interrupted")
    assert shape(frames, prompt_id) == shape(theirs, their_id)
    entry = await server.finished(prompt_id)
    their_entry = exchange("interrupted: GET /history/{id}")["response"]["body"][their_id]
    assert [message[0] for message in entry["status"]["messages"]] == [
        message[0] for message in their_entry["status"]["messages"]
    ]
    assert (entry["status"]["status_str"], entry["status"]["completed"], entry["outputs"]) == ("error", False, {})


async def test_a_failing_run_sends_what_comfyui_sends(server: Server) -> None:
    graph = {
        "1": {"class_type": "Failing", "inputs": {"how": "no such colour"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    frames = await server.run_and_listen(graph, prompt_id="p")
    theirs, _ = of_recording("execution_error")
    kinds = [kind for kind, *_ in shape(frames, "p")]
    assert kinds == [
        "execution_start",
        "execution_cached",
        "progress_state",
        "executing",
        "execution_error",
        "executing",
    ]
    ours, error = (next(f["data"] for f in found if f["type"] == "execution_error") for found in (frames, theirs))
    assert {name: type(value) for name, value in ours.items()} == {name: type(value) for name, value in error.items()}
    assert (ours["node_id"], ours["node_type"], ours["exception_type"]) == ("1", "Failing", "ValueError")
    assert ours["exception_message"] == "no such colour\n"


@pytest.mark.parametrize(
    ("how", "kind"), [("memory", "torch.OutOfMemoryError"), ("path", "FileNotFoundError")], ids=["memory", "path"]
)
async def test_errors_name_their_type_and_no_path(server: Server, how: str, kind: str) -> None:
    graph = {
        "1": {"class_type": "Failing", "inputs": {"how": how}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    entry = await server.finished(await server.submit(graph))
    name, said = entry["status"]["messages"][-1]
    assert (name, said["exception_type"]) == ("execution_error", kind)
    text = json.dumps(said)
    assert "/home" not in text
    assert "secret" not in text
    assert all("/" not in line for line in said["traceback"])
    assert server.runtime.freed == (1 if how == "memory" else 0)
    assert (await server.finished(await server.submit(seed_graph())))["status"]["completed"], "the server stays up"


async def test_frames_go_to_their_owner_and_status_to_all(server: Server) -> None:
    async with server.socket("other") as other, server.socket() as nameless:
        frames = await server.run_and_listen(seed_graph(), client_id="mine")
        assert len(frames) > 10
        server.nodes.hold.clear()
        await server.submit(seed_graph(seed=1), client_id="mine")
        for socket in (other, nameless):
            heard: list[Any] = []
            while not heard or statuses(heard)[-1] != 1:
                heard.append(json.loads((await socket.receive(timeout=30)).data))
            assert {frame["type"] for frame in heard} == {"status"}
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.1)


async def test_the_sid_is_given_when_the_client_has_none(server: Server) -> None:
    async with server.socket() as socket:
        first = json.loads((await socket.receive(timeout=30)).data)
        assert len(first["data"]["sid"]) == 32


async def test_previews_come_as_the_client_understands_them(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_PREVIEWS_STOP_AT", 1000)  # these nodes take no time: a slow machine would miss some
    server.nodes.preview = png()
    frames = await server.run_and_listen(seed_graph(seed=1))
    plain = [frame for frame in frames if isinstance(frame, bytes)]
    assert [struct.unpack(">II", frame[:8]) for frame in plain] == [(1, 2), (1, 2)]
    assert plain[0][8:] == png()
    async with server.socket("modern") as socket:
        await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        prompt_id = await server.submit(seed_graph(seed=2), client_id="modern")
        frames = await until_end(socket, prompt_id)
    flags = [frame for frame in frames if isinstance(frame, dict) and frame["type"] == "feature_flags"]
    assert flags[0]["data"] == exchange("features")["response"]["body"]
    rich = [frame for frame in frames if isinstance(frame, bytes)]
    event, length = struct.unpack(">II", rich[0][:8])
    about = json.loads(rich[0][8 : 8 + length])
    assert (event, about["node_id"], about["prompt_id"], about["image_type"]) == (4, "3", prompt_id, "image/png")
    assert rich[0][8 + length :] == png()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": 5}', '{"type": "feature_flags", "data": 1}', "[" * 100000])
async def test_nonsense_from_a_client_is_ignored(server: Server, text: str) -> None:
    async with server.socket("mine") as socket:
        await socket.send_str(text)
        await socket.send_bytes(b"\x00\xff")
        prompt_id = await server.submit(seed_graph(), client_id="mine")
        assert await until_end(socket, prompt_id)

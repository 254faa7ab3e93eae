"""The ComfyUI endpoint against a server that replays recordings, well and badly behaved."""

import asyncio
import json
import struct

import pytest
import structlog

from engine.endpoints.comfyui.client import Limits
from engine.errors import (
    AttemptUnknown,
    EndpointBusy,
    EndpointLost,
    ExecutionFailed,
    GraphRejected,
    Interrupted,
    OutOfMemory,
    OutputMissing,
)
from engine.model import GraphInput, Progress
from tests.fakes.comfyui import FakeComfy, png, recorded_answer
from tests.wire.endpoints.support import (
    PROMPT,
    deaf,
    endpoint_at,
    new_attempt,
    no_blobs,
    position_of,
    seed_graph,
    until,
)


@pytest.mark.parametrize("recording", ["seed_workflow", "seed_workflow_cached", "partly_cached"])
async def test_recorded_runs_end_in_their_picture(recording: str) -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.frames, server.behaviour.history = f"ws_{recording}", recording
        heard: list[Progress] = []
        outcome = await endpoint.run(new_attempt(), no_blobs, heard.append)
    (file,) = outcome.files
    assert (file.node_id, file.kind, file.mime) == ("9", "images", "image/png")
    assert (
        file.filename
        == recorded_answer(f"{recording}: GET /history/{{id}}")["body"].popitem()[1]["outputs"]["9"]["images"][0][
            "filename"
        ]
    )
    start, end = (message[1]["timestamp"] for message in _messages(recording) if message[0] != "execution_cached")
    assert outcome.seconds == pytest.approx((end - start) / 1000)
    assert heard[-1].stage == "saving"


def _messages(recording: str) -> list[list[dict[str, int]]]:
    body = recorded_answer(f"{recording}: GET /history/{{id}}")["body"]
    return body.popitem()[1]["status"]["messages"]


async def test_progress_counts_the_samplers_steps() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        heard: list[Progress] = []
        await endpoint.run(new_attempt(), no_blobs, heard.append)
    seen = list(dict.fromkeys((progress.stage, progress.step, progress.steps) for progress in heard))
    assert seen == [
        ("queued", 0, 2),
        ("loading", 0, 2),
        ("sampling", 1, 2),
        ("sampling", 2, 2),
        ("saving", 2, 2),
    ]
    assert "Sampler" in {progress.node for progress in heard}


@pytest.mark.parametrize("kind", ["plain", "metadata"])
async def test_previews_are_heard(kind: str) -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.preview = kind
        heard: list[Progress] = []
        await endpoint.run(new_attempt(), no_blobs, heard.append)
        assert server.features[server.listeners[0]] == {"supports_preview_metadata": True}
    assert [progress.preview for progress in heard if progress.preview] == [png("blue")]


async def test_a_preview_whose_owner_is_in_doubt_is_shown_to_nobody() -> None:
    preview = struct.pack(">II", 1, 2) + png("blue")
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.hold_at = 8
        heard: list[Progress] = []
        mine = new_attempt()
        running = asyncio.create_task(endpoint.run(mine, no_blobs, heard.append))
        await until(lambda: any(progress.stage == "loading" for progress in heard))
        await server.drop_sockets()
        await until(lambda: server.listeners)
        # Another prompt of ours may run by now; the socket that would have said so was lost.
        await server.send_to_all(preview)
        await server.send_to_all(json.dumps({"type": "executing", "data": {"node": "3", "prompt_id": "another"}}))
        await server.send_to_all(preview)
        await server.send_to_all(json.dumps({"type": "executing", "data": {"node": "3", "prompt_id": mine.prompt_id}}))
        await server.send_to_all(preview)
        await until(lambda: any(progress.preview for progress in heard))
        server.release()
        await running
    assert len([progress for progress in heard if progress.preview]) == 1


async def test_our_ids_and_tag_go_with_the_prompt() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        mine = new_attempt()
        await endpoint.run(mine, no_blobs, deaf)
        (body,) = server.bodies
        assert body["prompt_id"] == mine.prompt_id
        assert body["client_id"] in server.listeners
        assert body["extra_data"] == {"atelier": {"prompt_id": mine.prompt_id}}
        assert body["prompt"] == mine.graph


async def test_inputs_are_uploaded_under_their_own_names_and_named_in_the_graph() -> None:
    graph = {**seed_graph(), "10": {"class_type": "LoadImage", "inputs": {"image": "?"}}}
    inputs = (GraphInput(node_id="10", input="image", blob="b1", filename="b1.png"),)

    async def read(name: str) -> bytes:
        return f"bytes of {name}".encode()

    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        await endpoint.run(new_attempt(graph, inputs=inputs), read, deaf)
        await endpoint.run(new_attempt(graph, inputs=inputs), read, deaf)
        assert server.uploads == {"atelier/b1.png": b"bytes of b1"}
        assert [body["prompt"]["10"]["inputs"]["image"] for body in server.bodies] == ["atelier/b1.png"] * 2
        server.uploads["atelier/b1.png"] = b"somebody else's"
        await endpoint.run(new_attempt(graph, inputs=inputs), read, deaf)
        assert server.bodies[-1]["prompt"]["10"]["inputs"]["image"] == "atelier/b1 (1).png"
    assert graph["10"]["inputs"]["image"] == "?"


async def test_a_socket_that_drops_is_polled_over_and_opened_again() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        for position in (2, position_of("ws_seed_workflow", "progress"), 20):
            server.behaviour.drop_at = position
            assert (await endpoint.run(new_attempt(), no_blobs, deaf)).files
            await until(lambda: server.listeners)
        server.behaviour.drop_at = None
        heard: list[Progress] = []
        await endpoint.run(new_attempt(), no_blobs, heard.append)
    assert "sampling" in {progress.stage for progress in heard}


async def test_without_any_socket_it_polls() -> None:
    async with FakeComfy() as server:
        server.behaviour.refuse_sockets = True
        server.behaviour.hold_at = 5
        async with endpoint_at(server) as endpoint:
            heard: list[Progress] = []
            running = asyncio.create_task(endpoint.run(new_attempt(), no_blobs, heard.append))
            await until(lambda: any(progress.stage == "loading" for progress in heard))
            server.release()
            assert (await running).files


async def test_unknown_and_broken_frames_are_skipped() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.hold_at = 8
        running = asyncio.create_task(endpoint.run(new_attempt(), no_blobs, deaf))
        await until(lambda: server.bodies)
        for frame in (
            '{"type": "crystools.monitor", "data": {"cpu": 1}}',
            "{",
            "[]",
            '{"type": "progress"}',
            b"\0",
            b"",
        ):
            await server.send_to_all(frame)
        await server.send_to_all(b"\x00\x00\x00\x04\xff\xff\xff\xff{}")
        server.release()
        assert (await running).files


async def test_an_old_server_that_names_prompts_itself() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.ignores_prompt_id = True
        server.behaviour.hold_at = 8
        mine = new_attempt()
        heard: list[Progress] = []
        running = asyncio.create_task(endpoint.run(mine, no_blobs, heard.append))
        await until(lambda: any(progress.stage == "loading" for progress in heard))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert {progress.prompt_id for progress in heard} == {mine.prompt_id}
        # After a restart nothing but the tag leads to it: first in the queue, then in the history.
        async with endpoint_at(server) as reborn:
            following = asyncio.create_task(reborn.follow(mine, deaf))
            await asyncio.sleep(0.1)
            server.release()
            assert (await following).files
            assert (await reborn.follow(mine, deaf)).files
            with pytest.raises(AttemptUnknown):
                await reborn.follow(new_attempt(), deaf)


async def test_interrupt_on_an_old_server_never_stops_somebody_elses_prompt() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.ignores_prompt_id = True
        server.behaviour.hold_at = 8
        first, second = new_attempt(), new_attempt()
        running = asyncio.create_task(endpoint.run(first, no_blobs, deaf))
        await until(lambda: len(server.bodies) == 1)
        waiting = asyncio.create_task(endpoint.run(second, no_blobs, deaf))
        await until(lambda: len(server.bodies) == 2)
        await endpoint.interrupt(second)
        with pytest.raises(Interrupted):
            await waiting
        await endpoint.interrupt(new_attempt())
        assert "POST /interrupt" not in server.asked
        await endpoint.interrupt(first)
        with pytest.raises(Interrupted):
            await running
        assert server.asked.count("POST /interrupt") == 1


async def test_interrupt_while_inputs_are_read_sends_nothing() -> None:
    graph = {**seed_graph(), "10": {"class_type": "LoadImage", "inputs": {"image": "?"}}}
    mine = new_attempt(graph, inputs=(GraphInput(node_id="10", input="image", blob="b1", filename="b1.png"),))
    async with FakeComfy() as server, endpoint_at(server) as endpoint:

        async def read(_: str) -> bytes:
            await endpoint.interrupt(mine)
            return b"data"

        with pytest.raises(Interrupted):
            await endpoint.run(mine, read, deaf)
        assert not server.bodies


async def test_interrupt_finds_a_prompt_that_was_on_its_way_when_its_run_was_cancelled() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.slow_submit, server.behaviour.hold_at = 0.1, 8
        mine = new_attempt()
        running = asyncio.create_task(endpoint.run(mine, no_blobs, deaf))
        await until(lambda: server.bodies)
        running.cancel()
        await endpoint.interrupt(mine)
        await until(lambda: mine.prompt_id in server.history or "POST /queue" in server.asked)
        await asyncio.gather(running, return_exceptions=True)
        assert {"POST /interrupt", "POST /queue"} & set(server.asked)


@pytest.mark.parametrize(
    ("recorded", "reason"),
    [
        ("bad ckpt", "CheckpointLoaderSimple.ckpt_name: 'nope.safetensors' is not among its choices"),
        ("missing input", "KSampler.seed is missing"),
        ("bad type", "KSampler.steps has a value of the wrong type"),
        ("below min", "KSampler.steps: Value 0 smaller than min of 1"),
        ("unknown node", "Cannot execute because node Nope does not exist."),
        ("no outputs", "Prompt has no outputs"),
        ("dangling link", "VAEDecode.images: Exception when validating inner node"),
        ("cycle", "Prompt outputs failed validation"),
    ],
)
async def test_validation_errors_reject_the_graph_with_a_reason(recorded: str, reason: str) -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.refusal = recorded
        with pytest.raises(GraphRejected) as caught:
            await endpoint.run(new_attempt(), no_blobs, deaf)
    assert caught.value.fields["reason"] == reason
    assert PROMPT not in str(caught.value)


async def test_a_prompt_accepted_without_our_output_is_rejected_and_stopped() -> None:
    graph = {**seed_graph(), "20": {"class_type": "SaveImage", "inputs": {"images": ["99", 0]}}}
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.refusal = "one good output, one bad"
        server.behaviour.hold_at = 8
        with pytest.raises(GraphRejected) as caught:
            await endpoint.run(new_attempt(graph), no_blobs, deaf)
        assert caught.value.fields["reason"] == "SaveImage: Exception when validating node"
        await until(lambda: "POST /interrupt" in server.asked or "POST /queue" in server.asked)
        graph["20"] = {"class_type": "PreviewImage", "inputs": {"images": ["99", 0]}}
        server.release()
        assert (await endpoint.run(new_attempt(graph), no_blobs, deaf)).files


async def test_a_node_that_raises_fails_the_attempt_in_plain_words() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.frames, server.behaviour.history = "ws_execution_error", "execution_error"
        with pytest.raises(ExecutionFailed) as caught:
            await endpoint.run(new_attempt(), no_blobs, deaf)
    assert caught.value.fields["node"] == "VAEDecode"
    assert str(caught.value.fields["reason"]).startswith("Given groups=1, weight of size [4, 4, 1, 1]")
    assert not caught.value.retryable


async def test_out_of_memory_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.frames, server.behaviour.history = "ws_execution_error", "execution_error"
        make = server.entry

        def out_of_memory(*args: object) -> object:
            entry = make(*args)
            entry["status"]["messages"][-1][1]["exception_type"] = "torch.OutOfMemoryError"
            return entry

        monkeypatch.setattr(server, "entry", out_of_memory)
        with pytest.raises(OutOfMemory) as caught:
            await endpoint.run(new_attempt(), no_blobs, deaf)
    assert caught.value.retryable


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_says_when_to_come_back(status: int) -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.status, server.behaviour.headers = status, {"Retry-After": "7"}
        with pytest.raises(EndpointBusy) as caught:
            await endpoint.run(new_attempt(), no_blobs, deaf)
    assert caught.value.retry_after == 7.0
    assert caught.value.retryable


async def test_every_kind_of_output_is_fetched_by_type_and_subfolder() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.outputs = {
            "12": {"images": [{"filename": "p.png", "subfolder": "", "type": "temp"}], "animated": [True]},
            "13": {"gifs": [{"filename": "v.mp4", "subfolder": "vid/x", "type": "output", "format": "video/h264-mp4"}]},
            "14": {"audio": [{"filename": "a.flac", "subfolder": "audio", "type": "output"}]},
            "15": {"text": ["a house", "a tree"]},
            "16": {"nonsense": 5, "3d": [{"filename": "m.glb", "subfolder": "3d", "type": "output"}], "x": [None]},
        }
        server.behaviour.files = {
            ("v.mp4", "vid/x", "output"): b"\0\0\0\x20ftypisom....",
            ("a.flac", "audio", "output"): b"fLaC....",
            ("m.glb", "3d", "output"): b"glTF....",
        }
        files = (await endpoint.run(new_attempt(), no_blobs, deaf)).files
    assert [(file.node_id, file.kind, file.mime) for file in files] == [
        ("13", "gifs", "video/mp4"),
        ("14", "audio", "audio/flac"),
        ("16", "3d", "model/gltf-binary"),
        ("15", "text", "text/plain"),
        ("15", "text", "text/plain"),
    ]
    assert [file.data for file in files if file.kind == "text"] == [b"a house", b"a tree"]


async def test_previews_are_results_only_when_nothing_else_is() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.outputs = {"9": {"images": [{"filename": "p.png", "subfolder": "", "type": "temp"}]}}
        server.behaviour.files = {("p.png", "", "temp"): png("yellow")}
        (file,) = (await endpoint.run(new_attempt(), no_blobs, deaf)).files
    assert file.data == png("yellow")


async def test_no_output_and_a_file_that_is_gone_are_missing_outputs() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.outputs = {}
        with pytest.raises(OutputMissing):
            await endpoint.run(new_attempt(), no_blobs, deaf)
        server.behaviour.outputs = None
        server.behaviour.missing_files = True
        with pytest.raises(OutputMissing):
            await endpoint.run(new_attempt(), no_blobs, deaf)


async def test_an_output_beyond_the_limit_is_not_taken() -> None:
    async with FakeComfy() as server, endpoint_at(server, limits=Limits(file=2**20)) as endpoint:
        server.behaviour.files = {("ComfyUI_00002_.png", "", "output"): b"x" * (2**20 + 1)}
        with pytest.raises(ExecutionFailed) as caught:
            await endpoint.run(new_attempt(), no_blobs, deaf)
    assert caught.value.fields["reason"] == "a result is larger than 1 MiB"


async def test_a_history_without_status_is_measured_here() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.drops_status = True
        server.behaviour.hold_at = 8
        heard: list[Progress] = []
        running = asyncio.create_task(endpoint.run(new_attempt(), no_blobs, heard.append))
        await until(lambda: any(progress.stage == "loading" for progress in heard))
        await asyncio.sleep(0.2)
        server.release()
        outcome = await running
    assert outcome.seconds >= 0.15


async def test_what_it_can_run_is_cached_and_read_again_after_a_reconnect() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        assert isinstance(await endpoint.object_info(), dict)
        before = server.asked.count("GET /object_info")
        for _ in range(5):
            await endpoint.object_info()
        assert server.asked.count("GET /object_info") == before
        generation = endpoint.generation
        changes: list[int] = []
        endpoint.subscribe(lambda: changes.append(endpoint.generation))
        server.behaviour.object_info = {"Other": {}}
        await server.drop_sockets()
        await until(lambda: changes)
        assert endpoint.generation > generation
        assert await endpoint.object_info() == {"Other": {}}


async def test_a_key_is_sent_and_a_wrong_one_leaves_it_unready() -> None:
    async with FakeComfy(key="right") as server:
        async with endpoint_at(server, key="right") as endpoint:
            assert (await endpoint.run(new_attempt(), no_blobs, deaf)).files
        async with endpoint_at(server, key="wrong", ready=False) as endpoint:
            await until(lambda: endpoint.failure)
            assert not endpoint.ready
            assert "key" in str(endpoint.failure)
            with pytest.raises(EndpointLost):
                await endpoint.run(new_attempt(), no_blobs, deaf)


async def test_logs_carry_no_prompt() -> None:
    with structlog.testing.capture_logs() as logs:
        async with FakeComfy() as server, endpoint_at(server) as endpoint:
            await endpoint.run(new_attempt(), no_blobs, deaf)
            server.behaviour.refusal = "bad type"
            with pytest.raises(GraphRejected):
                await endpoint.run(new_attempt(), no_blobs, deaf)

            def broken(_: Progress) -> None:
                raise RuntimeError("a bug")

            server.behaviour.refusal = ""
            assert (await endpoint.run(new_attempt(), no_blobs, broken)).files
    assert logs
    assert PROMPT not in repr(logs)

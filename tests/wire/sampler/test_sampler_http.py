"""Our answers against those that ComfyUI gave to the same requests."""

import asyncio
import copy
import json
import os
from typing import Any

import pytest

from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.declarations.sampling import SAMPLERS, SCHEDULERS
from tests.wire.sampler.support import CHECKPOINT, Server, checkpoint_bytes, exchange, recorded, running, seed_graph

_LONG_LISTS = {
    "sampler_name": list(SAMPLERS),
    "scheduler": list(SCHEDULERS),
    "sampling": ["eps", "v_prediction", "x0"],
}
_BETTER = {"not json": "400 with an error object instead of a 500"}


def refusals() -> list[str]:
    """The recorded prompts that were refused for what they are."""
    found = [
        entry["name"]
        for entry in recorded("http.json")
        if entry["request"]["path"] == "/prompt" and entry["response"]["status"] == 400
    ]
    assert len(found) >= 15
    return found


def plain() -> list[str]:
    """The recorded requests that ask without changing anything, whose answer is the same on any fresh server."""
    names = """
    system_stats|features|prompt info|queue empty|object_info unknown|embeddings|models|models/checkpoints|models/nope
    extensions|view missing|view no name|view traversal|view sub traversal|view bad type|view_metadata
    view_metadata missing|view_metadata nonst|history unknown id|free|prompt 404|history after clear|interrupt other id
    interrupt all|queue delete one|queue clear|history delete|history clear|queue after
    """
    return [name.strip() for line in names.strip().splitlines() for name in line.split("|")]


def kinds(value: Any) -> Any:
    """Reduce JSON to its shape: keys and types; texts of a device or a system are not compared."""
    match value:
        case dict():
            return {key: kinds(item) for key, item in value.items() if key != "tooltip"}
        case list():
            return sorted({json.dumps(kinds(item), sort_keys=True) for item in value})
        case bool() | str() | None:
            return type(value).__name__
        case _:
            return "number"


async def ask(server: Server, request: dict[str, Any], **headers: str) -> tuple[int, Any]:
    body = {} if request["json"] is None else {"json": request["json"]}
    async with server.http.request(request["method"], server.url + request["path"], headers=headers, **body) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if answer.content_type == "application/json" else text


@pytest.mark.parametrize("name", plain())
async def test_plain_questions_are_answered_alike(server: Server, name: str) -> None:
    entry = exchange(name)
    status, body = await ask(server, entry["request"])
    theirs = entry["response"]
    assert status == theirs["status"]
    if isinstance(theirs["body"], dict):
        assert kinds(body) == kinds(theirs["body"])
    if isinstance(theirs["body"], list):
        assert {type(item) for item in body} <= {str}


@pytest.mark.parametrize("path", ["/prompt", "/queue", "/history", "/system_stats", "/object_info", "/features", "/"])
async def test_everything_is_there_below_api_too(server: Server, path: str) -> None:
    for url in (server.url + path, f"{server.url}/api{path}".removesuffix("/")):
        async with server.http.get(url) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("name", [name for name in refusals() if name != "cycle"])
async def test_bad_prompts_are_refused_alike(server: Server, name: str) -> None:
    entry = exchange(name)
    status, body = await ask(server, entry["request"])
    theirs = entry["response"]["body"]
    assert status == 400
    assert body["error"] == theirs["error"]
    assert list(body["node_errors"]) == list(theirs["node_errors"])
    for node_id, said in theirs["node_errors"].items():
        ours = body["node_errors"][node_id]
        assert (ours["class_type"], ours["dependent_outputs"]) == (said["class_type"], said["dependent_outputs"])
        for our_error, error in zip(ours["errors"], said["errors"], strict=True):
            assert (our_error["type"], our_error["message"]) == (error["type"], error["message"])
            assert our_error["extra_info"].keys() == error["extra_info"].keys()
            if error["extra_info"].get("input_name") not in _LONG_LISTS:
                assert our_error["details"] == error["details"]
            assert our_error["extra_info"].get("traceback", []) == [], "no stack and no paths"


async def test_a_circle_is_named(server: Server) -> None:
    status, body = await ask(server, exchange("cycle")["request"])
    assert (status, body["error"]["type"]) == (400, "prompt_outputs_failed_validation")
    assert body["node_errors"]["1"]["errors"][0]["type"] == "dependency_cycle"
    assert body["node_errors"]["1"]["errors"][0]["details"] == "1 -> 2 -> 1"


@pytest.mark.parametrize(
    "body",
    [b"not json", b"{", b'"text"', b"[1]", b"\xff\xfe", b"[" * 200_000, b'{"prompt": NaN}', b'{"prompt": 1e999}', b""],
)
@pytest.mark.parametrize("path", ["/prompt", "/queue", "/history", "/interrupt", "/free"])
async def test_a_body_that_is_no_json_object_gets_a_400(server: Server, path: str, body: bytes) -> None:
    async with server.http.post(server.url + path, data=body) as answer:
        if body == b"" and path != "/prompt":
            assert answer.status == 200
            return
        assert answer.status == 400
        assert (await answer.json())["error"]["type"] in ("invalid_json", "invalid_request", "no_prompt")


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_id": 5},
        {"prompt_id": ""},
        {"prompt_id": "x" * 201},
        {"prompt_id": "a\nb"},
        {"number": "5"},
        {"number": True},
        {"client_id": 5},
        {"extra_data": [1]},
        {"prompt": None},
        {"prompt": "text"},
        {"prompt": {"1": None}},
        {"prompt": {"1": {"class_type": 5}}},
        {"prompt": {"1": {"class_type": "SaveImage", "inputs": []}}},
        {"partial_execution_targets": []},
    ],
)
async def test_strange_fields_get_a_400(server: Server, change: dict[str, Any]) -> None:
    status, body = await server.post("/prompt", {"prompt": seed_graph(), **change})
    assert status == 400
    assert body["error"]["message"]


async def test_a_bad_output_beside_a_good_one_is_told_and_the_good_one_runs(server: Server) -> None:
    entry = exchange("one good output, one bad")
    status, body = await ask(server, entry["request"])
    assert status == 200
    ours, theirs = body["node_errors"], entry["response"]["body"]["node_errors"]
    assert kinds({**ours, "20": {**ours["20"], "errors": []}}) == kinds(
        {**theirs, "20": {**theirs["20"], "errors": []}}
    )
    assert ours["20"]["errors"][0]["type"] == theirs["20"]["errors"][0]["type"]
    done = await server.finished(body["prompt_id"])
    assert list(done["outputs"]) == ["9"]


async def test_history_has_comfyuis_shape(server: Server) -> None:
    for name in ("seed_workflow", "seed_workflow_cached", "partly_cached"):
        status, accepted = await ask(server, exchange(f"{name}: POST /prompt")["request"])
        theirs = exchange(f"{name}: POST /prompt")["response"]["body"]
        assert (status, accepted["number"], kinds(accepted)) == (200, theirs["number"], kinds(theirs))
        ours = await server.finished(accepted["prompt_id"])
        (their_entry,) = exchange(f"{name}: GET /history/{{id}}")["response"]["body"].values()
        for entry in (ours, their_entry):
            entry["status"]["messages"][1][1]["nodes"] = []  # what is cached depends on what ran before
        assert kinds(ours) == kinds(their_entry)
        assert [message[0] for message in ours["status"]["messages"]] == [
            message[0] for message in their_entry["status"]["messages"]
        ]
        assert ours["prompt"][2:] == their_entry["prompt"][2:]
        assert ours["meta"] == their_entry["meta"]


async def test_the_queue_while_it_is_busy(server: Server) -> None:
    server.nodes.hold.clear()
    busy = [await server.submit(seed_graph(seed=seed)) for seed in range(32)]
    await server.runs(32)
    waiting = [exchange(f"queue fill {index}")["request"]["json"] for index in range(3)]
    answers = [(await server.post("/prompt", body))[1] for body in waiting]
    assert [answer["number"] for answer in answers] == [33, 34, -35]
    queue = await server.get("/queue")
    assert [row[1] for row in queue["queue_running"]] == busy
    assert [row[1] for row in queue["queue_pending"]] == [
        answers[2]["prompt_id"],
        *(a["prompt_id"] for a in answers[:2]),
    ]
    theirs = exchange("queue busy")["response"]["body"]
    assert kinds(queue["queue_pending"][0]) == kinds(theirs["queue_pending"][0])
    assert (await server.get("/prompt"))["exec_info"]["queue_remaining"] == 35
    assert await server.get(f"/history/{busy[0]}") == {}
    assert await server.post("/queue", {"delete": [answers[0]["prompt_id"], busy[0], "nope"]}) == (200, "")
    assert len((await server.get("/queue"))["queue_pending"]) == 2
    assert len((await server.get("/queue"))["queue_running"]) == 32, "what runs is interrupted, not deleted"
    assert await server.post("/queue", {"clear": True}) == (200, "")
    assert (await server.get("/queue"))["queue_pending"] == []
    assert await server.post("/interrupt", {"prompt_id": "nope"}) == (200, "")
    assert len((await server.get("/queue"))["queue_running"]) == 32
    assert await server.post("/interrupt") == (200, "")
    assert (await server.finished(busy[0]))["status"]["messages"][-1][0] == "execution_interrupted", "the oldest one"
    server.nodes.hold.set()
    for prompt_id in busy[1:]:
        assert (await server.finished(prompt_id))["status"]["completed"]
    assert server.nodes.most_at_once == 32, "all of them sampled at once"


async def test_a_known_prompt_id_is_not_run_again(server: Server) -> None:
    entry = exchange("own prompt_id")
    first = await ask(server, entry["request"])
    assert first == (200, entry["response"]["body"])
    own = entry["request"]["json"]["prompt_id"]
    assert await ask(server, entry["request"]) == first, "while it waits or runs"
    await server.finished(own)
    calls = len(server.nodes.calls)
    answers = await asyncio.gather(*(ask(server, entry["request"]) for _ in range(10)))
    assert set(map(str, answers)) == {str(first)}
    assert len(server.nodes.calls) == calls
    assert list(await server.get("/history")) == [own]


async def test_the_same_new_id_sent_by_many_at_once_runs_once(server: Server) -> None:
    body = {"prompt": seed_graph(seed=99), "prompt_id": "once"}
    answers = await asyncio.gather(*(server.post("/prompt", body) for _ in range(20)))
    assert {status for status, _ in answers} == {200}
    assert len({answer["number"] for _, answer in answers}) == 1
    await server.finished("once")
    assert server.nodes.calls.count("KSampler") == 1


async def test_pages_of_history(server: Server) -> None:
    ids = [f"p{number}" for number in range(5)]
    for seed, prompt_id in enumerate(ids):
        await server.finished(await server.submit(seed_graph(seed=seed), prompt_id=prompt_id))
    assert list(await server.get("/history")) == ids
    assert list(await server.get("/history?max_items=2")) == ids[-2:]
    assert list(await server.get("/history?max_items=2&offset=1")) == ids[1:3]
    assert list(await server.get("/history?max_items=0")) == []
    async with server.http.get(server.url + "/history?max_items=many") as answer:
        assert answer.status == 400
    assert await server.post("/history", {"delete": ["p1", "nope"]}) == (200, "")
    assert list(await server.get("/history")) == ["p0", "p2", "p3", "p4"]
    assert await server.post("/history", {"clear": True}) == (200, "")
    assert await server.get("/history") == {}


async def test_object_info_is_comfyuis_for_our_nodes(server: Server) -> None:
    ours, theirs = await server.get("/object_info"), recorded("object_info.core.json")
    names = [name for name in built_in() if name in theirs]
    assert len(names) >= 80
    for name in names:
        expected, found = theirs[name], copy.deepcopy(ours[name])
        for key in ("description", "output_tooltips"):
            found.pop(key, None)
        for given in expected["input"]["required"].items():
            _offer_ours(*given)
        for config in found["input"]["required"].values():
            if len(config) > 1:
                config[1].pop("tooltip", None)
        assert found == expected, name
    one = (await server.get("/object_info/KSampler"))["KSampler"]
    assert one == ours["KSampler"]
    assert one.keys() == exchange("object_info one")["response"]["body"]["KSampler"].keys()


def _offer_ours(name: str, config: list[Any]) -> None:
    """Cut a recorded choice to what works here, in the recorded order."""
    if name in _LONG_LISTS:
        config[0] = [choice for choice in config[0] if choice in _LONG_LISTS[name]]
        assert config[0] == _LONG_LISTS[name]
    if name in ("image", "vae_name") and isinstance(config[0], list):
        config[0] = []  # the recording's folders had files of their own


async def test_pictures_that_were_made_here_are_offered_newest_first(server: Server) -> None:
    folders = server.sampler.folders
    for age, name in enumerate(("new.png", "old.webp", "oldest.png")):
        (folders.output / name).write_bytes(b"x")
        os.utime(folders.output / name, (1000 - age, 1000 - age))
    (folders.output / "notes.txt").write_bytes(b"x")
    offered = await server.get("/internal/files/output")
    assert offered == ["new.png [output]", "old.webp [output]", "oldest.png [output]"]
    assert await server.get("/internal/files/temp") == []
    async with server.http.get(f"{server.url}/internal/files/models") as answer:
        assert answer.status == 404
    load = {"class_type": "LoadImageOutput", "inputs": {"image": offered[0]}}
    show = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    assert (await server.post("/prompt", {"prompt": {"1": load, "2": show}}))[0] == 200
    load["inputs"]["image"] = "gone.png [output]"
    assert (await server.post("/prompt", {"prompt": {"1": load, "2": show}}))[0] == 400


async def test_model_metadata_is_read_from_the_header(server: Server) -> None:
    folder = server.sampler.folders.models / "checkpoints"
    (folder / "said.safetensors").write_bytes(checkpoint_bytes({"modelspec.title": "Said"}))
    (folder / "broken.safetensors").write_bytes(b"\xff" * 100)
    (folder / "short.safetensors").write_bytes(b"\x00")
    (folder / "pickle.ckpt").write_bytes(b"\x80")
    assert await server.get("/models/checkpoints") == [
        "broken.safetensors",
        CHECKPOINT,
        "said.safetensors",
        "short.safetensors",
    ]
    assert await server.get("/view_metadata/checkpoints?filename=said.safetensors") == {"modelspec.title": "Said"}
    for name in ("broken.safetensors", "short.safetensors", CHECKPOINT, "pickle.ckpt", "../../x.safetensors", ""):
        async with server.http.get(f"{server.url}/view_metadata/checkpoints", params={"filename": name}) as answer:
            assert answer.status == 404, name
    async with server.http.get(f"{server.url}/view_metadata/nope?filename=x") as answer:
        assert answer.status == 404


async def test_pages_of_other_origins_are_refused(server: Server) -> None:
    entry = exchange("cross-origin post")
    status, _ = await ask(server, entry["request"], Origin="https://evil.example")
    assert status == entry["response"]["status"] == 403
    assert (await ask(server, entry["request"], Origin=server.url))[0] == 200
    assert (await ask(server, entry["request"], **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await ask(server, entry["request"], Host="rebound.example"))[0] == 403
    assert (await ask(server, entry["request"], Origin="http://[", Host="127.0.0.1"))[0] == 403


async def test_with_a_key_every_request_needs_it(tmp_path: Any) -> None:
    async with running(tmp_path, key="secret") as server:
        assert (await server.get("/queue"))["queue_running"] == []
        async with server.socket("x") as socket:
            assert (await socket.receive(timeout=30)).data
        for wrong in ("", "Bearer", "Bearer wrong", "Basic secret", "Bearer sécret"):
            for path in ("/", "/queue", "/ws", "/api/system_stats", "/nothing"):
                async with server.http.get(server.url + path, headers={"Authorization": wrong}) as answer:
                    assert answer.status == 401, (wrong, path)


async def test_prompts_wait_for_the_runtime(tmp_path: Any) -> None:
    async with running(tmp_path, ready=False) as server:
        assert (await server.get("/system_stats"))["devices"] == []
        prompt_id = await server.submit(seed_graph())
        assert len((await server.get("/queue"))["queue_pending"]) == 1
        server.sampler.executor.start(server.runtime)
        assert (await server.finished(prompt_id))["status"]["completed"]
        (device,) = (await server.get("/system_stats"))["devices"]
        assert device["type"] == "cpu"


async def test_free_forgets_kept_outputs(server: Server) -> None:
    await server.finished(await server.submit(seed_graph()))
    await server.finished(await server.submit(seed_graph()))
    assert server.nodes.calls.count("KSampler") == 1
    assert await server.post("/free", {"unload_models": True}) == (200, "")
    assert server.runtime.freed == 1
    await server.finished(await server.submit(seed_graph()))
    assert server.nodes.calls.count("KSampler") == 2


async def test_a_picture_that_was_removed_is_made_again(server: Server) -> None:
    first = await server.finished(await server.submit(seed_graph()))
    (item,) = first["outputs"]["9"]["images"]
    (server.sampler.folders.output / item["filename"]).unlink()
    again = await server.finished(await server.submit(seed_graph()))
    (item,) = again["outputs"]["9"]["images"]
    assert (server.sampler.folders.output / item["filename"]).is_file()
    assert server.nodes.calls.count("KSampler") == 1, "only what is gone is made"


async def test_partial_execution_runs_only_its_targets(server: Server) -> None:
    graph = seed_graph()
    graph["10"] = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    prompt_id = await server.submit(graph, partial_execution_targets=["10"])
    assert (await server.finished(prompt_id))["prompt"][4] == ["10"]
    assert "SaveImage" not in server.nodes.calls

"""Recorded answers become types, and refusals plain sentences."""

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from engine.endpoints.comfyui.answers import (
    Ending,
    FileRef,
    QueuedPrompt,
    parse_accepted,
    parse_history,
    parse_queue,
    parse_uploaded,
    rejection_reason,
    tagged,
)
from engine.endpoints.comfyui.messages import BadMessage
from engine.endpoints.comfyui.results import ending_error, wanted_files
from engine.errors import EndpointError, EndpointFull, ExecutionFailed, Interrupted, OutOfMemory
from engine.sampler.models.pictures import PictureNotSaved, write
from tests.fakes.comfyui import recorded_answer


def entry(name: str) -> Any:
    """A recorded history entry."""
    (parsed,) = parse_history(recorded_answer(f"{name}: GET /history/{{id}}")["body"]).values()
    return parsed


def ended_with(failure: dict[str, str]) -> EndpointError | None:
    """The error of a prompt of which a node raised."""
    body = {"p": {"status": {"status_str": "error", "messages": [["execution_error", failure]]}}}
    return ending_error("gpu", parse_history(body)["p"], {})


def test_a_success_names_its_files_and_seconds() -> None:
    found = entry("seed_workflow")
    assert found.ending is Ending.SUCCESS
    assert found.files == (
        FileRef(node_id="9", kind="images", filename="ComfyUI_00002_.png", subfolder="", folder="output"),
    )
    assert found.seconds == pytest.approx(7.231)
    assert ending_error("gpu", found, {}) is None


def test_an_interruption_and_a_failure_are_told_apart() -> None:
    assert isinstance(ending_error("gpu", entry("interrupted"), {}), Interrupted)
    error = ending_error("gpu", entry("execution_error"), {})
    assert isinstance(error, ExecutionFailed)
    assert error.fields["node"] == "VAEDecode"
    assert "\n" not in str(error.fields["reason"])


@pytest.mark.parametrize(
    "failure",
    [
        {"exception_type": "torch.OutOfMemoryError", "exception_message": "Allocation on device 0"},
        {"exception_type": "torch.cuda.OutOfMemoryError", "exception_message": ""},
        {"exception_type": "RuntimeError", "exception_message": "CUDA error: out of memory"},
    ],
)
def test_memory_that_ran_out_is_its_own_error(failure: dict[str, str]) -> None:
    assert isinstance(ended_with(failure), OutOfMemory)


@pytest.mark.parametrize("errno_", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_without_room_is_its_own_error_in_comfyuis_words_and_in_our_samplers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errno_: int
) -> None:
    full = OSError(errno_, os.strerror(errno_))
    monkeypatch.setattr(Path, "write_bytes", Mock(side_effect=full))
    with pytest.raises(PictureNotSaved) as ours:
        write(tmp_path / "a.png", b"")
    for raised in (full, ours.value):
        error = ended_with({"exception_type": type(raised).__name__, "exception_message": str(raised)})
        assert isinstance(error, EndpointFull), str(raised)


def test_a_failures_words_carry_neither_prompt_nor_path() -> None:
    message = "could not read 'a secret castle' from /home/me/ComfyUI/models/x.pt\nsecond line"
    failure = {"node_id": "6", "node_type": "CLIPTextEncode", "exception_message": message}
    body = {"p": {"status": {"status_str": "error", "messages": [["execution_error", failure]]}}}
    graph = {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a secret castle"}}}
    error = ending_error("gpu", parse_history(body)["p"], graph)
    assert error is not None
    assert error.fields["reason"] == "could not read '…' from x.pt"


def test_old_histories_without_status_are_successes() -> None:
    found = parse_history({"p": {"prompt": [1, "p", {}, {}, []], "outputs": {}}})["p"]
    assert (found.ending, found.seconds, found.tag) == (Ending.SUCCESS, None, "")


def test_our_tag_is_found_in_queue_and_history() -> None:
    item = [5, "theirs", {}, {**tagged("ours"), "client_id": "c"}, ["9"]]
    assert parse_history({"theirs": {"prompt": item, "outputs": {}}})["theirs"].tag == "ours"
    queue = parse_queue({"queue_running": [item], "queue_pending": []})
    assert queue.running == (QueuedPrompt(prompt_id="theirs", tag="ours"),)


def test_the_queue_is_in_the_order_of_its_numbers() -> None:
    pending = [[7, "c", {}, {}, []], [2.0, "a", {}, {}, []], [5, "b", {}, {}, []]]
    queue = parse_queue({"queue_running": [], "queue_pending": pending})
    assert [prompt.prompt_id for prompt in queue.pending] == ["a", "b", "c"]


def test_recorded_queue() -> None:
    queue = parse_queue(recorded_answer("queue busy")["body"])
    assert len(queue.running) == 1
    assert len(queue.pending) == 2


def test_a_partial_acceptance_says_what_is_left_out() -> None:
    accepted = parse_accepted(recorded_answer("one good output, one bad")["body"])
    (error,) = accepted.errors
    assert (error.node_id, error.outputs) == ("20", ("20",))


def test_uploads_are_named_with_their_subfolder() -> None:
    assert parse_uploaded(recorded_answer("upload subfolder temp")["body"]) == "sub/x/a.png"
    assert parse_uploaded(recorded_answer("upload image")["body"]) == "red.png"
    with pytest.raises(BadMessage):
        parse_uploaded({})


def test_a_refusal_shows_no_value_that_may_be_a_prompt() -> None:
    errors = {
        "6": {
            "class_type": "CLIPTextEncode",
            "dependent_outputs": ["9"],
            "errors": [
                {
                    "type": "invalid_input_type",
                    "message": "Failed to convert an input value to a STRING value",
                    "details": "text, a secret castle",
                    "extra_info": {"input_name": "text", "received_value": "a secret castle"},
                }
            ],
        }
    }
    assert rejection_reason({"node_errors": errors}) == "CLIPTextEncode.text has a value of the wrong type"


def test_files_wanted() -> None:
    def files(*folders: str) -> Any:
        outputs = {"9": {"images": [{"filename": f"{f}{n}.png", "type": f} for n, f in enumerate(folders)]}}
        return parse_history({"p": {"outputs": outputs}})["p"]

    assert [ref.folder for ref in wanted_files(files("temp", "output", "input"))] == ["output"]
    assert [ref.folder for ref in wanted_files(files("temp", "input"))] == ["temp"]
    assert wanted_files(files("input")) == ()

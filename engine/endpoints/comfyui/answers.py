"""Answers of a ComfyUI server as typed values: history, queue, acceptance and refusal of a prompt (pure).

Everything here comes from outside: what breaks the protocol raises `BadMessage`, what is merely missing is left out
(servers of 2024 say less than those of 2026).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from engine.endpoints.comfyui.messages import BadMessage, as_list, as_object, as_text
from engine.endpoints.comfyui.wording import plain_reason
from engine.model import Json

_TEXT_KINDS = frozenset({"text", "texts", "string", "strings", "tags"})


class Ending(StrEnum):
    """How a prompt ended."""

    SUCCESS = "success"
    ERROR = "error"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class FileRef:
    """A file that a node made, as `/view` wants it named."""

    node_id: str
    kind: str  # images, gifs, audio, 3d, ...
    filename: str
    subfolder: str
    folder: str  # "output", "temp" or "input"


@dataclass(frozen=True, kw_only=True)
class TextOutput:
    """Text that a node made."""

    node_id: str
    kind: str
    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Which node raised what."""

    node_id: str = ""
    node_type: str = ""
    exception_type: str = ""
    message: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """What `/history` holds of a prompt that ended."""

    prompt_id: str
    tag: str  # our own id of it; empty if it is not ours
    ending: Ending
    files: tuple[FileRef, ...]
    texts: tuple[TextOutput, ...]
    failure: Failure | None
    seconds: float | None  # from execution_start to the end, where the server says so


@dataclass(frozen=True, kw_only=True)
class QueuedPrompt:
    """A prompt in the server's queue."""

    prompt_id: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """What runs and what waits, in order."""

    running: tuple[QueuedPrompt, ...]
    pending: tuple[QueuedPrompt, ...]


@dataclass(frozen=True, kw_only=True)
class NodeError:
    """What validation has against a node, and which outputs will not come because of it."""

    node_id: str
    reason: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The server took the prompt, perhaps under an id of its own, perhaps without some outputs."""

    prompt_id: str
    errors: tuple[NodeError, ...]


def parse_history(body: Json) -> dict[str, HistoryEntry]:
    """Read `/history` or `/history/{prompt_id}`: entries by the server's prompt id. Raises BadMessage."""
    return {prompt_id: _entry(prompt_id, as_object(value)) for prompt_id, value in as_object(body).items()}


def _entry(prompt_id: str, value: dict[str, Json]) -> HistoryEntry:
    outputs = as_object(value.get("outputs") or {})
    status = as_object(value.get("status") or {})
    events = dict(_events(status))
    failed = events.get("execution_error")
    if "execution_interrupted" in events:
        ending = Ending.INTERRUPTED
    elif failed is not None or status.get("status_str") == "error":
        ending = Ending.ERROR
    else:
        ending = Ending.SUCCESS  # also where an old server says nothing: only what ended is in the history
    return HistoryEntry(
        prompt_id=prompt_id,
        tag=_tag(value.get("prompt")),
        ending=ending,
        files=tuple(_files(outputs)),
        texts=tuple(_texts(outputs)),
        failure=_failure(failed) if ending is Ending.ERROR else None,
        seconds=_seconds(events),
    )


def _events(status: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    messages = status.get("messages")
    for message in messages if isinstance(messages, list) else []:
        match message:
            case [str(name), dict(data)]:
                yield name, data


def _seconds(events: dict[str, dict[str, Json]]) -> float | None:
    start = events.get("execution_start", {}).get("timestamp")
    end = events.get("execution_success", {}).get("timestamp")
    if isinstance(start, int) and isinstance(end, int) and 0 <= end - start < 10**9:
        return (end - start) / 1000
    return None


def _failure(data: dict[str, Json] | None) -> Failure:
    fields = data or {}
    return Failure(
        node_id=as_text(fields.get("node_id")),
        node_type=as_text(fields.get("node_type")),
        exception_type=as_text(fields.get("exception_type")),
        message=as_text(fields.get("exception_message")),
    )


def _lists(outputs: dict[str, Json]) -> Iterator[tuple[str, str, list[Json]]]:
    for node_id, kinds in outputs.items():
        for kind, values in kinds.items() if isinstance(kinds, dict) else ():
            if isinstance(values, list):
                yield node_id, kind, values


def _files(outputs: dict[str, Json]) -> Iterator[FileRef]:
    for node_id, kind, values in _lists(outputs):
        for value in values:
            if isinstance(value, dict) and (name := as_text(value.get("filename"))):
                yield FileRef(
                    node_id=node_id,
                    kind=kind,
                    filename=name,
                    subfolder=as_text(value.get("subfolder")),
                    folder=as_text(value.get("type")) or "output",
                )


def _texts(outputs: dict[str, Json]) -> Iterator[TextOutput]:
    for node_id, kind, values in _lists(outputs):
        if kind in _TEXT_KINDS:
            for value in values:
                if isinstance(value, str):
                    yield TextOutput(node_id=node_id, kind="text", text=value)


def tagged(prompt_id: str) -> dict[str, Json]:
    """Give the `extra_data` that carries our id: a server that ignores `prompt_id` still keeps it."""
    return {"atelier": {"prompt_id": prompt_id}}


def _tag(item: Json) -> str:
    """Find what `tagged` wrote in a queue item or a history's prompt: [number, id, graph, extra_data, outputs]."""
    match item:
        case [_, _, _, {"atelier": {"prompt_id": str(tag)}}, *_]:
            return tag
    return ""


def parse_queue(body: Json) -> QueueState:
    """Read `/queue`. Raises BadMessage."""
    fields = as_object(body)
    return QueueState(running=_queued(fields.get("queue_running")), pending=_queued(fields.get("queue_pending")))


def _queued(items: Json) -> tuple[QueuedPrompt, ...]:
    prompts = []
    for item in as_list(items):
        fields = as_list(item)
        if len(fields) < 2:
            raise BadMessage("a queue item without an id")
        prompts.append((fields[0], QueuedPrompt(prompt_id=as_text(fields[1]), tag=_tag(item))))
    # The server sends its heap as it lies in memory; the first field is the order in which prompts will run.
    prompts.sort(key=lambda pair: pair[0] if isinstance(pair[0], int | float) else 0)
    return tuple(prompt for _, prompt in prompts)


def parse_accepted(body: Json) -> Accepted:
    """Read the answer to an accepted `POST /prompt`. Raises BadMessage."""
    fields = as_object(body)
    prompt_id = as_text(fields.get("prompt_id"))
    if not prompt_id:
        raise BadMessage("a prompt was accepted without an id")
    return Accepted(prompt_id=prompt_id, errors=tuple(_node_errors(fields)))


def parse_uploaded(body: Json) -> str:
    """Read the answer to an upload as a LoadImage node wants it: the name, with its subfolder. Raises BadMessage."""
    fields = as_object(body)
    name, subfolder = as_text(fields.get("name")), as_text(fields.get("subfolder"))
    if not name:
        raise BadMessage("an upload was answered without a name")
    return f"{subfolder}/{name}" if subfolder else name


def rejection_reason(body: Json) -> str:
    """Say in one plain sentence why a prompt was refused. Raises BadMessage if the body does not say."""
    fields = as_object(body)
    reasons = [error.reason for error in _node_errors(fields)]
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    error = as_object(fields.get("error"))
    return plain_reason(as_text(error.get("message"))) or as_text(error.get("type")) or "the graph is not valid"


def _node_errors(fields: dict[str, Json]) -> Iterator[NodeError]:
    errors = fields.get("node_errors")
    for node_id, value in errors.items() if isinstance(errors, dict) else ():
        node = as_object(value)
        class_type = as_text(node.get("class_type")) or f"node {node_id}"
        outputs = tuple(as_text(output) for output in as_list(node.get("dependent_outputs") or []))
        reasons = [_validation_reason(class_type, as_object(error)) for error in as_list(node.get("errors") or [])]
        yield NodeError(node_id=node_id, reason="; ".join(reasons) or f"{class_type} is not valid", outputs=outputs)


def _validation_reason(class_type: str, error: dict[str, Json]) -> str:
    """Word one validation error; values are shown only where they cannot be somebody's prompt."""
    kind = as_text(error.get("type"))
    extra = error.get("extra_info")
    about = extra if isinstance(extra, dict) else {}
    where = f"{class_type}.{name}" if (name := as_text(about.get("input_name"))) else class_type
    if kind == "required_input_missing":
        return f"{where} is missing"
    if kind == "value_not_in_list":
        value = plain_reason(as_text(about.get("received_value")), limit=80)
        return f"{where}: '{value}' is not among its choices"
    if kind == "invalid_input_type":
        return f"{where} has a value of the wrong type"
    return f"{where}: {plain_reason(as_text(error.get('message'))) or kind or 'not valid'}"

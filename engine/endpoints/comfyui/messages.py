"""WebSocket frames of a ComfyUI server as typed values (pure).

Text frames are JSON `{type, data}`. Binary frames are big-endian: uint32 event, then
    1  preview             uint32 format (1 JPEG, 2 PNG), image bytes
    3  text                uint32 length, node id, text
    4  preview + metadata  uint32 length, JSON {node_id, display_node_id, prompt_id, image_type, ...}, image bytes
Frames that nobody here needs become `OtherFrame`; what does not even keep to the protocol raises `BadMessage`.
"""

import json
import math
import struct
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.model import Json

_LARGEST_COUNT = 2**53  # beyond it a JSON number counts nothing


class BadMessage(ValueError):
    """A message that breaks the protocol; frames like that are skipped, answers like that mean a broken endpoint."""


@dataclass(frozen=True, kw_only=True)
class ExecutionStarted:
    """The prompt left the queue."""

    prompt_id: str


@dataclass(frozen=True, kw_only=True)
class ExecutionCached:
    """Nodes whose results are still there and that will not run."""

    prompt_id: str
    nodes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Executing:
    """A node begins; None: the prompt has ended, whichever way."""

    prompt_id: str
    node: str | None


@dataclass(frozen=True, kw_only=True)
class NodeProgress:
    """How far one node is."""

    node: str
    value: int
    maximum: int
    state: str = "running"  # "pending", "running", "finished", "error"


@dataclass(frozen=True, kw_only=True)
class ProgressReport:
    """How far the nodes of a prompt are: one from a `progress` frame, all from a `progress_state` frame."""

    prompt_id: str
    nodes: tuple[NodeProgress, ...]


@dataclass(frozen=True, kw_only=True)
class NodeExecuted:
    """An output node has its result; the history names it too, and reliably."""

    prompt_id: str
    node: str


@dataclass(frozen=True, kw_only=True)
class ExecutionEnded:
    """The prompt succeeded, failed or was interrupted; the history says which."""

    prompt_id: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A picture of work in progress; older servers do not say whose (empty `prompt_id`)."""

    prompt_id: str
    node: str
    image: bytes = field(repr=False)  # JPEG or PNG


@dataclass(frozen=True, kw_only=True)
class NodeText:
    """A line of text from a running node."""

    node: str
    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OtherFrame:
    """A frame that means nothing to us: status, feature flags, custom nodes' own events."""

    type: str


Frame: TypeAlias = (
    ExecutionStarted
    | ExecutionCached
    | Executing
    | ProgressReport
    | NodeExecuted
    | ExecutionEnded
    | Preview
    | NodeText
    | OtherFrame
)


def parse_json(data: str | bytes) -> Json:
    """Read JSON from a stranger. Raises BadMessage, also for nesting that would exhaust the stack."""
    try:
        value: Json = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadMessage("not JSON") from error
    return value


def as_object(value: Json) -> dict[str, Json]:
    """Give a JSON object. Raises BadMessage for anything else."""
    if not isinstance(value, dict):
        raise BadMessage(f"an object was expected, not {type(value).__name__}")
    return value


def as_list(value: Json) -> list[Json]:
    """Give a JSON array. Raises BadMessage for anything else."""
    if not isinstance(value, list):
        raise BadMessage(f"an array was expected, not {type(value).__name__}")
    return value


def as_text(value: Json) -> str:
    """Give a string or a number as text (ids may be either); empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def as_count(value: Json) -> int:
    """Give a number as a count of at least 0; 0 for anything else."""
    if not isinstance(value, int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return 0
    return int(min(max(value, 0), _LARGEST_COUNT))


def parse_text_frame(data: str) -> Frame:
    """Read a text frame. Raises BadMessage."""
    message = as_object(parse_json(data))
    kind = as_text(message.get("type"))
    if kind not in _PARSERS:
        return OtherFrame(type=kind)
    return _PARSERS[kind](as_object(message.get("data")))


def _started(data: dict[str, Json]) -> Frame:
    return ExecutionStarted(prompt_id=as_text(data.get("prompt_id")))


def _cached(data: dict[str, Json]) -> Frame:
    nodes = frozenset(as_text(node) for node in as_list(data.get("nodes")))
    return ExecutionCached(prompt_id=as_text(data.get("prompt_id")), nodes=nodes)


def _executing(data: dict[str, Json]) -> Frame:
    node = as_text(data.get("display_node")) or as_text(data.get("node"))
    return Executing(prompt_id=as_text(data.get("prompt_id")), node=node or None)


def _progress(data: dict[str, Json]) -> Frame:
    node = NodeProgress(
        node=as_text(data.get("node")), value=as_count(data.get("value")), maximum=as_count(data.get("max"))
    )
    return ProgressReport(prompt_id=as_text(data.get("prompt_id")), nodes=(node,))


def _progress_state(data: dict[str, Json]) -> Frame:
    nodes = []
    for node_id, state in as_object(data.get("nodes")).items():
        fields = as_object(state)
        nodes.append(
            NodeProgress(
                node=as_text(fields.get("display_node_id")) or node_id,
                value=as_count(fields.get("value")),
                maximum=as_count(fields.get("max")),
                state=as_text(fields.get("state")),
            )
        )
    return ProgressReport(prompt_id=as_text(data.get("prompt_id")), nodes=tuple(nodes))


def _executed(data: dict[str, Json]) -> Frame:
    node = as_text(data.get("display_node")) or as_text(data.get("node"))
    return NodeExecuted(prompt_id=as_text(data.get("prompt_id")), node=node)


def _ended(data: dict[str, Json]) -> Frame:
    return ExecutionEnded(prompt_id=as_text(data.get("prompt_id")))


_PARSERS = {
    "execution_start": _started,
    "execution_cached": _cached,
    "executing": _executing,
    "progress": _progress,
    "progress_state": _progress_state,
    "executed": _executed,
    "execution_success": _ended,
    "execution_error": _ended,
    "execution_interrupted": _ended,
}


def parse_binary_frame(data: bytes) -> Frame:
    """Read a binary frame. Raises BadMessage."""
    event, body = _take_number(data)
    if event == 1:
        _, image = _take_number(body)
        return Preview(prompt_id="", node="", image=image)
    if event == 3:
        node, text = _take_block(body)
        return NodeText(node=node.decode(errors="replace"), text=text.decode(errors="replace"))
    if event == 4:
        block, image = _take_block(body)
        about = as_object(parse_json(block))
        node_id = as_text(about.get("display_node_id")) or as_text(about.get("node_id"))
        return Preview(prompt_id=as_text(about.get("prompt_id")), node=node_id, image=image)
    return OtherFrame(type=f"binary {event}")


def _take_number(data: bytes) -> tuple[int, bytes]:
    if len(data) < 4:
        raise BadMessage("a binary frame that ends too early")
    number: int = struct.unpack_from(">I", data)[0]
    return number, data[4:]


def _take_block(data: bytes) -> tuple[bytes, bytes]:
    length, rest = _take_number(data)
    if length > len(rest):
        raise BadMessage("a binary frame that is shorter than it says")
    return rest[:length], rest[length:]

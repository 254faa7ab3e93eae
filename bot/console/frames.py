"""What the terminal and the service say to each other: JSON over one WebSocket on loopback."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.replies import Tone

MAX_FRAME = 64 * 2**20  # bytes; an input picture travels base64-coded within one frame


class BadFrame(ValueError):
    """The other side sent something that is none of these frames."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Terminal to service: a command."""

    name: str
    words: tuple[str, ...]
    key: str
    out: str  # the folder that pictures go to
    images: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Terminal to service: stop everything that this terminal asked for."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Service to terminal: a reply, or the new state of a job's one message."""

    lines: tuple[str, ...]
    tone: Tone
    job: str = ""  # the job whose message this is; empty for a reply to the command itself
    jobs: tuple[str, ...] = ()  # on the reply that accepts: the jobs to wait for
    stage: str = ""
    done: int = 0
    total: int = 0
    eta: float | None = None
    files: tuple[str, ...] = ()


def encode(frame: Ask | Cancel | Shown) -> str:
    """Write a frame as JSON text."""
    body: dict[str, Any] = asdict(frame)
    if isinstance(frame, Ask):
        body["images"] = {slot: base64.b64encode(data).decode() for slot, data in frame.images.items()}
    return json.dumps({"type": type(frame).__name__.lower(), **body}, ensure_ascii=False)


def decode(text: str) -> Ask | Cancel | Shown:
    """Read a frame. Raises BadFrame."""
    try:
        body = json.loads(text)
        match body.pop("type"):
            case "ask":
                images = {slot: base64.b64decode(data, validate=True) for slot, data in body.pop("images").items()}
                return Ask(**{**body, "words": tuple(body["words"]), "images": images})
            case "cancel":
                return Cancel()
            case "shown":
                tuples = {name: tuple(body[name]) for name in ("lines", "jobs", "files")}
                return Shown(**{**body, **tuples, "tone": Tone(body["tone"])})
            case other:
                raise BadFrame(f"unknown frame {other!r}")
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise BadFrame(str(error)) from None

"""Reading requests and writing answers: what all routes share."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from engine.sampler.execution.model import Json
from engine.sampler.execution.validate import Rejected, refusal

MOST_JSON_BYTES = 16 << 20
MOST_UPLOAD_BYTES = 100 << 20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path; the app also offers it below `/api`."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler


async def read_json(request: web.Request) -> Json:
    """Read the body as JSON; None if it is empty. Raises HTTPBadRequest with an error object, never a 500."""
    body = await request.read()
    if not body:
        return None
    try:
        return parse_json(body)
    except ValueError as error:
        refused = refusal("invalid_json", "The body is no valid JSON", str(error))
        raise web.HTTPBadRequest(text=json.dumps(refused.as_json()), content_type="application/json") from error


def parse_json(body: bytes) -> Json:
    """Parse JSON strictly: numbers that JSON cannot write back (NaN, infinity) are refused. Raises ValueError."""
    try:
        parsed: Json = json.loads(body, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return parsed


async def read_object(request: web.Request) -> dict[str, Json]:
    """Read a JSON object; an empty body is an empty one."""
    body = await read_json(request)
    if body is None:
        return {}
    if isinstance(body, dict):
        return body
    raise bad_request("The body must be a JSON object")


def bad_request(message: str) -> web.HTTPBadRequest:
    """Give a 400 with an error object."""
    refused = refusal("invalid_request", message)
    return web.HTTPBadRequest(text=json.dumps(refused.as_json()), content_type="application/json")


def refuse(rejected: Rejected) -> web.Response:
    """Give the 400 of a prompt that cannot run."""
    return web.json_response(rejected.as_json(), status=400)


async def answer(made: Callable[[], Json]) -> web.Response:
    """Answer with JSON that is made and written off the event loop, for it may read the disk or be large."""
    text = await asyncio.to_thread(lambda: json.dumps(made()))
    return web.Response(text=text, content_type="application/json")


def strings(value: Json) -> list[str]:
    """Give the texts of a list; empty for anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return number

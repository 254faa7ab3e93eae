"""Prompts: submitting them, looking at the queue and the history, interrupting."""

import asyncio
import math
import uuid
from collections.abc import Mapping
from functools import partial

import structlog
from aiohttp import web

from engine.sampler.execution.model import Json, JsonObject, Prompt
from engine.sampler.execution.queue import PromptQueue
from engine.sampler.execution.validate import Choices, Rejected, refusal, validate
from engine.sampler.nodes.registry import NodeDeclaration
from engine.sampler.server.http import Route, answer, bad_request, read_json, read_object, refuse, strings

_LONGEST_ID = 200  # characters
_log = structlog.get_logger(__name__)


class PromptRoutes:
    """The routes around the queue."""

    def __init__(
        self,
        *,
        declarations: Mapping[str, NodeDeclaration],
        listing: Choices,
        queue: PromptQueue,
    ) -> None:
        self._declarations = declarations
        self._listing = listing
        self._queue = queue

    def routes(self) -> list[Route]:
        """Give the table of routes."""
        return [
            Route(method="GET", path="/prompt", handler=self._prompt_info),
            Route(method="POST", path="/prompt", handler=self._submit),
            Route(method="GET", path="/queue", handler=self._show_queue),
            Route(method="POST", path="/queue", handler=self._change_queue),
            Route(method="GET", path="/history", handler=self._show_history),
            Route(method="POST", path="/history", handler=self._change_history),
            Route(method="GET", path="/history/{prompt_id}", handler=self._show_entry),
            Route(method="POST", path="/interrupt", handler=self._interrupt),
        ]

    async def _prompt_info(self, _: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": self._queue.remaining}})

    async def _submit(self, request: web.Request) -> web.Response:
        """Validate and queue; an id that is known already is answered as the first time and not run again."""
        body = await read_json(request)
        if not isinstance(body, dict) or "prompt" not in body:
            return refuse(refusal("no_prompt", "No prompt provided", "No prompt provided"))
        prompt_id = _prompt_id(body)
        if known := self._queue.known(prompt_id):
            return _accepted(known)
        wanted = body.get("partial_execution_targets")
        targets = None if wanted is None else strings(wanted)
        given = partial(validate, body["prompt"], self._declarations, self._listing, targets)
        verdict = await asyncio.to_thread(given)
        if isinstance(verdict, Rejected):
            return refuse(verdict)
        extra_data, client_id = _extra_data(body)
        prompt = Prompt(
            id=prompt_id,
            number=self._number(body),
            graph=verdict.graph,
            nodes=verdict.nodes,
            outputs=verdict.outputs,
            extra_data=extra_data,
            client_id=client_id,
            node_errors=verdict.node_errors,
        )
        queued = self._queue.put(prompt)
        _log.info("prompt queued", action="prompt_queue", prompt_id=prompt_id, nodes=len(verdict.nodes))
        return _accepted(queued)

    def _number(self, body: JsonObject) -> int | float:
        number = body.get("number")
        if number is None:
            counted = self._queue.next_number()
            return -counted if body.get("front") else counted
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise bad_request("number must be a number")
        return float(number)

    async def _show_queue(self, _: web.Request) -> web.Response:
        running, waiting = self._queue.snapshot()
        return await answer(
            lambda: {
                "queue_running": [prompt.as_row() for prompt in running],
                "queue_pending": [prompt.as_row() for prompt in waiting],
            }
        )

    async def _change_queue(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        if body.get("clear") is True:
            self._queue.clear()
        self._queue.delete(strings(body.get("delete")))
        return web.Response()

    async def _show_history(self, request: web.Request) -> web.Response:
        max_items = _whole(request, "max_items")
        offset = _whole(request, "offset")
        return await answer(lambda: self._queue.history(max_items=max_items, offset=-1 if offset is None else offset))

    async def _show_entry(self, request: web.Request) -> web.Response:
        return await answer(lambda: self._queue.history_of(request.match_info["prompt_id"]))

    async def _change_history(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        if body.get("clear") is True:
            self._queue.forget_all()
        self._queue.forget(strings(body.get("delete")))
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        prompt_id = (await read_object(request)).get("prompt_id")
        if prompt_id is not None and not isinstance(prompt_id, str):
            raise bad_request("prompt_id must be a text")
        found = self._queue.interrupt(prompt_id)
        _log.info("interrupt asked", action="interrupt", prompt_id=prompt_id, found=found)
        return web.Response()


def _accepted(prompt: Prompt) -> web.Response:
    return web.json_response({"prompt_id": prompt.id, "number": prompt.number, "node_errors": prompt.node_errors})


def _prompt_id(body: JsonObject) -> str:
    wanted = body.get("prompt_id")
    if wanted is None:
        return str(uuid.uuid4())
    if isinstance(wanted, str) and 0 < len(wanted) <= _LONGEST_ID and wanted.isprintable():
        return wanted
    raise bad_request(f"prompt_id must be a text of 1 to {_LONGEST_ID} characters")


def _extra_data(body: JsonObject) -> tuple[JsonObject, str | None]:
    """Give the extra data with the client's id in it, as the history shows it, and that id."""
    extra: Json = body.get("extra_data") or {}
    if not isinstance(extra, dict):
        raise bad_request("extra_data must be an object")
    client_id = body.get("client_id") or extra.get("client_id")
    if client_id is None:
        return extra, None
    if not isinstance(client_id, str):
        raise bad_request("client_id must be a text")
    return {**extra, "client_id": client_id}, client_id


def _whole(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError as error:
        raise bad_request(f"{name} must be a whole number") from error
    return max(number, -1) if name == "offset" else max(number, 0)

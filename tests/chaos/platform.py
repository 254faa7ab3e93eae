"""A chat platform that outlives every kill: it plays the people, takes messages, misbehaves, and keeps the only log.

It lives in the process of the suite. Bots reach it over HTTP: `/updates` hands out events (again, while they
are unanswered, and now and then although they are answered), `/answer` takes what the person who asked is told, `/post`
and `/edit` take messages. What a call did is decided before it is answered, so an answer can be lost after the deed.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from aiohttp import web

LEASE = 3.0  # seconds after which an event that nobody answered is handed out again
REPEATED = 0.1  # the share of answered events that are handed out once more
TOO_MANY, BROKEN, ANSWER_LOST = 0.03, 0.02, 0.05  # shares of calls: 429, 500 (nothing done), done but never answered


@dataclass(kw_only=True)
class Event:
    """Something that a person does."""

    id: str
    platform: str
    person: str
    chat: str
    command: str
    line: str
    image: bool = False
    answered: dict[str, Any] | None = None
    handed: int = 0
    leased_until: float = 0.0


@dataclass(kw_only=True)
class Message:
    """A message as people see it."""

    id: str
    platform: str
    chat: str
    nonce: str
    job: str
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def now(self) -> dict[str, Any]:
        """What it shows in the end."""
        return self.shown[-1]


@dataclass(kw_only=True)
class Tally:
    """What the platform did to its bot."""

    calls: int = 0
    too_many: int = 0
    broken: int = 0
    answers_lost: int = 0
    repeated: int = 0


class Platform:
    """Two platforms in one: of `with-nonce` the same nonce posts once, of `without-nonce` it does not."""

    def __init__(self, log: Path, random: Random) -> None:
        self.events: dict[str, Event] = {}
        self.messages: dict[str, Message] = {}
        self.tally = Tally()
        self.misbehaving = True
        self.url = ""
        self.polls = 0  # how often somebody asked for events
        self._random = random
        self._log = log
        self._runner: web.AppRunner | None = None
        self._stir = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes(
            [
                web.post("/updates", self._updates),
                web.post("/answer", self._answer),
                web.post("/post", self._post),
                web.post("/edit", self._edit),
            ],
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def happen(self, events: Iterable[Event]) -> None:
        """People do something."""
        self.events.update({event.id: event for event in events})
        self._stir.set()

    @property
    def unanswered(self) -> list[Event]:
        """What people wait for an answer to."""
        return [event for event in self.events.values() if event.answered is None]

    def accepted(self) -> dict[str, Event]:
        """The events whose answer named jobs, by job."""
        return {job: event for event in self.events.values() for job in (event.answered or {}).get("jobs", ())}

    async def _updates(self, request: web.Request) -> web.Response:
        platform = (await request.json())["platform"]
        self.polls += 1
        now = asyncio.get_running_loop().time()
        due = [event for event in self.unanswered if event.platform == platform and event.leased_until <= now][:8]
        answered = [e for e in self.events.values() if e.platform == platform and e.answered and e.handed == 1]
        if answered and self.misbehaving and self._random.random() < REPEATED:
            self.tally.repeated += 1
            due.append(self._random.choice(answered))
        if not due:
            self._stir.clear()
            try:
                async with asyncio.timeout(0.2):
                    await self._stir.wait()
            except TimeoutError:
                pass
        for event in due:
            event.leased_until = now + LEASE
            event.handed += 1
        return web.json_response([asdict(event) for event in due])

    async def _answer(self, request: web.Request) -> web.Response:
        told = await request.json()
        event = self.events[told.pop("event")]
        if event.answered is None:
            event.answered = told
        elif told["jobs"] != event.answered["jobs"]:
            self._note("answered-differently", event=event.id, first=event.answered["jobs"], now=told["jobs"])
            event.answered["jobs"] = sorted({*event.answered["jobs"], *told["jobs"]})
        return web.Response()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        call = await request.json()
        if refused := self._refusal():
            return refused
        twin = None
        if call["platform"] == "with-nonce":
            twin = next((m for m in self.messages.values() if m.nonce == call["nonce"]), None)
        message = twin or Message(
            id=f"m{len(self.messages) + 1}",
            platform=call["platform"],
            chat=call["chat"],
            nonce=call["nonce"],
            job=call["shown"]["job"],
        )
        if twin is None:
            self.messages[message.id] = message
            message.shown.append(call["shown"])
        self._note("post", message=message.id, again=twin is not None, **call)
        return self._done(request, {"message": message.id})

    async def _edit(self, request: web.Request) -> web.StreamResponse:
        call = await request.json()
        if refused := self._refusal():
            return refused
        message = self.messages.get(call["message"])
        if message is None or message.chat != call["chat"]:
            return web.json_response({"error": "no such message"}, status=404)
        message.shown.append(call["shown"])
        self._note("edit", **call)
        return self._done(request, {})

    def _refusal(self) -> web.Response | None:
        self.tally.calls += 1
        lot = self._random.random() if self.misbehaving else 1.0
        if lot < TOO_MANY:
            self.tally.too_many += 1
            return web.json_response({"retry_after": round(self._random.uniform(0.1, 0.8), 2)}, status=429)
        if lot < TOO_MANY + BROKEN:
            self.tally.broken += 1
            return web.Response(status=500)
        return None

    def _done(self, request: web.Request, answer: dict[str, Any]) -> web.StreamResponse:
        if self.misbehaving and self._random.random() < ANSWER_LOST:
            self.tally.answers_lost += 1
            if request.transport is not None:
                request.transport.abort()
        return web.json_response(answer)

    def _note(self, what: str, **fields: object) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, **fields}, ensure_ascii=False) + "\n")

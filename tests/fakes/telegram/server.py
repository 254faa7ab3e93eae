"""A Telegram on loopback: the Bot API over real sockets, and people to use it.

    async with FakeTelegram() as telegram_server:
        ann = telegram_server.world.person("Ann")
        ...start the bot with telegram_server.base_url...
        await ann.says(ann.private, "a red house")
        result = await ann.waits(ann.private, lambda message: message.media)
        await ann.presses(result, "U1")

A call passes, in this order: token, specification, faults, flood control, the method itself; and its answer is held
against the specification too.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.fakes.telegram import reading
from tests.fakes.telegram.callbacks import Presses
from tests.fakes.telegram.clock import Clock
from tests.fakes.telegram.errors import Refusal, bad_request
from tests.fakes.telegram.faults import Fault, Faults, What
from tests.fakes.telegram.files import FileLimits, Files
from tests.fakes.telegram.flood import Excess, Flood, FloodLimits
from tests.fakes.telegram.log import Call, Entry, Log
from tests.fakes.telegram.methods.asking import ASKING
from tests.fakes.telegram.methods.common import Handler, Request, find_chat
from tests.fakes.telegram.methods.editing import DELETING, EDITING
from tests.fakes.telegram.methods.menus import MENUS, Menus
from tests.fakes.telegram.methods.receiving import RECEIVING
from tests.fakes.telegram.methods.sending import SENDING, counted, send_chat_action
from tests.fakes.telegram.model import Chat
from tests.fakes.telegram.spec import Spec
from tests.fakes.telegram.updates import PollDropped, Update, Updates
from tests.fakes.telegram.webhook import Webhook
from tests.fakes.telegram.world import World

TOKEN = "700000001:AAfake-loopback-token_of-the-tests"
BODY_LIMIT = 128 * 2**20  # bytes: what is too large for Telegram is for us to say
CALLBACK_LIVES = 15.0  # seconds
METHODS: dict[str, Handler] = {
    **SENDING, **EDITING, **DELETING, **MENUS, **ASKING, **RECEIVING, "sendChatAction": send_chat_action,
}  # fmt: skip
COUNTED = frozenset({*SENDING, *EDITING})  # what flood control counts


class Cut(Exception):
    """The connection is to be broken without an answer."""


class FakeTelegram:
    """The server; `async with` starts and stops it."""

    def __init__(
        self,
        *,
        token: str = TOKEN,
        port: int = 0,
        flood: FloodLimits | None = None,
        files: FileLimits | None = None,
        callback_lives: float = CALLBACK_LIVES,
    ) -> None:
        self.token = token
        self.clock = Clock()
        self.spec = Spec.load()
        self.journal = Log()
        self.updates = Updates(self.clock)
        self.files = Files(self.clock, files or FileLimits())
        self.world = World(self, bot_id=int(token.split(":", maxsplit=1)[0]))
        self.presses = Presses(self.world, callback_lives)
        self.flood = Flood(self.clock, flood or FloodLimits())
        self.faults = Faults()
        self.menus = Menus()
        self.webhook = Webhook(self.clock, self.updates)
        self.violations: list[str] = []  # of the client: where it left the specification
        self.own_violations: list[str] = []  # our own answers and updates against the specification
        self.loopback_webhooks = True  # takes http addresses of this machine, as behind a proxy
        self.base_url = self.base_file_url = ""
        self._port = port
        self.updates.inspect = self._inspect
        self.webhook.answered = self._inspect_answer
        self.updates.woken = self.world.pulse

    async def __aenter__(self) -> Self:
        """Listen on a free loopback port, or on the one that was asked for."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_route("*", "/{tail:.*}", self._nowhere)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{self._port}/bot"
        self.base_file_url = f"http://127.0.0.1:{self._port}/file/bot"
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop, whoever is still connected."""
        await self.webhook.close()
        self.updates.drop_poll()
        await self._runner.cleanup()

    # Reading what happened

    @property
    def log(self) -> tuple[Call, ...]:
        """Every call of the bot, in order of their answers."""
        return self.journal.calls

    @property
    def history(self) -> tuple[Entry, ...]:
        """Everything that became of messages, in order, each with the message as it was then."""
        return self.journal.entries

    @property
    def excesses(self) -> list[Excess]:
        """Calls over a limit of flood control, or that went on during a wait."""
        return self.flood.excesses

    def refused(self) -> list[Call]:
        """Calls that were answered with an error of the client's own doing: 4xx that no test asked for."""
        return [call for call in self.log if 400 <= call.status < 500 and not call.fault]

    async def until(self, true: Callable[[], Any], within: float = 30.0, what: str = "") -> Any:
        """Wait until something is so, looking whenever something happened; its value."""
        return await self.world.until(true, within=within, what=what)

    def violate(self, method: str, problem: str) -> None:
        """The client left the specification."""
        self.violations.append(problem if problem.startswith(method) else f"{method}: {problem}")

    # Answering

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        """One call: read, carried out, written down, answered."""
        if self.faults.down:
            return self._cut(http)
        request = await reading.read(self, http)
        chat = find_chat(self.world, request.params.get("chat_id", ""))
        fault = self.faults.take(request.method, chat)
        status, answer = 200, None
        try:
            if http.match_info["token"] != self.token:
                raise Refusal(401, "Unauthorized")
            result = await self._carry_out(request, chat, fault)
            answer = {"ok": True, "result": result}
            if fault and fault.what is What.LOSE:
                status = 0
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body()
        except (Cut, PollDropped):
            status = 0
        except Exception as error:
            self.own_violations.append(f"{request.method} {request.params}: {error!r}")
            raise
        if fault and fault.what is What.STATUS:
            status, answer = int(fault.number), None
        self._write_down(request, chat, status, answer, fault)
        if fault and fault.what is What.SLOW:
            await asyncio.sleep(fault.number)
        if status == 0:
            return self._cut(http)
        if answer is None:
            return web.Response(status=status, text="<html><h1>Bad Gateway</h1></html>", content_type="text/html")
        after = answer.get("parameters", {}).get("retry_after")
        return web.json_response(answer, status=status, headers={"Retry-After": str(after)} if after else None)

    async def _carry_out(self, request: Request, chat: Chat | None, fault: Fault | None) -> Any:
        if request.method not in METHODS:
            self.violate(request.method, "no such method here")
            raise Refusal(404, "Not Found: method not found")
        self._check(request)
        match fault.what if fault else None:
            case What.DROP:
                raise Cut
            case What.FLOOD if fault:
                raise self.flood.wait(chat, int(fault.number))
            case What.STATUS:
                return None
        if request.method in COUNTED and (target := counted(request)[0]):
            self.flood.check(request.method, target, counted(request)[1])
        result = await METHODS[request.method](request)
        if self.spec:
            self.own_violations += self.spec.answer_problems(request.method, result)
        return result

    def _check(self, request: Request) -> None:
        """Refusal and a note of what does not fit the specification."""
        if not self.spec:
            return
        problems = self.spec.call_problems(request.method, request.params, set(request.files))
        for problem in problems:
            self.violate(request.method, problem)
        if problems:
            raise bad_request(f"the call does not fit the specification: {problems[0]}")

    def _inspect(self, update: Update) -> None:
        """Hold an update of ours against the specification."""
        if self.spec:
            self.own_violations += self.spec.problems(update.payload(), ["Update"], "update")

    def _inspect_answer(self, answer: bytes) -> None:
        """Telegram would carry out a method in the answer to a webhook; here that is no way to call one."""
        if b'"method"' in answer:
            self.violations.append("a webhook was answered with a method")

    def _write_down(self, request: Request, chat: Chat | None, status: int, answer: Any, fault: Fault | None) -> None:
        self.journal.write_call(
            at=self.clock.now(),
            method=request.method,
            params=request.params,
            uploads={name: len(upload.data) for name, upload in request.files.items()},
            chat_id=chat.id if chat else None,
            status=status,
            answer=answer,
            fault=fault.what.value if fault else "",
        )
        self.world.pulse()

    def _cut(self, http: web.Request) -> web.Response:
        """Break the connection."""
        if http.transport is not None:
            http.transport.abort()
        return web.Response(status=500)

    async def _download(self, http: web.Request) -> web.StreamResponse:
        if self.faults.down:
            return self._cut(http)
        fault = self.faults.take("download", None)
        if fault and fault.what is What.STATUS:
            return web.Response(status=int(fault.number))
        if fault and fault.what in {What.DROP, What.LOSE}:
            return self._cut(http)
        data = self.files.download(http.match_info["path"]) if http.match_info["token"] == self.token else None
        if data is None:
            return web.json_response(Refusal(404, "Not Found").body(), status=404)
        return web.Response(body=data, content_type="application/octet-stream")

    async def _nowhere(self, http: web.Request) -> web.StreamResponse:
        self.violations.append(f"{http.method} {http.path}: there is nothing")
        return web.json_response(Refusal(404, "Not Found").body(), status=404)

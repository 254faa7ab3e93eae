"""A Discord on loopback: REST, gateway and CDN over real sockets, and people to use it.

    async with FakeDiscord() as discord_server:
        guild = discord_server.world.guild("Studio")
        art = discord_server.world.channel(guild, "art")
        ann = discord_server.world.member(guild, "ann")
        ...start the bot...
        asked = await ann.slash(art, "imagine", prompt="a red house")
        await asked.ack()

**Pointing discord.py at it.** The library keeps two addresses in class attributes: `discord.http.Route.BASE` (REST;
webhook and interaction routes use it too) = `server.api_base`, and `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`
(a `yarl.URL`, used by a plain `Client` and by shards that start over) = `server.gateway_url`, which `GET /gateway` also
tells. READY's `resume_gateway_url` is the same address. `pointing.pointed_at` sets both for a while. Attachments are at
`server.cdn_base`, under the paths of cdn.discordapp.com.
"""

import asyncio
import contextlib
import inspect
import json
import traceback
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web
from aiohttp.web_request import FileField

from tests.fakes.discord import payloads
from tests.fakes.discord.calls import Answer, Call, Change, Handler, Logged, Violation
from tests.fakes.discord.cdn import Cdn
from tests.fakes.discord.clock import Clock
from tests.fakes.discord.composing import OLD_EDITS, Composer
from tests.fakes.discord.errors import Refusal, Unauthorised, form_error
from tests.fakes.discord.faults import Fault, Faults, Kind
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.limits import Limits, Verdict
from tests.fakes.discord.messages import File, Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.rest.routes import ROUTES, unknown
from tests.fakes.discord.validation import Document
from tests.fakes.discord.world import Guild, World

TOKEN = "MTAwMDAwMDAwMDAwMDAwMDAwMA.fake.loopback-bot-token"
LOOK_EVERY = 0.1  # seconds between two looks of `until`, for what happens elsewhere
BODY_LIMIT = 512 * 2**20  # bytes: what is too large is for us to say, with Discord's words
TOKENLESS = ("/interactions/", "/webhooks/{webhook_id}/{webhook_token}")


class Cut(Exception):
    """The connection is to be broken without an answer."""


class FakeDiscord:
    """The server; `async with` starts and stops it."""

    def __init__(self, *, token: str = TOKEN, document: Document | None = None, port: int = 0) -> None:
        self.clock = Clock()
        self.world = World(self.clock, token=token, play=lambda user: Person(self, user))
        self.world.emit = self._emit
        self.gateway = Gateway(self)
        self.cdn = Cdn(self.clock)
        self.limits = Limits()
        self.faults = Faults()
        self.composer = Composer(self)
        self.document = Document.shared() if document is None else document
        self.interactions: dict[int, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}
        self.log: list[Logged] = []
        self.history: list[Change] = []
        self.violations: list[Violation] = []  # of the client
        self.own_violations: list[Violation] = []  # our own answers against Discord's document
        self.check_answers = False
        self.crashes: list[str] = []  # errors in this server itself; leaving it raises them
        self.old_edits = OLD_EDITS
        self.command_creates: dict[int, list[float]] = {}  # when new names were registered, by guild id
        self.token = token
        self.api_base = ""
        self.gateway_url = ""
        self.cdn_base = ""
        self._port = port
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Listen on a free loopback port, or on the one that was asked for."""
        app = web.Application(client_max_size=BODY_LIMIT)
        # Literal paths before those with parameters: the first that fits is taken.
        for (method, route), handler in sorted(ROUTES.items(), key=lambda item: item[0][1].count("{")):
            app.router.add_route(method, f"/api/v10{route}", self._handle(route, handler))
        app.router.add_get("/gateway/", self.gateway.serve)
        app.router.add_get("/attachments/{place}/{ident}/{name}", self.cdn.serve)
        app.router.add_route("*", "/{tail:.*}", self._handle("", unknown))
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.cdn_base = self.cdn.base = f"http://127.0.0.1:{self._port}"
        self.api_base = f"{self.cdn_base}/api/v10"
        self.gateway_url = f"ws://127.0.0.1:{self._port}/gateway/"
        self._watching = asyncio.create_task(self.clock.watch())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Stop, whoever is still connected; RuntimeError if this server itself was at fault anywhere."""
        self._watching.cancel()
        self.gateway.drop()
        await self._runner.cleanup()
        if self.crashes and kind is None:
            raise RuntimeError("the loopback Discord broke:\n" + "\n".join(self.crashes))

    # Waiting

    def changed(self, message: Message, kind: str) -> None:
        """Something happened to a message: write it down and wake who waits for it."""
        self.history.append(
            Change(
                at=self.clock.now(),
                kind=kind,
                message_id=message.id,
                channel_id=message.channel.id,
                author_id=message.author.id,
                private_to=message.private_to.id if message.private_to else None,
                snapshot=json.loads(json.dumps(payloads.message(message, self.world.app))),
                pings=tuple(user.id for user in message.pinged),
                files={attachment.filename: attachment.digest for attachment in message.attachments},
                viewers=frozenset(self.world.viewers(message.channel, message.private_to)),
                interaction_id=message.interaction.id if message.interaction else None,
                nonce="" if message.nonce is None else str(message.nonce),
            )
        )
        self.wake()
        if message.interaction is not None:
            message.interaction.changes()

    def wake(self) -> None:
        """Let who waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, true: Callable[[], Any], within: float = 30.0, what: str = "") -> Any:
        """Wait until something is so, looking whenever something happened here and a few times a second; its value."""
        try:
            async with asyncio.timeout(within):
                while not (value := true()):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), LOOK_EVERY)
                return value
        except TimeoutError:
            raise AssertionError(f"not within {within} s: {what or inspect.getsource(true).strip()}") from None

    def seen_by(self, digest: str) -> set[int]:
        """Whoever has ever seen a file, by its SHA-256."""
        return {who for change in self.history if digest in change.files.values() for who in change.viewers}

    def unanswered(self) -> list[Interaction]:
        """What people saw fail: interactions without an answer in time."""
        return [interaction for interaction in self.interactions.values() if interaction.failed]

    def refused(self) -> list[Logged]:
        """Calls that were answered with an error of the client's own doing: 4xx that no test asked for."""
        return [call for call in self.log if 400 <= call.status < 500 and not call.fault]

    def redeliver(self, interaction: Interaction) -> None:
        """Send the interaction's event once more, as the gateway may."""
        self.gateway.tell("INTERACTION_CREATE", interaction.payload, interaction.channel.guild)

    # REST

    def _emit(self, event: str, data: dict[str, Any], guild: Guild | None) -> None:
        """Tell the bot, if it is where it happened."""
        if guild is None or self.world.app.bot.id in guild.members or event == "GUILD_DELETE":
            self.gateway.tell(event, data, guild)
        self.wake()

    def _handle(self, route: str, handler: Handler) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(
                at=self.clock.now(),
                method=request.method,
                route=route,
                path=request.path.removeprefix("/api/v10"),
                params=dict(request.match_info),
                query=dict(request.query),
                authorised=request.headers.get("Authorization") == f"Bot {self.token}",
            )
            fault = self.faults.strike(call.method, call.route, call.path)
            began = asyncio.get_running_loop().time()
            headers: dict[str, str] = {}
            try:
                answer, verdict = await self._answer(request, call, handler, fault)
                headers = verdict.headers
            except Cut:
                answer = Answer(status=0)
            except Refusal as refusal:
                answer = Answer(status=refusal.status, body=refusal.body())
                headers = refusal.headers
            except Exception:  # ours: a test must hear of it
                self.crashes.append(f"{call.method} {call.path} {call.body}\n{traceback.format_exc()}")
                answer = Answer(status=500, body={"message": "500: Internal Server Error", "code": 0})
            seconds = asyncio.get_running_loop().time() - began
            self._write_down(call, answer, fault, seconds, over="X-RateLimit-Scope" in headers and fault is None)
            if answer.status == 0:
                if request.transport is not None:
                    request.transport.abort()
                raise web.HTTPInternalServerError
            return self._respond(answer, headers)

        return handle

    async def _answer(
        self, request: web.Request, call: Call, handler: Handler, fault: Fault | None
    ) -> tuple[Answer, Verdict]:
        """Faults, then token, limits, form and the route itself, in the order in which Discord looks at them."""
        if fault is not None:
            await self._before(call, fault)
        if not call.authorised and call.route != "/gateway" and not call.route.startswith(TOKENLESS):
            raise Unauthorised
        verdict = self.limits.take(call)
        if not verdict.passes:
            raise limited(verdict)
        try:
            await self._read(request, call)
            self._check(call)
            made = handler(self, call)
            answer = await made if inspect.isawaitable(made) else made
        except Refusal as refusal:
            if refusal.places:
                places = refusal.places
                self.violations.append(Violation(method=call.method, path=call.path, errors=places, body=call.body))
            answer = Answer(status=refusal.status, body=refusal.body())
        if fault is not None and fault.kind is Kind.SLOW:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind is Kind.LOST:
            raise Cut
        return answer, verdict

    async def _before(self, call: Call, fault: Fault) -> None:
        match fault.kind:
            case Kind.CUT:
                raise Cut
            case Kind.LATE:
                await asyncio.sleep(fault.seconds)
            case Kind.STATUS:
                raise Refusal(0, status=fault.status, message=f"{fault.status}: as a test demands")
            case Kind.LIMITED:
                headers = {"X-RateLimit-Scope": fault.scope}
                if fault.scope == "global":
                    headers["X-RateLimit-Global"] = "true"
                bucket = self.limits.bucket(call)
                headers |= {"X-RateLimit-Bucket": bucket.hash, "X-RateLimit-Limit": str(bucket.rule.limit)}
                headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": f"{fault.seconds:.3f}"}
                raise limited(
                    Verdict(
                        passes=False,
                        headers=headers,
                        retry_after=fault.seconds,
                        is_global=fault.scope == "global",
                        scope=fault.scope,
                    )
                )

    async def _read(self, request: web.Request, call: Call) -> None:
        """The body: JSON, or a form with `payload_json` and `files[n]`."""
        try:
            if request.content_type == "multipart/form-data":
                form = await request.post()
                described = form.get("payload_json", "{}")
                call.body = json.loads(described if isinstance(described, str | bytes | bytearray) else "")
                for name, part in form.items():
                    if isinstance(part, FileField):
                        number = int(name.removeprefix("files[").removesuffix("]"))
                        call.files[number] = File(
                            filename=part.filename, data=part.file.read(), content_type=part.content_type
                        )
                        part.file.close()
            elif request.can_read_body:
                call.body = json.loads(await request.read())
        except ValueError:
            raise Refusal(50109) from None

    def _check(self, call: Call) -> None:
        """Against Discord's document, where it is at hand."""
        if call.route and (errors := self.document.check_request(call)):
            raise form_error(errors)

    def _write_down(self, call: Call, answer: Answer, fault: Fault | None, seconds: float, *, over: bool) -> None:
        body = answer.body if isinstance(answer.body, dict) else {}
        code = int(body.get("code", 0)) if answer.status >= 400 else 0
        self.limits.answered(answer.status, shared=fault is not None and fault.scope == "shared")
        self.log.append(
            Logged(
                at=call.at,
                method=call.method,
                route=call.route,
                path=call.path,
                status=answer.status,
                code=code,
                body=call.body,
                files=tuple(file.filename for file in call.files.values()),
                answer=answer.body,
                seconds=seconds,
                fault=fault.kind if fault else "",
                over_bucket=over,
            )
        )
        if self.check_answers and 200 <= answer.status < 300 and (errors := self.document.check_answer(call, answer)):
            self.own_violations.append(Violation(method=call.method, path=call.path, errors=errors, body=answer.body))
        self.wake()

    @staticmethod
    def _respond(answer: Answer, headers: dict[str, str]) -> web.Response:
        """With the headers of the edge that Discord is behind: a 429 without `Via` is a ban, to discord.py."""
        headers = {"Via": "1.1 google", **headers}
        if answer.status == 429 and isinstance(answer.body, dict) and "retry_after" in answer.body:
            headers["Retry-After"] = str(max(1, round(answer.body["retry_after"])))
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        # No charset: discord.py takes only "application/json" itself for JSON.
        headers["Content-Type"] = "application/json"
        return web.Response(body=json.dumps(answer.body).encode(), status=answer.status, headers=headers)


def limited(verdict: Verdict) -> Refusal:
    """A 429 with its headers."""
    wait = round(max(verdict.retry_after, 0.001), 3)
    more = {"retry_after": wait, "global": verdict.is_global}
    refusal = Refusal(0, status=429, message="You are being rate limited.", more=more)
    refusal.headers = verdict.headers
    return refusal

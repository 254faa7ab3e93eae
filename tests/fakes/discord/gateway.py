"""The gateway: sessions that survive their sockets, and events that are told to the shards that they concern.

Close codes and the order of operations are those of Discord's gateway documentation.
"""

import asyncio
import contextlib
import json
import secrets
import traceback
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.discord import payloads
from tests.fakes.discord.compression import STREAMS, Stream
from tests.fakes.discord.intents import ALL, GUILDS, NEEDED, PRIVILEGED

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord
    from tests.fakes.discord.world import Guild

SENDS_A_MINUTE = 120
PRESENCES, PRESENCES_WITHIN = 5, 20.0  # changes of presence, in so many seconds
STATUSES = {"online", "dnd", "idle", "invisible", "offline"}
REMEMBERED = 1000  # events a session can replay


class Op(IntEnum):
    """What a frame is."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE = 4
    RESUME = 6
    RECONNECT = 7
    MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Close(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"{code} {reason}")


@dataclass(eq=False, kw_only=True)
class Session:
    """What a client identified as; it can be resumed by another socket."""

    id: str
    shard: tuple[int, int]
    intents: int
    sequence: int = 0
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    link: "Link | None" = None
    presence: dict[str, Any] = field(default_factory=dict)
    presented: list[float] = field(default_factory=list)  # when it was changed lately

    def concerns(self, guild: "Guild | None") -> bool:
        """Whether this shard is told of the guild; the first one is told of direct messages."""
        return self.shard[0] == ((guild.id >> 22) % self.shard[1] if guild else 0)


@dataclass(eq=False, kw_only=True)
class Link:
    """One socket of a client."""

    socket: web.WebSocketResponse
    transport: asyncio.BaseTransport | None
    stream: Stream | None
    session: Session | None = None
    received: list[float] = field(default_factory=list)
    outbox: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    last_heartbeat: float = 0.0

    async def write(self) -> None:
        """Send what is due, in order, until the socket is gone."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                text = json.dumps(await self.outbox.get())
                if self.stream is None:
                    await self.socket.send_str(text)
                else:
                    await self.socket.send_bytes(self.stream.pack(text))

    def send(self, op: Op, data: Any) -> None:
        """Put a frame that is no event into the queue."""
        self.outbox.put_nowait({"op": int(op), "d": data, "s": None, "t": None})


@dataclass(frozen=True, kw_only=True)
class Presence:
    """What the bot showed as its status, and when."""

    at: float
    shard: int
    data: dict[str, Any]


class Gateway:
    """All sessions of the one bot."""

    def __init__(self, server: "FakeDiscord") -> None:
        self._server = server
        self.sessions: dict[str, Session] = {}
        self.heartbeat_interval = 41.25  # seconds
        self.identify_every = 0.0  # seconds between identifies; Discord's is 5, which restarts in tests would wait for
        self.identifies: list[float] = []
        self.advised_shards = 1
        self.resumes = 0
        self.presences: list[Presence] = []
        self.closes: list[tuple[int, str]] = []  # what we closed a socket for, because the client did wrong
        self._links: set[Link] = set()
        self._refusing = False

    # For tests

    @property
    def connected(self) -> bool:
        """Whether some session has a socket."""
        return any(session.link for session in self.sessions.values())

    def drop(self) -> None:
        """Cut every socket without a word; sessions can be resumed."""
        for link in list(self._links):
            self._cut(link)

    async def close(self, code: int) -> None:
        """Close every socket with a code of the server's choice."""
        for link in list(self._links):
            self._unlink(link)
            await link.socket.close(code=code)

    def ask_to_reconnect(self) -> None:
        """Op 7, as Discord sends when a gateway node goes away."""
        for link in list(self._links):
            link.send(Op.RECONNECT, None)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9: sessions end, or are to be resumed."""
        for link in list(self._links):
            link.send(Op.INVALID_SESSION, resumable)
            if not resumable and link.session:
                self.sessions.pop(link.session.id, None)

    def forget_sessions(self) -> None:
        """No session can be resumed any more; the next resume is answered with op 9."""
        self.sessions.clear()

    def refuse(self, refusing: bool = True) -> None:
        """Whether connections are turned away with 503 for now."""
        self._refusing = refusing

    # Events

    def tell(self, event: str, data: dict[str, Any], guild: "Guild | None") -> bool:
        """Dispatch to every session that it concerns and that has the intent; whether a socket took it."""
        needed = NEEDED.get(event, {"guild": 0, "direct": 0})["guild" if guild else "direct"]
        took = False
        for session in self.sessions.values():
            if session.concerns(guild) and (not needed or session.intents & needed):
                self._dispatch(session, event, data)
                took = took or session.link is not None
        return took

    def _dispatch(self, session: Session, event: str, data: Any) -> None:
        session.sequence += 1
        frame = {"op": int(Op.DISPATCH), "t": event, "s": session.sequence, "d": data}
        session.events.append(json.loads(json.dumps(frame)))  # as it was then: the world goes on
        if session.link is not None:
            session.link.outbox.put_nowait(session.events[-1])

    # Sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`GET /gateway`: one socket from hello to its end."""
        if self._refusing:
            return web.Response(status=503)
        query = request.query
        socket = web.WebSocketResponse(compress=False, max_msg_size=4096, autoping=True)
        await socket.prepare(request)
        if query.get("v") not in {"9", "10"} or query.get("encoding") != "json":
            await socket.close(code=4012, message=b"Invalid API version")
            return socket
        kind = query.get("compress")
        link = Link(socket=socket, transport=request.transport, stream=STREAMS[kind]() if kind in STREAMS else None)
        self._links.add(link)
        writer = asyncio.create_task(link.write())
        watch = asyncio.create_task(self._watch(link))
        link.send(Op.HELLO, {"heartbeat_interval": int(self.heartbeat_interval * 1000), "_trace": ["[]"]})
        try:
            await self._listen(link)
        except Close as end:
            self.closes.append((end.code, end.reason))
            await socket.close(code=end.code, message=end.reason.encode())
        except ConnectionError:
            pass  # it is gone
        except Exception:  # ours: a test must hear of it
            self._server.crashes.append(f"gateway\n{traceback.format_exc()}")
            await socket.close(code=4000)
        finally:
            # A client that says goodbye with 1000 or 1001 gives its session up.
            if socket.close_code in {1000, 1001} and link.session and link in self._links:
                self.sessions.pop(link.session.id, None)
            self._unlink(link)
            for task in (writer, watch):
                task.cancel()
        return socket

    async def _listen(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        async for message in link.socket:
            if message.type is not WSMsgType.TEXT:
                raise Close(4002, "Decode error")
            try:
                frame = json.loads(message.data)
                op, data = Op(frame["op"]), frame.get("d")
            except (ValueError, KeyError, TypeError):
                raise Close(4001 if "op" in str(message.data) else 4002, "Unknown opcode or bad payload") from None
            now = loop.time()
            link.received = [at for at in link.received if now - at < 60] + [now]
            if len(link.received) > SENDS_A_MINUTE:
                raise Close(4008, "You are being rate limited")
            self._take(link, op, data)

    def _take(self, link: Link, op: Op, data: Any) -> None:
        match op:
            case Op.HEARTBEAT:
                link.last_heartbeat = asyncio.get_running_loop().time()
                link.send(Op.HEARTBEAT_ACK, None)
            case Op.IDENTIFY:
                self._identify(link, data)
            case Op.RESUME:
                self._resume(link, data)
            case _ if link.session is None:
                raise Close(4003, "Not authenticated")
            case Op.PRESENCE:
                self._present(link.session, data)
            case Op.MEMBERS:
                self._members(link.session, data)
            case Op.VOICE:
                pass
            case _:
                raise Close(4001, "Unknown opcode")

    def _identify(self, link: Link, data: dict[str, Any]) -> None:
        if link.session is not None:
            raise Close(4005, "Already authenticated")
        app = self._server.world.app
        if data.get("token", "").removeprefix("Bot ") != app.token:
            raise Close(4004, "Authentication failed")
        number, count = data.get("shard") or (0, 1)
        if not 0 <= number < count:
            raise Close(4010, "Invalid shard")
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~ALL:
            raise Close(4013, "Invalid intent(s)")
        if any(intents & bit for name, bit in PRIVILEGED.items() if name not in app.intents_granted):
            raise Close(4014, "Disallowed intent(s)")
        now = asyncio.get_running_loop().time()
        if self.identifies and now - self.identifies[-1] < self.identify_every:
            link.send(Op.INVALID_SESSION, False)
            return
        self.identifies.append(now)
        # One shard number has one session: an older one of the same number is ended by Discord before long.
        for old in [s for s in self.sessions.values() if s.shard == (number, count) and s.link is None]:
            self.sessions.pop(old.id)
        session = Session(id=secrets.token_hex(16), shard=(number, count), intents=intents, link=link)
        session.presence = data.get("presence") or {}
        self.sessions[session.id] = session
        link.session = session
        self._ready(session)

    def _ready(self, session: Session) -> None:
        world = self._server.world
        guilds = [guild for guild in world.bot_guilds() if session.concerns(guild)]
        ready = {
            "v": 10,
            "user": payloads.user(world.app.bot) | {"verified": True, "mfa_enabled": True, "email": None, "bio": ""},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self._server.gateway_url,
            "shard": list(session.shard),
            "session_type": "normal",
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "application": {"id": str(world.app.id), "flags": 0},
            "_trace": [],
        }
        self._dispatch(session, "READY", ready)
        for guild in guilds:
            if guild.available and session.intents & GUILDS:
                self._dispatch(session, "GUILD_CREATE", payloads.guild(guild, world.app.bot))

    def _resume(self, link: Link, data: dict[str, Any]) -> None:
        if data.get("token", "").removeprefix("Bot ") != self._server.world.app.token:
            raise Close(4004, "Authentication failed")
        session = self.sessions.get(str(data.get("session_id")))
        sequence = data.get("seq")
        if session is None:
            link.send(Op.INVALID_SESSION, False)
            return
        if not isinstance(sequence, int) or sequence > session.sequence:
            self.sessions.pop(session.id)
            raise Close(4007, "Invalid seq")
        if session.events and sequence < session.events[0]["s"] - 1:
            self.sessions.pop(session.id)
            link.send(Op.INVALID_SESSION, False)
            return
        if session.link is not None:
            self._cut(session.link)
        self.resumes += 1
        session.link, link.session = link, session
        for frame in list(session.events):
            if frame["s"] > sequence:
                link.outbox.put_nowait(frame)
        self._dispatch(session, "RESUMED", {"_trace": []})

    def _present(self, session: Session, data: dict[str, Any]) -> None:
        """A status and activities, at most five times in twenty seconds."""
        activities = data.get("activities")
        named = isinstance(activities, list) and all(1 <= len(str(one.get("name") or "")) <= 128 for one in activities)
        if not named or data.get("status") not in STATUSES:
            raise Close(4002, "Decode error")
        now = asyncio.get_running_loop().time()
        session.presented = [at for at in session.presented if now - at < PRESENCES_WITHIN] + [now]
        if len(session.presented) > PRESENCES:
            raise Close(4008, "You are being rate limited")
        session.presence = data
        self.presences.append(Presence(at=self._server.clock.now(), shard=session.shard[0], data=data))
        self._server.wake()

    def _members(self, session: Session, data: dict[str, Any]) -> None:
        """Members by id may be asked for without the privileged intent."""
        guild = self._server.world.guilds.get(int(data["guild_id"]))
        if guild is None:
            return
        if not data.get("user_ids") and "members" not in self._server.world.app.intents_granted:
            raise Close(4014, "Disallowed intent(s)")
        wanted = [int(ident) for ident in data.get("user_ids") or guild.members]
        found = [payloads.member_with_user(guild.members[ident]) for ident in wanted if ident in guild.members]
        missing = [str(ident) for ident in wanted if ident not in guild.members]
        chunk = {"guild_id": str(guild.id), "members": found, "not_found": missing, "chunk_index": 0, "chunk_count": 1}
        self._dispatch(session, "GUILD_MEMBERS_CHUNK", chunk | {"nonce": data.get("nonce")})

    async def _watch(self, link: Link) -> None:
        """Close the socket of a client whose heart has stopped."""
        loop = asyncio.get_running_loop()
        link.last_heartbeat = loop.time()
        while True:
            await asyncio.sleep(self.heartbeat_interval / 2)
            if loop.time() - link.last_heartbeat > self.heartbeat_interval * 2:
                self.closes.append((4009, "Session timed out"))
                self._unlink(link)
                await link.socket.close(code=4009, message=b"Session timed out")
                return

    def _cut(self, link: Link) -> None:
        self._unlink(link)
        if isinstance(link.transport, asyncio.Transport):
            link.transport.abort()

    def _unlink(self, link: Link) -> None:
        self._links.discard(link)
        if link.session is not None and link.session.link is link:
            link.session.link = None

"""The service's side of the console: commands come in over a WebSocket, pictures go out as files in a folder.

The folder is the chat: it takes the result whether or not the terminal still listens, so that a job survives its
terminal, and writing it twice is harmless.
"""

import asyncio
import math
import os
from pathlib import Path

import structlog
from aiohttp import WSMsgType, web

from bot.adapter import Command, Handle, Limits
from bot.console.frames import MAX_FRAME, Ask, BadFrame, Cancel, Shown, decode, encode
from bot.ladder import File
from bot.replies import Reply, Text, Tone
from bot.texts import Texts
from engine.errors import ChatGone, DeliveryDelayed
from engine.ids import new_id
from engine.model import Identity, Place

log = structlog.get_logger(__name__)

PLATFORM = "console"


class Session:
    """One terminal."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.id = new_id()
        self.jobs: set[str] = set()
        self._socket = socket
        self._lock = asyncio.Lock()

    async def send(self, frame: Shown) -> None:
        """Show something, if the terminal is still there."""
        async with self._lock:
            if not self._socket.closed:
                try:
                    await self._socket.send_str(encode(frame))
                except (ConnectionError, RuntimeError):
                    log.info("terminal_gone")


class ConsoleAdapter:
    """Implements the adapter port; `route` is where terminals connect."""

    platform = PLATFORM
    limits = Limits(progress_interval=0.1, preview_interval=math.inf, honours_nonce=True)

    def __init__(self, *, texts: Texts, identity: Identity, locale: str) -> None:
        self._texts = texts
        self._identity = identity
        self._locale = locale
        self._sessions: dict[str, Session] = {}
        self._handle: Handle | None = None

    async def start(self, handle: Handle) -> None:
        """Terminals connect through the door's `/console`; nothing else to start."""
        self._handle = handle

    async def stop(self) -> None:
        """Take no more commands."""
        self._handle = None

    async def route(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one terminal for as long as it stays; the door has checked its key."""
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME, heartbeat=20)
        await socket.prepare(request)
        session = Session(socket)
        self._sessions[session.id] = session
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(session, message.data)
        finally:
            del self._sessions[session.id]
        return socket

    async def _receive(self, session: Session, data: str) -> None:
        try:
            frame = decode(data)
        except BadFrame as error:
            log.warning("bad_frame", error=str(error))
            return
        match frame:
            case Ask():
                await self._ask(session, frame)
            case Cancel():
                for job_id in sorted(session.jobs):
                    await self._command(session, "cancel", (job_id,), out="", key=new_id())

    async def _ask(self, session: Session, ask: Ask) -> None:
        reply = await self._command(
            session, ask.name, ask.words, out=ask.out, key=ask.key, images=dict(ask.images), confirmed=ask.confirmed
        )
        session.jobs.update(reply.jobs)
        await session.send(await self._answered(reply, ask.out))

    async def _answered(self, reply: Reply, out: str) -> Shown:
        """Put the files of an answer into the folder, where the terminal named one."""
        files = []
        for file in reply.files if out else ():
            target = Path(out) / file.filename
            try:
                await asyncio.to_thread(_write, target, file.data)
            except OSError as error:
                log.warning("answer_not_saved", folder=out, error=error.strerror)
                continue
            files.append(str(target))
        return self._shown(reply, job="", files=tuple(files))

    async def _command(
        self,
        session: Session,
        name: str,
        words: tuple[str, ...],
        *,
        out: str,
        key: str,
        images: dict[str, bytes] | None = None,
        confirmed: bool = False,
    ) -> Reply:
        if self._handle is None:
            raise web.HTTPServiceUnavailable
        place = Place(platform=PLATFORM, chat=out, reply_to=session.id, locale=self._locale, owner=self._identity.name)
        return await self._handle(
            Command(
                name=name,
                identity=self._identity,
                place=place,
                key=f"{PLATFORM}:{key}",
                line=words[0] if len(words) == 1 else words,
                images=images or {},
                confirmed=confirmed,
            ),
        )

    def _shown(self, reply: Reply, *, job: str, files: tuple[str, ...] = ()) -> Shown:
        meter = reply.meter
        return Shown(
            lines=tuple(self._line(line) for line in reply.lines),
            tone=reply.tone,
            job=job,
            jobs=reply.jobs,
            stage=meter.stage if meter else "",
            done=meter.done if meter else 0,
            total=meter.total if meter else 0,
            eta=meter.eta if meter else None,
            files=files,
        )

    def _line(self, line: Text) -> str:
        fields = {**line.fields, "bar": ""} if "bar" in line.fields else line.fields  # the terminal draws its own
        return self._texts.format(self._locale, line.key, **fields).replace("  ", " ")

    # Delivery

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        """The message is wherever the terminal is; its id is the nonce."""
        await self.edit(place, nonce, reply)
        return nonce

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        """Write the pictures that the reply has into the folder, then tell the terminal, if it is there."""
        files = tuple(
            [await self._save(place, reply.job_id, number, file) for number, file in enumerate(reply.files, 1)]
        )
        session = self._sessions.get(place.reply_to)
        if session is not None:
            await session.send(self._shown(reply, job=reply.job_id, files=files))
        elif reply.tone is Tone.DONE:
            log.info("delivered_to_folder", job=reply.job_id, folder=place.chat, message=message_id)

    async def _save(self, place: Place, job_id: str, number: int, file: File) -> str:
        suffix = Path(file.filename).suffix or ".bin"
        target = Path(place.chat) / f"{job_id}-{number}{suffix}"
        try:
            await asyncio.to_thread(_write, target, file.data)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
                raise ChatGone(str(error), chat=place.chat) from error
            raise DeliveryDelayed(str(error), retry_after=5.0) from error
        return str(target)


def _write(target: Path, data: bytes) -> None:
    """Write the whole file or nothing, so that a picture seen in the folder is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{new_id()}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)

"""The service's own HTTP door: health, metrics, and the console's way in."""

import errno
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from engine.errors import DiskFull, PortInUse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Readiness = Callable[[], Awaitable[dict[str, bool]]]

NOTICE = "service.json"
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=2)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """How a terminal finds the running service; in `data_dir`, readable by the service's own user alone."""

    url: str
    key: str
    pid: int

    @classmethod
    def read(cls, data_dir: Path) -> "Notice | None":
        """The notice of the service that runs, or of one that was killed; None if there is none."""
        try:
            return cls(**json.loads((data_dir / NOTICE).read_text()))
        except (OSError, ValueError, TypeError):
            return None


async def find_service(data_dir: Path) -> Notice | None:
    """The service that runs on this data folder, if it answers."""
    notice = Notice.read(data_dir)
    if notice is None:
        return None
    try:
        async with (
            aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as session,
            session.get(f"{notice.url}/healthz") as reply,
        ):
            return notice if reply.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None


class Door:
    """Listens on one address; `key` opens what only the machine's owner may use."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        console: Handler,
        prune: Handler,
        ready: Readiness,
        metrics: Callable[[], Awaitable[CollectorRegistry]],
        webhooks: Mapping[str, Handler] | None = None,
    ) -> None:
        """`webhooks` are posted to by platforms, by path; each checks for itself who posts."""
        self._host = host
        self._port = port
        self._key = secrets.token_urlsafe(32)
        self._console = console
        self._prune = prune
        self._ready = ready
        self._webhooks = webhooks or {}
        self._read_metrics = metrics
        self._runner: web.AppRunner | None = None
        self._left: Path | None = None

    async def open(self) -> Notice:
        """Listen; gives what a terminal needs to come in. Raises PortInUse."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/console", self._guarded(self._console))
        app.router.add_post("/prune", self._guarded(self._prune))
        for path, webhook in self._webhooks.items():
            app.router.add_post(path, webhook)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise PortInUse(str(error), host=self._host, port=self._port, setting="http.port") from None
        port = self._runner.addresses[0][1]
        return Notice(url=f"http://{self._host}:{port}", key=self._key, pid=os.getpid())

    def announce(self, notice: Notice, data_dir: Path) -> None:
        """Leave the notice where terminals look for it, until `close`. Raises DiskFull."""
        self._left = data_dir / NOTICE
        try:
            _write_private(self._left, json.dumps(asdict(notice)))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFull(str(error)) from None

    async def close(self) -> None:
        """Take the notice away and stop listening."""
        if self._left is not None:
            self._left.unlink(missing_ok=True)
            self._left = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        parts = await self._ready()
        return web.json_response(parts, status=200 if all(parts.values()) else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        registry = await self._read_metrics()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _guarded(self, handler: Handler) -> Handler:
        """Let in whoever has the key."""

        async def check(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "")
            if not secrets.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
                raise web.HTTPUnauthorized
            return await handler(request)

        return check


def _write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

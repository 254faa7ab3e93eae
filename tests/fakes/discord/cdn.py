"""The fake's CDN: uploaded files under signed addresses, as Discord's are."""

import secrets
from urllib.parse import quote

from aiohttp import web

from tests.fakes.discord.clock import Clock
from tests.fakes.discord.messages import File

SIGNED_FOR = 24 * 3600  # seconds


class Cdn:
    """Files by channel, id and name."""

    def __init__(self, clock: Clock) -> None:
        self.base = ""  # "http://127.0.0.1:port"
        self.down = 0  # so many of the next downloads are answered with 503
        self.reads: list[str] = []  # paths that were fetched
        self._clock = clock
        self._files: dict[tuple[int, int, str], File] = {}
        self._key = secrets.token_hex(8)

    def keep(self, place: int, ident: int, file: File) -> str:
        """Store a file; its address, valid for a day."""
        self._files[(place, ident, file.filename)] = file
        expires = int(self._clock.now()) + SIGNED_FOR
        return f"{self.base}/attachments/{place}/{ident}/{quote(file.filename)}?ex={expires:x}&is=0&hm={self._key}"

    def forget(self, ident: int) -> None:
        """A file is gone, as after its message was deleted."""
        self._files = {key: file for key, file in self._files.items() if key[1] != ident}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`GET /attachments/{place}/{id}/{name}`: 404 for what is unknown, unsigned or expired."""
        self.reads.append(request.path)
        if self.down > 0:
            self.down -= 1
            return web.Response(status=503)
        match = request.match_info
        try:
            file = self._files.get((int(match["place"]), int(match["ident"]), match["name"]))
            fresh = int(request.query.get("ex", "0"), 16) > self._clock.now()
        except ValueError:
            file, fresh = None, False
        if file is None or not fresh or request.query.get("hm") != self._key:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.data, content_type=file.content_type.split(";")[0])

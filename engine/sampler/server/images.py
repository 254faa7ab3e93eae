"""Files that people see and send: `/view` and the uploads."""

import asyncio
import mimetypes
from pathlib import Path
from typing import cast
from urllib.parse import quote

from aiohttp import web

from engine.sampler.execution.model import Json
from engine.sampler.server import pictures
from engine.sampler.server.files import SamplerFolders
from engine.sampler.server.http import MOST_UPLOAD_BYTES, Route, bad_request, parse_json

_KINDS = ("input", "output", "temp")
_SHOWN = ("image/", "video/", "audio/")  # what a browser may show; the rest is downloaded
_SCRIPTABLE = ("image/svg+xml",)
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
_FORM_OVERHEAD = 1 << 20  # bytes of a form besides its file


class ImageRoutes:
    """The routes around files."""

    def __init__(self, *, folders: SamplerFolders) -> None:
        self._folders = folders

    def routes(self) -> list[Route]:
        """Give the table of routes."""
        return [
            Route(method="GET", path="/view", handler=self._view),
            Route(method="POST", path="/upload/image", handler=self._upload_image),
            Route(method="POST", path="/upload/mask", handler=self._upload_mask),
        ]

    async def _view(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if not query.get("filename"):
            raise web.HTTPNotFound
        path = await asyncio.to_thread(
            self._find, query.get("type", "output"), query["filename"], query.get("subfolder", "")
        )
        disposition = f"filename{_quoted(path.name)}"
        try:
            if wanted := query.get("preview"):
                data, mime = await asyncio.to_thread(lambda: pictures.preview(path.read_bytes(), wanted))
                return _picture(data, mime, disposition)
            if (channel := query.get("channel", "rgba")) in ("rgb", "a"):
                chosen = cast(pictures.Channel, channel)
                data = await asyncio.to_thread(lambda: pictures.channel(path.read_bytes(), chosen))
                return _picture(data, "image/png", disposition)
        except pictures.NoPicture as error:
            raise bad_request(f"{error}.".capitalize()) from error
        mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if not mime.startswith(_SHOWN) or mime in _SCRIPTABLE:
            mime, disposition = "application/octet-stream", f"attachment; {disposition}"
        return web.FileResponse(path, headers={**_NO_SNIFF, "Content-Type": mime, "Content-Disposition": disposition})

    def _find(self, kind: str, filename: str, subfolder: str) -> Path:
        """Find a file. Raises HTTPException: 400 for a bad name or type, 403 for a bad subfolder, 404 if not there."""
        try:
            self._folders.file_path(kind, filename)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}") from error
        try:
            path = self._folders.file_path(kind, filename, subfolder)
        except ValueError as error:
            raise web.HTTPForbidden(text=f"{error}") from error
        if not path.is_file():
            raise web.HTTPNotFound
        return path

    async def _upload_image(self, request: web.Request) -> web.Response:
        form = await _read_form(request)
        return await self._store(form, form.data)

    async def _upload_mask(self, request: web.Request) -> web.Response:
        """Store the original (named by `original_ref`) with the alpha of the uploaded mask."""
        form = await _read_form(request)
        kind, name, subfolder = _reference(form.fields.get("original_ref", ""))
        path = await asyncio.to_thread(self._find, kind, name, subfolder)
        try:
            joined = await asyncio.to_thread(lambda: pictures.with_mask(path.read_bytes(), form.data))
        except pictures.NoPicture as error:
            raise bad_request(f"{error}.".capitalize()) from error
        return await self._store(form, joined)

    async def _store(self, form: "_Form", data: bytes) -> web.Response:
        kind = form.fields.get("type", "input")
        subfolder = form.fields.get("subfolder", "")
        overwrite = form.fields.get("overwrite", "") in ("true", "1")
        if kind not in _KINDS:
            raise bad_request("type must be input, output or temp")
        try:
            name = await asyncio.to_thread(
                self._folders.store_upload, kind, subfolder, form.filename, data, overwrite=overwrite
            )
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}") from error
        return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


class _Form:
    """An upload: its one file and its texts."""

    def __init__(self, filename: str, data: bytes, fields: dict[str, str]) -> None:
        self.filename = filename
        self.data = data
        self.fields = fields


async def _read_form(request: web.Request) -> _Form:
    """Read a multipart form with a file named `image`. Raises HTTPException: 400 without, 413 if it is too large."""
    if request.content_type != "multipart/form-data":
        raise web.HTTPBadRequest(text="A multipart form with a file named image is expected.")
    try:
        posted = await request.clone(client_max_size=MOST_UPLOAD_BYTES + _FORM_OVERHEAD).post()
    except ValueError as error:
        raise web.HTTPBadRequest(text="The form cannot be read.") from error
    files = [value for value in posted.values() if isinstance(value, web.FileField)]
    try:
        image = posted.get("image")
        if not isinstance(image, web.FileField) or not image.filename:
            raise web.HTTPBadRequest(text="A file named image is expected.")
        data = await asyncio.to_thread(image.file.read)
        fields = {name: value for name, value in posted.items() if isinstance(value, str)}
        return _Form(image.filename, data, fields)
    finally:
        for file in files:
            file.file.close()


def _reference(text: str) -> tuple[str, str, str]:
    """Read `original_ref`: (type, file name, subfolder). Raises HTTPBadRequest."""
    try:
        reference: Json = parse_json(text.encode(errors="replace"))
    except ValueError as error:
        raise bad_request("original_ref must be JSON") from error
    match reference:
        case {"filename": str(name), **more} if name:
            return str(more.get("type") or "output"), name, str(more.get("subfolder") or "")
    raise bad_request("original_ref must name a file")


def _picture(data: bytes, mime: str, disposition: str) -> web.Response:
    return web.Response(body=data, headers={**_NO_SNIFF, "Content-Type": mime, "Content-Disposition": disposition})


def _quoted(name: str) -> str:
    if name.isascii() and name.isprintable() and not set(name) & {'"', "\\"}:
        return f'="{name}"'
    return f"*=UTF-8''{quote(name, safe='')}"

"""A call as it comes over HTTP, in a query, a form, JSON or multipart: with names and types of the specification."""

from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_request import FileField

from tests.fakes.telegram import spec
from tests.fakes.telegram.files import Upload
from tests.fakes.telegram.methods.common import Request

if TYPE_CHECKING:
    from tests.fakes.telegram.server import FakeTelegram


async def read(server: "FakeTelegram", http: web.Request) -> Request:
    """What is asked; names of methods are read in any case, as Telegram does."""
    params: dict[str, Any] = dict(http.query)
    files: dict[str, Upload] = {}
    if http.content_type == "application/json":
        params |= await http.json()
    elif http.can_read_body:
        for name, value in (await http.post()).items():
            if isinstance(value, FileField):
                files[name] = Upload(name=value.filename, data=value.file.read(), content_type=value.content_type)
            else:
                params[name] = value
    method = http.match_info["method"]
    known = server.spec
    if known is None:
        return Request(server=server, method=method, params=_guessed(params), files=files)
    method = known.by_lower_name.get(method.lower(), method)
    if method in known.methods:
        params = {name: known.read(method, name, value) for name, value in params.items()}
        fields = known.fields(method)
        params |= {n: spec.Upload(name=n) for n in files if n in fields and "InputFile" in fields[n]["types"]}
    return Request(server=server, method=method, params=params, files=files)


def _guessed(params: dict[str, Any]) -> dict[str, Any]:
    """Types without the specification: what reads as JSON and is no text of a message is taken as such."""
    texts = {"text", "caption", "parse_mode", "callback_query_id", "url", "file_id", "secret_token"}
    kinds = ["Boolean", "Integer", "Object"]
    return {n: v if n in texts or not isinstance(v, str) else spec.typed(v, kinds) for n, v in params.items()}

"""The aiohttp application: all routes, each also below `/api`, behind the guard."""

from collections.abc import Iterable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from engine.sampler.execution.report import type_name
from engine.sampler.server.http import MOST_JSON_BYTES, Route
from engine.sampler.server.security import guard
from engine.sampler.server.sockets import SocketHub

_log = structlog.get_logger(__name__)


def build_app(*, key: str, hub: SocketHub, routes: Iterable[Route]) -> web.Application:
    """Build the application; an empty key means that loopback alone is served."""
    app = web.Application(middlewares=[_faults, guard(key)], client_max_size=MOST_JSON_BYTES)
    table = [*routes, Route(method="GET", path="/ws", handler=hub.handle)]
    for route in table:
        add = app.router.add_get if route.method == "GET" else app.router.add_post
        add(route.path, route.handler)
        add("/api" + route.path.rstrip("/"), route.handler)
    return app


@web.middleware
async def _faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a fault of ours without telling its stack."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except ConnectionError:
        raise  # the client went; nobody reads an answer
    except Exception as error:
        _log.error("a request failed", action="request_fault", path=request.path, error=type_name(error), exc_info=True)
        raise web.HTTPInternalServerError(text="Something went wrong in the sampler.") from None

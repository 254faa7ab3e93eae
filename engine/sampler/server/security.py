"""Who may ask: the key, and the browser's same-origin rule, which keeps web pages from driving a local sampler."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine alone."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def guard(key: str) -> Middleware:
    """Give the middleware: with a key every request must carry it, without one the host must be named as loopback."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if key and not has_key(request.headers.get("Authorization", ""), key):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"}, text="The key is missing or wrong.")
        if not key and not is_loopback(_host(request.headers.get("Host", ""))):
            # A page whose own name was made to mean 127.0.0.1 would pass the check of its origin.
            raise web.HTTPForbidden(text="Without a key the sampler answers only to the names of this machine.")
        if is_cross_origin(request.method, dict(request.headers)):
            raise web.HTTPForbidden(text="Pages of other origins may not use the sampler.")
        return await handler(request)

    return check


def has_key(authorization: str, key: str) -> bool:
    """Whether an Authorization header carries the key; takes the same time for every wrong one."""
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(errors="replace"), key.encode())


def is_cross_origin(method: str, headers: dict[str, str]) -> bool:
    """Whether a browser sent this for a page of another origin (its host or port differ from the Host header's)."""
    by_name = {name.lower(): value for name, value in headers.items()}
    origin = by_name.get("origin")
    if origin is not None:
        try:
            return urlsplit(origin).netloc.lower() != by_name.get("host", "").lower()
        except ValueError:
            return True
    navigates = method == "GET" and by_name.get("sec-fetch-mode") == "navigate"
    return by_name.get("sec-fetch-site") == "cross-site" and not navigates


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""

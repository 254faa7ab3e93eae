"""Methods by which a bot receives: the long poll and the webhook."""

import re
from typing import Any

from yarl import URL

from tests.fakes.telegram.errors import bad_request
from tests.fakes.telegram.methods.common import Handler, Request

PORTS = {80, 88, 443, 8443}
MAX_SECRET = 256
LONGEST_POLL = 50  # seconds


async def get_updates(request: Request) -> Any:
    """getUpdates."""
    updates = request.server.updates
    updates.allow(request.params.get("allowed_updates"))
    limit, timeout = request.params.get("limit", 100), request.params.get("timeout", 0)
    found = await updates.get(request.params.get("offset", 0), limit, min(timeout, LONGEST_POLL))
    return [update.payload() for update in found]


async def set_webhook(request: Request) -> Any:
    """setWebhook; without an address it is deleteWebhook."""
    url, secret = request.params["url"], request.params.get("secret_token", "")
    if len(secret) > MAX_SECRET:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")
    if url:
        _check(request, url)
    if request.flag("drop_pending_updates"):
        request.server.updates.drop_pending()
    request.server.updates.allow(request.params.get("allowed_updates"))
    await request.server.webhook.set(url, secret, request.params.get("max_connections", 40))
    return True


async def delete_webhook(request: Request) -> Any:
    """deleteWebhook."""
    if request.flag("drop_pending_updates"):
        request.server.updates.drop_pending()
    await request.server.webhook.set("")
    return True


async def webhook_info(request: Request) -> Any:
    """getWebhookInfo."""
    return request.server.webhook.info()


def _check(request: Request, url: str) -> None:
    """Only HTTPS on certain ports; but loopback addresses stand for a TLS proxy that tests leave out."""
    address = URL(url)
    if address.host in {"127.0.0.1", "localhost"} and request.server.loopback_webhooks:
        return
    if address.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if address.port not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


RECEIVING: dict[str, Handler] = {
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": webhook_info,
}

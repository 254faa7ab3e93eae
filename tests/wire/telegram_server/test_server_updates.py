"""Receiving: long polls, conflicts, updates that come again, and webhooks."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.telegram.errors import OTHER_POLLER, POLL_ENDED_BY_WEBHOOK, WEBHOOK_ACTIVE
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.webhook import SECRET_HEADER
from tests.wire.telegram_server.support import Api, met


async def waiting_poll(server: FakeTelegram, api: Api) -> "asyncio.Task[Any]":
    """A long poll of which the server knows."""
    task = asyncio.create_task(api("getUpdates", timeout=30))
    await server.until(lambda: server.updates.is_polled)
    return task


async def test_updates_stay_until_they_are_confirmed(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    for text in ("one", "two", "three"):
        await ann.says(ann.private, text)
    first = (await api("getUpdates")).result
    assert [update["message"]["text"] for update in first] == ["one", "two", "three"]
    assert (await api("getUpdates")).result == first, "a bot that died before it confirmed gets them again"
    assert (await api("getUpdates", offset=first[1]["update_id"], limit=1)).result == first[1:2]
    assert (await api("getUpdates", offset=-1)).result == first[2:], "a negative offset counts from the end"
    assert (await api("getUpdates", offset=first[2]["update_id"] + 1)).result == []


async def test_a_confirmation_can_be_lost(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    await ann.says(ann.private, "one")
    (update,) = await api.updates()
    assert (await api("getUpdates")).result == []
    server.updates.unconfirm(1)
    assert (await api("getUpdates")).result == [update]


async def test_updates_are_kept_for_a_day(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    await ann.says(ann.private, "one")
    server.clock.advance(25 * 3600)
    assert (await api("getUpdates")).result == []


async def test_a_poll_waits_for_what_comes(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    poll = await waiting_poll(server, api)
    await ann.says(ann.private, "hello")
    assert [update["message"]["text"] for update in (await poll).result] == ["hello"]
    assert (await api("getUpdates", offset=10**9, timeout=0)).result == []


async def test_the_second_poller_ends_the_first(server: FakeTelegram, api: Api) -> None:
    first = await waiting_poll(server, api)
    second = asyncio.create_task(api("getUpdates", timeout=30))
    assert (await first).refusal == (409, OTHER_POLLER)
    ann = await met(server)
    await ann.says(ann.private, "hello")
    assert (await second).result


async def test_a_poller_that_goes_away_is_no_conflict(server: FakeTelegram, api: Api) -> None:
    first = await waiting_poll(server, api)
    first.cancel()
    await server.until(lambda: not server.updates.is_polled)
    second = await waiting_poll(server, api)
    ann = server.world.person("Ann")
    await ann.opens()
    assert (await second).result
    assert server.updates.conflicts == 0


async def test_only_wanted_kinds_come(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    message = await ann.says(ann.private, "one")
    await ann.edits(message, "two")
    await ann.reacts(message, "👍")
    assert [set(update) - {"update_id"} for update in await api.updates()] == [{"message"}, {"edited_message"}]
    await api("getUpdates", allowed_updates=["message_reaction"])
    await ann.says(ann.private, "three")
    await ann.reacts(message, "❤")
    (update,) = await api.updates()
    assert [one["emoji"] for one in update["message_reaction"]["old_reaction"]] == ["👍"]


class Hook:
    """A bot's own HTTP server."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, Any], str | None]] = []
        self.statuses: list[int] = []
        self.url = ""

    async def __aenter__(self) -> "Hook":
        app = web.Application()
        app.router.add_post("/hook", self.take)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.runner.cleanup()

    async def take(self, request: web.Request) -> web.Response:
        """An update; answered as the test wants."""
        self.got.append((await request.json(), request.headers.get(SECRET_HEADER)))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


async def test_a_webhook_gets_updates_with_the_secret(server: FakeTelegram, api: Api) -> None:
    async with Hook() as hook:
        ann = await met(server)
        await ann.says(ann.private, "before")
        assert (await api("setWebhook", url=hook.url, secret_token="a-Secret_1", max_connections=4)).result is True
        await ann.says(ann.private, "after")
        await server.until(lambda: not server.updates.pending)
        assert sorted(update["message"]["text"] for update, _ in hook.got) == ["after", "before"]
        assert {secret for _, secret in hook.got} == {"a-Secret_1"}
        info = (await api("getWebhookInfo")).result
        assert (info["url"], info["max_connections"], info["pending_update_count"]) == (hook.url, 4, 0)
        assert (await api("deleteWebhook")).result is True
        assert (await api("getWebhookInfo")).result["url"] == ""


async def test_a_webhook_that_fails_is_tried_again(server: FakeTelegram, api: Api) -> None:
    async with Hook() as hook:
        hook.statuses = [500, 503]
        ann = await met(server)
        await api("setWebhook", url=hook.url)
        await ann.says(ann.private, "hello")
        await server.until(lambda: not server.updates.pending)
        assert [update["update_id"] for update, _ in hook.got] == [hook.got[0][0]["update_id"]] * 3
        assert [delivery.status for delivery in server.webhook.deliveries] == [500, 503, 200]
        assert "503" in (await api("getWebhookInfo")).result["last_error_message"]
        await server.webhook.redeliver(server.updates.confirmed[-1])
        assert hook.got[-1] == hook.got[0]


async def test_a_webhook_gets_the_updates_of_a_chat_in_their_order(server: FakeTelegram, api: Api) -> None:
    async with Hook() as hook:
        ann, bob = await met(server, "Ann"), await met(server, "Bob")
        hook.statuses = [500, 500, 500]
        await api("setWebhook", url=hook.url)
        for number in range(5):
            await ann.says(ann.private, f"ann {number}")
            await bob.says(bob.private, f"bob {number}")
        await server.until(lambda: not server.updates.pending)
        taken = [d.update_id for d in server.webhook.deliveries if d.status == 200]
        texts = {update["update_id"]: update["message"]["text"] for update, _ in hook.got}
        for name in ("ann", "bob"):
            own = [texts[number] for number in taken if texts[number].startswith(name)]
            assert own == [f"{name} {number}" for number in range(5)]


async def test_a_webhook_and_a_poll_exclude_each_other(server: FakeTelegram, api: Api) -> None:
    async with Hook() as hook:
        poll = await waiting_poll(server, api)
        await api("setWebhook", url=hook.url)
        assert (await poll).refusal == (409, POLL_ENDED_BY_WEBHOOK)
        assert (await api("getUpdates")).refusal == (409, WEBHOOK_ACTIVE)
        await api("deleteWebhook", drop_pending_updates=True)
        assert (await api("getUpdates")).result == []


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"url": "http://bot.example/hook"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://bot.example:8080/hook"},
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        (
            {"url": "https://bot.example/hook", "secret_token": "no spaces"},
            "secret token contains unallowed characters",
        ),
        ({"url": "https://bot.example/hook", "secret_token": "x" * 257}, "secret token is too long"),
    ],
)
async def test_webhooks_are_checked(server: FakeTelegram, api: Api, params: dict[str, str], sentence: str) -> None:
    assert (await api("setWebhook", **params)).refusal == (400, f"Bad Request: {sentence}")

"""The hook against a real server: what it is sent, every answer that it may give, and everything that can go wrong."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from engine.safety.guard import Guard
from engine.safety.hook import HookFailed, HookSafety, findings_in
from engine.safety.verdicts import Asked, Finding, Verdict
from tests.fakes.house import RULES

ASKED = Asked(texts=["a red house"], unwanted=["rain"], names=["ink:0.8"], template="txt2img", community="fake:club")
PNG = b"\x89PNG\r\n\x1a\n picture"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(answer: Answer, *, closed: bool = True, timeout: float = 5.0) -> AsyncIterator[HookSafety]:  # noqa: ASYNC109
    """A server that answers so, and the hook that asks it."""
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/check", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with HookSafety(
            url=f"http://127.0.0.1:{port}/check", key="s3cret", timeout=timeout, closed=closed
        ) as hook:
            yield hook
    finally:
        await runner.cleanup()


def says(body: object, *, status: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return answer


async def test_it_is_sent_what_is_asked_and_made_and_not_by_whom() -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers["Authorization"], await request.json()))
        return web.json_response({"verdict": "allow"})

    async with served(answer) as hook:
        assert hook.looks
        assert await hook.prompt(ASKED) == ()
        assert await hook.input(PNG, ASKED) == ()
        assert await hook.result(PNG, ASKED) == ()
    (key, prompt), (_, given_picture), (_, result) = seen
    assert key == "Bearer s3cret"
    assert prompt == {
        "hook": "prompt",
        "texts": ["a red house"],
        "unwanted": ["rain"],
        "names": ["ink:0.8"],
        "template": "txt2img",
        "community": "fake:club",
    }
    assert [given_picture["hook"], result["hook"]] == ["input", "result"]
    assert base64.b64decode(result["picture"]) == PNG
    assert result["mime"] == "image/png"


@pytest.mark.parametrize("verdict", ["flag", "spoiler", "hold", "refuse"])
async def test_its_verdict_counts(verdict: str) -> None:
    async with served(says({"verdict": verdict, "rule": "logo-2", "category": "brands"})) as hook:
        (found,) = await hook.result(PNG, ASKED)
    wanted = None if verdict == "flag" else Verdict(verdict)
    assert found == Finding(category="brands", rule="logo-2", verdict=wanted)


async def test_nothing_but_short_names_comes_through() -> None:
    for bad in ("<script>", "x" * 41, "", 5, None, ["a"], "a\nb", "@everyone"):
        async with served(says({"verdict": "hold", "rule": bad, "category": bad})) as hook:
            (found,) = await hook.prompt(ASKED)
        assert (found.category, found.rule) == ("hook", "hook")


async def slow(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.json_response({"verdict": "allow"})


async def huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(4096):
        await response.write(b" " * 65536)
    return response


async def drips(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"verdict": ')
    assert request.transport is not None
    request.transport.abort()
    return response


async def elsewhere(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:9/steal")


BROKEN: dict[str, Answer] = {
    "an error of its own": says({"verdict": "allow"}, status=500),
    "too busy": says({"verdict": "allow"}, status=429),
    "not allowed": says({}, status=401),
    "no verdict": says({}),
    "an unknown verdict": says({"verdict": "maybe"}),
    "a verdict that is no word": says({"verdict": {"allow": True}}),
    "a list": says(["allow"]),
    "nothing": says(None),
    "too slow": slow,
    "huge": huge,
    "never ends": drips,
    "cut off": cut,
    "a redirect": elsewhere,
}


@pytest.mark.parametrize("name", BROKEN)
async def test_whatever_is_no_answer_counts_as_the_settings_say(name: str) -> None:
    async with served(BROKEN[name], closed=True, timeout=0.5) as hook:
        assert await hook.prompt(ASKED) == (Finding(category="unchecked", rule="hook", verdict=Verdict.REFUSE),)
        assert await hook.input(PNG, ASKED) == (Finding(category="unchecked", rule="hook", verdict=Verdict.REFUSE),)
        assert await hook.result(PNG, ASKED) == (Finding(category="unchecked", rule="hook", verdict=Verdict.HOLD),)
    async with served(BROKEN[name], closed=False, timeout=0.5) as hook:
        assert await hook.prompt(ASKED) == ()
        assert await hook.result(PNG, ASKED) == ()


async def test_nobody_there_is_no_answer_either() -> None:
    async with HookSafety(url="http://127.0.0.1:9/check", key=None, timeout=2.0, closed=True) as hook:
        (found,) = await hook.prompt(ASKED)
    assert found.category == "unchecked"


async def test_many_at_once_are_all_answered() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        texts = (await request.json())["texts"]
        return web.json_response({"verdict": "hold", "rule": texts[0]})

    async with served(answer, timeout=20.0) as hook:
        found = await asyncio.gather(*(hook.prompt(Asked(texts=[f"n{number}"])) for number in range(60)))
    assert [each[0].rule for each in found] == [f"n{number}" for number in range(60)]


async def test_a_flagged_picture_is_refused_where_the_words_speak_of_minors() -> None:
    async with served(says({"verdict": "flag"})) as hook:
        guard = Guard(RULES, [hook])
        assert guard.looks
        (found,) = await guard.result(PNG, Asked(texts=["a woman"]))
        assert found.verdict is None
        found, *_ = await guard.result(PNG, Asked(texts=["a schoolgirl at the beach"]))
        assert (found.category, found.verdict) == ("minors", Verdict.REFUSE)
        found, *_ = await guard.input(PNG, Asked(texts=["a portrait"], before=["a toddler"]))
        assert found.category == "minors"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    try:
        found = findings_in(data)
    except HookFailed:
        return
    assert all(isinstance(finding, Finding) for finding in found)


def test_nested_nonsense_is_no_answer() -> None:
    with pytest.raises(HookFailed):
        findings_in(b"[" * 60_000)

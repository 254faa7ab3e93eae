"""A check of the operators' own: an address of theirs is sent every prompt and picture, and says what becomes of it.

    POST  {"hook": "prompt" | "input" | "result", "texts": [...], "unwanted": [...], "names": [...], "template": "...",
           "community": "discord:42", "picture": base64, "mime": "image/png"}
    200   {"verdict": "allow" | "flag" | "spoiler" | "hold" | "refuse", "rule": "...", "category": "..."}

`flag` leaves it to the place's policy. Who asks is not told. Anything but such an answer, within the time, counts as no
answer: redirects, other statuses, other JSON, more than 64 KiB.
"""

import asyncio
import base64
import json
import re
from typing import Self

import aiohttp
import structlog

from engine.safety.verdicts import Asked, Finding, Verdict, unchecked

log = structlog.get_logger(__name__)

CATEGORY = "hook"
LONGEST_ANSWER = 64 * 1024  # bytes
AT_ONCE = 16  # requests
FLAG = "flag"
_NAME = re.compile(r"[a-z0-9][a-z0-9 _./-]{0,39}")
_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"RIFF", "image/webp"), (b"GIF8", "image/gif"))


class HookFailed(Exception):
    """It did not answer, or nothing sensible."""


class HookSafety:
    """Implements `Safety` with an HTTP hook."""

    def __init__(self, *, url: str, key: str | None, timeout: float, closed: bool) -> None:
        """`key` is sent as a bearer token; `closed`: what could not be checked counts as found."""
        self._url = url
        self._key = key
        self._timeout = timeout
        self._closed = closed
        self._session: aiohttp.ClientSession | None = None

    @property
    def looks(self) -> bool:
        """It does."""
        return True

    async def __aenter__(self) -> Self:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=AT_ONCE))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def prompt(self, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.prompt`."""
        return await self._ask("prompt", asked, None)

    async def input(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.input`."""
        return await self._ask("input", asked, picture)

    async def result(self, picture: bytes, asked: Asked) -> tuple[Finding, ...]:
        """See `Safety.result`."""
        return await self._ask("result", asked, picture)

    async def _ask(self, hook: str, asked: Asked, picture: bytes | None) -> tuple[Finding, ...]:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._answer(hook, asked, picture)
        except (TimeoutError, aiohttp.ClientError, HookFailed, OSError) as error:
            log.warning("unchecked", by=CATEGORY, hook=hook, reason=str(error) or type(error).__name__)
            return unchecked(CATEGORY, closed=self._closed, shown=hook == "result")

    async def _answer(self, hook: str, asked: Asked, picture: bytes | None) -> tuple[Finding, ...]:
        assert self._session is not None, "it is open"  # noqa: S101
        body = await asyncio.to_thread(_body, hook, asked, picture)
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            if response.status != 200:
                raise HookFailed(f"status {response.status}")
            data = b""
            async for piece in response.content.iter_chunked(LONGEST_ANSWER):
                data += piece
                if len(data) > LONGEST_ANSWER:
                    raise HookFailed("the answer is too long")
        return findings_in(data)


def findings_in(data: bytes) -> tuple[Finding, ...]:
    """Read an answer; nothing of it reaches people but short names. Raises HookFailed."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise HookFailed("the answer is no JSON") from None
    verdict = said.get("verdict") if isinstance(said, dict) else None
    if verdict == Verdict.ALLOW:
        return ()
    if not isinstance(verdict, str) or verdict not in {FLAG, *Verdict}:
        raise HookFailed("the answer has no verdict")
    category, rule = (_name(said.get(field)) for field in ("category", "rule"))
    return (Finding(category=category, rule=rule, verdict=None if verdict == FLAG else Verdict(verdict)),)


def _name(said: object) -> str:
    return said if isinstance(said, str) and _NAME.fullmatch(said) else CATEGORY


def _body(hook: str, asked: Asked, picture: bytes | None) -> bytes:
    body: dict[str, object] = {
        "hook": hook,
        "texts": list(asked.texts),
        "unwanted": list(asked.unwanted),
        "names": list(asked.names),
        "template": asked.template,
        "community": asked.community,
    }
    if picture is not None:
        body["picture"] = base64.b64encode(picture).decode()
        body["mime"] = next((mime for magic, mime in _MAGIC if picture.startswith(magic)), "application/octet-stream")
    return json.dumps(body).encode()

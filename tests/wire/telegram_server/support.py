"""What the tests of the loopback Telegram share: raw calls, pictures, and a bot of python-telegram-bot."""

import io
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from PIL import Image
from telegram.ext import Application, ApplicationBuilder

from tests.fakes.telegram.model import Chat
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram

ANY_BUTTON = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}


def png(width: int = 64, height: int = 64, colour: str = "red") -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def noise(size: int) -> bytes:
    """Bytes that nothing makes smaller."""
    return random.Random(size).randbytes(size)


@dataclass(frozen=True)
class Reply:
    """What a raw call was answered with."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def result(self) -> Any:
        """Of a call that went well."""
        assert self.body["ok"], self.body
        assert self.status == 200
        return self.body["result"]

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and sentence of a call that did not."""
        assert not self.body["ok"]
        assert self.body["error_code"] == self.status
        return self.status, self.body["description"]


class Api:
    """Raw calls, as JSON unless told otherwise."""

    def __init__(self, server: FakeTelegram, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    def url(self, method: str) -> str:
        """Of a method."""
        return f"{self.server.base_url}{self.server.token}/{method}"

    async def __call__(self, method: str, **params: Any) -> Reply:
        """POST with a JSON body."""
        async with self.session.post(self.url(method), json=params) as response:
            return Reply(response.status, await response.json(), response.headers)

    async def get(self, method: str, **params: str) -> Reply:
        """GET with a query."""
        async with self.session.get(self.url(method), params=params) as response:
            return Reply(response.status, await response.json(), response.headers)

    async def upload(self, method: str, files: dict[str, bytes], **params: Any) -> Reply:
        """POST as multipart; what is no text travels as JSON."""
        form = aiohttp.FormData()
        for name, value in params.items():
            form.add_field(name, value if isinstance(value, str) else json.dumps(value))
        for name, data in files.items():
            form.add_field(name, io.BytesIO(data), filename=f"{name}.png", content_type="image/png")
        async with self.session.post(self.url(method), data=form) as response:
            return Reply(response.status, await response.json(), response.headers)

    async def send(self, chat: Chat, text: str = "hello", **params: Any) -> int:
        """A text; its id."""
        number: int = (await self("sendMessage", chat_id=chat.id, text=text, **params)).result["message_id"]
        return number

    async def updates(self, **params: Any) -> list[dict[str, Any]]:
        """What waits, confirmed."""
        found: list[dict[str, Any]] = (await self("getUpdates", **params)).result
        if found:
            await self("getUpdates", offset=found[-1]["update_id"] + 1)
        return found


def application(server: FakeTelegram) -> Application:  # type: ignore[type-arg]
    """A bot of python-telegram-bot, unmodified, that talks to the server."""
    builder = ApplicationBuilder().token(server.token)
    return builder.base_url(server.base_url).base_file_url(server.base_file_url).build()


async def met(server: FakeTelegram, name: str = "Ann") -> Person:
    """Somebody whom the bot may write to, with nothing left to receive."""
    person = server.world.person(name)
    await person.opens()
    server.updates.drop_pending()
    return person

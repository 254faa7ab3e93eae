"""Faults on demand, files that are too big, gone or stale, and calls that leave the specification."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import Spec
from tests.wire.telegram_server.support import Api, met, noise, png


async def test_an_error_of_the_server_does_nothing(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    server.faults.fail("sendMessage", status=502, times=2)
    for _ in range(2):
        async with api.session.post(api.url("sendMessage"), json={"chat_id": ann.id, "text": "x"}) as response:
            assert (response.status, response.content_type) == (502, "text/html")
    assert len(ann.sees()) == 1
    await api.send(ann.private)
    assert [(call.status, call.fault) for call in server.log] == [(502, "status"), (502, "status"), (200, "")]
    assert server.refused() == []


async def test_a_lost_answer_leaves_the_message_there(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    server.faults.lose_answer("send*")
    with pytest.raises(aiohttp.ClientError):
        await api.send(ann.private, "once")
    server.faults.drop("sendMessage", chat=ann.private)
    with pytest.raises(aiohttp.ClientError):
        await api.send(ann.private, "never")
    assert [message.text for message in ann.sees()[1:]] == ["once"]
    assert [call.status for call in server.log] == [0, 0]


async def test_a_slow_answer_is_carried_out_at_once(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    server.faults.slow("sendMessage", seconds=30)
    call = asyncio.create_task(api.send(ann.private, "slow"))
    await ann.waits(ann.private, "slow")
    assert not call.done()
    call.cancel()


async def test_a_fault_meets_its_chat_only(server: FakeTelegram, api: Api) -> None:
    ann, bob = await met(server, "Ann"), await met(server, "Bob")
    fault = server.faults.fail("sendMessage", chat=ann.private, times=9)
    await api.send(bob.private)
    assert fault.happened == 0
    server.faults.clear()
    await api.send(ann.private)


async def test_the_long_poll_breaks(server: FakeTelegram, api: Api) -> None:
    poll = asyncio.create_task(api("getUpdates", timeout=30))
    await server.until(lambda: server.updates.is_polled)
    assert server.updates.drop_poll()
    with pytest.raises(aiohttp.ClientError):
        await poll
    ann = server.world.person("Ann")
    await ann.opens()
    assert len(await api.updates()) == 1


async def test_the_server_is_down(server: FakeTelegram, api: Api) -> None:
    server.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await api("getMe")
    server.faults.clear()
    assert (await api("getMe")).result["username"] == "atelier_bot"


async def download(api: Api, path: str) -> tuple[int, bytes]:
    """Status and bytes of a file."""
    async with api.session.get(f"{api.server.base_file_url}{api.server.token}/{path}") as response:
        return response.status, await response.read()


async def test_files_are_downloaded_within_an_hour(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    photo = await ann.sends_photo(ann.private, png())
    assert photo.media
    file_id = photo.media.largest.file_id
    found = (await api("getFile", file_id=file_id)).result
    assert await download(api, found["file_path"]) == (200, photo.picture)
    assert found["file_size"] == len(photo.picture)
    server.clock.advance(3601)
    assert (await download(api, found["file_path"]))[0] == 404
    again = (await api("getFile", file_id=file_id)).result
    assert (await download(api, again["file_path"]))[0] == 200
    server.files.lose(photo.media)
    sentence = "wrong file_id or the file is temporarily unavailable"
    assert (await api("getFile", file_id=file_id)).refusal == (400, f"Bad Request: {sentence}")
    assert (await api("getFile", file_id="unknown")).refusal == (400, "Bad Request: invalid file_id")


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 400)])
async def test_downloads_end_at_twenty_mebibytes(server: FakeTelegram, api: Api, more: int, status: int) -> None:
    ann = await met(server)
    sent = await ann.sends_document(ann.private, noise(20 * 2**20 + more), "large.bin")
    assert sent.media
    reply = await api("getFile", file_id=sent.media.largest.file_id)
    assert reply.status == status
    assert status == 200 or reply.refusal == (400, "Bad Request: file is too big")


async def test_the_same_file_has_one_unique_id(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    one, two = [await ann.sends_document(ann.private, png(), "a.png") for _ in range(2)]
    assert one.media
    assert two.media
    assert one.media.largest.unique_id == two.media.largest.unique_id
    assert one.media.largest.file_id != two.media.largest.file_id


async def test_tokens_and_methods_are_checked(server: FakeTelegram, api: Api) -> None:
    async with api.session.get(f"{server.base_url}1:wrong/getMe") as response:
        assert (response.status, (await response.json())["description"]) == (401, "Unauthorized")
    assert (await api("makeCoffee")).refusal == (404, "Not Found: method not found")
    assert server.violations == ["makeCoffee: no such method here"]


@pytest.mark.parametrize(
    ("method", "params", "problem"),
    [
        ("sendMessage", {"chat_id": 1}, "sendMessage: text is required"),
        ("sendMessage", {"chat_id": 1, "text": "x", "colour": "red"}, "sendMessage: unknown parameter 'colour'"),
        ("sendMessage", {"chat_id": 1, "text": 5}, "sendMessage.text: 5 is no String"),
        ("sendMessage", {"chat_id": 1.5, "text": "x"}, "sendMessage.chat_id: 1.5 is no Integer"),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a", "data": "b"}]]}},
            "sendMessage.reply_markup.inline_keyboard[0][0]: InlineKeyboardButton has no field 'data'",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "reply_parameters": {}},
            "sendMessage.reply_parameters: ReplyParameters needs message_id",
        ),
        (
            "editMessageMedia",
            {"chat_id": 1, "message_id": 1, "media": {"type": "photo"}},
            "editMessageMedia.media: InputMediaPhoto needs media",
        ),
        (
            "editMessageMedia",
            {"chat_id": 1, "message_id": 1, "media": {"type": "photo", "media": "attach://x"}},
            "editMessageMedia: attach://x is not uploaded",
        ),
        ("setMyCommands", {"commands": [{"command": "x"}]}, "setMyCommands.commands[0]: BotCommand needs description"),
        ("sendPhoto", {"chat_id": 1, "photo": {}}, "sendPhoto.photo: no file"),
    ],
)
async def test_calls_are_held_against_the_specification(
    server: FakeTelegram, api: Api, method: str, params: dict[str, Any], problem: str
) -> None:
    reply = await api(method, **params)
    assert reply.status == 400
    assert server.violations == [problem]


async def test_an_upload_that_is_used_nowhere_is_noticed(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    await api.upload("sendMessage", {"f": png()}, chat_id=ann.id, text="x")
    assert server.violations == ["sendMessage: the file f is used nowhere"]


def test_the_specification_is_read_whole(server: FakeTelegram) -> None:
    spec = Spec.load()
    assert spec
    assert len(spec.methods) >= 170
    assert len(spec.types) >= 300
    message = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}
    assert spec.answer_problems("sendMessage", message) == []
    assert spec.answer_problems("sendMessage", message | {"texts": "x"}) == [
        "answer of sendMessage: Message has no field 'texts'"
    ]
    member = {"status": "creator", "user": {"id": 1, "is_bot": False, "first_name": "x"}, "until_date": 0}
    assert spec.answer_problems("getChatMember", member) == [
        "answer of getChatMember: ChatMemberOwner has no field 'until_date'",
        "answer of getChatMember: ChatMemberOwner needs is_anonymous",
    ]

"""Sending: what arrives, what it looks like, and every limit with Telegram's sentence."""

import asyncio
from typing import Any

import pytest

from tests.fakes.telegram.entities import covered_by
from tests.fakes.telegram.files import FileLimits
from tests.fakes.telegram.model import Status
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import ANY_BUTTON, Api, met, noise, png


async def test_a_text_arrives_with_its_formatting(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    sent = (await api("sendMessage", chat_id=ann.id, text="<b>bold</b> plain", parse_mode="HTML")).result
    message = ann.sees()[-1]
    assert (message.text, sent["text"]) == ("bold plain", "bold plain")
    assert covered_by(message.text, message.entities[0]) == "bold"
    assert sent["from"]["is_bot"]


@pytest.mark.parametrize("way", ["query", "form", "json", "multipart"])
async def test_every_way_to_call_works(server: FakeTelegram, api: Api, way: str) -> None:
    ann = await met(server)
    params = {"chat_id": str(ann.id), "text": "hello", "disable_notification": "true"}
    match way:
        case "query":
            await api.get("sendMessage", **params)
        case "form":
            await api.session.post(api.url("sendMessage"), data=params)
        case "json":
            await api("sendmessage", chat_id=ann.id, text="hello", disable_notification=True)
        case "multipart":
            await api.upload("sendMessage", {}, **params)
    message = ann.sees()[-1]
    assert (message.text, message.silent) == ("hello", True)
    assert server.violations == []


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("x" * 4096, ""),
        ("x" * 4097, "message is too long"),
        ("<b>" + "x" * 4096 + "</b>", ""),
        ("", "message text is empty"),
        ("<b> </b>", "text must be non-empty"),
        ("a < b", 'can\'t parse entities: Unsupported start tag "" at byte offset 2'),
    ],
)
async def test_texts_are_limited(server: FakeTelegram, api: Api, text: str, refusal: str) -> None:
    ann = await met(server)
    reply = await api("sendMessage", chat_id=ann.id, text=text, parse_mode="HTML")
    assert reply.status == 200 if not refusal else reply.refusal == (400, f"Bad Request: {refusal}")


@pytest.mark.parametrize(("length", "status"), [(1024, 200), (1025, 400)])
async def test_captions_are_limited(server: FakeTelegram, api: Api, length: int, status: int) -> None:
    ann = await met(server)
    caption = f"<i>{'x' * length}</i>"
    reply = await api.upload("sendPhoto", {"photo": png()}, chat_id=ann.id, caption=caption, parse_mode="HTML")
    assert reply.status == status
    assert status == 200 or reply.refusal == (400, "Bad Request: message caption is too long")


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [(6000, 4000, True), (6001, 4000, False), (2000, 100, True), (2001, 100, False), (100, 2001, False)],
)
async def test_photos_have_sizes_that_fit(server: FakeTelegram, api: Api, width: int, height: int, fits: bool) -> None:
    ann = await met(server)
    reply = await api.upload("sendPhoto", {"photo": png(width, height)}, chat_id=ann.id)
    assert reply.status == 200 if fits else reply.refusal == (400, "Bad Request: PHOTO_INVALID_DIMENSIONS")


async def test_a_photo_is_made_anew_in_several_sizes(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    sent = (await api.upload("sendPhoto", {"photo": png(1600, 800)}, chat_id=ann.id)).result
    assert [(size["width"], size["height"]) for size in sent["photo"]] == [
        (90, 45), (320, 160), (800, 400), (1280, 640)
    ]  # fmt: skip
    assert ann.sees()[-1].picture.startswith(b"\xff\xd8")
    assert ann.sees()[-1].media.uploaded == png(1600, 800)


async def test_what_is_no_picture_is_no_photo(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    reply = await api.upload("sendPhoto", {"photo": b"nothing"}, chat_id=ann.id)
    assert reply.refusal == (400, "Bad Request: IMAGE_PROCESS_FAILED")
    reply = await api.upload("sendPhoto", {"photo": b""}, chat_id=ann.id)
    assert reply.refusal == (400, "Bad Request: file must be non-empty")


async def test_files_have_a_largest_size(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    most = server.files.limits.photo
    assert (most, server.files.limits.upload, server.files.limits.download) == (10 * 2**20, 50 * 2**20, 20 * 2**20)
    reply = await api.upload("sendPhoto", {"photo": noise(most + 1)}, chat_id=ann.id)
    sentence = f"file of size {most + 1} bytes is too big for a photo; the maximum size is {most} bytes"
    assert reply.refusal == (400, f"Bad Request: {sentence}")
    server.files.limits = FileLimits(upload=1000)
    assert (await api.upload("sendDocument", {"document": noise(1000)}, chat_id=ann.id)).status == 200
    reply = await api.upload("sendDocument", {"document": noise(1001)}, chat_id=ann.id)
    assert reply.refusal == (413, "Request Entity Too Large")


@pytest.mark.parametrize("kind", ["document", "video", "animation", "audio"])
async def test_files_arrive_as_they_are(server: FakeTelegram, api: Api, kind: str) -> None:
    ann = await met(server)
    sent = (await api.upload(f"send{kind.capitalize()}", {kind: png()}, chat_id=ann.id, caption="c")).result
    assert sent[kind]["file_name"] == f"{kind}.png"
    assert (ann.sees()[-1].picture, ann.sees()[-1].text) == (png(), "c")


async def test_a_file_is_sent_again_by_its_id(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    sent = (await api.upload("sendPhoto", {"photo": png()}, chat_id=ann.id)).result
    file_id = sent["photo"][-1]["file_id"]
    assert (await api("sendPhoto", chat_id=ann.id, photo=file_id)).result["photo"] == sent["photo"]
    reply = await api("sendDocument", chat_id=ann.id, document=file_id)
    assert reply.refusal == (400, "Bad Request: can't use file of type Photo as Document")
    reply = await api("sendPhoto", chat_id=ann.id, photo="AgACunknown")
    assert reply.refusal == (400, "Bad Request: wrong file identifier/HTTP URL specified")


def album(count: int, kind: str = "photo", **more: Any) -> list[dict[str, Any]]:
    """The media of sendMediaGroup."""
    return [{"type": kind, "media": f"attach://f{number}", **more} for number in range(count)]


@pytest.mark.parametrize(("count", "refusal"), [(2, ""), (10, ""), (11, "too many messages to send as an album")])
async def test_an_album_is_two_to_ten_messages(server: FakeTelegram, api: Api, count: int, refusal: str) -> None:
    ann = await met(server)
    files = {f"f{number}": png(colour=f"#0000{number:02x}") for number in range(count)}
    reply = await api.upload("sendMediaGroup", files, chat_id=ann.id, media=album(count))
    if refusal:
        assert reply.refusal == (400, f"Bad Request: {refusal}")
    else:
        assert len({message["media_group_id"] for message in reply.result}) == 1
        assert len(ann.sees()[1:]) == count


async def test_an_album_of_one_leaves_the_specification(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    assert (await api.upload("sendMediaGroup", {"f0": png()}, chat_id=ann.id, media=album(1))).status == 400
    assert server.violations == ["sendMediaGroup: media must have 2-10 items"]


async def test_documents_are_not_mixed_with_photos(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    media = [*album(1), {"type": "document", "media": "attach://f1"}]
    reply = await api.upload("sendMediaGroup", {"f0": png(), "f1": png()}, chat_id=ann.id, media=media)
    assert reply.refusal == (400, "Bad Request: document can't be mixed with other media types")
    assert ann.sees()[1:] == []


@pytest.mark.parametrize(
    ("button", "refusal"),
    [
        ({"text": "Go", "callback_data": "x" * 64}, ""),
        ({"text": "Go", "callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "Go", "callback_data": "日" * 22}, "BUTTON_DATA_INVALID"),
        ({"text": "Go", "callback_data": ""}, "can't parse inline keyboard button: Text buttons are unallowed"),
        ({"text": " ", "callback_data": "x"}, "inline keyboard button text must be non-empty"),
        ({"text": "Go", "url": "nowhere"}, "inline keyboard button URL 'nowhere' is invalid"),
    ],
)
async def test_buttons_are_limited(server: FakeTelegram, api: Api, button: dict[str, str], refusal: str) -> None:
    ann = await met(server)
    reply = await api("sendMessage", chat_id=ann.id, text="x", reply_markup={"inline_keyboard": [[button]]})
    assert reply.status == 200 if not refusal else reply.refusal[1].startswith(f"Bad Request: {refusal}")


@pytest.mark.parametrize(("rows", "columns", "status"), [(20, 5, 200), (21, 5, 400), (1, 9, 400)])
async def test_keyboards_are_limited(server: FakeTelegram, api: Api, rows: int, columns: int, status: int) -> None:
    ann = await met(server)
    keyboard = [[{"text": "Go", "callback_data": "go"}] * columns] * rows
    reply = await api("sendMessage", chat_id=ann.id, text="x", reply_markup={"inline_keyboard": keyboard})
    assert reply.status == status
    assert status == 200 or reply.refusal == (400, "Bad Request: reply markup is too long")


async def test_a_reply_needs_its_message(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    asked = await ann.says(ann.private, "a house")
    number = await api.send(ann.private, reply_parameters={"message_id": asked.id})
    assert ann.private.messages[number].reply_to is asked
    await ann.deletes(asked)
    reply = await api("sendMessage", chat_id=ann.id, text="x", reply_parameters={"message_id": asked.id})
    assert reply.refusal == (400, "Bad Request: message to be replied not found")
    lenient = {"message_id": asked.id, "allow_sending_without_reply": True}
    assert ann.private.messages[await api.send(ann.private, reply_parameters=lenient)].reply_to is None


async def test_who_can_not_be_written_to(server: FakeTelegram, api: Api) -> None:
    stranger, ann = server.world.person("Stranger"), await met(server)
    group = server.world.group("Lab")
    outside = server.world.supergroup("Elsewhere", bot=False)

    async def refused(chat_id: int | str) -> tuple[int, str]:
        return (await api("sendMessage", chat_id=chat_id, text="x")).refusal

    assert await refused(stranger.id) == (400, "Bad Request: chat not found")
    assert stranger.private.id == stranger.id
    assert await refused(stranger.id) == (403, "Forbidden: bot can't initiate conversation with a user")
    await ann.blocks()
    assert await refused(ann.id) == (403, "Forbidden: bot was blocked by the user")
    await ann.unblocks()
    ann.user.deactivated = True
    assert await refused(ann.id) == (403, "Forbidden: user is deactivated")
    server.world.kick_bot(group)
    assert await refused(group.id) == (403, "Forbidden: bot was kicked from the group chat")
    assert await refused(outside.id) == (403, "Forbidden: bot is not a member of the supergroup chat")
    outside.username = "elsewhere"
    assert await refused("@elsewhere") == (403, "Forbidden: bot is not a member of the supergroup chat")
    server.world.add_bot(outside)
    server.world.delete_chat(outside)
    assert await refused(outside.id) == (403, "Forbidden: the supergroup chat was deleted")


async def test_what_may_not_be_sent_to_a_group(server: FakeTelegram, api: Api) -> None:
    group = server.world.supergroup("Lab")
    group.muted = frozenset({"photos"})
    await api.send(group)
    reply = await api.upload("sendPhoto", {"photo": png()}, chat_id=group.id)
    assert reply.refusal == (400, "Bad Request: not enough rights to send photos to the chat")
    server.world.change_member(group, server.world.bot, Status.RESTRICTED)
    reply = await api("sendMessage", chat_id=group.id, text="x")
    assert reply.refusal == (400, "Bad Request: not enough rights to send text messages to the chat")


async def test_copies_are_the_bots_own(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    photo = await ann.sends_photo(ann.private, png(), caption="mine")
    reply = await api("copyMessage", chat_id=ann.id, from_chat_id=ann.id, message_id=photo.id, caption="copied")
    copied = ann.private.messages[reply.result["message_id"]]
    assert (copied.by_bot, copied.text, copied.picture) == (True, "copied", photo.picture)
    reply = await api("copyMessage", chat_id=ann.id, from_chat_id=ann.id, message_id=9999)
    assert reply.refusal == (400, "Bad Request: message to copy not found")
    forwarded = (await api("forwardMessage", chat_id=ann.id, from_chat_id=ann.id, message_id=photo.id)).result
    assert forwarded["forward_origin"]["sender_user"]["first_name"] == "Ann"


async def test_chat_actions(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    assert (await api("sendChatAction", chat_id=ann.id, action="upload_photo")).result is True
    assert server.history[-1].detail == f"{ann.id} upload_photo"
    reply = await api("sendChatAction", chat_id=ann.id, action="dancing")
    assert reply.refusal == (400, "Bad Request: wrong parameter action in request")


async def test_calls_at_once_do_not_mix(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    numbers = await asyncio.gather(*(api.send(ann.private, f"{n}", reply_markup=ANY_BUTTON) for n in range(20)))
    assert len(set(numbers)) == 20
    assert sorted(int(ann.private.messages[n].text) for n in numbers) == list(range(20))

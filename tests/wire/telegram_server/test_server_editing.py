"""Edits, deletions, reactions and pressed buttons: what they do, and when they are refused."""

from typing import Any

import pytest

from tests.fakes.telegram.errors import NOT_MODIFIED, QUERY_TOO_OLD
from tests.fakes.telegram.model import Message
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import ANY_BUTTON, Api, met, png

HOUR = 3600.0
PHOTO = {"type": "photo", "media": "attach://f"}


async def texted(api: Api, server: FakeTelegram, **more: Any) -> Message:
    """A text of the bot in Ann's chat."""
    ann = await met(server)
    return ann.private.messages[await api.send(ann.private, "waiting", **more)]


def target(message: Message) -> dict[str, int]:
    """The parameters that mean it."""
    return {"chat_id": message.chat.id, "message_id": message.id}


async def test_a_text_is_edited_in_its_place(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server, reply_markup=ANY_BUTTON, disable_notification=True)
    edited = (await api("editMessageText", **target(message), text="<b>46 %</b>", parse_mode="HTML")).result
    assert (edited["message_id"], edited["text"], message.text) == (message.id, "46 %", "46 %")
    assert edited["edit_date"]
    assert message.keyboard is None, "a keyboard that is not sent again is gone"
    assert [shot.text for shot in server.journal.history(message)] == ["waiting", "46 %"]


async def test_a_text_becomes_a_photo(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server)
    media = PHOTO | {"caption": "done", "has_spoiler": True}
    reply = await api.upload("editMessageMedia", {"f": png()}, **target(message), media=media, reply_markup=ANY_BUTTON)
    assert reply.result["photo"]
    assert (message.text, message.buttons, message.spoiler) == ("done", [["Go"]], True)
    document = {"type": "document", "media": "attach://f"}
    reply = await api.upload("editMessageMedia", {"f": png()}, **target(message), media=document)
    assert (reply.result["document"]["file_name"], message.text) == ("f.png", "")


@pytest.mark.parametrize(
    "method", ["editMessageText", "editMessageReplyMarkup", "editMessageCaption", "editMessageMedia"]
)
async def test_what_is_as_it_was_is_refused(server: FakeTelegram, api: Api, method: str) -> None:
    message = await texted(api, server, reply_markup=ANY_BUTTON)
    params: dict[str, Any] = target(message) | {"reply_markup": ANY_BUTTON}
    if method in {"editMessageCaption", "editMessageMedia"}:
        media = PHOTO | {"caption": "c"}
        sent = (await api.upload("editMessageMedia", {"f": png()}, **params, media=media)).result
        same = {"type": "photo", "media": sent["photo"][-1]["file_id"], "caption": "c"}
        params |= {"caption": "c"} if method == "editMessageCaption" else {"media": same}
    if method == "editMessageText":
        params["text"] = "waiting"
    assert (await api(method, **params)).refusal == (400, f"Bad Request: {NOT_MODIFIED}")
    assert message.buttons == [["Go"]]


async def test_texts_and_captions_are_edited_by_their_own_methods(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server)
    reply = await api("editMessageCaption", **target(message), caption="x")
    assert reply.refusal == (400, "Bad Request: there is no caption in the message to edit")
    await api.upload("editMessageMedia", {"f": png()}, **target(message), media=PHOTO)
    reply = await api("editMessageText", **target(message), text="x")
    assert reply.refusal == (400, "Bad Request: there is no text in the message to edit")


async def test_edits_are_limited_in_length(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server)
    reply = await api("editMessageText", **target(message), text="x" * 4097)
    assert reply.refusal == (400, "Bad Request: MESSAGE_TOO_LONG")
    media = PHOTO | {"caption": "x" * 1025}
    reply = await api.upload("editMessageMedia", {"f": png()}, **target(message), media=media)
    assert reply.refusal == (400, "Bad Request: message caption is too long")
    await api.upload("editMessageMedia", {"f": png()}, **target(message), media=PHOTO)
    reply = await api("editMessageCaption", **target(message), caption="x" * 1025)
    assert reply.refusal == (400, "Bad Request: MEDIA_CAPTION_TOO_LONG")


async def test_only_own_messages_that_are_there_are_edited(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server)
    ann = server.world.person("Ann")
    theirs = await ann.says(ann.private, "mine")
    assert (await api("editMessageText", **target(theirs), text="x")).refusal == (
        400, "Bad Request: message can't be edited"
    )  # fmt: skip
    reply = await api.upload("editMessageMedia", {"f": png()}, **target(theirs), media=PHOTO)
    assert reply.refusal == (400, "Bad Request: message media can't be edited")
    server.world.delete(message)
    reply = await api("editMessageText", **target(message), text="x")
    assert reply.refusal == (400, "Bad Request: message to edit not found")
    keyed = await api.send(ann.private, reply_markup={"force_reply": True})
    reply = await api("editMessageText", chat_id=ann.id, message_id=keyed, text="x")
    assert reply.refusal == (400, "Bad Request: message can't be edited")


async def test_an_album_keeps_its_kind(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    media = [{"type": "document", "media": f"attach://f{n}"} for n in range(2)]
    sent = (await api.upload("sendMediaGroup", {"f0": png(), "f1": png()}, chat_id=ann.id, media=media)).result
    where = {"chat_id": ann.id, "message_id": sent[0]["message_id"]}
    reply = await api.upload("editMessageMedia", {"f": png()}, **where, media=PHOTO)
    assert reply.refusal == (400, "Bad Request: can't change media type in the album")


@pytest.mark.parametrize(
    ("chat", "sentence"),
    [("private", "message can't be deleted for everyone"), ("supergroup", "message can't be deleted")],
)
async def test_messages_are_deleted_within_two_days(server: FakeTelegram, api: Api, chat: str, sentence: str) -> None:
    ann = await met(server)
    where = ann.private if chat == "private" else server.world.supergroup("Lab", ann)
    old, new = await api.send(where, "old"), await api.send(where, "new")
    server.clock.advance(47.9 * HOUR)
    assert (await api("deleteMessage", chat_id=where.id, message_id=new)).result is True
    server.clock.advance(0.2 * HOUR)
    reply = await api("deleteMessage", chat_id=where.id, message_id=old)
    assert reply.refusal == (400, f"Bad Request: {sentence}")
    reply = await api("deleteMessage", chat_id=where.id, message_id=new)
    assert reply.refusal == (400, "Bad Request: message to delete not found")
    assert [message.text for message in ann.sees(where) if message.by_bot] == ["old"]
    reply = await api("editMessageText", chat_id=where.id, message_id=old, text="removed")
    assert reply.result["text"] == "removed", "what is too old to delete can still be edited"


async def test_others_messages_are_deleted_by_administrators(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    group = server.world.supergroup("Lab", ann)
    theirs = await ann.says(group, "hello")
    reply = await api("deleteMessage", chat_id=group.id, message_id=theirs.id)
    assert reply.refusal == (400, "Bad Request: message can't be deleted")
    server.world.promote(group, server.world.bot)
    ids = [theirs.id, 9999, await api.send(group)]
    assert (await api("deleteMessages", chat_id=group.id, message_ids=ids)).result is True
    assert [message.text for message in ann.sees(group) if not message.service] == []


async def test_reactions(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    asked = await ann.says(ann.private, "a house")
    thumb, heart = {"type": "emoji", "emoji": "👍"}, {"type": "emoji", "emoji": "❤️"}
    assert (await api("setMessageReaction", **target(asked), reaction=[heart])).result is True
    assert asked.reactions[server.world.bot.id] == ["❤️"]
    reply = await api("setMessageReaction", **target(asked), reaction=[thumb, heart])
    assert reply.refusal == (400, "Bad Request: REACTIONS_TOO_MANY")
    reply = await api("setMessageReaction", **target(asked), reaction=[thumb | {"emoji": "🦆"}])
    assert reply.refusal == (400, "Bad Request: REACTION_INVALID")


async def test_a_press_is_answered_once(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server, reply_markup=ANY_BUTTON)
    press = await server.world.person("Ann").presses(message, "Go")
    (update,) = await api.updates()
    query = update["callback_query"]
    assert (query["data"], query["message"]["message_id"], query["from"]["first_name"]) == ("go", message.id, "Ann")
    reply = await api("answerCallbackQuery", callback_query_id=query["id"], text="done", show_alert=True)
    assert reply.result is True
    answer = await press.answered()
    assert (answer.text, answer.alert, server.presses.unanswered) == ("done", True, [])
    reply = await api("answerCallbackQuery", callback_query_id=query["id"])
    assert reply.refusal == (400, f"Bad Request: {QUERY_TOO_OLD}")


async def test_a_press_is_answered_in_time(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server, reply_markup=ANY_BUTTON)
    press = await server.world.person("Ann").presses(message, "go")
    reply = await api("answerCallbackQuery", callback_query_id=press.id, text="x" * 201)
    assert reply.refusal == (400, "Bad Request: MESSAGE_TOO_LONG")
    server.clock.advance(20)
    reply = await api("answerCallbackQuery", callback_query_id=press.id)
    assert reply.refusal == (400, f"Bad Request: {QUERY_TOO_OLD}")
    assert server.presses.unanswered == [press]


async def test_a_press_on_a_message_that_is_gone(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server, reply_markup=ANY_BUTTON)
    server.world.delete(message)
    await server.world.person("Ann").presses(message, "Go")
    (update,) = await api.updates()
    assert update["callback_query"]["message"]["date"] == 0


async def test_a_button_that_is_not_there_is_named(server: FakeTelegram, api: Api) -> None:
    message = await texted(api, server, reply_markup=ANY_BUTTON)
    with pytest.raises(LookupError, match="Go"):
        await server.world.person("Ann").presses(message, "U1")

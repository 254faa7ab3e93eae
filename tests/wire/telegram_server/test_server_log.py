"""What a checker reads: calls and messages as they were, whatever became of them."""

import dataclasses

import pytest

from tests.fakes.telegram.log import Event
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import ANY_BUTTON, Api, met, png


async def test_the_history_keeps_how_messages_were(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    asked = await ann.says(ann.private, "a house")
    number = await api.send(ann.private, "waiting", reply_markup=ANY_BUTTON, reply_parameters={"message_id": asked.id})
    message = ann.private.messages[number]
    for colour in ("red", "blue"):
        media = {"type": "photo", "media": "attach://f", "caption": colour}
        where = {"chat_id": ann.id, "message_id": number}
        files = {"f": png(colour=colour)}
        await api.upload("editMessageMedia", files, **where, media=media, reply_markup=ANY_BUTTON)
    press = await ann.presses(message, "Go")
    await api("answerCallbackQuery", callback_query_id=press.id, text="well")
    await ann.reacts(message, "❤")
    await api("deleteMessage", chat_id=ann.id, message_id=number)

    own = [entry for entry in server.history if entry.snapshot and entry.snapshot.message_id == number]
    assert [(entry.event, entry.by_bot, entry.detail) for entry in own] == [
        (Event.SENT, True, ""), (Event.EDITED, True, ""), (Event.EDITED, True, ""), (Event.PRESSED, False, "go"),
        (Event.ANSWERED, True, "well"), (Event.REACTED, False, "❤"), (Event.DELETED, True, ""),
    ]  # fmt: skip
    waiting, red, blue = server.journal.history(message)
    assert (waiting.media, waiting.text, waiting.reply_to) == ("", "waiting", asked.id)
    assert (red.text, blue.text) == ("red", "blue")
    assert red.picture != blue.picture == message.picture
    assert [entry.number for entry in server.history] == list(range(len(server.history)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        own[0].detail = "changed"  # type: ignore[misc]


async def test_the_log_keeps_every_call(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    await api.upload("sendDocument", {"document": png()}, chat_id=ann.id)
    await api("sendMessage", chat_id=ann.id, text="")
    server.faults.fail("getMe")
    with pytest.raises(Exception, match="502"):
        await api("getMe")
    sent, empty, failed = server.log
    assert (sent.method, sent.chat_id, sent.uploads) == ("sendDocument", ann.id, {"document": len(png())})
    assert empty.answer["description"] == "Bad Request: message text is empty"
    assert (failed.status, failed.fault) == (502, "status")
    assert server.refused() == [empty]
    assert server.journal.of("sendDocument") == [sent]

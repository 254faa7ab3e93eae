"""python-telegram-bot, unmodified, against the loopback Telegram: an evening, and every error as its own exception."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    ReactionTypeEmoji,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.ext import CallbackQueryHandler, CommandHandler, ContextTypes, MessageHandler, filters

from tests.fakes.telegram.flood import FloodLimits
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import application, met, noise, png

Context = ContextTypes.DEFAULT_TYPE


@pytest.fixture
async def bot(server: FakeTelegram) -> AsyncIterator[Bot]:
    """The library's client."""
    async with Bot(server.token, base_url=server.base_url, base_file_url=server.base_file_url) as ready:
        yield ready


def keyboard(*labels: str) -> InlineKeyboardMarkup:
    """One row."""
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=f"do:{label}") for label in labels]])


def seconds(wait: RetryAfter) -> float:
    """How long to wait."""
    assert isinstance(wait.retry_after, timedelta)
    return wait.retry_after.total_seconds()


async def draws(update: Update, context: Context) -> None:
    """A bot in small: a status message that becomes a picture."""
    assert update.effective_message
    status = await update.effective_message.reply_html(
        "⏳ <b>Queued</b>", do_quote=True, disable_notification=True, reply_markup=keyboard("Cancel")
    )
    await status.edit_text("🎨 46 %", reply_markup=keyboard("Cancel"))
    media = InputMediaPhoto(png(300, 200), caption="<b>done</b> &amp; dusted", parse_mode="HTML")
    await status.edit_media(media, reply_markup=keyboard("U1", "V1"))


async def takes(update: Update, context: Context) -> None:
    """A picture from a person."""
    assert update.effective_message
    file = await update.effective_message.photo[-1].get_file()
    await update.effective_message.reply_document(bytes(await file.download_as_bytearray()), filename="back.jpg")


async def pressed(update: Update, context: Context) -> None:
    """A button."""
    assert update.callback_query
    await update.callback_query.answer(f"{update.callback_query.data} it is", show_alert=True)


def studio(server: FakeTelegram) -> Any:
    """The small bot."""
    app = application(server)
    app.add_handler(CommandHandler("gen", draws))
    app.add_handler(MessageHandler(filters.PHOTO, takes))
    app.add_handler(MessageHandler(filters.TEXT & filters.ChatType.PRIVATE, draws))
    app.add_handler(CallbackQueryHandler(pressed))
    return app


async def test_an_evening(server: FakeTelegram) -> None:
    app = studio(server)
    ann, bob = server.world.person("Ann"), server.world.person("Bob")
    group = server.world.supergroup("Lab", ann, bob)
    async with app:
        await app.updater.start_polling()
        await app.start()
        await ann.says(ann.private, "a red house")
        asked = await bob.says(group, "/gen a boat")
        result = await ann.waits(ann.private, lambda message: message.media)
        boat = await bob.waits(group, lambda message: message.media)
        answer = await (await ann.presses(result, "U1")).answered()
        sent = await bob.sends_photo(bob.private, png(500, 500, "green"))
        back = await bob.waits(bob.private, lambda message: message.media)
        await app.updater.stop()
        await app.stop()
    assert (result.text, result.buttons, result.silent) == ("done & dusted", [["U1", "V1"]], True)
    assert [shot.text for shot in server.journal.history(result)] == ["⏳ Queued", "🎨 46 %", "done & dusted"]
    assert (answer.text, answer.alert) == ("do:U1 it is", True)
    assert boat.reply_to is asked
    assert back.picture == sent.picture
    assert server.violations == server.excesses == server.refused() == []


async def test_updates_that_were_not_confirmed_come_again_after_a_crash(server: FakeTelegram) -> None:
    seen: list[int] = []

    async def note(update: Update, context: Context) -> None:
        seen.append(update.update_id)

    async def live(until: int) -> None:
        app = application(server)
        app.add_handler(MessageHandler(filters.ALL, note))
        async with app:
            await app.updater.start_polling()
            await app.start()
            await server.until(lambda: len(seen) >= until or None)
            await app.updater.stop()
            await app.stop()

    ann = server.world.person("Ann")
    await ann.opens()
    await live(1)
    server.updates.unconfirm(1)
    await live(2)
    assert seen[0] == seen[1]


async def test_the_poll_is_taken_up_again_after_every_fault(server: FakeTelegram) -> None:
    app = studio(server)
    ann = server.world.person("Ann")
    async with app:
        await app.updater.start_polling(poll_interval=0)
        await app.start()
        await server.until(lambda: server.updates.is_polled)
        server.faults.fail("getUpdates", status=502)
        server.faults.drop("getUpdates")
        server.updates.drop_poll()
        await ann.says(ann.private, "a red house")
        result = await ann.waits(ann.private, lambda message: message.media, within=30)
        await app.updater.stop()
        await app.stop()
    assert len([message for message in ann.sees() if message.by_bot]) == 1
    assert result.text == "done & dusted"
    assert server.updates.conflicts == 0


async def test_a_second_poller_is_a_conflict(server: FakeTelegram, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await server.until(lambda: server.updates.is_polled)
    async with Bot(server.token, base_url=server.base_url) as other:
        second = asyncio.create_task(other.get_updates(timeout=30))
        with pytest.raises(Conflict, match="make sure that only one bot instance is running"):
            await first
        second.cancel()


async def test_errors_become_exceptions(server: FakeTelegram, bot: Bot) -> None:
    ann = await met(server)
    server.faults.flood(retry_after=7)
    with pytest.raises(RetryAfter) as waiting:
        await bot.send_message(ann.id, "x")
    assert seconds(waiting.value) == 7
    server.clock.advance(8)
    server.faults.fail("sendMessage", status=502)
    with pytest.raises(NetworkError):
        await bot.send_message(ann.id, "x")
    server.faults.drop("sendMessage")
    with pytest.raises(NetworkError):
        await bot.send_message(ann.id, "x")
    server.faults.slow("sendMessage", seconds=30)
    with pytest.raises(TimedOut):
        await bot.send_message(ann.id, "x", read_timeout=0.2)
    with pytest.raises(BadRequest, match="Can't parse entities"):
        await bot.send_message(ann.id, "<p>", parse_mode="HTML")
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("x", ann.id, 999)
    with pytest.raises(BadRequest, match="Button_data_invalid"):
        await bot.send_message(ann.id, "x", reply_markup=keyboard("x" * 62))
    await ann.blocks()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(ann.id, "x")
    group = server.world.group("Lab")
    new = server.world.migrate(group)
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(group.id, "x")
    assert moved.value.new_chat_id == new.id
    assert server.violations == []


async def test_files_go_both_ways(server: FakeTelegram, bot: Bot) -> None:
    ann = await met(server)
    sent = await ann.sends_document(ann.private, png(), "mask.png")
    (update,) = await bot.get_updates()
    assert update.message
    assert update.message.document
    file = await update.message.document.get_file()
    assert await file.download_as_bytearray() == sent.picture
    large = await ann.sends_document(ann.private, noise(20 * 2**20 + 1), "large.bin")
    assert large.media
    with pytest.raises(BadRequest, match="File is too big"):
        await bot.get_file(large.media.largest.file_id)
    with pytest.raises(BadRequest, match="too big for a photo"):
        await bot.send_photo(ann.id, noise(10 * 2**20 + 1), write_timeout=60)


async def test_everything_that_an_adapter_calls_fits_the_specification(server: FakeTelegram, bot: Bot) -> None:
    ann = await met(server)
    asked = await ann.says(ann.private, "a house")
    forum = server.world.supergroup("Studio", ann, forum=True)
    topic = server.world.topic(forum, "Art")
    await bot.send_chat_action(ann.id, "upload_photo")
    reply = ReplyParameters(asked.id, allow_sending_without_reply=True)
    await bot.send_message(forum.id, "in a topic", message_thread_id=topic.id)
    photo = await bot.send_photo(ann.id, png(), caption="c", reply_parameters=reply, has_spoiler=True)
    await bot.send_media_group(ann.id, [InputMediaPhoto(png()), InputMediaPhoto(photo.photo[-1].file_id, "two")])
    await bot.send_media_group(ann.id, [InputMediaDocument(png(), filename=f"{n}.png") for n in range(3)])
    await bot.send_document(ann.id, png(), filename="original.png", disable_content_type_detection=True)
    await bot.send_animation(ann.id, png(), filename="a.gif")
    await bot.send_video(ann.id, noise(100), filename="a.mp4", supports_streaming=True)
    await bot.send_audio(ann.id, noise(100), filename="a.mp3")
    await bot.edit_message_caption(ann.id, photo.message_id, caption="<i>new</i>", parse_mode="HTML")
    await bot.edit_message_reply_markup(ann.id, photo.message_id, reply_markup=keyboard("U1"))
    await bot.copy_message(ann.id, ann.id, photo.message_id)
    await bot.set_message_reaction(ann.id, asked.id, ReactionTypeEmoji("👍"))
    await bot.delete_message(ann.id, photo.message_id)
    await bot.set_my_commands([BotCommand("gen", "makes a picture")], BotCommandScopeChat(ann.id), "zh")
    await bot.get_chat(forum.id)
    await bot.get_chat_member(forum.id, ann.id)
    await bot.get_chat_administrators(forum.id)
    await bot.get_webhook_info()
    names = [update.to_dict() for update in await bot.get_updates(allowed_updates=Update.ALL_TYPES)]
    assert names
    assert ann.menu() == {}
    assert {document.media.largest.name for document in ann.sees() if document.media} >= {"0.png", "original.png"}
    assert server.violations == server.refused() == []


@pytest.mark.parametrize("server", [FloodLimits(chat_burst=1)], indirect=True)
async def test_the_librarys_own_rate_wait_is_enough(server: FakeTelegram, bot: Bot) -> None:
    ann = await met(server)
    await bot.send_message(ann.id, "one")
    with pytest.raises(RetryAfter) as waiting:
        await bot.send_message(ann.id, "two")
    assert seconds(waiting.value) == 1
    await asyncio.sleep(1.05)
    await bot.send_message(ann.id, "two")
    assert [excess.rule for excess in server.excesses] == ["chat"]

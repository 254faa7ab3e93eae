"""A whole house on Telegram: what people do and see, from the prompt to the pictures, restarts included."""

from pathlib import Path

import pytest

from bot.replies import Reply, Tone, text
from bot.telegram import live
from engine.model import Identity
from tests.fakes.endpoint import Hang
from tests.fakes.telegram.model import Chat, Message
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.scripted import picture
from tests.wire.telegram.conftest import PATIENT, Home, Stage, housed, met


async def drawn(who: Person, chat: Chat, words: str, *, within: float = PATIENT, **more: object) -> Message:
    """Ask for something; gives the message with the result."""
    asked = await who.says(chat, words, **more)  # type: ignore[arg-type]
    return await who.waits(chat, lambda m: m.media and "reroll:" in str(m.keyboard), after=asked, within=within)


async def test_words_in_a_private_chat_become_one_message_with_the_picture(home: Home) -> None:
    result = await drawn(home.ann, home.ann.private, "a red house")
    assert result.media.kind == "photo"
    assert result.text.startswith("a red house — ")
    assert [m for m in home.ann.sees() if m.by_bot] == [result]
    assert result.buttons == [
        ["🔍 Upscale 2×", "🪄 Vary subtle", "🪄 Vary strong"],
        ["🔄", "🗑️"],
        ["🔭", "⬅️", "➡️", "⬆️", "⬇️"],
        ["⭐", "✏️", "🎛️", "📋", "⬇️"],
    ]
    shots = [shot.text for shot in home.server.journal.history(result)]
    assert shots[0].startswith(("⏳", "🔧", "🎨", "☁️", "a red house"))
    assert shots[-1] == result.text
    assert home.server.refused() == []


def jobs_shown(message: Message) -> set[str]:
    """The jobs that a message's buttons mean."""
    return {str(button.get("callback_data", "")).split(":")[1] for row in message.keyboard or [] for button in row}


async def test_several_pictures_are_one_grid_with_numbered_buttons(home: Home) -> None:
    result = await drawn(home.ann, home.ann.private, "a red house --n 4")
    assert result.buttons[0] == ["U1", "U2", "U3", "U4", "🔄"]
    assert result.buttons[1] == ["V1", "V2", "V3", "V4", "🗑️"]
    assert result.buttons[2:] == [["✏️ Remix", "🎛️ Tweak", "📋 Info"], ["⬇️ Originals", "🖼️ Album"]]
    assert result.media is not None
    whole = result.media.largest
    await home.ann.presses(result, "⬇️")

    def documents() -> list[Message] | None:
        found = [m for m in home.ann.sees() if m.media is not None and m.media.kind == "document"]
        return found if len(found) == 4 else None

    originals: list[Message] = await home.server.until(documents)
    for original in originals:
        assert original.media is not None
        assert original.media.uploaded.startswith(b"\x89PNG")
    assert whole.width > 2 * (originals[0].media.largest.width if originals[0].media else 0)
    await home.ann.presses(result, "🖼️ Album")
    await home.server.until(lambda: sum(m.album != "" and m.media.kind == "photo" for m in home.ann.sees()) == 4)


async def test_buttons_work_after_a_restart(server: FakeTelegram, tmp_path: Path) -> None:
    async with housed(server, tmp_path) as home:
        result = await drawn(home.ann, home.ann.private, "a red house")
    async with housed(server, tmp_path) as home:
        press = await home.ann.presses(result, "🔄")
        await press.answered()
        again = await home.ann.waits(home.ann.private, lambda m: m.media and m.buttons, after=result, within=PATIENT)
        assert jobs_shown(again) != jobs_shown(result)
        assert again.reply_to is result


async def test_a_group_asks_by_commands_mentions_and_replies(home: Home) -> None:
    bob = await met(home.server, "Bob")
    group = home.server.world.supergroup("Lab", home.ann, bob)
    first = await drawn(home.ann, group, "/gen a red house")
    assert "Ann" in first.text
    second = await drawn(bob, group, "@atelier_bot a blue boat")
    assert "a blue boat" in second.text
    asked = await bob.replies(first, "a green tree\nclouds")
    remixed = await bob.waits(group, lambda m: m.media and "a green tree" in m.text, after=asked, within=PATIENT)
    assert "--no clouds" in remixed.text
    await home.ann.says(group, "what a nice picture")
    await home.ann.says(group, "/roll@other_bot 6")
    assert len([m for m in group.messages.values() if m.by_bot]) == 4  # with the greeting


async def test_topics_are_kept_and_general_is_not_named(home: Home) -> None:
    forum = home.server.world.supergroup("Studio", home.ann, forum=True)
    topic = home.server.world.topic(forum, "Art")
    result = await drawn(home.ann, forum, "/imagine a red house", thread=topic.id)
    assert result.thread == topic.id
    general = await drawn(home.ann, forum, "/imagine a blue house")
    assert general.thread is None
    plain = home.server.world.supergroup("Plain", home.ann)
    before = await drawn(home.ann, plain, "/imagine a red boat")
    answered = await home.ann.replies(before, "/imagine a green boat")
    after = await home.ann.waits(plain, lambda m: m.media and "green" in m.text, after=answered, within=PATIENT)
    assert after.reply_to is answered


async def test_pictures_masks_and_albums(home: Home) -> None:
    ann, chat = home.ann, home.ann.private
    photo = await ann.sends_photo(chat, picture("green", (256, 256)), caption="a red house\nrain")
    drawn_over = await ann.waits(chat, lambda m: m.media and m.buttons, after=photo, within=PATIENT)
    assert "--no rain" in drawn_over.text
    file = await ann.sends_document(chat, picture("blue", (128, 128)), "in.png", caption="a boat")
    await ann.waits(chat, lambda m: m.media and "a boat" in m.text, after=file, within=PATIENT)
    mask = await ann.replies(file, "a tree", photo=picture("white", (128, 128)))
    await ann.waits(chat, lambda m: m.media and "a tree" in m.text, after=mask, within=PATIENT)
    album = await ann.sends_album(chat, [picture("red"), picture("blue")], caption="a moon")
    await ann.waits(chat, lambda m: m.media and "a moon" in m.text, after=album[-1], within=PATIENT)
    note = await ann.waits(chat, "One picture of the album", after=album[-1])
    assert note.reply_to is album[0]
    runs = [run.graph for end in home.house.endpoints for run in end.runs]
    assert len(runs) == 4
    inpainted = [any("Mask" in str(node["class_type"]) for node in graph.values()) for graph in runs]
    assert inpainted == [False, False, True, False]


async def test_remix_is_a_question_that_outlives_a_restart(server: FakeTelegram, tmp_path: Path) -> None:
    async with housed(server, tmp_path) as home:
        result = await drawn(home.ann, home.ann.private, "a red house")
        await (await home.ann.presses(result, "✏️")).answered()
        question = await home.ann.waits(home.ann.private, "a red house", after=result)
        assert "Remix" in question.text
    async with housed(server, tmp_path) as home:
        answer = await home.ann.replies(question, "a blue boat --seed 5\nfog")
        remixed = await home.ann.waits(home.ann.private, lambda m: m.media, after=answer, within=PATIENT)
        assert "a blue boat --no fog --seed 5" in remixed.text


async def test_tweak_is_a_panel_of_ones_own(home: Home) -> None:
    bob = await met(home.server, "Bob")
    group = home.server.world.supergroup("Lab", home.ann, bob)
    result = await drawn(home.ann, group, "/gen a red house")
    press = await bob.presses(result, "🎛️")
    panel = await bob.waits(bob.private, "Tweak")
    assert "own conversation" in (await press.answered()).text
    await (await bob.presses(panel, "Size")).answered()
    await home.server.until(lambda: any("768" in label or "x" in label for row in panel.buttons for label in row))
    size = next(label for row in panel.buttons for label in row if "x" in label and "●" not in label)
    await (await bob.presses(panel, size)).answered()
    await home.server.until(lambda: f"Size: {size}" in panel.text)
    await (await bob.presses(panel, "Steps")).answered()
    question = await bob.waits(bob.private, "Answer this message", after=panel)
    await bob.replies(question, "7")
    await home.server.until(lambda: "Steps: 7" in panel.text, within=PATIENT)
    await bob.presses(panel, "✅")
    tweaked = await bob.waits(group, lambda m: m.media and "--steps 7" in m.text, after=result, within=PATIENT)
    assert f"--size {size}" in tweaked.text or "--ar" in tweaked.text
    assert "Bob" in tweaked.text


async def test_what_is_for_one_person_stays_out_of_groups(home: Home) -> None:
    group = home.server.world.supergroup("Lab", home.ann)
    stranger = home.server.world.person("Eve")
    await stranger.joins(group)
    asked = await home.ann.says(group, "/info")
    own = await home.ann.waits(home.ann.private, "credits")
    assert own.by_bot
    await home.ann.says(group, "/gen a cat --stepz 3")
    await home.ann.waits(home.ann.private, "steps")
    await stranger.says(group, "/info")
    way = await stranger.waits(group, "begin a conversation", after=asked)
    assert way.keyboard is not None
    assert str(way.keyboard[0][0]["url"]).startswith("https://t.me/atelier_bot?start=")
    result = await drawn(home.ann, group, "/gen a red house")
    press = await stranger.presses(result, "📋")
    link = (await press.answered()).url
    assert link.startswith("https://t.me/atelier_bot?start=do_info_")
    await stranger.opens(link.partition("start=")[2])
    info = await stranger.waits(stranger.private, "a red house")
    assert "--seed" in info.text
    await (await stranger.presses(info, "Favourite")).answered()


async def test_presses_are_answered_with_a_word_for_that_person_alone(home: Home) -> None:
    bob = await met(home.server, "Bob")
    group = home.server.world.supergroup("Lab", home.ann, bob)
    result = await drawn(home.ann, group, "/gen a red house")
    refused = await (await bob.presses(result, "🗑️")).answered()
    assert refused.alert
    assert refused.text
    kept = await (await bob.presses(result, "🔄")).answered()
    assert kept.text.startswith("Queued")
    await home.server.until(lambda: sum(m.media is not None for m in group.messages.values()) == 2, within=PATIENT)


async def test_deleted_results_go_and_old_ones_are_covered(home: Home) -> None:
    ann, chat = home.ann, home.ann.private
    result = await drawn(ann, chat, "a red house")
    old = await drawn(ann, chat, "a blue house")
    for message in (result, old):
        if message is old:
            home.server.clock.advance(49 * 3600)
        await (await ann.presses(message, "🗑️")).answered()
        question = await ann.waits(chat, lambda m: any("Yes" in label for row in m.buttons for label in row))
        await (await ann.presses(question, "✅ Yes")).answered()
        await home.server.until(lambda q=question: q.deleted or (home.server.clock.now() - q.date) > 48 * 3600)
        await home.server.until(lambda m=message: m.deleted or "Deleted" in m.text, within=PATIENT)
    assert result.deleted
    assert not old.deleted
    assert old.media is not None
    assert old.buttons == []


async def test_many_jobs_ask_first_and_can_be_edited(home: Home) -> None:
    chat = home.ann.private
    asked = await home.ann.says(chat, "a {red, blue, green, white} house")
    question = await home.ann.waits(chat, "4 jobs", after=asked)
    await (await home.ann.presses(question, "✏️")).answered()
    line = await home.ann.waits(chat, "a {red, blue", after=question)
    answer = await home.ann.replies(line, "a {red, blue} boat")
    await home.server.until(
        lambda: sum(m.media is not None and "boat" in m.text for m in home.ann.sees()) == 2, within=PATIENT
    )
    assert answer.chat is chat
    asked = await home.ann.says(chat, "a {red, blue, green, white} moon")
    question = await home.ann.waits(chat, "4 jobs", after=asked)
    await (await home.ann.presses(question, "✖️")).answered()
    await home.server.until(lambda: question.deleted)


async def test_queue_and_history_and_settings(home: Home) -> None:
    chat = home.ann.private
    await drawn(home.ann, chat, "a red house")
    asked = await home.ann.says(chat, "/queue")
    queue = await home.ann.waits(chat, lambda m: True, after=asked)
    assert any("Look again" in label for row in queue.buttons for label in row)
    await (await home.ann.presses(queue, "🔄")).answered()
    asked = await home.ann.says(chat, "/history")
    assert "a red house" in (await home.ann.waits(chat, "a red house", after=asked)).text
    asked = await home.ann.says(chat, "/settings")
    settings = await home.ann.waits(chat, lambda m: m.buttons, after=asked)
    await (await home.ann.presses(settings, "⚙️")).answered()
    panel = await home.ann.waits(chat, lambda m: any("Language" in label for row in m.buttons for label in row))
    await (await home.ann.presses(panel, "Language")).answered()
    await home.server.until(lambda: any("zh-CN" in label for row in panel.buttons for label in row))
    await (await home.ann.presses(panel, "zh-CN")).answered()
    await home.server.until(lambda: "zh-CN" in panel.text)
    await (await home.ann.presses(panel, "✅")).answered()
    await home.server.until(lambda: panel.deleted)
    asked = await home.ann.says(chat, "/settings")
    await home.ann.waits(chat, lambda m: any("更改" in label for row in m.buttons for label in row), after=asked)


async def test_moderators_moderate_and_nobody_does_not(home: Home) -> None:
    bob, mod = await met(home.server, "Bob"), await met(home.server, "Mod")
    group = home.server.world.supergroup("Lab", home.ann, bob, mod)
    home.server.world.promote(group, mod)
    theirs = await bob.says(group, "hello all")
    await bob.says(group, "/info")
    await bob.waits(bob.private, "credits")
    await mod.replies(theirs, "/mod ban 1d spam")
    await mod.waits(mod.private, "Bob")
    await bob.says(group, "/gen a house")
    await bob.waits(bob.private, "spam")
    await bob.says(group, "/mod queue")
    await home.server.until(lambda: any("moderator" in m.text.lower() for m in bob.sees() if m.by_bot))
    hidden = await met(home.server, "Ghost")
    await hidden.joins(group)
    home.server.world.promote(group, hidden, anonymous=True)
    asked = await hidden.says(group, "/mod clear")
    await mod.waits(group, "anonymous", after=asked)


async def test_the_queue_stays_true_in_its_place(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 0.1)
    endpoint, chat = home.house.endpoints[0], home.ann.private
    endpoint.slots = 1
    endpoint.script = [Hang(), Hang()]
    await home.ann.says(chat, "a red house")
    await home.server.until(lambda: endpoint.hanging, within=PATIENT)
    await home.ann.says(chat, "a blue house")
    asked = await home.ann.says(chat, "/queue")
    queue = await home.ann.waits(chat, lambda m: "2 jobs" in m.text and "red" in m.text, after=asked)
    endpoint.release()
    await home.server.until(lambda: "red" not in queue.text, within=PATIENT)
    assert "blue" in queue.text
    await home.server.until(lambda: endpoint.hanging, within=PATIENT)
    endpoint.release()
    await home.server.until(lambda: "no job" in queue.text, within=PATIENT)


async def test_a_running_job_is_cancelled_by_its_button(home: Home) -> None:
    endpoint, chat = home.house.endpoints[0], home.ann.private
    endpoint.script = [Hang()]
    asked = await home.ann.says(chat, "a red house")
    working = await home.ann.waits(chat, lambda m: "cancel:" in str(m.keyboard), after=asked)
    said = await (await home.ann.presses(working, "✖️")).answered()
    assert "cancelled" in said.text
    await home.server.until(lambda: working.text.startswith("🚫"), within=PATIENT)
    assert working.buttons == []


async def test_accounts_are_joined_by_a_code(home: Home) -> None:
    chat = home.ann.private
    there = Identity(platform="fake", id="1", name="Ada")
    made = await home.house.ask("imagine", "a red house", who=there)
    await home.house.ended(made.jobs[0])
    offered = await home.house.ask("link", who=there)
    code = str(offered.lines[0].fields["code"])
    await home.ann.opens(f"link-{code}")
    question = await home.ann.waits(chat, "Ada (Fake)")
    await (await home.ann.presses(question, "✅")).answered()
    asked = await home.ann.says(chat, "/history")
    await home.ann.waits(chat, made.jobs[0], after=asked)
    asked = await home.ann.says(chat, "/unlink")
    question = await home.ann.waits(chat, "parts your Telegram account", after=asked)
    await (await home.ann.presses(question, "✅")).answered()
    asked = await home.ann.says(chat, "/history")
    await home.ann.waits(chat, "made nothing", after=asked)


async def test_a_deep_link_opens_nothing_of_a_group_that_one_is_not_in(home: Home) -> None:
    group = home.server.world.supergroup("Lab", home.ann)
    result = await drawn(home.ann, group, "/gen a red house")
    (job,) = jobs_shown(result)
    eve = await met(home.server, "Eve")
    for action in ("info", "originals", "tweak", "remix", "show"):
        asked = await eve.opens(f"do_{action}_{job}_0_{group.id}")
        await eve.waits(eve.private, "no job", after=asked)
    asked = await home.ann.opens(f"do_info_{job}_0_{group.id}")
    await home.ann.waits(home.ann.private, "a red house", after=asked)


async def test_how_a_request_was_understood_is_no_secret_and_hints_are_no_noise(stage: Stage) -> None:
    eve = stage.server.world.person("Eve")
    group = stage.server.world.supergroup("Lab", eve, stage.ann)
    lines = (text("accepted", jobs=1, pictures=1, credits="1"), text("passed-over", words="number", more=0))
    stage.handler.answer = lambda command: Reply(lines=lines, tone=Tone.WORKING, private=True, jobs=("j",))
    await stage.ann.says(group, "/gen a house number 1")
    await stage.ann.waits(stage.ann.private, "number")
    limited = (*lines, text("limited", flag="steps", value="30"))
    stage.handler.answer = lambda command: Reply(lines=limited, tone=Tone.WORKING, private=True, jobs=("j",))
    asked = await eve.says(group, "/gen a house --steps 99")
    note = await eve.waits(group, "--steps", after=asked)
    assert "number" not in note.text

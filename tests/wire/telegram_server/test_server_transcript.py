"""The page that shows a chat: what is in it, for whom, and that nothing typed becomes HTML."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes.chat.screenshot import browser, screenshot
from tests.fakes.telegram import transcript
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import Api, met, png

BUTTONS = {"inline_keyboard": [[{"text": "U1", "callback_data": "u1"}, {"text": "See", "url": "https://a.example/"}]]}


async def test_a_page_shows_what_the_viewer_sees(server: FakeTelegram, api: Api) -> None:
    ann, bob = server.world.person("Ann"), server.world.person("Bob")
    group = server.world.supergroup("Lab", ann, bob)
    asked = await ann.says(group, "/gen <script>alert(1)</script>")
    reply = {"message_id": asked.id}
    sent = await api.upload(
        "sendPhoto", {"photo": png()}, chat_id=group.id, caption="<b>a 👍 house</b> &lt;x&gt;", parse_mode="HTML",
        reply_markup=BUTTONS, disable_notification=True, reply_parameters=reply,
    )  # fmt: skip
    result = group.messages[sent.result["message_id"]]
    await bob.reacts(result, "❤")
    press = await ann.presses(result, "U1")
    await api("answerCallbackQuery", callback_query_id=press.id, text="only for <Ann>")
    page = transcript.page(server, ann, group)
    assert "<script>" not in page
    assert "<b>a 👍 house</b> &lt;x&gt;" in page
    assert page.count("class='row mine") == 1
    assert "class='row theirs" in page
    assert re.search(r"<span>U1</span><span>See<i>↗</i></span>", page)
    for piece in (
        "🔕",
        "❤ 1",
        "src='data:image/jpeg;base64,",
        "<a>/gen</a>",
        "Atelier joined the group",
        "class='quote'",
    ):
        assert piece in page, piece
    assert "only for &lt;Ann&gt;" in page
    assert "only for" not in transcript.page(server, bob, group), "an answer to a press is for who pressed"


@pytest.mark.skipif(browser() is None, reason="Chromium is not installed")
async def test_a_page_is_a_picture(server: FakeTelegram, api: Api, tmp_path: Path) -> None:
    ann = await met(server)
    for _ in range(12):
        await api.upload("sendPhoto", {"photo": png(400, 400, "#ff0000")}, chat_id=ann.id)
    await screenshot(transcript.page(server, ann, ann.private), tmp_path / "chat.png", width=500)
    with Image.open(tmp_path / "chat.png") as picture:
        width, height = picture.size
        colours = picture.convert("RGB").getcolors(2**24) or []
    red = sum(count for count, (r, g, b) in colours if r > 240 and max(g, b) < 60)
    assert width == 500
    assert height > 12 * 380
    assert red > 12 * 100_000


async def test_formatting_nests(server: FakeTelegram, api: Api) -> None:
    ann = await met(server)
    text = "👍<b>a<i>b</i></b><blockquote>q</blockquote><tg-spoiler>s</tg-spoiler>\nnext"
    await api("sendMessage", chat_id=ann.id, text=text, parse_mode="HTML")
    page = transcript.page(server, ann, ann.private)
    assert "👍<b>a<i>b</i></b><blockquote>q</blockquote><span class='spoiler'>s</span><br>next" in page


async def test_every_chat_and_topic_has_its_page(server: FakeTelegram, api: Api) -> None:
    ann, bob = await met(server, "Ann"), await met(server, "Bob")
    forum = server.world.supergroup("Studio", ann, forum=True)
    art = server.world.topic(forum, "Art")
    await api.send(forum, "in art", message_thread_id=art.id)
    await api.send(forum, "in general")
    await ann.sends_album(ann.private, [png(), png(), png()], caption="three")
    pages = transcript.pages(server, ann)
    assert set(pages) == {"Atelier", "Studio # General", "Studio # Art"}
    assert ("in art" in pages["Studio # Art"], "in general" in pages["Studio # Art"]) == (True, False)
    assert ("in art" in pages["Studio # General"], "in general" in pages["Studio # General"]) == (False, True)
    assert pages["Atelier"].count("<img") == 3
    assert set(transcript.pages(server, bob)) == {"Atelier"}

"""A whole house on Telegram: what people do and see, from the prompt to the pictures, restarts included."""

from pathlib import Path

from tests.fakes.telegram.model import Chat, Message
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram.conftest import PATIENT, Home, housed, met


async def drawn(who: Person, chat: Chat, words: str, *, within: float = PATIENT, **more: object) -> Message:
    """Ask for something; gives the message with the result."""
    asked = await who.says(chat, words, **more)  # type: ignore[arg-type]
    return await who.waits(chat, lambda message: message.media and message.buttons, after=asked, within=within)


async def test_words_in_a_private_chat_become_one_message_with_the_picture(home: Home) -> None:
    result = await drawn(home.ann, home.ann.private, "a red house")
    assert result.media.kind == "photo"
    assert result.text.startswith("a red house — ")
    assert [m for m in home.ann.sees() if m.by_bot] == [result]
    assert [label for row in result.buttons for label in row][:2] == ["🔍 Upscale 2×", "🪄 Vary subtle"]
    shots = [shot.text for shot in home.server.journal.history(result)]
    assert shots[0].startswith(("⏳", "🔧", "🎨"))
    assert home.server.refused() == []

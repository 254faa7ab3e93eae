"""What a message asks for, read from what Telegram tells of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Chat, Message, MessageEntity, User

from bot.grammar import parse
from bot.telegram.reading import Me, Meant, filled_values, people_named, prompt_line, read

ME = Me(id=7, username="atelier_bot", templates={"my_poster": "my-poster"})
ANN = User(id=42, first_name="Ann", is_bot=False)
PRIVATE, GROUP = Chat(id=42, type="private"), Chat(id=-1005, type="supergroup", title="Lab")


def message(text: str, chat: Chat = PRIVATE, **more: Any) -> Message:
    """A message of Ann's."""
    return Message(message_id=1, date=datetime.now(UTC), chat=chat, from_user=ANN, text=text, **more)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a red house", "a red house"),
        ("a red house\nrain, fog", "a red house --no rain, fog"),
        ("a red house --ar 3:2\nrain", "a red house --ar 3:2 --no rain"),
        ("a red house\n--ar 3:2", "a red house --ar 3:2"),
        ("a red house\n—ar 3:2", "a red house —ar 3:2"),
        ("\n  a red house \n\n rain\n fog ", "a red house --no rain fog"),
        ("", ""),
    ],
)
def test_a_second_line_is_what_shall_not_be_there(text: str, line: str) -> None:
    assert prompt_line(text) == line


@given(st.from_regex(r"[a-z ]{1,30}", fullmatch=True), st.from_regex(r"[a-z ,]{1,30}", fullmatch=True))
def test_and_the_grammar_reads_it_so(prompt: str, negative: str) -> None:
    if prompt.strip() and negative.strip():
        found = parse(prompt_line(f"{prompt}\n{negative}"))
        assert found.prompt == " ".join(prompt.split())
        assert str(found.options["negative"]).split() == negative.split()


def test_forms_are_filled_in_by_an_answer() -> None:
    assert filled_values(("prompt",), "a house\nrain") == {"prompt": "a house", "negative": "rain"}
    assert filled_values(("prompt",), "a house\n--seed 5") == {"prompt": "a house --seed 5"}
    assert filled_values(("reason",), "ugly\nand loud") == {"reason": "ugly and loud"}


def test_people_without_a_username_are_named_by_their_ids() -> None:
    text = "/mod ban 🎈Bob 1d"
    bob = User(id=77, first_name="Bob", is_bot=False)
    entity = MessageEntity(type="text_mention", offset=11, length=3, user=bob)
    assert people_named(message(text, entities=[entity])) == "/mod ban 🎈telegram:77 1d"


@pytest.mark.parametrize(
    ("text", "chat", "meant"),
    [
        ("/gen a house", GROUP, Meant(name="imagine", line="a house")),
        ("/GEN@Atelier_Bot a house", GROUP, Meant(name="imagine", line="a house")),
        ("/gen@other_bot a house", GROUP, None),
        ("/my_poster a house", GROUP, Meant(name="imagine", line="a house --template my-poster")),
        ("/roll 6", GROUP, None),
        ("/roll 6", PRIVATE, Meant(name="/roll", line="6")),
        ("/approve abcdefghijklmnop", PRIVATE, Meant(name="/approve", line="abcdefghijklmnop")),
        ("hello @Atelier_Bot a house", GROUP, Meant(name="imagine", line="hello   a house")),
        ("mail@atelier_bot", GROUP, None),
        ("hello", GROUP, None),
        ("/start", GROUP, None),
        ("/start", PRIVATE, Meant(note="welcome")),
        ("/start job-abcdefghijklmnop", PRIVATE, Meant(name="show", line=("abcdefghijklmnop", "0"))),
        ("/start do_cancel_abcdefghijklmnop_0", PRIVATE, Meant(note="welcome")),
        ("/start link-ABCDE-FGHJK", PRIVATE, Meant(name="link", line="ABCDE-FGHJK")),
    ],
)
def test_what_is_meant(text: str, chat: Chat, meant: Meant | None) -> None:
    assert read([message(text, chat)], ME) == meant


@given(st.text(max_size=200))
def test_nothing_breaks_it(text: str) -> None:
    for chat in (PRIVATE, GROUP):
        read([message(text, chat)], ME)

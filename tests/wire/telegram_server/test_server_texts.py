"""Formatted text: HTML becomes entities as on Telegram, and its mistakes get Telegram's sentences."""

import html
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.telegram.entities import covered_by, formatted, parse_html, utf16
from tests.fakes.telegram.errors import Refusal

MISTAKES = {
    "<b>bold": 'Can\'t find end tag corresponding to start tag "b"',
    "a < b": 'Unsupported start tag "" at byte offset 2',
    "a <b": "Unclosed start tag at byte offset 2",
    "1 <2> 3": 'Unsupported start tag "2" at byte offset 2',
    "<br>": 'Unsupported start tag "br" at byte offset 0',
    "日<p>x</p>": 'Unsupported start tag "p" at byte offset 3',
    "x</b>": "Unexpected end tag at byte offset 1",
    "<b>x</i>": 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
    "<b>x</b": "Unclosed end tag at byte offset 4",
    "<span>x</span>": 'Tag "span" must have class "tg-spoiler" at byte offset 0',
    "<a href=x": "Unclosed start tag at byte offset 0",
    "<b><a href=x/y>z</a></b>": "Unexpected end of name token at byte offset 11",
    '<a href="x': "Unclosed start tag at byte offset 0",
    "<a =x>y</a>": 'Empty attribute name in the tag "a" at byte offset 0',
    '<tg-emoji emoji-id="x">👍</tg-emoji>': "Invalid custom emoji identifier specified",
}


@pytest.mark.parametrize("source", MISTAKES)
def test_mistakes_in_html_are_named(source: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_html(source)
    assert refused.value.description == f"Bad Request: can't parse entities: {MISTAKES[source]}"


@pytest.mark.parametrize(
    ("source", "plain", "kinds"),
    [
        ("<b>a</b> <i>b</i> <u>c</u> <s>d</s>", "a b c d", ["bold", "italic", "underline", "strikethrough"]),
        ("<b>a<i>b</i></b>", "ab", ["bold", "italic"]),
        ("<tg-spoiler>x</tg-spoiler><span class='tg-spoiler'>y</span>", "xy", ["spoiler", "spoiler"]),
        ("<pre><code class='language-py'>x</code></pre>", "x", ["pre"]),
        ("<blockquote expandable>x</blockquote>", "x", ["expandable_blockquote"]),
        ("&lt;b&gt; &amp; &quot;&#33;&#x21; &nbsp;", '<b> & "!! &nbsp;', []),
        ("<b></b>x", "x", []),
        ("<A href='https://a.example/p'>x</A>", "x", ["text_link"]),
        ("<a href='tg://user?id=5'>x</a>", "x", ["text_mention"]),
        ("<a href='nothing at all'>x</a>", "x", []),
        ("<a HREF='https://a.example/p'>x</a>", "x", []),
        ("<a href=a.example>x</a>", "x", ["text_link"]),
        ("<a>a.example</a>", "a.example", ["text_link"]),
        ("Tom & Jerry", "Tom & Jerry", []),
    ],
)
def test_html_becomes_entities(source: str, plain: str, kinds: list[str]) -> None:
    text, entities = formatted(source, "HTML")
    assert (text, [entity["type"] for entity in entities]) == (plain, kinds)


def test_offsets_are_in_utf16() -> None:
    text, (entity,) = formatted("👍👍 <b>日本</b>", "HTML")
    assert (entity["offset"], entity["length"]) == (5, 2)
    assert covered_by(text, entity) == "日本"


def test_white_space_around_a_text_is_cut_and_entities_move() -> None:
    text, entities = formatted("  <b> a </b> ", "HTML")
    assert text == "a"
    assert entities == [{"type": "bold", "offset": 0, "length": 1}]


def test_commands_mentions_and_links_are_found() -> None:
    text, entities = formatted("/gen@atelier_bot see https://a.example/x, @somebody #tag a@b.example /x/y")
    found = [(entity["type"], covered_by(text, entity)) for entity in entities]
    assert found == [
        ("bot_command", "/gen@atelier_bot"),
        ("url", "https://a.example/x"),
        ("mention", "@somebody"),
        ("hashtag", "#tag"),
        ("email", "a@b.example"),
    ]


def test_code_holds_no_commands() -> None:
    assert [entity["type"] for entity in formatted("<code>/start</code>", "HTML")[1]] == ["code"]


@given(st.text())
def test_escaped_text_comes_out_as_it_was(text: str) -> None:
    assert parse_html(html.escape(text)) == (text, [])


@given(st.text(alphabet="<>/&;ab =\"'#x1日👍"))
def test_no_html_breaks_the_parser(source: str) -> None:
    refused = ""
    entities: list[Any] = []
    try:
        plain, entities = parse_html(source)
    except Refusal as refusal:
        refused = refusal.description
    assert not refused or refused.startswith("Bad Request: can't parse entities: ")
    assert all(within(entity, plain) for entity in entities)


@given(st.lists(st.tuples(st.sampled_from(["b", "i", "u", "s", "code"]), st.text(min_size=1)), max_size=5))
def test_styles_cover_what_they_enclose(parts: list[tuple[str, str]]) -> None:
    source = "".join(f"<{tag}>{html.escape(text)}</{tag}>" for tag, text in parts)
    plain, entities = parse_html(source)
    assert plain == "".join(text for _, text in parts)
    assert [covered_by(plain, entity) for entity in entities] == [text for _, text in parts]


def within(entity: dict[str, Any], text: str) -> bool:
    """Whether an entity is inside its text."""
    return 0 <= entity["offset"] < entity["offset"] + entity["length"] <= utf16(text)

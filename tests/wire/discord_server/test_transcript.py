"""The transcript: markdown to HTML that is never more than it should be, and what stands around a message."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.discord.transcript.markdown import to_html, to_text
from tests.fakes.discord.transcript.page import page
from tests.wire.discord_server.conftest import Rest, Studio, picture

NAMES = {"@1": "ann", "#2": "art", "@&3": "mods"}
NOW = 1_790_000_000.0
TAGS = ["a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "pre", "s", "span", "strong", "u"]


class Reader(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


@pytest.mark.parametrize(
    ("markdown", "made"),
    [
        ("**a** *b* __c__ ~~d~~", "<strong>a</strong> <em>b</em> <u>c</u> <s>d</s>"),
        ("***a***", "<strong><em>a</em></strong>"),
        ("snake_case_name _b_", "snake_case_name <em>b</em>"),
        ("`**a** <b>`", "<code>**a** &lt;b&gt;</code>"),
        ("```py\na\n```", "<pre>a\n</pre>"),
        ("||a||", '<span class="spoiler">a</span>'),
        ("-# small", '<div class="small">small</div>'),
        ("# big\nplain", "<h1>big</h1>plain"),
        ("> said", "<blockquote>said</blockquote>"),
        (r"\*a\* \<@1>", "*a* &lt;@1&gt;"),
        ("<@1> <@!1> <#2> <@&3> <@9>", "{@ann} {@ann} {#art} {@mods} {@unknown-user}"),
        ("</imagine:5>", "{/imagine}"),
        ("[here](https://a.b/c?d=1&e=2)", '<a href="https://a.b/c?d=1&amp;e=2">here</a>'),
        ("see https://a.b/c.", 'see <a href="https://a.b/c">https://a.b/c</a>.'),
        ("[a](javascript:x)", "[a](javascript:x)"),
        ("<t:1790003600:R>", '<span class="time">in 1 hour</span>'),
        ("<t:99999999999999999:R>", "&lt;t:99999999999999999:R&gt;"),
        ("a\nb", "a<br>b"),
        ("<script>", "&lt;script&gt;"),
    ],
)
def test_markdown(markdown: str, made: str) -> None:
    made = made.replace("{", '<span class="mention">').replace("}", "</span>")
    assert to_html(markdown, NAMES, now=NOW) == made


@given(st.text(alphabet=st.one_of(st.sampled_from("<>&\"'*_`~|[]()#-\\\n:/@!at1\ue000\ue001"), st.characters())))
def test_no_text_becomes_more_than_markdown(text: str) -> None:
    reader = Reader()
    reader.feed(to_html(text, NAMES, now=NOW))
    assert reader.tags <= set(TAGS)
    for name, value in reader.attributes:
        assert name in {"class", "href"}
        assert name == "class" or str(value).startswith(("http://", "https://"))


@given(st.text(alphabet="abc 19"))
def test_plain_text_stays(text: str) -> None:
    assert to_text(text, NAMES, now=NOW) == " ".join(text.split())


async def test_everything_that_others_wrote_is_escaped(rest: Rest, studio: Studio) -> None:
    evil = "<img src=x onerror=alert(1)>"
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": evil, "custom_id": "a"}]}
    option = {"label": evil, "value": "v", "default": True}
    select = {"type": 1, "components": [{"type": 3, "custom_id": "s", "options": [option]}]}
    embed = {"title": evil, "footer": {"text": evil}, "fields": [{"name": evil, "value": evil}]}
    said = await rest.post(studio.art, {"content": evil, "embeds": [embed], "components": [row, select]})
    assert said.status == 200
    await studio.ann.says(studio.art, evil)
    await studio.ann.react(studio.art.messages[int(said.body["id"])], "<b>")
    studio.art.name, studio.guild.name, studio.bob.user.name = evil, evil, evil
    made = page(rest.server, studio.bob, studio.art, typed=evil, choices=[{"name": evil}])
    assert "<img" not in made
    assert made.count("&lt;img") >= 10


async def test_what_it_shows(rest: Rest, studio: Studio) -> None:
    items = [{"media": {"url": "attachment://a.png"}, "description": "a cat", "spoiler": True}]
    layout = [{"type": 17, "accent_color": 0xFF0000, "components": [{"type": 12, "items": items}]}]
    await rest.post(studio.art, {"flags": 1 << 15, "components": layout}, files={"a.png": picture()})
    await rest.post(studio.art, {"content": f"{studio.ann.mention} look"})
    for viewer, pinged in ((studio.ann, True), (studio.bob, False)):
        made = page(rest.server, viewer, studio.art)
        assert "border-left-color:#ff0000" in made
        assert 'class="picture covered"' in made
        assert 'alt="a cat"' in made
        assert "data:image/png;base64," in made
        assert ('class="message pinged"' in made) == pinged

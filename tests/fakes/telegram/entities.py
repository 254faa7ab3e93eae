"""Formatted text as Telegram reads it: HTML becomes plain text and entities; commands, mentions and links are found.

Offsets and lengths of entities are in UTF-16 code units, those in errors in bytes of UTF-8, texts are measured in
characters.
"""

import html
import re
from dataclasses import dataclass
from typing import Any

from tests.fakes.telegram.errors import Refusal, bad_request

Entity = dict[str, Any]

STYLES = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "code": "code", "pre": "pre", "blockquote": "blockquote", "a": "text_link",
    "tg-emoji": "custom_emoji",
}  # fmt: skip
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
NAME = re.compile(r"""\s*([^\s=>/"']+)""")
VALUE = re.compile(r"""\s*=\s*(?:"([^"]*)(?:"|$)|'([^']*)(?:'|$)|([A-Za-z0-9.-]*))""")
FOUND = re.compile(
    r"(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])"
    r"|(?P<email>\b[\w.+-]+@[\w-]+\.[\w.-]*\w)"
    r"|(?P<mention>(?<![\w/])@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w))"
    r"|(?P<hashtag>(?<!\w)#(?=\w*[^\W\d])\w+)"
)
MAX_ENTITIES = 100


def utf16(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


@dataclass
class _Open:
    """A tag that is not closed yet."""

    tag: str
    at: int  # in the plain text, characters
    argument: str = ""


class _Reader:
    """One pass over the HTML."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.plain = ""
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def offset(self, position: int) -> int:
        """In bytes of UTF-8."""
        return len(self.source[:position].encode())

    def fail(self, reason: str) -> Refusal:
        """What Telegram says about HTML that it can't read."""
        return bad_request(f"can't parse entities: {reason}")

    def run(self) -> None:
        """Read to the end."""
        while self.position < len(self.source):
            match self.source[self.position]:
                case "<" if self.source.startswith("</", self.position):
                    self._end_tag()
                case "<":
                    self._start_tag()
                case "&":
                    self._reference()
                case character:
                    self.plain += character
                    self.position += 1
        if self.open:
            raise self.fail(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')

    def _reference(self) -> None:
        found = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{1,10}));?").match(self.source, self.position)
        decimal, hexadecimal, name = found.groups() if found else ("", "", "")
        code = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else 0
        if found and (name in NAMED or 0 < code < 0x110000):
            self.plain += NAMED[name] if name in NAMED else chr(code)
            self.position = found.end()
        else:
            self.plain += "&"
            self.position += 1

    def _start_tag(self) -> None:
        begin = self.position
        named = re.compile(r"<([^\s>]*)").match(self.source, begin)
        assert named
        tag, at = named[1].lower(), self.offset(begin)
        if named.end() >= len(self.source):
            raise self.fail(f"Unclosed start tag at byte offset {at}")
        if tag not in STYLES:
            raise self.fail(f'Unsupported start tag "{tag}" at byte offset {at}')
        self.position, argument = named.end(), ""
        while not (end := re.compile(r"\s*>").match(self.source, self.position)):
            if not self.source[self.position :].strip():
                raise self.fail(f"Unclosed start tag at byte offset {at}")
            argument = self._attribute(tag, at) or argument
        if tag == "span" and argument != "spoiler":
            raise self.fail(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
        self.position = end.end()
        self.open.append(_Open(tag, len(self.plain), argument))

    def _attribute(self, tag: str, at: int) -> str:
        """Read an attribute of the tag that begins at a byte; what it says that matters, or nothing."""
        name = NAME.match(self.source, self.position)
        if not name:
            raise self.fail(f'Empty attribute name in the tag "{tag}" at byte offset {at}')
        self.position = name.end()
        value = VALUE.match(self.source, self.position)
        if not value:
            return argument_of(tag, name[1], "")
        self.position = value.end()
        token = value[3]
        if token is not None and not re.compile(r"\s|>|$").match(self.source, self.position):
            begin = self.offset(value.start(3))
            raise self.fail(f"Unexpected end of name token at byte offset {begin}")
        quoted = value[1] if value[1] is not None else value[2]
        return argument_of(tag, name[1], token.lower() if token is not None else html.unescape(quoted))

    def _end_tag(self) -> None:
        at = self.offset(self.position)
        if not self.open:
            raise self.fail(f"Unexpected end tag at byte offset {at}")
        found = re.compile(r"</([^\s>]*)\s*>").match(self.source, self.position)
        if not found:
            raise self.fail(f"Unclosed end tag at byte offset {at}")
        opened = self.open.pop()
        if found[1] and found[1].lower() != opened.tag:
            wrong = f'expected "</{opened.tag}>", found "</{found[1].lower()}>"'
            raise self.fail(f"Unmatched end tag at byte offset {at}, {wrong}")
        self.position = found.end()
        if entity := self._entity(opened):
            self.entities.append(entity)

    def _entity(self, opened: _Open) -> Entity | None:
        covered = self.plain[opened.at :]
        if not covered:
            return None
        entity: Entity = {
            "type": STYLES[opened.tag],
            "offset": utf16(self.plain[: opened.at]),
            "length": utf16(covered),
        }
        match opened.tag:
            case "a":
                return link(entity, opened.argument or covered)
            case "tg-emoji":
                if not opened.argument.isdigit():
                    raise self.fail("Invalid custom emoji identifier specified")
                entity["custom_emoji_id"] = opened.argument
            case "blockquote" if opened.argument:
                entity["type"] = "expandable_blockquote"
            case "code" if opened.argument and self.open and self.open[-1].tag == "pre":
                self.open[-1].argument = opened.argument  # <pre><code class="language-x"> is one entity
                return None
            case "pre" if opened.argument:
                entity["language"] = opened.argument
        return entity


def argument_of(tag: str, name: str, value: str) -> str:
    """What an attribute says that matters, or nothing."""
    match tag, name:
        case ("a", "href") | ("tg-emoji", "emoji-id"):
            return value
        case ("code", "class"):
            return value.removeprefix("language-") if value.startswith("language-") else ""
        case ("span", "class"):
            return value.removeprefix("tg-") if value.startswith("tg-") else ""
        case ("blockquote", "expandable"):
            return "1"
    return ""


def link(entity: Entity, url: str) -> Entity | None:
    """A link entity; of a user for tg://user?id=…; no entity for what is no link."""
    if re.fullmatch(r"tg://user\?id=\d+", url):
        return entity | {"type": "text_mention", "user_id": int(url.rpartition("=")[2])}
    if re.match(r"(?i)(https?|tg|ton)://\S+\w", url):
        return entity | {"url": url if url.count("/") > 2 else url + "/"}
    return entity | {"url": f"http://{url}/"} if re.fullmatch(r"[\w-]+(\.[\w-]+)+", url) else None


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Plain text and entities; Refusal with Telegram's sentence and the place of the mistake."""
    reader = _Reader(source)
    reader.run()
    return reader.plain, reader.entities


def found_in(text: str, entities: list[Entity]) -> list[Entity]:
    """Commands, links, addresses, mentions and hashtags that nothing else formats as code or link."""
    taken = [e for e in entities if e["type"] in {"code", "pre", "text_link", "text_mention"}]
    found = []
    for match in FOUND.finditer(text):
        kind = match.lastgroup or ""
        entity = {"type": kind, "offset": utf16(text[: match.start()]), "length": utf16(match[0])}
        if not any(overlap(entity, other) for other in taken):
            found.append(entity)
    return found


def overlap(one: Entity, other: Entity) -> bool:
    """Whether two entities share a character."""
    begins = max(one["offset"], other["offset"])
    return bool(begins < min(one["offset"] + one["length"], other["offset"] + other["length"]))


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without white space around it, entities moved along and cut."""
    lead = utf16(text[: len(text) - len(text.lstrip())])
    text = text.strip()
    size, kept = utf16(text), []
    for entity in entities:
        begin = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] + entity["length"] - lead, size)
        if begin < end:
            kept.append(entity | {"offset": begin, "length": end - begin})
    return text, kept


def formatted(text: str, parse_mode: str = "", entities: list[Entity] | None = None) -> tuple[str, list[Entity]]:
    """What a text becomes: parsed, trimmed, with what was found in it, outer entities first.

    Only HTML is read here; the Markdowns are refused, as our bots have no use for them.
    """
    given = list(entities or [])
    if parse_mode and text:
        if parse_mode.lower() != "html":
            raise bad_request("unsupported parse_mode")
        text, given = parse_html(text)
    text, given = trimmed(text.replace("\r", ""), given)
    given += found_in(text, given)
    given.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return text, given[:MAX_ENTITIES]


def covered_by(text: str, entity: Entity) -> str:
    """The part of the text that an entity formats."""
    units = text.encode("utf-16-le")
    return units[entity["offset"] * 2 : (entity["offset"] + entity["length"]) * 2].decode("utf-16-le", "replace")

"""What is said, as Telegram shows it: in somebody's language, as HTML of which nothing was typed by anybody.

What people typed is shown letter by letter. Telegram makes links of @names, #words, /commands and addresses wherever
it finds them: in what was typed they are taken apart by a joiner that nobody sees, so that nobody is called.
"""

import re
from collections.abc import Sequence
from html import escape

from bot.replies import Text
from bot.texts import Texts
from engine.errors import Field

MOST_TEXT = 4_096  # of a message, after parsing; as Telegram counts at worst, in UTF-16 units
MOST_CAPTION = 1_024
MOST_NOTICE = 200  # characters of what a press is answered with
_STEPS = (3_000, 1_500, 800, 600, 400, 250, 150, 80, 40)  # characters of something typed, tried until all fits
_LISTED = 4  # lines from which it is a list
_LONGEST_LISTED = 200
_MENTIONS = frozenset({"job-result", "job-ready", "private-unreachable"})
_UNSEEN = re.compile(r"[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ue000-\uf8ff]")
"""Controls, what turns the direction of writing, and the private signs that stand for our own tags."""
_LINKS = re.compile(r"(?<=[@#])(?=\w)|(?<=:/)(?=/)|/(?=[A-Za-z])|(?<=[A-Za-z0-9])\.(?=[A-Za-z])")
_JOINER = "\u2060"
_BOLD, _NO_BOLD, _CALL, _NO_CALL = (chr(0xE000 + number) for number in range(4))
_SIGNS = re.compile(f"[{_BOLD}-{_NO_CALL}]")


def length(text: str) -> int:
    """Measure a text in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def shortened(text: str, most: int) -> str:
    """Cut a text to at most so many UTF-16 units."""
    if length(text) <= most:
        return text
    cut = text.encode("utf-16-le")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return cut.rstrip() + "…"


def harmless(text: str) -> str:
    """Give something typed on one line, with nothing in it that Telegram would make a link of."""
    plain = _UNSEEN.sub("", " ".join(text.split()))
    return _LINKS.sub(lambda found: found[0] + _JOINER, plain)


def plain(marked: str) -> str:
    """Take the signs of our tags out of a line, for where no HTML is read."""
    return _SIGNS.sub("", marked)


class Words:
    """Writes the lines of replies."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def say(self, locale: str, key: str, /, **fields: Field) -> str:
        """Write a message of ours, its fields as they are, with no HTML in it."""
        return self._texts.format(locale, key, **fields)

    def knows(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in self._texts.keys("en")

    def html(self, locale: str, key: str, /, **fields: Field) -> str:
        """Write a message of ours as HTML; what its fields hold was typed by somebody."""
        safe = {name: harmless(value) if isinstance(value, str) else value for name, value in fields.items()}
        return escape(self._texts.format(locale, key, **safe), quote=False)

    def fitting(self, locale: str, texts: Sequence[Text], most: int, *, owner_id: str = "", foot: str = "") -> str:
        """Write a reply as one HTML text of at most `most` UTF-16 units; what was typed is cut where it must be."""
        room = most - (length(foot) + 2 if foot else 0)
        for longest in _STEPS:
            marked = "\n".join(self._lines(locale, texts, longest, owner_id))
            if length(plain(marked)) <= room:
                break
        else:
            marked = shortened(plain(marked), room)
        html = _tagged(marked, owner_id)
        return f"{html}\n<code>{escape(foot, quote=False)}</code>" if foot else html

    def pages(self, locale: str, texts: Sequence[Text], *, first: int = MOST_TEXT, owner_id: str = "") -> list[str]:
        """Write all of a reply, in as many HTML texts as it needs; the first has at most `first` UTF-16 units."""
        longest = _STEPS[0] if len(texts) < _LISTED else _LONGEST_LISTED
        found: list[str] = [""]
        for line in self._lines(locale, texts, longest, owner_id):
            whole = line if length(plain(line)) <= MOST_TEXT else shortened(plain(line), MOST_TEXT)
            room = first if len(found) == 1 else MOST_TEXT
            joined = f"{found[-1]}\n{whole}" if found[-1] else whole
            if length(plain(joined)) > room:
                found.append(whole)
            else:
                found[-1] = joined
        return [_tagged(page, owner_id) for page in found]

    def notice(self, locale: str, texts: Sequence[Text]) -> str:
        """Write a reply without any HTML, however long."""
        return "\n".join(plain(line) for line in self._lines(locale, texts, _STEPS[0], ""))

    def _lines(self, locale: str, texts: Sequence[Text], longest: int, owner_id: str) -> list[str]:
        return [self._line(locale, text, longest, owner_id) for text in texts]

    def _line(self, locale: str, text: Text, longest: int, owner_id: str) -> str:
        fields: dict[str, Field] = {
            name: harmless(shortened(value, longest)) if isinstance(value, str) else value
            for name, value in text.fields.items()
        }
        if text.key in _MENTIONS and fields.get("owner"):
            fields["owner"] = f"{_CALL}{fields['owner']}{_NO_CALL}" if owner_id else ""
        if text.key == "job-result":
            fields["prompt"] = _bold_prompt(str(text.fields.get("prompt", "")), longest)
        return self._texts.format(locale, text.key, **fields)


def _bold_prompt(typed: str, longest: int) -> str:
    """A prompt in bold, and the flags after it plain."""
    prompt, dashes, flags = shortened(typed, longest).partition(" --")
    bold = f"{_BOLD}{harmless(prompt)}{_NO_BOLD}" if harmless(prompt) else ""
    return f"{bold} {harmless(dashes.strip() + flags)}".strip() if dashes else bold


def _tagged(marked: str, owner_id: str) -> str:
    """Make HTML of a text with our signs in it."""
    html = escape(marked, quote=False)
    call = f'<a href="tg://user?id={owner_id}">' if owner_id else ""
    for sign, tag in (
        (_BOLD, "<b>"),
        (_NO_BOLD, "</b>"),
        (_CALL, call),
        (_NO_CALL, "</a>" if call else ""),
    ):
        html = html.replace(sign, tag)
    return html

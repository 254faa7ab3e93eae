"""What is said, as Discord shows it: in somebody's language, with nothing in it that Discord would read as its own.

What people typed is shown letter by letter: no bold, no links, no mentions, no headings, nothing that turns the
direction of writing. Our own words stand in the locales and may be formatted.
"""

import re
from collections.abc import Sequence

from bot.replies import Text
from bot.texts import Texts
from engine.errors import Field

MOST_TEXT = 4_000  # characters of all texts of one message
LONGEST_FIELD = 1_200  # characters of something typed; a prompt may have 4,000
LONGEST_LISTED = 200  # the same in a list
LISTED = 4  # lines from which it is a list
_MARKUP = re.compile(r"[\\*_~|`<>\[\]()@#]|(?<=[a-zA-Z]):(?=//)")
_LEADING = re.compile(r"^(?=[-+]\s|\d+[.)]\s)")
_UNSEEN = re.compile(r"[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Controls: those that turn the direction of writing would let a prompt rewrite the line that it stands in."""


def escaped(text: str) -> str:
    """Give a text on one line that Discord shows as it was typed."""
    plain = _UNSEEN.sub("", " ".join(text.split()))
    return _LEADING.sub(r"\\", _MARKUP.sub(r"\\\g<0>", plain))


def shortened(text: str, most: int) -> str:
    """Cut a text to at most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


class Words:
    """Writes the lines of replies."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def say(self, locale: str, key: str, /, **fields: Field) -> str:
        """Write a message of ours, its fields as they are."""
        return self._texts.format(locale, key, **fields)

    def knows(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in self._texts.keys("en")

    def lines(self, locale: str, texts: Sequence[Text], *, owner_id: str = "") -> list[str]:
        """Write the lines of a reply; the owner's name becomes a mention of them."""
        most = LONGEST_FIELD if len(texts) < LISTED else LONGEST_LISTED
        lines = [self._line(locale, text, owner_id, most) for text in texts]
        if len(texts) > 2 and len({text.key for text in texts[1:]}) == 1:  # a title and what stands under it
            return [f"**{lines[0]}**", *(f"- {line}" for line in lines[1:])]
        return lines

    def _line(self, locale: str, text: Text, owner_id: str, most: int) -> str:
        fields = {name: self._field(value, most) for name, value in text.fields.items()}
        if owner_id and fields.get("owner"):
            fields["owner"] = f"<@{owner_id}>"
        if text.key == "job-result":
            fields["prompt"] = _bold_prompt(str(text.fields.get("prompt", "")), most)
        return self._texts.format(locale, text.key, **fields)

    def _field(self, value: Field, most: int) -> Field:
        return escaped(shortened(value, most)) if isinstance(value, str) else value


def _bold_prompt(typed: str, most: int) -> str:
    """A prompt in bold, and the flags after it plain."""
    prompt, dashes, flags = shortened(typed, most).partition(" --")
    bold = f"**{escaped(prompt)}**" if escaped(prompt) else ""
    return f"{bold} {escaped(dashes.strip() + flags)}".strip() if dashes else bold


def pages(lines: Sequence[str], most: int = MOST_TEXT - 200) -> list[str]:
    """Put lines together to texts of at most so many characters, at least one."""
    found: list[str] = [""]
    for line in (shortened(line, most) for line in lines):
        joined = f"{found[-1]}\n{line}" if found[-1] else line
        if len(joined) > most:
            found.append(line)
        else:
            found[-1] = joined
    return found

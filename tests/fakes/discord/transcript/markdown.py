"""Discord's markdown, as far as bots write it, to HTML; everything else is escaped."""

import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

# In this order: what comes first wins. Each is a pattern and the tag that its inside is put into.
CODE_BLOCK = re.compile(r"```(?:[\w+\-]*\n)?(.*?)```", re.S)
CODE = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", re.S)
PAIRS = (
    (re.compile(r"\*\*\*(.+?)\*\*\*", re.S), "<strong><em>{}</em></strong>"),
    (re.compile(r"\*\*(.+?)\*\*(?!\*)", re.S), "<strong>{}</strong>"),
    (re.compile(r"__(.+?)__", re.S), "<u>{}</u>"),
    (re.compile(r"~~(.+?)~~", re.S), "<s>{}</s>"),
    (re.compile(r"\|\|(.+?)\|\|", re.S), '<span class="spoiler">{}</span>'),
    (re.compile(r"\*(?=\S)(.+?)(?<=\S)\*", re.S), "<em>{}</em>"),
    (re.compile(r"(?<!\w)_(?=\S)(.+?)(?<=\S)_(?!\w)", re.S), "<em>{}</em>"),
)
LINES = (
    (re.compile(r"^-# (.+)$"), '<div class="small">{}</div>'),
    (re.compile(r"^### (.+)$"), "<h3>{}</h3>"),
    (re.compile(r"^## (.+)$"), "<h2>{}</h2>"),
    (re.compile(r"^# (.+)$"), "<h1>{}</h1>"),
    (re.compile(r"^&gt; (.*)$"), "<blockquote>{}</blockquote>"),
    (re.compile(r"^\s*[-*] (.+)$"), '<div class="item">{}</div>'),
    (re.compile(r"^\s*\d+\. .+$"), '<div class="numbered">{}</div>'),
)
MASKED = re.compile(r"\[([^\[\]\n]+)\]\(&lt;?(https?://[^\s()]+?)(?:&gt;)?\)|\[([^\[\]\n]+)\]\((https?://[^\s()]+)\)")
BARE = re.compile(r"(?<![\"'=>\w])(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")
MENTION = re.compile(r"&lt;(@!?|@&amp;|#)(\d+)&gt;")
COMMAND = re.compile(r"&lt;/([^:&]+):\d+&gt;")
EMOJI = re.compile(r"&lt;a?:(\w+):\d+&gt;")
TIME = re.compile(r"&lt;t:(-?\d+)(?::([tTdDfFR]))?&gt;")
ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")
KEPT = "\ue000{}\ue001"  # of the private use area: no text that people read has them


def to_html(text: str, names: Mapping[str, str], *, now: float) -> str:
    """HTML of a text.

    `names` has what "@id", "@&id" and "#id" are called; `now`, in seconds since 1970, is for times like "in 2 hours".
    """
    kept: list[str] = []

    def keep(made: str) -> str:
        """Put something aside that no later rule may touch."""
        kept.append(made)
        return KEPT.format(len(kept) - 1)

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = CODE_BLOCK.sub(lambda m: keep(f"<pre>{html.escape(m[1])}</pre>"), text)
    text = CODE.sub(lambda m: keep(f"<code>{html.escape(m[2])}</code>"), text)
    text = ESCAPED.sub(lambda m: keep(html.escape(m[1])), text)
    text = html.escape(text)
    text = MASKED.sub(lambda m: keep(_link(m[2] or m[4], _pairs(m[1] or m[3]))), text)
    text = BARE.sub(lambda m: keep(_link(m[1], m[1])), text)
    text = MENTION.sub(lambda m: keep(_mention(html.unescape(m[1]), m[2], names)), text)
    text = COMMAND.sub(lambda m: keep(f'<span class="mention">/{m[1]}</span>'), text)
    text = EMOJI.sub(lambda m: keep(f'<span class="emoji">:{m[1]}:</span>'), text)
    text = TIME.sub(lambda m: keep(_time(m, now)), text)
    text = _pairs(text)
    text = "".join(_line(line) for line in text.split("\n"))
    text = text.removesuffix("<br>")
    while re.search("\ue000\\d+\ue001", text):
        text = re.sub("\ue000(\\d+)\ue001", lambda m: kept[int(m[1])], text)
    return text


def to_text(markdown: str, names: Mapping[str, str], *, now: float) -> str:
    """The same without any form, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", to_html(markdown, names, now=now))).split())


def _pairs(text: str) -> str:
    """Bold, italics and the others, inside each other too."""
    for pattern, tag in PAIRS:
        text = pattern.sub(_put(tag), text)
    return text


def _put(tag: str) -> Callable[[re.Match[str]], str]:
    return lambda match: tag.format(match[1])


def _line(line: str) -> str:
    for pattern, tag in LINES:
        if (match := pattern.match(line)) is not None:
            return tag.format(match[1] if match.groups() else match[0])
    return f"{line}<br>"


def _link(url: str, label: str) -> str:
    return f'<a href="{url}">{label}</a>'


def _mention(kind: str, ident: str, names: Mapping[str, str]) -> str:
    key = kind.replace("!", "") + ident
    shown = names.get(key, "unknown-user" if kind.startswith("@") else "unknown")
    return f'<span class="mention">{kind[0]}{html.escape(shown)}</span>'


def _time(match: re.Match[str], now: float) -> str:
    """As Discord shows `<t:…>`, in UTC; a time that no calendar has stays as it is written."""
    try:
        shown = _moment(int(match[1]), match[2] or "f", now)
    except (ValueError, OverflowError, OSError):
        return match[0]
    return f'<span class="time">{shown}</span>'


def _moment(at: int, style: str, now: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    formats = {"t": "%H:%M", "T": "%H:%M:%S", "d": "%d/%m/%Y", "D": "%-d %B %Y", "F": "%A, %-d %B %Y %H:%M"}
    if style != "R":
        return moment.strftime(formats.get(style, "%-d %B %Y %H:%M"))
    away = abs(at - now)
    for seconds, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if (count := round(away / seconds)) >= 1:
            amount = f"{count} {name}{'s' if count != 1 else ''}"
            return f"in {amount}" if at > now else f"{amount} ago"
    return "now"

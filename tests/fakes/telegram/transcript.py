"""A chat as somebody sees it, as one HTML page that looks like Telegram's client and needs nothing else.

`page(server, viewer, chat)` gives the page; open it in a browser, or take its picture with headless Chromium:

    chromium --headless --no-sandbox --hide-scrollbars --window-size=460,900 --screenshot=chat.png chat.html
"""

import base64
import html
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fakes.telegram.entities import Entity, utf16
from tests.fakes.telegram.files import Media
from tests.fakes.telegram.log import Event
from tests.fakes.telegram.model import GENERAL, Chat, Kind, Message
from tests.fakes.telegram.people import Person

if TYPE_CHECKING:
    from tests.fakes.telegram.server import FakeTelegram

STYLE = (Path(__file__).parent / "transcript.css").read_text(encoding="utf-8")
COLOURS = ("#e17076", "#7bc862", "#e5ca77", "#65aadd", "#a695e7", "#ee7aae", "#6ec9cb", "#faa774")
TAGS = {
    "bold": "b", "italic": "i", "underline": "u", "strikethrough": "s", "code": "code", "pre": "pre",
    "blockquote": "blockquote", "expandable_blockquote": "blockquote",
}  # fmt: skip
LINKS = {"url", "text_link", "mention", "text_mention", "hashtag", "bot_command", "email"}
SERVICE = {
    "new_chat_members": "joined the group",
    "left_chat_member": "left the group",
    "forum_topic_created": "created the topic",
    "forum_topic_closed": "closed the topic",
    "forum_topic_reopened": "reopened the topic",
    "migrate_to_chat_id": "converted this group to a supergroup",
    "migrate_from_chat_id": "converted a basic group to this supergroup",
}


def page(server: "FakeTelegram", viewer: Person, chat: Chat, *, thread: int | None = None) -> str:
    """What the viewer sees of the chat now, or of one topic of it, with the answers that their presses got."""
    messages = viewer.sees(chat, thread=thread)
    body = "\n".join(_rows(server, messages, viewer))
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{html.escape(_title(chat))}</title>"
        f"<style>{STYLE}</style></head><body>{_header(chat, thread)}<main>{body}</main></body></html>"
    )


def _rows(server: "FakeTelegram", messages: list[Message], viewer: Person) -> Iterator[str]:
    """Messages in order, albums together, each followed by the notices that the viewer's presses brought."""
    shown: set[str] = set()
    before: Message | None = None
    for message in messages:
        if message.album and message.album in shown:
            continue
        together = [m for m in messages if m.album and m.album == message.album] or [message]
        shown.add(message.album)
        if message.service:
            yield _service(message)
        else:
            yield _bubble(together, viewer, joined=_joined(before, message))
        before = message
        yield from _notices(server, together, viewer)


def _header(chat: Chat, thread: int | None) -> str:
    topic = chat.topics.get(thread) if thread else None
    inside = sum(member.inside for member in chat.members.values())
    words = {Kind.PRIVATE: "bot", Kind.CHANNEL: f"{inside} subscribers"}.get(chat.kind, f"{inside} members")
    if topic:
        words = f"{_title(chat)} · {'closed topic' if topic.closed else 'topic'}"
    title = f"# {topic.name}" if topic else _title(chat)
    return (
        f"<header>{_avatar(title.lstrip('# '), chat.id)}<div><b>{html.escape(title)}</b><small>{html.escape(words)}"
        "</small></div></header>"
    )


def _title(chat: Chat) -> str:
    return "Atelier" if chat.kind is Kind.PRIVATE else chat.title


def _avatar(name: str, id_: int) -> str:
    return f"<span class='avatar' style='background:{COLOURS[id_ % 8]}'>{html.escape(name[:1].upper())}</span>"


def _joined(before: Message | None, message: Message) -> bool:
    """Whether a message hangs together with the one above it."""
    return before is not None and not before.service and _speaker(before) == _speaker(message)


def _speaker(message: Message) -> tuple[str, int]:
    """Name and id of who speaks."""
    if message.sender_chat:
        return message.sender_chat.title, message.sender_chat.id
    assert message.sender
    return message.sender.name, message.sender.id


def _service(message: Message) -> str:
    what = next((words for key, words in SERVICE.items() if key in message.service), "changed the chat")
    detail = message.service.get("forum_topic_created", {}).get("name", "")
    people = message.service.get("new_chat_members") or [message.service.get("left_chat_member")]
    name = people[0]["first_name"] if people[0] else _speaker(message)[0]
    return f"<p class='service'>{html.escape(f'{name} {what} {detail}'.strip())}</p>"


def _bubble(messages: list[Message], viewer: Person, *, joined: bool) -> str:
    """A message, or an album as one."""
    first, last = messages[0], messages[-1]
    name, id_ = _speaker(first)
    mine = first.sender is viewer.user
    alone = first.chat.kind is Kind.PRIVATE
    sides = ["mine" if mine else "theirs", "joined" if joined else "", "media" if first.media else ""]
    parts = []
    if not mine and not alone and not joined:
        badge = (
            "<small>channel</small>" if first.automatic_forward else f"<small>{html.escape(first.signature)}</small>"
        )
        parts.append(f"<div class='name' style='color:{COLOURS[id_ % 8]}'>{html.escape(name)} {badge}</div>")
    parts += [_forward(first), _quote(first)]
    is_photo = first.media is not None and first.media.kind == "photo"
    one_text = len(messages) == 1 or is_photo  # files of an album have their captions beside them
    media, text = _media(messages), _formatted(first.text, first.entities) if one_text else ""
    caption = f"<div class='text'>{text}</div>" if text else ""
    parts += [caption, media] if first.caption_above else [media, caption]
    over = is_photo and not text and not last.reactions
    parts += [_reactions(last), _footer(last, mine, over=over)]
    avatar = "" if mine or alone else "<span class='avatar none'></span>" if joined else _avatar(name, id_)
    inside = "".join(parts)
    keyboard = _keyboard(last)
    return (
        f"<div class='row {' '.join(sides)}'>{avatar}<div class='stack'><div class='bubble'>{inside}</div>{keyboard}"
        "</div></div>"
    )


def _forward(message: Message) -> str:
    if not message.forward or message.automatic_forward:
        return ""
    user, chat = message.forward.get("sender_user"), message.forward.get("chat") or message.forward.get("sender_chat")
    name = user["first_name"] if user else chat["title"] if chat else ""
    return f"<div class='forward'>Forwarded from <b>{html.escape(name)}</b></div>"


def _quote(message: Message) -> str:
    replied = message.reply_to
    if not replied:
        return ""
    name, id_ = _speaker(replied)
    colour = COLOURS[id_ % 8]
    kind = "" if not replied.media else "Photo" if replied.media.kind == "photo" else replied.media.largest.name
    text = "Deleted message" if replied.deleted else replied.text.split("\n")[0] or kind
    picture = _image(replied.media, "thumb") if replied.media and not replied.deleted else ""
    words = f"<b style='color:{colour}'>{html.escape(name)}</b><span>{html.escape(text)}</span>"
    return f"<div class='quote' style='border-color:{colour};background:{colour}22'>{picture}<div>{words}</div></div>"


def _media(messages: list[Message]) -> str:
    """Photos in a grid, files in a list."""
    shown = []
    for message in messages:
        media = message.media
        if media and media.kind != "document" and media.largest.width:
            covered = "<span class='cover'></span>" if message.spoiler else ""
            shown.append(f"<div class='photo'>{_image(media)}{covered}</div>")
        elif media:
            shown.append(_file(media, message.text if len(messages) > 1 else ""))
    columns = "one" if len(messages) == 1 else "two"
    return f"<div class='shown {columns}'>{''.join(shown)}</div>" if shown else ""


def _image(media: Media, kind: str = "") -> str:
    if not media.largest.width:
        return ""
    mime = "image/jpeg" if media.kind == "photo" else media.largest.mime
    encoded = base64.b64encode(media.data).decode()
    size = f"width='{media.largest.width}' height='{media.largest.height}'" if not kind else ""
    return f"<img class='{kind}' {size} src='data:{mime};base64,{encoded}'>"


def _file(media: Media, caption: str) -> str:
    size = len(media.data)
    words = f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 1024:.1f} KB"
    icon = _image(media, "thumb big") or "<span class='icon'>🗎</span>"
    more = f"<p>{html.escape(caption)}</p>" if caption else ""
    name = html.escape(media.largest.name or media.kind)
    return f"<div class='file'>{icon}<div><b>{name}</b><small>{words}</small>{more}</div></div>"


def _reactions(message: Message) -> str:
    counts: dict[str, int] = {}
    for emoji in (one for given in message.reactions.values() for one in given):
        counts[emoji] = counts.get(emoji, 0) + 1
    shown = "".join(f"<span>{html.escape(emoji)} {count}</span>" for emoji, count in counts.items())
    return f"<div class='reactions'>{shown}</div>" if shown else ""


def _footer(message: Message, mine: bool, *, over: bool) -> str:
    at = time.strftime("%H:%M", time.gmtime(message.date))
    marks = ["<i title='sent silently'>🔕</i>"] if message.silent else []
    marks += ["edited"] if message.edited else []
    return f"<div class='footer{' over' if over else ''}'>{' '.join([*marks, at, '✓✓' if mine else ''])}</div>"


def _keyboard(message: Message) -> str:
    rows = "".join(
        "<div>"
        + "".join(f"<span>{html.escape(b['text'])}{'<i>↗</i>' if 'url' in b else ''}</span>" for b in row)
        + "</div>"
        for row in message.keyboard or []
    )
    return f"<div class='keyboard'>{rows}</div>" if rows else ""


def _notices(server: "FakeTelegram", messages: Iterable[Message], viewer: Person) -> Iterator[str]:
    """What the viewer was told when they pressed a button."""
    ids = {(message.chat.id, message.id) for message in messages}
    for entry in server.history:
        seen = entry.snapshot and (entry.snapshot.chat_id, entry.snapshot.message_id) in ids
        if entry.event is Event.ANSWERED and entry.detail and entry.who == viewer.id and seen:
            yield f"<p class='notice'>{html.escape(entry.detail)}</p>"


def _formatted(text: str, entities: list[Entity]) -> str:
    """Text with its entities as HTML; entities nest, the longer ones outside."""
    units = text.encode("utf-16-le")
    opens: dict[int, list[str]] = {}
    closes: dict[int, list[str]] = {}
    for entity in sorted(entities, key=lambda e: (e["offset"], -e["length"])):
        begin, end = _tags(entity)
        opens.setdefault(entity["offset"], []).append(begin)
        closes.setdefault(entity["offset"] + entity["length"], []).insert(0, end)
    cuts = sorted({0, utf16(text), *opens, *closes})
    written = ""
    for position, following in zip(cuts, [*cuts[1:], cuts[-1]], strict=True):
        written += "".join(closes.get(position, ())) + "".join(opens.get(position, ()))
        written += html.escape(units[position * 2 : following * 2].decode("utf-16-le", "replace"))
    return written.replace("\n", "<br>")


def _tags(entity: Entity) -> tuple[str, str]:
    kind = entity["type"]
    if kind in TAGS:
        return f"<{TAGS[kind]}>", f"</{TAGS[kind]}>"
    if kind in LINKS:
        return "<a>", "</a>"
    return ("<span class='spoiler'>", "</span>") if kind == "spoiler" else ("", "")


def pages(server: "FakeTelegram", viewer: Person) -> dict[str, str]:
    """Every chat that the viewer is in, and every topic of forums, by title."""
    found = {}
    for chat in list(server.world.chats.values()):
        if not chat.member(viewer.user).inside or (chat.user and chat.user is not viewer.user):
            continue
        for topic in chat.topics.values() if chat.is_forum else ():
            name = f"{_title(chat)} # {topic.name}"
            found[name] = page(server, viewer, chat, thread=topic.id or GENERAL)
        if not chat.is_forum:
            found[_title(chat)] = page(server, viewer, chat)
    return found

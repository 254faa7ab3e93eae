"""A channel as somebody sees it, as one HTML page that needs nothing else.

`page(server, viewer, channel)` gives it; `write` puts it into a folder. `screenshot.py` takes its picture.
"""

import html
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.interactions import Interaction, Modal, Type
from tests.fakes.discord.messages import Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.transcript.markdown import to_html, to_text
from tests.fakes.discord.transcript.parts import Parts, dialog
from tests.fakes.discord.transcript.words import words
from tests.fakes.discord.world import Channel, User

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

MEASURE = "<script>document.body.dataset.height = document.body.scrollHeight</script>"  # for the screenshot
STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
COLOURS = ("#5865f2", "#757e8a", "#3ba55c", "#faa61a", "#ed4245", "#eb459e")
TOGETHER = 420.0  # seconds in which messages of one author share a heading


def page(
    server: "FakeDiscord",
    viewer: Person,
    channel: Channel,
    *,
    messages: Iterable[Message] | None = None,
    open_dialog: Modal | None = None,
    filled_in: Mapping[str, Any] | None = None,
    choices: Iterable[Mapping[str, Any]] = (),
    typed: str = "",
) -> str:
    """What the viewer sees of the channel now.

    `messages` shows these instead of all; `open_dialog`, with `filled_in` in it, is open over them; `typed` stands in
    the box below, with `choices` offered for it.
    """
    page = _Page(server, viewer)
    shown = list(viewer.sees(channel) if messages is None else messages)
    title = html.escape(channel.name or ", ".join(user.name for user in channel.recipients if user is not viewer.user))
    place = f"@{title}" if channel.is_direct else f"#{title}"
    guild = html.escape(channel.guild.name) if channel.guild else page.said["direct"]
    covered = f"--spoiler: '{page.said['spoiler']}'"
    return "".join(
        (
            f'<!doctype html><html lang="{viewer.user.locale}" style="{covered}"><head><meta charset="utf-8">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<header><b>{place[0]}</b> {title} <small>{guild}</small>",
            f'<span class="me">{html.escape(viewer.user.name)}</span></header>',
            f"<main>{page.messages(shown)}</main>",
            page.box(place, typed, choices),
            page.over(open_dialog, filled_in or {}),
            f"{MEASURE}</body></html>",
        )
    )


class _Page:
    """Writes the parts of a page for one viewer."""

    def __init__(self, server: "FakeDiscord", viewer: Person) -> None:
        world = server.world
        self.said = words(viewer.user.locale)
        self._app = world.app
        self._viewer = viewer.user
        self._now = server.clock.now()
        self._names = {f"@{user.id}": user.name for user in world.users.values()}
        self._names |= {f"#{channel.id}": channel.name for channel in world.channels.values()}
        self._names |= {f"@&{role.id}": role.name for guild in world.guilds.values() for role in guild.roles.values()}

    def text(self, markdown: str) -> str:
        """Markdown as HTML."""
        return to_html(markdown, self._names, now=self._now)

    def messages(self, shown: list[Message]) -> str:
        """All of them; those of one author in a short time share a heading."""
        made, before = "", None
        for message in shown:
            answers = message.interaction is not None or message.reference is not None
            close = before is not None and message.created - before.created < TOGETHER
            joined = close and before is not None and before.author is message.author and not answers
            made += self._message(message, heading=not joined)
            before = message
        return made

    def box(self, place: str, typed: str, choices: Iterable[Mapping[str, Any]]) -> str:
        """Where one types, with what is offered."""
        offered = "".join(f'<div class="choice">{html.escape(str(one["name"]))}</div>' for one in choices)
        offered = offered and f'<div class="choices">{offered}</div>'
        shown = html.escape(typed) if typed else self.said["write"].format(place=place)
        return f'<footer>{offered}<div class="box{" typing" if typed else ""}">{shown}</div></footer>'

    def over(self, open_dialog: Modal | None, filled_in: Mapping[str, Any]) -> str:
        """A dialog over all."""
        if open_dialog is None:
            return ""
        return f'<div class="over">{dialog(open_dialog.form, self.text, filled_in, self.said)}</div>'

    def _message(self, message: Message, *, heading: bool) -> str:
        """One message with all that is around it."""
        pinged = self._viewer in message.pinged or message.pings_everyone
        classes = "message" + (" pinged" if pinged else "") + (" whispered" if message.private_to else "")
        above = self._above(message) if heading else ""
        head = self._heading(message) if heading else ""
        side = _avatar(message.author) if heading else '<div class="gutter"></div>'
        line = f'<div class="line">{side}<div class="grow">{head}{self._inside(message)}</div></div>'
        return f'<article class="{classes}">{above}{line}</article>'

    def _inside(self, message: Message) -> str:
        """What it says and shows."""
        parts, said = Parts(message, self.text, self.said), self.said
        made = f'<div class="text">{self.text(message.content)}</div>' if message.content else ""
        if message.loading:
            thinking = said["thinking"].format(name=html.escape(message.author.name))
            made += f'<div class="thinking"><span>●●●</span> {thinking}</div>'
        made += parts.embeds(message.embeds)
        made += "" if message.is_v2 else parts.attachments()
        made += parts.components(message.components)
        if message.edited and not message.is_v2:
            made += f'<span class="edited">{said["edited"]}</span>'
        for name, users in message.reactions.items():
            made += f'<span class="reaction">{html.escape(name)} {len(users)}</span>'
        if message.private_to is not None:
            made += f'<div class="private">👁 {said["private"]} · <a>{said["dismiss"]}</a></div>'
        return made

    def _above(self, message: Message) -> str:
        """What the message answers: a command that somebody used, or another message."""
        asked = message.interaction
        if asked is not None and asked.type is Type.COMMAND and not message.is_followup:
            return _line_above(asked.user, self.said["used"].format(command=_used(asked)))
        ident = message.reference or (asked.source.id if asked and asked.source else None)
        if ident is None:
            return ""
        replied = message.channel.messages.get(ident) or message.channel.private.get(ident)
        if replied is None:
            return f'<div class="above"><i>{self.said["gone"]}</i></div>'
        return _line_above(replied.author, html.escape(to_text(replied.text, self._names, now=self._now)[:90]))

    def _heading(self, message: Message) -> str:
        """Who and when."""
        at = datetime.fromtimestamp(message.created, UTC)
        app = f'<span class="app">✓ {self.said["app"]}</span>' if message.author is self._app.bot else ""
        colour = "" if message.author.bot else f' style="color:{_colour(message.author)}"'
        name = f"<b{colour}>{html.escape(message.author.name)}</b>"
        return f'<div class="heading">{name}{app}<time>{at:%H:%M}</time></div>'


def _line_above(user: User, did: str) -> str:
    return f'<div class="above">{_avatar(user, tiny=True)}<b>{html.escape(user.name)}</b> {did}</div>'


def _used(asked: Interaction) -> str:
    """A command with its subcommands."""
    data = asked.payload["data"]
    names = [str(data["name"])]
    options = data.get("options", [])
    while options and options[0]["type"] <= 2:
        names.append(options[0]["name"])
        options = options[0].get("options", [])
    slash = "/" if data.get("type", 1) == 1 else ""
    return f'<span class="mention">{slash}{html.escape(" ".join(names))}</span>'


def _colour(user: User) -> str:
    return COLOURS[user.id % len(COLOURS)]


def _avatar(user: User, *, tiny: bool = False) -> str:
    size = "avatar tiny" if tiny else "avatar"
    return f'<span class="{size}" style="background:{_colour(user)}">{html.escape(user.name[:1].upper())}</span>'


def write(folder: Path, name: str, content: str) -> Path:
    """Put a page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.html"
    path.write_text(content, encoding="utf-8")
    return path

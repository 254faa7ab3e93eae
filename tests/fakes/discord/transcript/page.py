"""A channel as somebody sees it, as one HTML page that needs nothing else.

`page(server, viewer, channel)` gives it; `write` puts it into a folder, and `screenshot` takes its picture with
headless Chromium where there is one.
"""

import asyncio
import html
import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.interactions import Interaction, Modal, Type
from tests.fakes.discord.messages import Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.transcript.markdown import to_html, to_text
from tests.fakes.discord.transcript.parts import Parts, dialog
from tests.fakes.discord.world import Channel, User

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

MEASURE = "<script>document.body.dataset.height = document.body.scrollHeight</script>"  # for `screenshot`
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
    """What the viewer sees of the channel now: the messages (those given, or all), and what is open over them: a
    dialog, or the choices for what they are typing."""
    shown = list(viewer.sees(channel) if messages is None else messages)
    names = names_of(server)
    body, before = "", None
    for message in shown:
        joined = before is not None and before.author is message.author and message.created - before.created < TOGETHER
        fresh = not joined or message.interaction is not None or message.reference is not None
        body += _message(server, message, viewer, names, heading=fresh)
        before = message
    over = ""
    if open_dialog is not None:
        form = dialog(open_dialog.form, lambda said: to_html(said, names, now=server.clock.now()), filled_in or {})
        over = f'<div class="over">{form}</div>'
    title = html.escape(channel.name or ", ".join(user.name for user in channel.recipients if user is not viewer.user))
    mark = "@" if channel.is_direct else "#"
    place = html.escape(channel.guild.name) if channel.guild else "Direct Messages"
    offered = "".join(f'<div class="choice">{html.escape(str(one["name"]))}</div>' for one in choices)
    offered = offered and f'<div class="choices">{offered}</div>'
    typing = html.escape(typed) if typed else f"Message {mark}{title}"
    return (
        f'<!doctype html><html lang="{viewer.user.locale}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><header><b>{mark}</b> {title} <small>{place}</small>"
        f'<span class="me">{html.escape(viewer.user.name)}</span></header><main>{body}</main>'
        f'<footer>{offered}<div class="box{" typing" if typed else ""}">{typing}</div></footer>'
        f"{over}{MEASURE}</body></html>"
    )


def names_of(server: "FakeDiscord") -> dict[str, str]:
    """What mentions show, by "@id", "@&id" and "#id"."""
    world = server.world
    names = {f"@{user.id}": user.name for user in world.users.values()}
    names |= {f"#{channel.id}": channel.name for channel in world.channels.values()}
    names |= {f"@&{role.id}": role.name for guild in world.guilds.values() for role in guild.roles.values()}
    return names


def _message(
    server: "FakeDiscord", message: Message, viewer: Person, names: Mapping[str, str], *, heading: bool
) -> str:
    """One message with all that is around it."""

    def text(markdown: str) -> str:
        return to_html(markdown, names, now=server.clock.now())

    parts = Parts(message, text)
    inside = f'<div class="text">{text(message.content)}</div>' if message.content else ""
    if message.loading:
        inside += f'<div class="thinking"><span>●●●</span> {html.escape(message.author.name)} is thinking…</div>'
    inside += parts.embeds(message.embeds)
    inside += "" if message.is_v2 else parts.attachments()
    inside += parts.components(message.components)
    if message.edited and not message.is_v2:
        inside += '<span class="edited">(edited)</span>'
    inside += "".join(
        f'<span class="reaction">{html.escape(name)} {len(users)}</span>' for name, users in message.reactions.items()
    )
    if message.private_to is not None:
        inside += '<div class="private">👁 Only you can see this · <a>Dismiss message</a></div>'
    pinged = viewer.user in message.pinged or message.pings_everyone
    classes = "message" + (" pinged" if pinged else "") + (" whispered" if message.private_to else "")
    above = _above(server, message, names) if heading else ""
    head = _heading(message) if heading else ""
    side = _avatar(message.author) if heading else '<div class="gutter"></div>'
    line = f'<div class="line">{side}<div class="grow">{head}{inside}</div></div>'
    return f'<article class="{classes}">{above}{line}</article>'


def _above(server: "FakeDiscord", message: Message, names: Mapping[str, str]) -> str:
    """What the message answers: a command that somebody used, or another message."""
    asked = message.interaction
    if asked is not None and asked.type is Type.COMMAND and not message.is_followup:
        return _line_above(asked.user, f"used {_used(asked)}")
    ident = message.reference or (asked.source.id if asked and asked.source else None)
    if ident is None:
        return ""
    replied = message.channel.messages.get(ident)
    if replied is None:
        return '<div class="above"><i>Original message was deleted</i></div>'
    said = to_text(replied.text, names, now=server.clock.now())[:90]
    return _line_above(replied.author, html.escape(said))


def _line_above(user: User, did: str) -> str:
    return f'<div class="above">{_avatar(user, tiny=True)}<b>{html.escape(user.name)}</b> {did}</div>'


def _used(asked: Interaction) -> str:
    data = asked.payload["data"]
    words = [str(data["name"])]
    options = data.get("options", [])
    while options and options[0]["type"] <= 2:
        words.append(options[0]["name"])
        options = options[0].get("options", [])
    slash = "/" if data.get("type", 1) == 1 else ""
    return f'<span class="mention">{slash}{html.escape(" ".join(words))}</span>'


def _heading(message: Message) -> str:
    at = datetime.fromtimestamp(message.created, UTC)
    app = '<span class="app">✓ APP</span>' if message.author.bot else ""
    name = html.escape(message.author.name)
    colour = "" if message.author.bot else f' style="color:{_colour(message.author)}"'
    return f'<div class="heading"><b{colour}>{name}</b>{app}<time>{at:%H:%M}</time></div>'


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


async def screenshot(path: Path, *, width: int = 760, height: int = 0) -> Path | None:
    """A PNG beside the page, taken with Chromium, as high as the page unless told; None where there is no Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return None
    picture, address = path.with_suffix(".png"), path.resolve().as_uri()
    if not height:
        seen = await _browse(browser, f"--window-size={width},600", "--dump-dom", address)
        measured = re.search(rb'data-height="(\d+)"', seen)
        height = int(measured[1]) if measured else 900
    await _browse(browser, f"--window-size={width},{height}", f"--screenshot={picture}", address)
    return picture if picture.exists() else None


async def _browse(browser: str, *wanted: str) -> bytes:
    """Run Chromium without a window; what it writes."""
    process = await asyncio.create_subprocess_exec(
        browser,
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"),
        *wanted,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            return (await process.communicate())[0]
    except TimeoutError:
        process.kill()
        await process.wait()
        return b""

"""Messages by the bot's own token."""

from typing import TYPE_CHECKING

from tests.fakes.discord import payloads
from tests.fakes.discord.calls import NOTHING, Answer, Call, Routes
from tests.fakes.discord.clock import born
from tests.fakes.discord.errors import Refusal
from tests.fakes.discord.messages import Message
from tests.fakes.discord.permissions import P, in_channel
from tests.fakes.discord.rest.access import require, seen_channel
from tests.fakes.discord.world import THREADS, Channel, Kind

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

TOO_OLD_TO_BULK_DELETE = 14 * 24 * 3600.0  # seconds


def known_message(channel: Channel, call: Call) -> Message:
    """The message of the path; private ones are unknown to a bot's token."""
    message = channel.messages.get(call.ident("message_id"))
    if message is None:
        raise Refusal(10008)
    return message


def create(server: "FakeDiscord", call: Call) -> Answer:
    """Post a message."""
    channel = seen_channel(server, call)
    bot = server.world.app.bot
    if channel.guild is None:
        person = next(user for user in channel.recipients if user is not bot)
        reachable = server.world.share_a_guild(bot, person) or person.installed
        if not person.accepts_messages or not reachable:
            raise Refusal(50007)
    elif channel.kind in {Kind.CATEGORY, Kind.FORUM}:
        raise Refusal(50008)
    else:
        require(server, channel, P.SEND_MESSAGES)
        if channel.kind in THREADS and channel.archived:
            if channel.locked:
                raise Refusal(50083)
            server.world.archive(channel, archived=False)
        if call.files:
            require(server, channel, P.ATTACH_FILES)
        if call.form.get("embeds"):
            require(server, channel, P.EMBED_LINKS)
        if call.form.get("tts"):
            require(server, channel, P.SEND_TTS)
    message = server.composer.create(channel, bot, call.form, call.files)
    return Answer(body=payloads.message(message, server.world.app, created=True))


def edit(server: "FakeDiscord", call: Call) -> Answer:
    """Change one of the bot's own messages."""
    channel = seen_channel(server, call)
    message = known_message(channel, call)
    if message.author is not server.world.app.bot:
        raise Refusal(50005)
    if channel.archived:
        raise Refusal(50083)
    if call.files and channel.guild is not None:
        require(server, channel, P.ATTACH_FILES)
    server.composer.count_old_edit(message)
    server.composer.edit(message, call.form, call.files)
    return Answer(body=payloads.message(message, server.world.app))


def fetch(server: "FakeDiscord", call: Call) -> Answer:
    """One message."""
    channel = seen_channel(server, call)
    if channel.guild is not None:
        require(server, channel, P.READ_HISTORY)
    message = known_message(channel, call)
    return Answer(body=payloads.message(message, server.world.app, content=_readable(server, message)))


def history(server: "FakeDiscord", call: Call) -> Answer:
    """The newest messages first; `before`, `after` and `around` name an id."""
    channel = seen_channel(server, call)
    limit = int(call.query.get("limit", "50"))
    found = sorted(channel.messages.values(), key=lambda m: m.id, reverse=True)
    if channel.guild is not None and not in_channel(server.world.app.bot, channel) & P.READ_HISTORY:
        found = []
    if "before" in call.query:
        found = [m for m in found if m.id < int(call.query["before"])]
    if "after" in call.query:
        found = [m for m in found if m.id > int(call.query["after"])][-limit:]
    if "around" in call.query:
        middle = int(call.query["around"])
        found = sorted(found, key=lambda m: abs(m.id - middle))[:limit]
        found.sort(key=lambda m: m.id, reverse=True)
    app = server.world.app
    return Answer(body=[payloads.message(m, app, content=_readable(server, m)) for m in found[:limit]])


def _readable(server: "FakeDiscord", message: Message) -> bool:
    """Whether the bot sees what it says: its own, direct ones and those that name it, or by the privileged intent."""
    app = server.world.app
    named = app.bot in message.pinged or message.channel.guild is None or message.author is app.bot
    return named or "message_content" in app.intents_granted


def delete(server: "FakeDiscord", call: Call) -> Answer:
    """Take away one's own message, or with the permission anybody's."""
    channel = seen_channel(server, call)
    message = known_message(channel, call)
    if message.author is not server.world.app.bot:
        if channel.guild is None:
            raise Refusal(50003)
        require(server, channel, P.MANAGE_MESSAGES)
    server.composer.delete(message)
    return NOTHING


def bulk_delete(server: "FakeDiscord", call: Call) -> Answer:
    """Take away 2 to 100 messages that are younger than two weeks."""
    channel = seen_channel(server, call)
    require(server, channel, P.MANAGE_MESSAGES)
    idents = [int(ident) for ident in call.form["messages"]]
    if not 2 <= len(idents) <= 100:
        raise Refusal(50016)
    if any(server.clock.now() - born(ident) > TOO_OLD_TO_BULK_DELETE for ident in idents):
        raise Refusal(50034)
    for ident in idents:
        if ident in channel.messages:
            server.composer.delete(channel.messages[ident])
    return NOTHING


def typing(server: "FakeDiscord", call: Call) -> Answer:
    """Show that the bot is typing."""
    channel = seen_channel(server, call)
    require(server, channel, P.SEND_MESSAGES)
    return NOTHING


def react(server: "FakeDiscord", call: Call) -> Answer:
    """The bot adds a reaction."""
    channel = seen_channel(server, call)
    message = known_message(channel, call)
    if channel.guild is not None and call.params["emoji_name"] not in message.reactions:
        require(server, channel, P.ADD_REACTIONS | P.READ_HISTORY)
    message.reactions.setdefault(call.params["emoji_name"], set()).add(server.world.app.bot.id)
    server.wake()
    return NOTHING


def unreact(server: "FakeDiscord", call: Call) -> Answer:
    """The bot takes its reaction back."""
    message = known_message(seen_channel(server, call), call)
    message.reactions.get(call.params["emoji_name"], set()).discard(server.world.app.bot.id)
    return NOTHING


def open_thread(server: "FakeDiscord", call: Call) -> Answer:
    """A thread from a message."""
    channel = seen_channel(server, call)
    require(server, channel, P.CREATE_PUBLIC_THREADS)
    known_message(channel, call)
    thread = server.world.thread(channel, call.form["name"], owner=server.world.app.bot)
    return Answer(status=201, body=payloads.channel(thread))


ONE = "/channels/{channel_id}/messages/{message_id}"
ROUTES: Routes = {
    ("POST", "/channels/{channel_id}/messages"): create,
    ("GET", "/channels/{channel_id}/messages"): history,
    ("POST", "/channels/{channel_id}/messages/bulk-delete"): bulk_delete,
    ("GET", ONE): fetch,
    ("PATCH", ONE): edit,
    ("DELETE", ONE): delete,
    ("POST", f"{ONE}/threads"): open_thread,
    ("PUT", f"{ONE}/reactions/{{emoji_name}}/@me"): react,
    ("DELETE", f"{ONE}/reactions/{{emoji_name}}/@me"): unreact,
    ("POST", "/channels/{channel_id}/typing"): typing,
}

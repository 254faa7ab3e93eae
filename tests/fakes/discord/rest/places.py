"""The bot itself, other users, guilds, channels and the gateway's address."""

from typing import TYPE_CHECKING

from tests.fakes.discord import payloads
from tests.fakes.discord.calls import NOTHING, Answer, Call, Routes
from tests.fakes.discord.errors import Refusal, form_error
from tests.fakes.discord.rest.access import seen_channel, seen_guild

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord


def gateway(server: "FakeDiscord", call: Call) -> Answer:
    """Where the gateway is."""
    return Answer(body={"url": server.gateway_url})


def bot_gateway(server: "FakeDiscord", call: Call) -> Answer:
    """Where the gateway is, how many shards are advised, and how many sessions may still be started."""
    left = 1000 - len(server.gateway.identifies)
    limit = {"total": 1000, "remaining": left, "reset_after": 14_400_000, "max_concurrency": 1}
    return Answer(
        body={"url": server.gateway_url, "shards": server.gateway.advised_shards, "session_start_limit": limit}
    )


def me(server: "FakeDiscord", call: Call) -> Answer:
    """The bot's own user."""
    bot = payloads.user(server.world.app.bot)
    more = {"mfa_enabled": True, "locale": "en-US", "verified": True, "email": None, "premium_type": 0}
    return Answer(body=bot | more | {"banner": None, "accent_color": None, "bio": ""})


def user(server: "FakeDiscord", call: Call) -> Answer:
    """Anybody by id."""
    found = server.world.users.get(call.ident("user_id"))
    if found is None:
        raise Refusal(10013)
    return Answer(body=payloads.user(found))


def application(server: "FakeDiscord", call: Call) -> Answer:
    """The application that the token is of."""
    return Answer(body=payloads.application(server.world.app))


def open_direct(server: "FakeDiscord", call: Call) -> Answer:
    """The conversation with somebody; it opens whether or not they can be written to."""
    bot = server.world.app.bot
    recipient = server.world.users.get(int(call.form.get("recipient_id") or 0))
    if recipient is None or recipient is bot:
        raise form_error({"recipient_id": ("CHANNEL_RECIPIENT_INVALID", "Invalid Recipient(s)")})
    return Answer(body=payloads.channel(server.world.direct(bot, recipient), for_user=bot))


def channel(server: "FakeDiscord", call: Call) -> Answer:
    """A channel that the bot sees."""
    return Answer(body=payloads.channel(seen_channel(server, call), for_user=server.world.app.bot))


def guild(server: "FakeDiscord", call: Call) -> Answer:
    """A guild that the bot is in."""
    found = seen_guild(server, call)
    counts = {"approximate_member_count": len(found.members), "approximate_presence_count": 0}
    wanted = call.query.get("with_counts", "false").lower() in {"true", "1"}
    return Answer(body=payloads.guild_settings(found) | (counts if wanted else {}))


def my_guilds(server: "FakeDiscord", call: Call) -> Answer:
    """The guilds that the bot is in, oldest first; `after` names an id."""
    after, limit = int(call.query.get("after", "0")), int(call.query.get("limit", "200"))
    found = sorted((g for g in server.world.bot_guilds() if g.id > after), key=lambda g: g.id)
    return Answer(body=[payloads.my_guild(g, server.world.app.bot) for g in found[:limit]])


def leave_guild(server: "FakeDiscord", call: Call) -> Answer:
    """The bot goes."""
    server.world.kick_bot(seen_guild(server, call))
    return NOTHING


def channels(server: "FakeDiscord", call: Call) -> Answer:
    """The guild's channels without threads."""
    found = seen_guild(server, call)
    return Answer(body=[payloads.channel(c) for c in found.channels.values() if c.parent is None])


def active_threads(server: "FakeDiscord", call: Call) -> Answer:
    """The guild's open threads."""
    found = [c for c in seen_guild(server, call).channels.values() if c.parent is not None and not c.archived]
    return Answer(body={"threads": [payloads.channel(thread) for thread in found], "members": [], "has_more": False})


def roles(server: "FakeDiscord", call: Call) -> Answer:
    """The guild's roles."""
    return Answer(body=[payloads.role(role) for role in seen_guild(server, call).roles.values()])


def member(server: "FakeDiscord", call: Call) -> Answer:
    """A member by id."""
    found = seen_guild(server, call).members.get(call.ident("user_id"))
    if found is None:
        raise Refusal(10007)
    return Answer(body=payloads.member_with_user(found))


ROUTES: Routes = {
    ("GET", "/gateway"): gateway,
    ("GET", "/gateway/bot"): bot_gateway,
    ("GET", "/users/@me"): me,
    ("GET", "/users/@me/guilds"): my_guilds,
    ("DELETE", "/users/@me/guilds/{guild_id}"): leave_guild,
    ("POST", "/users/@me/channels"): open_direct,
    ("GET", "/users/{user_id}"): user,
    ("GET", "/applications/@me"): application,
    ("GET", "/oauth2/applications/@me"): application,
    ("GET", "/channels/{channel_id}"): channel,
    ("GET", "/guilds/{guild_id}"): guild,
    ("GET", "/guilds/{guild_id}/channels"): channels,
    ("GET", "/guilds/{guild_id}/threads/active"): active_threads,
    ("GET", "/guilds/{guild_id}/roles"): roles,
    ("GET", "/guilds/{guild_id}/members/{user_id}"): member,
}

"""The world as Discord writes it in JSON."""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord.clock import born, iso
from tests.fakes.discord.permissions import in_channel, in_guild

if TYPE_CHECKING:
    from tests.fakes.discord.messages import Message
    from tests.fakes.discord.world import Application, Channel, Guild, Membership, Role, User


def user(who: "User") -> dict[str, Any]:
    """A user as others see it."""
    return {
        "id": str(who.id),
        "username": who.name.lower().replace(" ", "_"),
        "global_name": None if who.bot else who.name,
        "discriminator": "0001" if who.bot else "0",
        "avatar": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
        **({"bot": True} if who.bot else {}),
    }


def member(of: "Membership") -> dict[str, Any]:
    """A membership without its user, as messages carry it."""
    until = of.timed_out_until
    return {
        "nick": of.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role) for role in sorted(of.roles)],
        "joined_at": iso(of.joined),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": iso(until) if until else None,
    }


def member_with_user(of: "Membership") -> dict[str, Any]:
    """A membership with its user."""
    return member(of) | {"user": user(of.user)}


def role(of: "Role") -> dict[str, Any]:
    """A role."""
    return {
        "id": str(of.id),
        "name": of.name,
        "description": None,
        "permissions": str(int(of.permissions)),
        "position": of.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def channel(of: "Channel", *, for_user: "User | None" = None) -> dict[str, Any]:
    """A channel in full; a direct one as that user sees it."""
    last = max(of.messages, default=None)
    shown: dict[str, Any] = {
        "id": str(of.id),
        "type": int(of.kind),
        "flags": 0,
        "last_message_id": str(last) if last else None,
    }
    if of.guild is None:
        others = [who for who in of.recipients if who is not for_user]
        return shown | {"recipients": [user(who) for who in others]}
    shown |= {"guild_id": str(of.guild.id), "name": of.name, "rate_limit_per_user": 0}
    if of.parent is not None:
        return shown | _thread(of)
    return shown | {
        "topic": None,
        "nsfw": of.age_gated,
        "position": 0,
        "parent_id": None,
        "permission_overwrites": [
            {"id": str(o.id), "type": int(o.member), "allow": str(int(o.allow)), "deny": str(int(o.deny))}
            for o in of.overwrites.values()
        ],
    }


def _thread(of: "Channel") -> dict[str, Any]:
    return {
        "parent_id": str(of.parent.id) if of.parent else None,
        "owner_id": str(of.owner.id) if of.owner else "0",
        "thread_metadata": {
            "archived": of.archived,
            "locked": of.locked,
            "archive_timestamp": iso(born(of.id)),
            "create_timestamp": iso(born(of.id)),
            "auto_archive_duration": 1440,
            **({"invitable": True} if of.kind == 12 else {}),
        },
        "message_count": len(of.messages),
        "member_count": len(of.thread_members),
        "total_message_sent": len(of.messages),
    }


def partial_channel(of: "Channel", who: "User", *, now: float) -> dict[str, Any]:
    """A channel as an interaction carries it: with what its user may do there."""
    shown = channel(of, for_user=who) | {"permissions": str(int(in_channel(who, of, now=now)))}
    for name in ("permission_overwrites", "message_count", "member_count", "total_message_sent"):
        shown.pop(name, None)
    return shown


def guild_settings(of: "Guild") -> dict[str, Any]:
    """A guild without its channels and members."""
    return {
        "id": str(of.id),
        "name": of.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": str(of.owner.id),
        "application_id": None,
        "region": "us-central",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role(one) for one in of.roles.values()],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": {10: 0, 50: 2, 100: 3}.get(of.upload_limit // 2**20, 0),
        "premium_subscription_count": 0,
        "preferred_locale": of.locale,
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
    }


def guild(of: "Guild", bot: "User", *, joined: bool = False) -> dict[str, Any]:
    """A guild as GUILD_CREATE brings it: of its members only the bot, which has no privileged intent.

    Only where the bot has just joined it does not say that it is available: clients tell the two apart by that.
    """
    membership = of.members[bot.id]
    return guild_settings(of) | {
        "joined_at": iso(membership.joined),
        "large": len(of.members) > 250,
        **({} if joined else {"unavailable": False}),
        "member_count": len(of.members),
        "voice_states": [],
        "members": [member_with_user(membership)],
        "channels": [channel(c) for c in of.channels.values() if c.parent is None],
        "threads": [channel(c) for c in of.channels.values() if c.parent is not None and not c.archived],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def application(of: "Application") -> dict[str, Any]:
    """The application, as it sees itself."""
    return {
        "id": str(of.id),
        "name": of.name,
        "icon": None,
        "description": of.description,
        "type": None,
        "summary": "",
        "bot": user(of.bot),
        "is_monetized": False,
        "is_verified": False,
        "is_discoverable": False,
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 0,
        "hook": True,
        "storefront_available": False,
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user(of.owner),
        "approximate_guild_count": 0,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "interactions_event_types": [],
        "interactions_version": 1,
        "explicit_content_filter": 0,
        "rpc_application_state": 0,
        "store_application_state": 1,
        "verification_state": 1,
        "integration_public": True,
        "integration_require_code_grant": False,
        "discoverability_state": 1,
        "discovery_eligibility_flags": 0,
        "monetization_state": 1,
        "monetization_eligibility_flags": 0,
        "event_webhooks_status": 1,
        "internal_guild_restriction": 1,
        "team": None,
        "integration_types_config": {"0": {}, "1": {}},
        "flags_new": "0",
        "eligible_oauth2_scopes": [],
    }


def message(of: "Message", app: "Application", *, content: bool = True, created: bool = False) -> dict[str, Any]:
    """A message; without its content for who has not the intent for it.

    Files that a Components V2 message shows are in its components, not among `attachments`, as Discord does it. The
    nonce is told only where the message is made: whoever reads it later does not get it.
    """
    shown: dict[str, Any] = {
        "id": str(of.id),
        "channel_id": str(of.channel.id),
        "author": user(of.author),
        "content": of.content if content else "",
        "timestamp": iso(of.created),
        "edited_timestamp": iso(of.edited) if of.edited else None,
        "tts": False,
        "mention_everyone": of.pings_everyone,
        "mentions": [user(who) for who in of.pinged],
        "mention_roles": [str(role) for role in of.pings_roles],
        "attachments": [a.payload() for a in of.attachments] if content and not of.is_v2 else [],
        "embeds": of.embeds if content else [],
        "components": of.components if content else [],
        "pinned": False,
        "type": 0,
        "flags": int(of.flags),
    }
    if created and of.nonce is not None:
        shown["nonce"] = of.nonce
    if of.author is app.bot and of.interaction is not None:
        shown |= of.interaction.message_fields(of)
    if of.reference is not None:
        replied = of.channel.messages.get(of.reference)
        shown["type"] = 19 if of.interaction is None else shown["type"]
        shown["message_reference"] = {"type": 0, "channel_id": str(of.channel.id), "message_id": str(of.reference)}
        if of.channel.guild:
            shown["message_reference"]["guild_id"] = str(of.channel.guild.id)
        shown["referenced_message"] = message(replied, app) if replied else None
    return shown


def my_guild(of: "Guild", who: "User") -> dict[str, Any]:
    """A guild in the list of one's own guilds."""
    settings = guild_settings(of)
    shown = {key: settings[key] for key in ("id", "name", "icon", "banner", "features")}
    return shown | {"owner": of.owner is who, "permissions": str(int(in_guild(who, of)))}

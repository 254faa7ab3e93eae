"""From somebody's act to the event that the bot gets."""

import secrets
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads
from tests.fakes.discord.composing import DIRECT_UPLOAD_LIMIT
from tests.fakes.discord.interactions import Interaction, Type
from tests.fakes.discord.messages import Message
from tests.fakes.discord.permissions import P, in_channel
from tests.fakes.discord.world import Channel, Kind, User

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

GUILD, BOT_DM, PRIVATE = 0, 1, 2
GUILD_INSTALL, USER_INSTALL = 0, 1
EXTERNAL_APP_POWERS = P.ATTACH_FILES | P.EMBED_LINKS | P.MENTION_EVERYONE | P.EXTERNAL_EMOJIS


class Doing:
    """Makes interactions of one user."""

    def __init__(self, server: "FakeDiscord", user: User) -> None:
        self._server = server
        self._user = user

    def context(self, channel: Channel) -> int:
        """Where it is: a guild, the conversation with the bot, or another one."""
        if channel.guild is not None:
            return GUILD
        return BOT_DM if channel.kind is Kind.DM and self._server.world.app.bot in channel.recipients else PRIVATE

    def installations(self, channel: Channel) -> set[int]:
        """By which installations the application's commands are there for this user."""
        found = {USER_INSTALL} if self._user.installed else set()
        where = self.context(channel)
        if where == BOT_DM or (channel.guild is not None and channel.guild.app_installed):
            found.add(GUILD_INSTALL)
        return found

    def send(
        self,
        channel: Channel,
        kind: Type,
        data: dict[str, Any],
        *,
        source: Message | None = None,
        opened_by: Interaction | None = None,
        locale: str = "",
    ) -> Interaction:
        """Make the interaction and tell the bot."""
        server, guild = self._server, channel.guild
        now = server.clock.now()
        owners = self._owners(channel, source)
        is_member = guild is None or guild.app_installed
        may_speak = in_channel(self._user, channel, now=now) & P.EXTERNAL_APPS
        interaction = Interaction(
            id=server.clock.snowflake(),
            token=secrets.token_urlsafe(120),
            type=kind,
            user=self._user,
            channel=channel,
            created=now,
            clock=server.clock,
            owners=owners,
            bot_is_member=is_member and self.context(channel) != PRIVATE,
            must_be_private=guild is not None and not guild.app_installed and not may_speak,
            source=source,
            opened_by=opened_by,
        )
        interaction.payload = self._payload(interaction, data, locale or self._user.locale)
        server.interactions[interaction.id] = interaction
        server.by_token[interaction.token] = interaction
        server.gateway.tell("INTERACTION_CREATE", interaction.payload, guild)
        return interaction

    def _owners(self, channel: Channel, source: Message | None) -> dict[str, str]:
        """Who installed the application for this: the guild ("0" in conversations), the user; for a component, of the
        interaction that its message answered."""
        if source is not None and source.interaction is not None:
            return source.interaction.owners
        owners = {}
        if GUILD_INSTALL in self.installations(channel):
            owners["0"] = str(channel.guild.id) if channel.guild else "0"
        if self._user.installed:
            owners["1"] = str(self._user.id)
        return owners

    def _payload(self, interaction: Interaction, data: dict[str, Any], locale: str) -> dict[str, Any]:
        server, channel, now = self._server, interaction.channel, interaction.created
        app, guild = server.world.app, channel.guild
        payload: dict[str, Any] = {
            "id": str(interaction.id),
            "application_id": str(app.id),
            "type": int(interaction.type),
            "token": interaction.token,
            "version": 1,
            "data": data,
            "channel_id": str(channel.id),
            "channel": payloads.partial_channel(channel, self._user, now=now),
            "locale": locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": interaction.owners,
            "context": self.context(channel),
            "attachment_size_limit": guild.upload_limit if guild else DIRECT_UPLOAD_LIMIT,
        }
        if guild is None:
            own = payload["context"] == BOT_DM
            powers_in_private = EXTERNAL_APP_POWERS if own else EXTERNAL_APP_POWERS & ~P.EXTERNAL_EMOJIS
            payload |= {"user": payloads.user(self._user), "app_permissions": str(int(powers_in_private))}
        else:
            member = payloads.member_with_user(guild.members[self._user.id])
            member["permissions"] = str(int(in_channel(self._user, channel, now=now)))
            powers = in_channel(app.bot, channel, now=now)
            if app.bot.id not in guild.members:
                powers = in_channel(self._user, channel, now=now) & EXTERNAL_APP_POWERS
            payload |= {
                "guild_id": str(guild.id),
                "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
                "guild_locale": guild.locale,
                "member": member,
                "app_permissions": str(int(powers)),
            }
        if interaction.source is not None:
            payload["message"] = payloads.message(interaction.source, app)
        return payload

"""What an interaction says of who asks, from where and with which power; as a Command."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import discord

from bot.adapter import Command
from engine.model import Identity, OptionValue, Place, Power

PLATFORM = "discord"
DIRECT = "direct"
"""The kind of place that is a conversation with us."""
BORROWED = "borrowed"
"""The kind of place where we are no member: only the interaction's own messages reach it, for 15 minutes.

Its `chat` is the interaction's id, its `thread` the interaction's token, and `reply_to` the acknowledgement's id.
"""
ANSWER = "answer"
"""Where an interaction keeps the id of its acknowledgement."""
Interaction: TypeAlias = "discord.Interaction[Any]"
NEEDED = ("view_channel", "send_messages", "attach_files")
"""What we must be allowed in a channel to show a result there."""


def place_of(interaction: Interaction) -> Place:
    """Where the answer goes."""
    kind, chat, thread, answer = "", str(interaction.channel_id or ""), "", ""
    if is_borrowed(interaction):
        kind, chat, thread = BORROWED, str(interaction.id), interaction.token
        answer = str(interaction.extras.get(ANSWER, ""))
    elif interaction.guild_id is None:
        kind = DIRECT
    return Place(
        platform=PLATFORM,
        chat=chat,
        thread=thread,
        reply_to=answer,
        locale=str(interaction.locale),
        owner=interaction.user.display_name,
        owner_id=str(interaction.user.id),
        kind=kind,
    )


def is_borrowed(interaction: Interaction) -> bool:
    """Whether somebody took us along to where we are no member."""
    if interaction.guild_id is not None:
        return interaction.client.get_guild(interaction.guild_id) is None
    return interaction.context.private_channel


def command_of(interaction: Interaction, name: str, line: str | tuple[str, ...] = "", **more: Any) -> Command:
    """Make a Command of an interaction; `more` are further fields of it."""
    user = interaction.user
    borrowed = is_borrowed(interaction)
    ours = interaction.guild_id is not None and not borrowed
    return Command(
        name=name,
        identity=Identity(platform=PLATFORM, id=str(user.id), name=user.display_name),
        place=place_of(interaction),
        key=f"{PLATFORM}:{interaction.id}",
        line=line,
        community=str(interaction.guild_id) if ours else "",
        community_name=interaction.guild.name if ours and interaction.guild is not None else "",
        power=_power(interaction) if ours else Power.MEMBER,
        max_upload=interaction.filesize_limit,
        roles=_roles(user) if ours else frozenset(),
        adult=_adult(interaction.channel),
        **more,
    )


def _power(interaction: Interaction) -> Power:
    """Whoever may manage the guild moderates it; other moderators' role is the community's own policy."""
    may = interaction.permissions
    return Power.MODERATOR if may.administrator or may.manage_guild else Power.MEMBER


def _roles(user: discord.User | discord.Member) -> frozenset[str]:
    return frozenset(str(role.id) for role in user.roles) if isinstance(user, discord.Member) else frozenset()


def _adult(channel: object) -> bool:
    is_nsfw = getattr(channel, "is_nsfw", None)
    return bool(is_nsfw()) if callable(is_nsfw) else False


def missing_permission(interaction: Interaction) -> str:
    """The permission, in discord.py's words, that we lack to show a result there; empty if none."""
    if interaction.guild_id is None or is_borrowed(interaction):
        return ""
    return first_missing(interaction.app_permissions, interaction.channel)


def first_missing(may: discord.Permissions, channel: object) -> str:
    """The first that is missing of what a channel or thread takes; empty if none."""
    thread = isinstance(channel, discord.Thread)
    for name in NEEDED:
        needed = "send_messages_in_threads" if thread and name == "send_messages" else name
        if not may.administrator and not getattr(may, needed):
            return needed
    return ""


def channel_name(channel: object) -> str:
    """A channel as people see it."""
    name = getattr(channel, "name", None)
    return f"#{name}" if name else ""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was filled in of a slash command."""

    verb: str = ""
    values: Mapping[str, OptionValue] = field(default_factory=dict)
    focused: str = ""  # the option that is being typed

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Options":
        """Read an interaction's data."""
        options: Sequence[Mapping[str, Any]] = data.get("options") or ()
        verb = ""
        if len(options) == 1 and options[0].get("type") == 1:
            verb, options = str(options[0]["name"]), options[0].get("options") or ()
        return cls(
            verb=verb,
            values={str(option["name"]): option["value"] for option in options if "value" in option},
            focused=next((str(option["name"]) for option in options if option.get("focused")), ""),
        )


def resolved(data: Mapping[str, Any], kind: str, snowflake: object) -> Mapping[str, Any]:
    """What Discord tells of a thing that an interaction names; empty if nothing."""
    found = (data.get("resolved") or {}).get(kind, {}).get(str(snowflake), {})
    return found if isinstance(found, Mapping) else {}


def custom_ids(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The ids in a message's components, as an interaction tells them."""
    for component in components:
        if isinstance(component.get("custom_id"), str):
            yield component["custom_id"]
        yield from custom_ids(component.get("components") or ())

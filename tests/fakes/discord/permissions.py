"""What a member may do in a channel, computed as Discord documents it."""

from enum import IntFlag
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.fakes.discord.world import Channel, Guild, User


class P(IntFlag):
    """The permissions that matter to a bot."""

    CREATE_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    EXTERNAL_EMOJIS = 1 << 18
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    CHANGE_NICKNAME = 1 << 26
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    EXTERNAL_STICKERS = 1 << 37
    SEND_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    SEND_POLLS = 1 << 49
    EXTERNAL_APPS = 1 << 50

    @classmethod
    def all(cls) -> Self:
        """Everything."""
        return cls(sum(cls))

    @classmethod
    def bot_default(cls) -> Self:
        """What an image bot is usually invited with."""
        return cls(
            cls.VIEW_CHANNEL
            | cls.SEND_MESSAGES
            | cls.SEND_IN_THREADS
            | cls.EMBED_LINKS
            | cls.ATTACH_FILES
            | cls.READ_HISTORY
        )


NOTHING = P(0)
EVERYONE = (
    P.CREATE_INVITE
    | P.ADD_REACTIONS
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_HISTORY
    | P.EXTERNAL_EMOJIS
    | P.CONNECT
    | P.SPEAK
    | P.CHANGE_NICKNAME
    | P.USE_COMMANDS
    | P.CREATE_PUBLIC_THREADS
    | P.SEND_IN_THREADS
    | P.SEND_POLLS
    | P.EXTERNAL_APPS
)
DIRECT = (
    P.ADD_REACTIONS
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_HISTORY
    | P.MENTION_EVERYONE
    | P.EXTERNAL_EMOJIS
    | P.USE_COMMANDS
    | P.EXTERNAL_APPS
)
NOT_IN_TIME_OUT = ~(P.VIEW_CHANNEL | P.READ_HISTORY)
SENDING = P.SEND_TTS | P.MENTION_EVERYONE | P.EMBED_LINKS | P.ATTACH_FILES


def in_guild(user: "User", guild: "Guild") -> P:
    """By roles alone; nothing for who is no member."""
    member = guild.members.get(user.id)
    if member is None:
        return P(0)
    if guild.owner is user:
        return P.all()
    base = guild.everyone.permissions
    for role in member.roles:
        base |= guild.roles[role].permissions if role in guild.roles else P(0)
    return P.all() if base & P.ADMINISTRATOR else base


def in_channel(user: "User", channel: "Channel", *, now: float = 0.0) -> P:
    """By roles, then the channel's overwrites: everyone's, the roles' together, the member's."""
    guild = channel.guild
    if guild is None:
        return DIRECT if user in channel.recipients else P(0)
    base = in_guild(user, guild)
    if base & P.ADMINISTRATOR or user.id not in guild.members:
        return base
    member = guild.members[user.id]
    place = channel.parent or channel
    allow, deny = P(0), P(0)
    if (said := place.overwrites.get(guild.id)) is not None:
        base = base & ~said.deny | said.allow
    for role in member.roles:
        if (said := place.overwrites.get(role)) is not None:
            allow, deny = allow | said.allow, deny | said.deny
    base = base & ~deny | allow
    if (said := place.overwrites.get(user.id)) is not None:
        base = base & ~said.deny | said.allow
    return implied(base, channel, user, timed_out=member.timed_out_until > now)


def implied(base: P, channel: "Channel", user: "User", *, timed_out: bool) -> P:
    """What is lost with what is missing: who cannot see can do nothing, who cannot send cannot attach."""
    if timed_out:
        base &= ~NOT_IN_TIME_OUT
    hidden = channel.kind == 12 and user.id not in channel.thread_members and not base & P.MANAGE_THREADS
    if not base & P.VIEW_CHANNEL or hidden:
        return P(0)
    if channel.parent is not None:
        base = base | P.SEND_MESSAGES if base & P.SEND_IN_THREADS else base & ~P.SEND_MESSAGES
    return base if base & P.SEND_MESSAGES else base & ~SENDING

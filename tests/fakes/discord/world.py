"""Who and what there is: users, guilds, members, roles, channels. Changes are told to the gateway.

Everything is in memory and may be changed by tests between calls; ids are integers here and text in JSON.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads
from tests.fakes.discord.clock import Clock
from tests.fakes.discord.permissions import EVERYONE, NOTHING, P, in_channel

if TYPE_CHECKING:
    from tests.fakes.discord.messages import Message
    from tests.fakes.discord.people import Person

MIB = 2**20


class Kind(IntEnum):
    """A channel's type."""

    TEXT = 0
    DM = 1
    VOICE = 2
    GROUP_DM = 3
    CATEGORY = 4
    NEWS = 5
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


THREADS = (Kind.PUBLIC_THREAD, Kind.PRIVATE_THREAD)


@dataclass(eq=False, kw_only=True)
class User:
    """An account."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    accepts_messages: bool = True  # from people and bots that it shares a guild with
    installed: bool = False  # has the application on the account, not only in guilds


@dataclass(eq=False, kw_only=True)
class Role:
    """A role of a guild; the one with the guild's own id is everyone's."""

    id: int
    name: str
    permissions: P
    position: int = 0


@dataclass(eq=False, kw_only=True)
class Overwrite:
    """What a channel allows and denies one role or member, over their roles."""

    id: int
    member: bool
    allow: P = NOTHING
    deny: P = NOTHING


@dataclass(eq=False, kw_only=True)
class Membership:
    """A user in a guild."""

    user: User
    joined: float
    nick: str | None = None
    roles: set[int] = field(default_factory=set)
    timed_out_until: float = 0.0


@dataclass(eq=False, kw_only=True)
class Channel:
    """Where messages are: of a guild, a thread of one, or a direct conversation."""

    id: int
    kind: Kind
    name: str = ""
    guild: "Guild | None" = None
    parent: "Channel | None" = None
    recipients: list[User] = field(default_factory=list)
    age_gated: bool = False
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    archived: bool = False
    locked: bool = False
    owner: User | None = None
    thread_members: set[int] = field(default_factory=set)
    messages: "dict[int, Message]" = field(default_factory=dict)
    private: "dict[int, Message]" = field(default_factory=dict)  # ephemeral ones: no bot's token reaches them
    nonces: "dict[tuple[int, str], tuple[float, Message]]" = field(default_factory=dict)

    @property
    def is_direct(self) -> bool:
        """Whether it belongs to no guild."""
        return self.guild is None


@dataclass(eq=False, kw_only=True)
class Guild:
    """A server."""

    id: int
    name: str
    owner: User
    locale: str = "en-US"
    upload_limit: int = 10 * MIB  # bytes a file
    members: dict[int, Membership] = field(default_factory=dict)
    roles: dict[int, Role] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    available: bool = True
    app_installed: bool = True

    @property
    def everyone(self) -> Role:
        """The role that all have."""
        return self.roles[self.id]

    def role(self, name: str) -> Role:
        """By name."""
        return next(role for role in self.roles.values() if role.name == name)


@dataclass(eq=False, kw_only=True)
class Application:
    """The application whose bot is tested, and what it registered."""

    id: int
    bot: User
    owner: User
    name: str
    token: str
    intents_granted: frozenset[str] = frozenset()  # of "members", "presences", "message_content"
    commands: dict[int, dict[int, dict[str, Any]]] = field(default_factory=dict)  # by guild id, 0 is global; then by id
    description: str = ""


Emit = Callable[[str, dict[str, Any], Guild | None], None]


class World:
    """All there is, and the ways to change it."""

    def __init__(self, clock: Clock, *, token: str, play: "Callable[[User], Person]") -> None:
        self.clock = clock
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.emit: Emit = lambda event, data, guild: None
        self._play = play
        bot = self.user("Atelier", bot=True)
        owner = self.user("developer")
        self.app = Application(id=bot.id, bot=bot, owner=owner, name="Atelier", token=token)

    # Making things

    def user(self, name: str, *, bot: bool = False, locale: str = "en-US", installed: bool = False) -> User:
        """A new account."""
        user = User(id=self.clock.snowflake(), name=name, bot=bot, locale=locale, installed=installed)
        self.users[user.id] = user
        return user

    def person(self, name: str, *, locale: str = "", installed: bool | None = None) -> "Person":
        """Somebody by name, made when first asked for; who can act where they may."""
        user = next((u for u in self.users.values() if u.name == name), None) or self.user(name)
        user.locale = locale or user.locale
        user.installed = user.installed if installed is None else installed
        return self._play(user)

    def guild(self, name: str, *, owner: str = "", bot: bool = True, locale: str = "en-US") -> Guild:
        """A new guild; the bot is in it unless told otherwise. Its owner is named after it unless told."""
        person = self.person(owner or f"owner of {name}")
        guild = Guild(id=self.clock.snowflake(), name=name, owner=person.user, locale=locale, app_installed=bot)
        guild.roles[guild.id] = Role(id=guild.id, name="@everyone", permissions=EVERYONE)
        self.guilds[guild.id] = guild
        self._join(guild, person.user)
        if bot:
            self.invite_bot(guild)
        return guild

    def member(self, guild: Guild, name: str, *, locale: str = "", roles: tuple[Role, ...] = ()) -> "Person":
        """Somebody by name, in the guild from now on."""
        person = self.person(name, locale=locale)
        member = guild.members.get(person.user.id) or self._join(guild, person.user)
        member.roles |= {role.id for role in roles}
        return person

    def role(self, guild: Guild, name: str, permissions: P = NOTHING) -> Role:
        """A new role."""
        role = Role(id=self.clock.snowflake(), name=name, permissions=permissions, position=len(guild.roles))
        guild.roles[role.id] = role
        self.emit("GUILD_ROLE_CREATE", {"guild_id": str(guild.id), "role": payloads.role(role)}, guild)
        return role

    def channel(self, guild: Guild, name: str, *, age_gated: bool = False, kind: Kind = Kind.TEXT) -> Channel:
        """A new channel of a guild."""
        channel = Channel(id=self.clock.snowflake(), kind=kind, name=name, guild=guild, age_gated=age_gated)
        self._add(channel)
        self.emit("CHANNEL_CREATE", payloads.channel(channel), guild)
        return channel

    def thread(self, parent: Channel, name: str, *, owner: User | None = None, private: bool = False) -> Channel:
        """A new thread in a channel; private ones are seen by their members and moderators."""
        kind = Kind.PRIVATE_THREAD if private else Kind.PUBLIC_THREAD
        thread = Channel(id=self.clock.snowflake(), kind=kind, name=name, guild=parent.guild, parent=parent)
        thread.owner = owner or (parent.guild.owner if parent.guild else None)
        thread.thread_members = {thread.owner.id} if thread.owner else set()
        self._add(thread)
        self.emit("THREAD_CREATE", payloads.channel(thread), parent.guild)
        return thread

    def direct(self, *users: User) -> Channel:
        """The conversation of these two, made when first asked for; of three and more it is a group."""
        for channel in self.channels.values():
            if channel.is_direct and set(channel.recipients) == set(users):
                return channel
        kind = Kind.DM if len(users) == 2 else Kind.GROUP_DM
        channel = Channel(id=self.clock.snowflake(), kind=kind, recipients=list(users))
        self._add(channel)
        return channel

    def _add(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        if channel.guild:
            channel.guild.channels[channel.id] = channel

    def _join(self, guild: Guild, user: User) -> Membership:
        guild.members[user.id] = member = Membership(user=user, joined=self.clock.now())
        return member

    # Changing things

    def invite_bot(self, guild: Guild, permissions: P | None = None) -> None:
        """The bot joins, with the role that Discord makes for it."""
        guild.app_installed = True
        role = self.role(guild, self.app.name, P.bot_default() if permissions is None else permissions)
        self._join(guild, self.app.bot).roles = {role.id}
        self.emit("GUILD_CREATE", payloads.guild(guild, self.app.bot, joined=True), guild)

    def kick_bot(self, guild: Guild) -> None:
        """The bot is removed from the guild, with its role and its guild commands."""
        bot = guild.members.pop(self.app.bot.id)
        for role in bot.roles:
            guild.roles.pop(role)
        guild.app_installed = False
        self.app.commands.pop(guild.id, None)
        self.emit("GUILD_DELETE", {"id": str(guild.id)}, guild)

    def delete_guild(self, guild: Guild) -> None:
        """The guild is gone."""
        self.emit("GUILD_DELETE", {"id": str(guild.id)}, guild)
        for channel in guild.channels.values():
            self.channels.pop(channel.id)
        self.guilds.pop(guild.id)

    def outage(self, guild: Guild, *, over: bool = False) -> None:
        """The guild is unavailable for a while, as in an outage of Discord's; `over` ends it."""
        guild.available = over
        if over:
            self.emit("GUILD_CREATE", payloads.guild(guild, self.app.bot), guild)
        else:
            self.emit("GUILD_DELETE", {"id": str(guild.id), "unavailable": True}, guild)

    def delete_channel(self, channel: Channel) -> None:
        """The channel is gone, and its threads with it."""
        for thread in [c for c in self.channels.values() if c.parent is channel]:
            self.delete_channel(thread)
        self.channels.pop(channel.id)
        event = "THREAD_DELETE" if channel.kind in THREADS else "CHANNEL_DELETE"
        if channel.guild:
            channel.guild.channels.pop(channel.id)
            self.emit(event, payloads.channel(channel), channel.guild)

    def archive(self, thread: Channel, *, locked: bool = False, archived: bool = True) -> None:
        """The thread is archived, or opened again."""
        thread.archived, thread.locked = archived, locked
        self.emit("THREAD_UPDATE", payloads.channel(thread), thread.guild)

    def overwrite(self, channel: Channel, whom: Role | User, *, allow: P = NOTHING, deny: P = NOTHING) -> None:
        """What the channel says about a role or a member, in the place of what it said."""
        made = Overwrite(id=whom.id, member=isinstance(whom, User), allow=allow, deny=deny)
        channel.overwrites[whom.id] = made
        self.emit("CHANNEL_UPDATE", payloads.channel(channel), channel.guild)

    def set_age_gate(self, channel: Channel, age_gated: bool) -> None:
        """Whether one must be of age to read it."""
        channel.age_gated = age_gated
        self.emit("CHANNEL_UPDATE", payloads.channel(channel), channel.guild)

    def grant(self, guild: Guild, role: Role, permissions: P) -> None:
        """What the role may from now on."""
        role.permissions = permissions
        self.emit("GUILD_ROLE_UPDATE", {"guild_id": str(guild.id), "role": payloads.role(role)}, guild)

    def leave(self, guild: Guild, user: User) -> None:
        """A member is in the guild no longer."""
        guild.members.pop(user.id, None)
        self.emit("GUILD_MEMBER_REMOVE", {"guild_id": str(guild.id), "user": payloads.user(user)}, guild)

    # Asking

    def viewers(self, channel: Channel, private_to: User | None = None) -> Iterator[int]:
        """The people who see what is posted there now; of what is private only its one reader."""
        if private_to is not None:
            yield private_to.id
            return
        members = channel.recipients if channel.guild is None else [m.user for m in channel.guild.members.values()]
        for user in members:
            if not user.bot and in_channel(user, channel, now=self.clock.now()) & P.VIEW_CHANNEL:
                yield user.id

    def share_a_guild(self, one: User, other: User) -> bool:
        """Whether both are members somewhere."""
        return any({one.id, other.id} <= guild.members.keys() for guild in self.guilds.values())

    def bot_guilds(self) -> Iterator[Guild]:
        """Where the bot is a member."""
        return (guild for guild in self.guilds.values() if self.app.bot.id in guild.members)

"""People: what somebody sees, and what they can do with Discord's client.

What the client itself would not let them do raises ClientRefuses: an unknown command, an option out of range, a button
that is disabled or that they cannot see.
"""

from typing import TYPE_CHECKING, Any

from tests.fakes.discord import options as forms
from tests.fakes.discord import payloads, registered
from tests.fakes.discord.dialogs import choose, filled_in
from tests.fakes.discord.doing import Doing
from tests.fakes.discord.interactions import Interaction, Modal, Type
from tests.fakes.discord.messages import File, Message
from tests.fakes.discord.options import ClientRefuses, Resolved
from tests.fakes.discord.permissions import P, in_channel, in_guild
from tests.fakes.discord.world import Channel, User

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord


class Person:
    """Somebody at Discord's client."""

    def __init__(self, server: "FakeDiscord", user: User) -> None:
        self.user = user
        self._server = server
        self._doing = Doing(server, user)

    @property
    def id(self) -> int:
        """Their user id."""
        return self.user.id

    @property
    def mention(self) -> str:
        """As texts name them."""
        return f"<@{self.user.id}>"

    @property
    def dm(self) -> Channel:
        """Their conversation with the bot."""
        return self._server.world.direct(self._server.world.app.bot, self.user)

    # Seeing

    def can_see(self, channel: Channel) -> bool:
        """Whether the channel is there for them at all."""
        there = channel.id in self._server.world.channels
        return there and bool(in_channel(self.user, channel, now=self._server.clock.now()) & P.VIEW_CHANNEL)

    def sees(self, channel: Channel) -> list[Message]:
        """The messages that they see there, oldest first: everybody's, and private ones to them."""
        if not self.can_see(channel):
            return []
        public = list(channel.messages.values())
        private = [message for message in channel.private.values() if message.private_to is self.user]
        return sorted(public + private, key=lambda message: message.id)

    def latest(self, channel: Channel) -> Message:
        """The last message that they see there."""
        if not (seen := self.sees(channel)):
            raise LookupError(f"{self.user.name} sees nothing in {channel.name or 'the conversation'}")
        return seen[-1]

    async def until_sees(self, channel: Channel, text: str, *, within: float = 30.0) -> Message:
        """Wait until a message that they see there contains the text; the newest such one."""

        def found() -> Message | None:
            return next((m for m in reversed(self.sees(channel)) if text in m.text), None)

        what = f"{self.user.name} does not see {text!r}"
        message: Message = await self._server.until(found, within, what)
        return message

    def commands(self, channel: Channel) -> dict[str, dict[str, Any]]:
        """The slash commands that the client offers them there, by name."""
        return {c["name"]: c for c in self._offered(channel) if c["type"] == registered.CHAT}

    def menus(self, channel: Channel) -> dict[str, dict[str, Any]]:
        """The message menus that the client offers them there, by name."""
        return {c["name"]: c for c in self._offered(channel) if c["type"] == registered.MESSAGE_MENU}

    def _offered(self, channel: Channel) -> list[dict[str, Any]]:
        stored = self._server.world.app.commands
        every = [*stored.get(channel.guild.id if channel.guild else -1, {}).values(), *stored.get(0, {}).values()]
        return [command for command in every if self._may_use(command, channel)]

    def _may_use(self, command: dict[str, Any], channel: Channel) -> bool:
        """By where it is installed, by context, by age, and by its default permissions."""
        installed = self._doing.installations(channel)
        if "guild_id" not in command and not installed & set(command["integration_types"]):
            return False
        contexts = command.get("contexts")
        if contexts is not None and self._doing.context(channel) not in contexts:
            return False
        if command["nsfw"] and channel.guild and not (channel.parent or channel).age_gated:
            return False
        needed = command["default_member_permissions"]
        if needed is None or channel.guild is None or 0 not in installed:
            return True
        powers = in_guild(self.user, channel.guild)
        return bool(powers & P.ADMINISTRATOR) or (int(needed) != 0 and not int(needed) & ~int(powers))

    def _command(self, channel: Channel, name: str) -> tuple[dict[str, Any], list[str]]:
        """A command and the path of its subcommand; "mod queue" names both."""
        if not self.can_see(channel):
            raise ClientRefuses(f"{self.user.name} does not see {channel.name}")
        if not in_channel(self.user, channel, now=self._server.clock.now()) & P.USE_COMMANDS:
            raise ClientRefuses(f"{self.user.name} may not use commands in {channel.name}")
        first, *path = name.split()
        if (command := self.commands(channel).get(first)) is None:
            raise ClientRefuses(f"/{first} is not offered; there are {sorted(self.commands(channel))}")
        return command, path

    # Doing

    async def slash(
        self, channel: Channel, command: str, *, options: dict[str, Any] | None = None, locale: str = "", **more: Any
    ) -> Interaction:
        """Use a slash command ("imagine", "mod queue"); options by keyword, or by `options` where Python minds."""
        found, path = self._command(channel, command)
        resolved = self._resolved(channel)
        filled = forms.fill(forms.descend(found, path), {**(options or {}), **more}, resolved)
        data = self._command_data(found, forms.wrap(path, filled, found), resolved)
        return self._doing.send(channel, Type.COMMAND, data, locale=locale)

    async def autocomplete(
        self,
        channel: Channel,
        command: str,
        focused: str,
        typed: str = "",
        *,
        options: dict[str, Any] | None = None,
        locale: str = "",
        within: float = 30.0,
        **more: Any,
    ) -> list[dict[str, Any]]:
        """What is offered while they type into an option; the client shows at most 25."""
        found, path = self._command(channel, command)
        declared = forms.descend(found, path)
        if not next((o for o in declared if o["name"] == focused), {}).get("autocomplete"):
            raise ClientRefuses(f"{focused} of /{command} does not complete")
        resolved = self._resolved(channel)
        given = {**(options or {}), **more, focused: typed}
        filled = forms.fill(declared, given, resolved, typing=focused)
        data = self._command_data(found, forms.wrap(path, filled, found), resolved)
        asked = self._doing.send(channel, Type.AUTOCOMPLETE, data, locale=locale)
        await asked.ack(within)
        return asked.choices

    async def message_menu(self, message: Message, name: str, *, locale: str = "") -> Interaction:
        """Use a message's menu entry."""
        self._check_sees(message)
        offered = self.menus(message.channel)
        if name not in offered:
            raise ClientRefuses(f"there is no menu {name!r}; there are {sorted(offered)}")
        resolved = self._resolved(message.channel)
        resolved.messages[str(message.id)] = payloads.message(message, self._server.world.app)
        data = self._command_data(offered[name], [], resolved) | {"target_id": str(message.id)}
        return self._doing.send(message.channel, Type.COMMAND, data, locale=locale)

    async def click(self, message: Message, button: str, *, locale: str = "") -> Interaction:
        """Press a button, named by its custom id, label or emoji."""
        part = self._usable(message, button)
        if part["type"] != 2 or "custom_id" not in part:
            raise ClientRefuses(f"{button!r} is no button that asks the bot")
        data = {"component_type": 2, "custom_id": part["custom_id"], "id": part["id"]}
        return self._doing.send(message.channel, Type.COMPONENT, data, source=message, locale=locale)

    async def forge(self, message: Message, custom_id: str) -> Interaction:
        """Press a button that is not there: a changed client sends any custom id, and Discord checks the message's.

        Discord refuses those that the message does not have; so this is for ids that an older message carried.
        """
        self._check_sees(message)
        data = {"component_type": 2, "custom_id": custom_id, "id": 1}
        return self._doing.send(message.channel, Type.COMPONENT, data, source=message)

    async def select(self, message: Message, select: str, values: list[Any], *, locale: str = "") -> Interaction:
        """Choose in a select: options by value or label, or users, roles and channels."""
        part = self._usable(message, select)
        resolved = self._resolved(message.channel)
        chosen = choose(part, values, resolved)
        data: dict[str, Any] = {"component_type": part["type"], "custom_id": part["custom_id"], "id": part["id"]}
        data["values"] = chosen
        if part["type"] != 3:
            data["resolved"] = resolved.payload()
        return self._doing.send(message.channel, Type.COMPONENT, data, source=message, locale=locale)

    async def submit_modal(
        self, modal: Modal, values: dict[str, Any] | None = None, *, locale: str = ""
    ) -> Interaction:
        """Send a dialog: values by custom id, those not given as the dialog prefilled them."""
        if modal.interaction.user is not self.user:
            raise ClientRefuses("this dialog is somebody else's")
        resolved = self._resolved(modal.interaction.channel)
        data: dict[str, Any] = {"custom_id": modal.form["custom_id"]}
        data["components"] = filled_in(modal, values or {}, resolved)
        data["resolved"] = resolved.payload()
        opened_by = modal.interaction
        return self._doing.send(
            opened_by.channel, Type.MODAL, data, source=opened_by.source, opened_by=opened_by, locale=locale
        )

    async def says(self, channel: Channel, text: str = "", *, files: tuple[File, ...] = ()) -> Message:
        """Post an ordinary message."""
        if not in_channel(self.user, channel, now=self._server.clock.now()) & P.SEND_MESSAGES:
            raise ClientRefuses(f"{self.user.name} may not write in {channel.name}")
        return self._server.composer.create(channel, self.user, {"content": text}, dict(enumerate(files)))

    async def delete(self, message: Message) -> None:
        """Delete a message: their own, one that is private to them, or as a moderator any."""
        self._check_sees(message)
        own = message.author is self.user or message.private_to is self.user
        if not own and not in_channel(self.user, message.channel) & P.MANAGE_MESSAGES:
            raise ClientRefuses("this message is somebody else's")
        self._server.composer.delete(message)

    async def react(self, message: Message, emoji: str) -> None:
        """Add a reaction."""
        self._check_sees(message)
        message.reactions.setdefault(emoji, set()).add(self.user.id)
        guild = message.channel.guild
        about = {"user_id": str(self.user.id), "channel_id": str(message.channel.id), "message_id": str(message.id)}
        about |= {"guild_id": str(guild.id)} if guild else {}
        self._server.world.emit("MESSAGE_REACTION_ADD", about | {"emoji": {"id": None, "name": emoji}}, guild)

    def close_direct_messages(self, closed: bool = True) -> None:
        """Whether bots and people of shared guilds may not write to them."""
        self.user.accepts_messages = not closed

    # Parts

    def _check_sees(self, message: Message) -> None:
        if message not in self.sees(message.channel):
            raise ClientRefuses(f"{self.user.name} does not see this message")

    def _usable(self, message: Message, wanted: str) -> dict[str, Any]:
        self._check_sees(message)
        try:
            part = message.control(wanted)
        except LookupError as error:
            raise ClientRefuses(str(error)) from None
        if part.get("disabled"):
            raise ClientRefuses(f"{wanted!r} is disabled")
        return part

    def _resolved(self, channel: Channel) -> Resolved:
        return Resolved(guild=channel.guild, upload=lambda file: self._server.composer.attach(channel, file))

    @staticmethod
    def _command_data(command: dict[str, Any], filled: list[dict[str, Any]], resolved: Resolved) -> dict[str, Any]:
        data: dict[str, Any] = {"id": command["id"], "name": command["name"], "type": command["type"]}
        if filled:
            data["options"] = filled
        if found := resolved.payload():
            data["resolved"] = found
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        return data

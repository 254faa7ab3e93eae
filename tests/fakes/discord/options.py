"""What Discord's client lets somebody fill in: a command's options, checked and turned into interaction data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import payloads, registered
from tests.fakes.discord.messages import Attachment, File
from tests.fakes.discord.world import Channel, Guild, Role, User

if TYPE_CHECKING:
    from tests.fakes.discord.people import Person

SAFE_INTEGER = 2**53


class ClientRefuses(AssertionError):
    """Discord's own client would not have let the person do this."""


@dataclass(eq=False, kw_only=True)
class Resolved:
    """What ids in the data stand for."""

    guild: Guild | None
    upload: Callable[[File], Attachment]
    users: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, Any] = field(default_factory=dict)

    def user(self, user: User) -> str:
        """Name a user; with the membership where there is one."""
        self.users[str(user.id)] = payloads.user(user)
        if self.guild and user.id in self.guild.members:
            membership = payloads.member(self.guild.members[user.id])
            for key in ("deaf", "mute"):
                membership.pop(key)
            self.members[str(user.id)] = membership | {"permissions": "0"}
        return str(user.id)

    def role(self, role: Role) -> str:
        """Name a role."""
        self.roles[str(role.id)] = payloads.role(role)
        return str(role.id)

    def channel(self, channel: Channel) -> str:
        """Name a channel."""
        keys = ("id", "name", "type", "parent_id", "thread_metadata")
        full = payloads.channel(channel)
        self.channels[str(channel.id)] = {key: full[key] for key in keys if key in full} | {"permissions": "0"}
        return str(channel.id)

    def file(self, file: File) -> str:
        """Upload a file."""
        made = self.upload(file)
        made.ephemeral = True
        self.attachments[str(made.id)] = made.payload()
        return str(made.id)

    def payload(self) -> dict[str, Any]:
        """What was named."""
        kinds = ("users", "members", "roles", "channels", "attachments", "messages")
        return {kind: found for kind in kinds if (found := getattr(self, kind))}


def descend(command: Mapping[str, Any], path: list[str]) -> list[dict[str, Any]]:
    """The options of the subcommand that the path names, or of the command itself."""
    options: list[dict[str, Any]] = command.get("options", [])
    for name in path:
        found = next((o for o in options if o["name"] == name and o["type"] <= registered.GROUP), None)
        if found is None:
            raise ClientRefuses(f"/{command['name']} has no subcommand {name}; it has {[o['name'] for o in options]}")
        options = found.get("options", [])
    if any(option["type"] <= registered.GROUP for option in options):
        raise ClientRefuses(f"/{command['name']} needs one of {[o['name'] for o in options]}")
    return options


def wrap(path: list[str], options: list[dict[str, Any]], command: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The data's options: those that were filled in, inside the subcommand that they are of."""
    declared = list(command.get("options", []))
    kinds = []
    for name in path:
        found = next(o for o in declared if o["name"] == name)
        kinds.append((name, found["type"]))
        declared = found.get("options", [])
    for name, kind in reversed(kinds):
        options = [{"name": name, "type": kind, "options": options}]
    return options


def fill(
    declared: list[dict[str, Any]], given: Mapping[str, Any], resolved: Resolved, *, typing: str | None = None
) -> list[dict[str, Any]]:
    """The options as data, in the order in which they were filled in; while typing, nothing is required yet."""
    known = {option["name"]: option for option in declared}
    for name in given:
        if name not in known:
            raise ClientRefuses(f"there is no option {name}; there are {sorted(known)}")
    if typing is None:
        missing = [name for name, option in known.items() if option.get("required") and name not in given]
        if missing:
            raise ClientRefuses(f"{missing} must be filled in")
    filled = []
    for name, value in given.items():
        option = known[name]
        entry: dict[str, Any] = {"name": name, "type": option["type"]}
        if name == typing:
            filled.append(entry | {"value": str(value), "focused": True})
        else:
            filled.append(entry | {"value": _value(option, value, resolved)})
    return filled


def _value(option: Mapping[str, Any], value: Any, resolved: Resolved) -> Any:
    """One value as data; what the client would not take is refused."""
    name = option["name"]
    match option["type"]:
        case registered.STRING:
            return _text(option, value)
        case registered.INTEGER | registered.NUMBER:
            return _number(option, value)
        case registered.BOOLEAN:
            if not isinstance(value, bool):
                raise ClientRefuses(f"{name} is true or false")
            return value
        case registered.USER:
            return resolved.user(_user(value))
        case registered.ROLE:
            return resolved.role(value)
        case registered.CHANNEL:
            if option.get("channel_types") and int(value.kind) not in option["channel_types"]:
                raise ClientRefuses(f"{name} takes other kinds of channels")
            return resolved.channel(value)
        case registered.MENTIONABLE:
            return resolved.role(value) if isinstance(value, Role) else resolved.user(_user(value))
        case registered.ATTACHMENT:
            if not isinstance(value, File):
                raise ClientRefuses(f"{name} is a file")
            return resolved.file(value)
    raise ClientRefuses(f"{name} takes no value")


def _user(value: "Person | User") -> User:
    return value if isinstance(value, User) else value.user


def _text(option: Mapping[str, Any], value: Any) -> str:
    """A text, within its lengths; where there are choices, one of them by name or value."""
    if not isinstance(value, str):
        raise ClientRefuses(f"{option['name']} is a text")
    if choices := option.get("choices"):
        return str(_chosen(option, choices, value))
    low, high = option.get("min_length", 0), option.get("max_length", 6000)
    if not low <= len(value) <= high:
        raise ClientRefuses(f"{option['name']} has {low} to {high} characters, not {len(value)}")
    return value


def _number(option: Mapping[str, Any], value: Any) -> float:
    """A number, within its bounds."""
    if choices := option.get("choices"):
        return (
            float(_chosen(option, choices, value))
            if option["type"] == registered.NUMBER
            else int(_chosen(option, choices, value))
        )
    whole = option["type"] == registered.INTEGER
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ClientRefuses(f"{option['name']} is a {'whole ' if whole else ''}number")
    low, high = option.get("min_value", -SAFE_INTEGER), option.get("max_value", SAFE_INTEGER)
    if not low <= value <= high:
        raise ClientRefuses(f"{option['name']} is between {low} and {high}")
    return value


def _chosen(option: Mapping[str, Any], choices: list[dict[str, Any]], value: Any) -> Any:
    for choice in choices:
        if value in {choice["name"], choice["value"]}:
            return choice["value"]
    raise ClientRefuses(f"{option['name']} is one of {[choice['name'] for choice in choices]}")

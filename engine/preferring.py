"""What people prefer, and what channels and communities do: kept by name, each scope by who has power over it.

A person's own is theirs. A channel's and a community's are for its moderators; a community's default options are
part of its policy, so that there is one place that says them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine.accounts import AuditLine
from engine.errors import Forbidden
from engine.model import Actor, Power
from engine.moderation import Moderation
from engine.policies import DEFAULTS
from engine.ports_moderation import Preferences

OPTION, STYLE = "option.", "style."
SUFFIX, LOCALE = "suffix", "locale"
"""Names of preferences: an option's by its flag, a style's by its name."""


class Scope(StrEnum):
    """Whose preference it is."""

    PERSON = "person"
    CHANNEL = "channel"
    COMMUNITY = "community"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """All that was chosen for where and by whom something is asked."""

    person: Mapping[str, str] = field(default_factory=dict)
    channel: Mapping[str, str] = field(default_factory=dict)
    community: Mapping[str, str] = field(default_factory=dict)  # its styles, and its policy's defaults as options

    @property
    def locale(self) -> str:
        """The language that the person wants to be answered in; empty: the platform's."""
        return self.person.get(LOCALE, "")

    def of(self, scope: Scope, prefix: str) -> dict[str, str]:
        """What a scope has chosen whose names begin so, without that."""
        held: Mapping[str, str] = getattr(self, scope)
        return {name.removeprefix(prefix): value for name, value in held.items() if name.startswith(prefix)}


class Preferring:
    """Reads and writes preferences for an actor."""

    def __init__(self, *, preferences: Preferences, moderation: Moderation) -> None:
        self._preferences = preferences
        self._moderation = moderation

    async def chosen(self, actor: Actor, chat: str) -> Chosen:
        """What holds for the actor in a chat; nothing of other people, channels or communities."""
        scopes = [(Scope.PERSON.value, actor.person.id)]
        if actor.community is not None:
            scopes.append((Scope.CHANNEL.value, _channel(actor, chat)))
            scopes.append((Scope.COMMUNITY.value, actor.community.id))
        held = await self._preferences.of(scopes)
        person, channel, community = ([held[scope] for scope in scopes] + [{}, {}])[:3]
        defaults = {OPTION + name: value for name, value in actor.policy.defaults.items()}
        return Chosen(person=person, channel=channel, community={**community, **defaults})

    async def choose(self, actor: Actor, scope: Scope, chat: str, name: str, value: str) -> bool:
        """Choose something; False if there is no room for one more. Raises Forbidden."""
        if scope is Scope.COMMUNITY and name.startswith(OPTION):
            await self._moderation.set_policy(actor, {f"{DEFAULTS}.{name.removeprefix(OPTION)}": value})
            return True
        kind, scope_id, line = self._place(actor, scope, chat, name, value)
        return await self._preferences.set(kind, scope_id, name, value, line)

    async def drop(self, actor: Actor, scope: Scope, chat: str, name: str) -> bool:
        """Choose something no more; False if it was not chosen. Raises Forbidden."""
        if scope is Scope.COMMUNITY and name.startswith(OPTION):
            flag = name.removeprefix(OPTION)
            held = flag in (await self._moderation.policy(actor)).defaults
            await self._moderation.set_policy(actor, {f"{DEFAULTS}.{flag}": "none"} if held else {})
            return held
        kind, scope_id, line = self._place(actor, scope, chat, name, "")
        return await self._preferences.delete(kind, scope_id, name, line)

    def _place(self, actor: Actor, scope: Scope, chat: str, name: str, value: str) -> tuple[str, str, AuditLine | None]:
        """Give where a preference is kept, and what the log says of it. Raises Forbidden."""
        if actor.power is Power.NOBODY:
            raise Forbidden(action="own")
        if scope is Scope.PERSON:
            return scope, actor.person.id, None
        if actor.community is None or actor.power not in (Power.MODERATOR, Power.OPERATOR):
            raise Forbidden(action="moderator")
        scope_id = _channel(actor, chat) if scope is Scope.CHANNEL else actor.community.id
        line = AuditLine(
            actor=f"{actor.identity.platform}:{actor.identity.id}",
            action="prefer",
            target=scope_id,
            detail={"name": name, "value": value},
            community_id=actor.community.id,
        )
        return scope, scope_id, line


def _channel(actor: Actor, chat: str) -> str:
    """Name a channel within its community, so that no other community's is meant whatever its id."""
    return f"{actor.community.id if actor.community else ''}:{chat}"

"""Who asks, and whether they are served: the one place where a person's power comes from."""

from dataclasses import dataclass, replace

from engine.errors import AccessDenied, Forbidden
from engine.model import Actor, Identity, Job, Place, Power
from engine.policies import CommunityPolicy
from engine.ports import Accounts, Books

NAMED = 10  # channels that a refusal names


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who is served at all."""

    operators: frozenset[str]  # "platform:id"
    open: bool
    allowed: frozenset[str]  # "platform:guild or chat id", when not open


class Admission:
    """Finds the actor behind an identity, and lets in who may come in."""

    def __init__(self, *, books: Books, accounts: Accounts, access: Access) -> None:
        self._books = books
        self._accounts = accounts
        self._access = access

    async def actor(
        self,
        identity: Identity,
        *,
        locale: str,
        community: str,
        community_name: str,
        power: Power,
        roles: frozenset[str],
    ) -> Actor:
        """Find (or greet) whoever asks; see `Studio.actor`."""
        person = await self._books.person(identity)
        found = await self._books.community(identity.platform, community, community_name) if community else None
        policy = CommunityPolicy() if found is None else await self._accounts.policy(found.id)
        console = identity.platform == "console"  # whoever may read the door's key owns the machine
        if console or f"{identity.platform}:{identity.id}" in self._access.operators:
            power = Power.OPERATOR
        elif power is Power.OPERATOR or (power is Power.MEMBER and roles & set(policy.moderator_role)):
            power = Power.MODERATOR
        return Actor(person=person, identity=identity, power=power, community=found, locale=locale, policy=policy)

    def admit(self, actor: Actor) -> None:
        """Let pass who is served at all. Raises AccessDenied, which says what an operator puts on the allowlist."""
        if actor.power is Power.NOBODY:
            raise AccessDenied
        if actor.power is Power.OPERATOR:
            return
        place = f"{actor.identity.platform}:{actor.community.external_id if actor.community else actor.identity.id}"
        if not self.serves(place):
            raise AccessDenied(place, id=place)

    def serves(self, place: str) -> bool:
        """Say whether a guild, chat or person is served: "platform:id"."""
        return self._access.open or place in self._access.allowed

    def admit_to(self, actor: Actor, place: Place) -> None:
        """Let pass what is asked for in a channel that the community has opened. Raises AccessDenied with those."""
        self.admit(actor)
        channels = actor.policy.channels
        if channels and actor.power is not Power.OPERATOR and not _channels_of(place) & set(channels):
            raise AccessDenied(channels=", ".join(channels[:NAMED]))


def require_power(actor: Actor, job: Job, action: str) -> None:
    """Raise Forbidden unless a job is the actor's own, or they moderate its place, or are an operator."""
    if actor.power is Power.OPERATOR or job.person_id == actor.person.id:
        return
    here = actor.community is not None and job.community_id == actor.community.id
    if not (actor.power is Power.MODERATOR and here):
        raise Forbidden(action=action)


def _channels_of(place: Place) -> frozenset[str]:
    """Name the channel that something was asked for in, and its thread; its result may go to the person."""
    if place.asked_in:
        return frozenset({place.asked_in, place.asked_thread})
    return frozenset({place.chat, place.thread})


def placed(actor: Actor, place: Place, *, private: bool) -> Place:
    """Give where a result goes: where the community wants all of them, or where it was asked for.

    Of that other channel nobody knows whether it is for adults alone, so it counts as one that is not. An operator on
    their own, at the console or in a direct message, needs no moderator to look first: it would be themselves.
    """
    if actor.power is Power.OPERATOR and actor.community is None:
        return replace(place, adult=True)
    channel = actor.policy.result_channel
    if private or not channel or channel in (place.chat, place.thread):
        return place
    return replace(place, chat=channel, thread="", reply_to="", kind="", adult=False)

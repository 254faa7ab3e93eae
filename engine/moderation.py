"""What moderators and operators may ask, and what everybody may ask about themselves.

Every call takes the Actor, and what an actor may do is decided here, never in an adapter: operators everything;
moderators only what is of the community that they ask from, and grant only from its wallet; members only what is their
own; nobody nothing. What is done with power goes into the audit log, in the transaction that does it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, Protocol

import structlog

from engine.accounts import Account, Allowance, AuditLine, Ban, Forgotten, Statement
from engine.errors import BadValue, Forbidden, UnknownJob, UnknownPerson
from engine.exports import Exported, pack
from engine.model import Actor, Community, Job, JobView, Json, Person, Power
from engine.policies import OPERATORS_ONLY, CommunityPolicy, changed_policy
from engine.ports import Accounts, Blobs, Books, Clock
from engine.safety.own import MOST, canonical
from engine.studio import Dispatch
from engine.workflows.nearest import nearest

log = structlog.get_logger(__name__)

LONGEST_REASON = 300  # characters


class Copies(Protocol):
    """The places where copies of pictures lie besides the blobs: our sampler's folders."""

    async def remove(self, blobs: frozenset[str], words: frozenset[str]) -> int:
        """Remove files with these contents, and leftovers that hold these words; gives how many there were."""


class Moderation:
    """People, wallets, policies, bans, the audit log; export and forgetting."""

    def __init__(
        self, *, accounts: Accounts, books: Books, blobs: Blobs, copies: Copies, dispatch: Dispatch, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._books = books
        self._blobs = blobs
        self._copies = copies
        self._dispatch = dispatch
        self._clock = clock

    # Credits

    async def grant(self, actor: Actor, person_id: str, amount: int, *, key: str) -> bool:
        """Give a person credits (mgs) from the community's wallet; False if that was done under this key before.

        Raises Forbidden, UnknownPerson, BadValue, InsufficientCredits.
        """
        community = self._community(actor)
        person = await self._person(person_id)
        _check_amount("grant", amount)
        line = self._line(actor, "grant", person.id, {"mgs": amount}, community)
        return await self._accounts.transfer(_key(actor, key), community.wallet_id, person.wallet_id, amount, line)

    async def mint(self, actor: Actor, owner: Person | Community, amount: int, *, key: str) -> bool:
        """Make credits (mgs) for somebody; False if that was done under this key before. For operators."""
        self._operator(actor)
        _check_amount("mint", amount)
        line = self._line(actor, "mint", owner.id, {"mgs": amount}, actor.community)
        return await self._accounts.mint(_key(actor, key), owner.wallet_id, amount, line)

    async def limits(self, actor: Actor, owner: Person | Community, grant: int | None) -> None:
        """Grant a wallet this much each period (mgs) from the next on; None: what the settings say. For operators."""
        self._operator(actor)
        if grant is not None and grant < 0:
            raise BadValue(flag="limits", value=str(grant), expected="0…", nearest="0")
        line = self._line(actor, "limits", owner.id, {"grant_mgs": grant}, actor.community)
        await self._accounts.set_grant(owner.wallet_id, grant, line)

    async def allow(self, actor: Actor, person_id: str, allowance: int | None) -> None:
        """Let a person take this much of the community's wallet each period (mgs), where it pays; None: its policy."""
        community = self._community(actor)
        person = await self._person(person_id)
        if allowance is not None and allowance < 0:
            raise BadValue(flag="limits", value=str(allowance), expected="0…", nearest="0")
        line = self._line(actor, "limits", person.id, {"allowance_mgs": allowance}, community)
        await self._accounts.set_allowance(community.id, person.id, allowance, line)

    async def refund(self, actor: Actor, job_id: str) -> int:
        """Give back what a job cost, once; gives the amount (mgs), 0 if there is nothing to give back.

        An operator undoes the charge. A moderator makes it good from their community's wallet: what was used up on the
        machines stays paid for, so that nobody can work for nothing in a group of their own.
        """
        view = await self._books.job(job_id)
        if view is None or not self._oversees(actor, view.job):
            raise UnknownJob(value=job_id)
        if actor.power is Power.OPERATOR:
            line = self._line(actor, "refund", job_id, {"mgs": view.job.charged}, actor.community)
            return await self._accounts.refund(job_id, line)
        community = self._community(actor)
        line = self._line(actor, "refund", job_id, {"mgs": view.job.charged}, community)
        return await self._accounts.refund(job_id, line, source=community.wallet_id)

    async def statement(self, actor: Actor, *, person_id: str = "", before: int = 0, limit: int = 20) -> Statement:
        """A person's entries, newest first: the actor's own, or anybody's for operators."""
        person = await self._own_or_any(actor, person_id)
        return await self._accounts.statement(person.wallet_id, before=before, limit=limit)

    async def community_statement(self, actor: Actor, *, before: int = 0, limit: int = 20) -> Statement:
        """The entries of the community's wallet, newest first; for its moderators."""
        community = self._community(actor)
        return await self._accounts.statement(community.wallet_id, before=before, limit=limit)

    async def allowance(self, actor: Actor) -> Allowance | None:
        """What the actor may take of this community's wallet; None where it does not pay, or in direct messages."""
        self._member(actor)
        if actor.community is None:
            return None
        return await self._accounts.allowance(actor.community.id, actor.person.id)

    async def accounts(self, actor: Actor) -> tuple[Account, ...]:
        """Every wallet with its owner; for operators."""
        self._operator(actor)
        return await self._accounts.accounts()

    async def prove(self, actor: Actor) -> tuple[str, ...]:
        """A sentence for everything in the books that does not add up; for operators."""
        self._operator(actor)
        return await self._accounts.prove()

    # People and policy

    async def queue(self, actor: Actor, *, limit: int = 20) -> tuple[JobView, ...]:
        """What waits or runs in this community, newest first; for operators in no community, everywhere."""
        self._community_or_operator(actor)
        community_id = actor.community.id if actor.community else None
        return await self._books.jobs(community_id=community_id, active=True, limit=limit)

    async def find(self, actor: Actor, name: str) -> Person:
        """Find whom a moderator means: `platform:id`, an id on the actor's own platform, or our own id.

        Raises UnknownPerson; Forbidden for people without power over anything.
        """
        self._community_or_operator(actor)
        platform, colon, external_id = name.strip().lstrip("@").partition(":")
        if not colon:
            platform, external_id = actor.identity.platform, platform
        found = await self._accounts.find(platform, external_id) or await self._accounts.person(external_id)
        if found is None:
            raise UnknownPerson(value=name[:64])
        return found

    async def find_owner(self, actor: Actor, name: str) -> Person | Community:
        """Find whose wallet is meant: a person as in `find`, or a community by `platform:id`. For operators."""
        self._operator(actor)
        platform, _, external_id = name.strip().partition(":")
        community = await self._accounts.find_community(platform, external_id)
        return community or await self.find(actor, name)

    async def policy(self, actor: Actor) -> CommunityPolicy:
        """What this community has decided; any of its people may read it."""
        self._member(actor)
        if actor.community is None:
            return CommunityPolicy()
        return await self._accounts.policy(actor.community.id)

    async def set_policy(self, actor: Actor, changes: Mapping[str, str]) -> CommunityPolicy:
        """Decide anew, by field and value as people write them; how it stands beside others is for operators.

        Raises Forbidden, BadValue, UnknownFlag.
        """
        community = self._community(actor)
        before = await self._accounts.policy(community.id)
        after = changed_policy(before, changes)
        if any(getattr(after, name) != getattr(before, name) for name in OPERATORS_ONLY):
            self._operator(actor)
        line = self._line(actor, "policy", community.id, dict(changes), community)
        await self._accounts.set_policy(community.id, after, line)
        return after

    async def words(self, actor: Actor) -> tuple[str, ...]:
        """What this community has ruled out in requests; for its moderators."""
        return (await self._accounts.policy(self._community(actor).id)).words

    async def rule_out(self, actor: Actor, phrase: str) -> tuple[str, ...]:
        """Refuse requests with these words in them, from now on; gives all that are. Raises Forbidden, BadValue."""
        word = canonical(phrase)
        held = await self.words(actor)
        if len(held) >= MOST:
            raise BadValue(flag="words", value=word, expected=f"≤ {MOST}", nearest="")
        return await self._set_words(actor, "rule out", tuple(sorted({*held, word})), word)

    async def allow_again(self, actor: Actor, phrase: str) -> tuple[str, ...]:
        """Let requests with these words pass again; gives what is left. Raises BadValue with the nearest there is."""
        held, word = await self.words(actor), " ".join(phrase.split()).casefold()
        if word not in held:
            raise BadValue(flag="words", value=word[:64], expected="", nearest=nearest(word, held))
        return await self._set_words(actor, "allow again", tuple(each for each in held if each != word), word)

    async def _set_words(self, actor: Actor, action: str, words: tuple[str, ...], word: str) -> tuple[str, ...]:
        community = self._community(actor)
        policy = replace(await self._accounts.policy(community.id), words=words)
        await self._accounts.set_policy(
            community.id, policy, self._line(actor, action, community.id, {"words": word}, community)
        )
        return words

    async def ban(
        self, actor: Actor, person_id: str, reason: str, *, seconds: float | None = None, everywhere: bool = False
    ) -> Ban:
        """Refuse a person's requests in this community, for a while or until it is lifted; operators: anywhere."""
        community = self._place(actor, everywhere=everywhere)
        person = await self._person(person_id)
        now = self._clock.now()
        ban = Ban(
            person_id=person.id,
            community_id=community.id if community else None,
            reason=" ".join(reason.split())[:LONGEST_REASON],
            until=None if seconds is None else now + seconds,
            by=_name(actor),
            at=now,
        )
        detail: Json = {"reason": ban.reason, "until": ban.until, "everywhere": everywhere}
        await self._accounts.ban(ban, self._line(actor, "ban", person.id, detail, actor.community))
        return ban

    async def unban(self, actor: Actor, person_id: str, *, everywhere: bool = False) -> bool:
        """Lift a ban of this community (operators: one that holds everywhere); False if there is none."""
        community = self._place(actor, everywhere=everywhere)
        line = self._line(actor, "unban", person_id, {"everywhere": everywhere}, actor.community)
        return await self._accounts.unban(person_id, community.id if community else None, line)

    async def bans(self, actor: Actor) -> tuple[Ban, ...]:
        """The bans of this community; operators also see those that hold everywhere."""
        self._community_or_operator(actor)
        here = await self._accounts.bans(actor.community.id) if actor.community else ()
        return here + (await self._accounts.bans(None) if actor.power is Power.OPERATOR else ())

    async def audit(self, actor: Actor, *, limit: int = 20) -> Sequence[AuditLine]:
        """The newest lines of this community's audit log; operators who ask from nowhere in particular see all."""
        if actor.power is Power.OPERATOR:
            return await self._accounts.audit_lines(actor.community.id if actor.community else None, limit)
        return await self._accounts.audit_lines(self._community(actor).id, limit)

    # A person's own data

    async def export(self, actor: Actor, into: BinaryIO, *, person_id: str = "", most: int | None = None) -> Exported:
        """Write all that is kept about a person as a zip: the actor, or anybody for operators.

        `most` is the most that pictures may take, in bytes; the newest that fit are taken, the rest is counted.
        """
        person = await self._own_or_any(actor, person_id)
        if person.id != actor.person.id:
            await self._note(actor, "export", person.id)
        return await pack(await self._accounts.record(person.id), self._blobs.get, into, most=most)

    async def forget(self, actor: Actor, *, person_id: str = "") -> Forgotten:
        """Take a person out of the house: the actor, or anybody for operators. Ledger rows stay, without the name.

        What runs is cancelled. When this returns, nothing of theirs is left in the database's file, the blobs or our
        sampler's folders. Raises DiskFull where the database could not be written anew: it may be repeated.
        """
        person = await self._own_or_any(actor, person_id)
        if person.id != actor.person.id:
            await self._note(actor, "forget", person.id)
        gone = await self._accounts.forget(person.id)
        for attempt in gone.attempts:
            await self._dispatch.abandon(attempt)
        for blob in gone.blobs:
            await self._blobs.delete(blob)
        files = await self._copies.remove(gone.copies, gone.words)
        await self._accounts.scrub()
        log.info("forgotten", jobs=gone.jobs, blobs=len(gone.blobs), copies=files)
        return gone

    # Who may

    def _member(self, actor: Actor) -> None:
        if actor.power is Power.NOBODY:
            raise Forbidden(action="own")

    def _operator(self, actor: Actor) -> None:
        if actor.power is not Power.OPERATOR:
            raise Forbidden(action="operator")

    def _community(self, actor: Actor) -> Community:
        """The community that the actor has power over: the one they ask from."""
        if actor.power not in (Power.MODERATOR, Power.OPERATOR) or actor.community is None:
            raise Forbidden(action="moderator")
        return actor.community

    def _community_or_operator(self, actor: Actor) -> None:
        if actor.power is not Power.OPERATOR:
            self._community(actor)

    def _place(self, actor: Actor, *, everywhere: bool) -> Community | None:
        if everywhere:
            self._operator(actor)
            return None
        return self._community(actor)

    def _oversees(self, actor: Actor, job: Job) -> bool:
        if actor.power is Power.OPERATOR:
            return True
        here = actor.community is not None and job.community_id == actor.community.id
        return actor.power is Power.MODERATOR and here

    async def _own_or_any(self, actor: Actor, person_id: str) -> Person:
        self._member(actor)
        if not person_id or person_id == actor.person.id:
            return actor.person
        if actor.power is not Power.OPERATOR:
            raise Forbidden(action="own")
        return await self._person(person_id)

    async def _person(self, person_id: str) -> Person:
        found = await self._accounts.person(person_id)
        if found is None:
            raise UnknownPerson(value=person_id[:64])
        return found

    # What is written down

    def _line(self, actor: Actor, action: str, target: str, detail: Json, community: Community | None) -> AuditLine:
        where = community.id if community else None
        return AuditLine(actor=_name(actor), action=action, target=target, detail=detail, community_id=where)

    async def _note(self, actor: Actor, action: str, target: str) -> None:
        await self._books.audit(_name(actor), action, target, {})


def _name(actor: Actor) -> str:
    return f"{actor.identity.platform}:{actor.identity.id}"


def _key(actor: Actor, key: str) -> str:
    """Make a platform's event key one that no other person can have used before."""
    return f"{actor.person.id}:{key}"


def _check_amount(flag: str, amount: int) -> None:
    if amount <= 0:
        raise BadValue(flag=flag, value=str(amount), expected="> 0", nearest="1")

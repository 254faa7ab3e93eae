"""/mod, /statement and /privacy: what moderators and operators do, and what people ask about themselves."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from io import BytesIO
from typing import TypeAlias

from bot.adapter import Command
from bot.catalog import find_command, find_verb
from bot.ladder import File, Form
from bot.policy_values import checked_changes
from bot.replies import Reply, Text, Tone, text
from bot.replies_people import (
    audit_reply,
    bans_reply,
    mod_queue_reply,
    policy_reply,
    said,
    statement_reply,
)
from engine.errors import BadValue, Forbidden, UnknownJob, UnknownPerson
from engine.model import Actor, Community, Person, Power
from engine.moderation import Moderation
from engine.policies import MGS, UNSET
from engine.pricing import credits
from engine.studio import Studio

Answer: TypeAlias = Callable[[Actor, Command, list[str]], Awaitable[Reply]]

EXPORT_NAME = "atelier-export.zip"
MOST_CREDITS = 1_000_000_000
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_EVERYWHERE = "everywhere"


class PeopleCommands:
    """Commands about people: the verbs of /mod and /privacy by name, and /statement."""

    def __init__(self, *, studio: Studio, moderation: Moderation, verbs: Mapping[str, Answer] | None = None) -> None:
        """`verbs` are verbs of /mod that others answer."""
        self._studio = studio
        self._moderation = moderation
        self._mod: Mapping[str, Answer] = {
            "queue": self._queue,
            "cancel": self._cancel,
            "move": self._move,
            "clear": self._clear,
            "hold": self._hold,
            "release": self._release,
            "ban": self._ban,
            "unban": self._unban,
            "grant": self._grant,
            "limits": self._limits,
            "refund": self._refund,
            "policy": self._policy,
            "wallet": self._wallet,
            "audit": self._audit,
            "pause": self._pause,
            "resume": self._resume,
            "mint": self._mint,
            **(verbs or {}),
        }

    @property
    def verbs(self) -> frozenset[str]:
        """The verbs of /mod that are answered."""
        return frozenset(self._mod)

    async def mod(self, actor: Actor, command: Command) -> Reply:
        """Answer /mod VERB ...; who may is decided by the calls that it makes."""
        if actor.power not in (Power.MODERATOR, Power.OPERATOR):
            raise Forbidden(action="moderator")
        words = words_of(command)
        verb = find_verb(find_command("mod"), words[0] if words else "")
        return await self._mod[verb.name](actor, command, words[1:])

    async def privacy(self, actor: Actor, command: Command) -> Reply:
        """Answer /privacy export|forget; operators may name somebody."""
        words = words_of(command)
        verb = find_verb(find_command("privacy"), words[0] if words else "")
        person = await self._moderation.find(actor, words[1]) if words[1:] else actor.person
        if verb.name == "export":
            return await self._export(actor, command, person)
        return await self._forget(actor, command, person)

    async def statement(self, actor: Actor, command: Command) -> Reply:
        """Answer /statement [BEFORE]: a page of one's own entries."""
        words = words_of(command)
        page = await self._moderation.statement(actor, before=_number(words[0]) if words else 0)
        return statement_reply("statement", page)

    # The queue

    async def _queue(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        return mod_queue_reply(await self._moderation.queue(actor))

    async def _cancel(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        job = await self._studio.cancel(actor, _job(words))
        return Reply(lines=(text("cancelled", job=job.id),), private=True)

    async def _move(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        behind = [word for word in words[1:] if word.lower() != "behind"]
        job = await self._studio.steering.move(actor, _job(words), behind=behind[0] if behind else "")
        view = await self._studio.show(actor, job.id)
        return said("mod-moved", job=job.id, position=view.position)

    async def _clear(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        person_id = (await self._moderation.find(actor, words[0])).id if words else ""
        if not command.confirmed and not words:
            return Reply(lines=(text("mod-clear-ask"),), tone=Tone.ASK, private=True)
        jobs = await self._studio.steering.clear(actor, person_id=person_id)
        return said("mod-cleared", jobs=len(jobs))

    async def _hold(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        job = await self._studio.steering.hold(actor, _job(words))
        return said("mod-held", job=job.id)

    async def _release(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        job = await self._studio.steering.release(actor, _job(words))
        return said("mod-released", job=job.id)

    async def _pause(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        await self._studio.steering.pause(actor, " ".join(words))
        return said("mod-paused")

    async def _resume(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        await self._studio.steering.resume(actor)
        return said("mod-resumed")

    # People

    async def _ban(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """PERSON [TIME] [everywhere] REASON; alone it lists the bans."""
        if not words:
            return bans_reply(await self._moderation.bans(actor))
        person = await self._moderation.find(actor, words[0])
        rest, seconds, everywhere = words[1:], None, actor.community is None
        while rest and (rest[0].lower() == _EVERYWHERE or _is_time(rest[0])):
            word = rest.pop(0).lower()
            everywhere = everywhere or word == _EVERYWHERE
            seconds = _seconds(word) if _is_time(word) else seconds
        reason = " ".join(rest)
        ban = await self._moderation.ban(actor, person.id, reason, seconds=seconds, everywhere=everywhere)
        return said(
            "mod-banned",
            person=_named(person),
            seconds="" if seconds is None else round(seconds),
            everywhere="yes" if ban.community_id is None else "no",
            reason=ban.reason,
        )

    async def _unban(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        person = await self._moderation.find(actor, _who(words))
        everywhere = actor.community is None or _EVERYWHERE in (word.lower() for word in words[1:])
        lifted = await self._moderation.unban(actor, person.id, everywhere=everywhere)
        return said("mod-unbanned" if lifted else "mod-not-banned", person=_named(person))

    async def _grant(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        person = await self._moderation.find(actor, _who(words))
        amount = _mgs(words[1:])
        await self._moderation.grant(actor, person.id, amount, key=command.key)
        return said("mod-granted", person=_named(person), credits=credits(amount))

    async def _limits(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """PERSON [CREDITS]: their share of this wallet; for operators in no community, the grant of any wallet."""
        unset = not words[1:] or words[1].lower() in UNSET
        amount = None if unset else _mgs(words[1:], least=0)
        shown = "" if amount is None else credits(amount)
        if actor.community is None:
            owner = await self._moderation.find_owner(actor, _who(words))
            await self._moderation.limits(actor, owner, amount)
            return said("mod-limits", person=_named(owner), credits=shown)
        person = await self._moderation.find(actor, _who(words))
        await self._moderation.allow(actor, person.id, amount)
        return said("mod-allowed", person=_named(person), credits=shown)

    async def _mint(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """[PERSON or COMMUNITY] CREDITS; with an amount alone, for the community that is asked from."""
        alone = len(words) == 1 and actor.community is not None
        owner = actor.community if alone and actor.community else await self._moderation.find_owner(actor, _who(words))
        amount = _mgs(words if alone else words[1:])
        await self._moderation.mint(actor, owner, amount, key=command.key)
        return said("mod-minted", person=_named(owner), credits=credits(amount))

    async def _refund(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        amount = await self._moderation.refund(actor, _job(words))
        key = "mod-refunded" if amount else "mod-nothing-to-refund"
        return said(key, job=words[0], credits=credits(amount))

    # The community

    async def _policy(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """[FIELD VALUE] ...: without one it shows all."""
        if not words:
            return policy_reply(await self._moderation.policy(actor))
        changes = checked_changes(_pairs(_values_joined(command, words)), self._studio.library)
        return policy_reply(await self._moderation.set_policy(actor, changes))

    async def _wallet(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        before = _number(words[0]) if words else 0
        return statement_reply("wallet", await self._moderation.community_statement(actor, before=before))

    async def _audit(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        return audit_reply(await self._moderation.audit(actor, limit=min(_number(words[0]), 100) if words else 20))

    # A person's own data

    async def _export(self, actor: Actor, command: Command, person: Person) -> Reply:
        into = BytesIO()
        done = await self._moderation.export(actor, into, person_id=person.id, most=command.max_upload)
        return Reply(
            lines=(text("privacy-exported", pictures=done.pictures, left_out=done.left_out, missing=done.missing),),
            tone=Tone.DONE,
            private=True,
            files=(File(filename=EXPORT_NAME, mime="application/zip", form=Form.ORIGINAL, data=into.getvalue()),),
        )

    async def _forget(self, actor: Actor, command: Command, person: Person) -> Reply:
        own = "yes" if person.id == actor.person.id else "no"
        if not command.confirmed:
            ask: tuple[Text, ...] = (text("privacy-forget-ask", own=own, person=_named(person)), text("quote-ask"))
            return Reply(lines=ask, tone=Tone.ASK, private=True)
        gone = await self._moderation.forget(actor, person_id=person.id)
        return said("privacy-forgotten", jobs=gone.jobs, pictures=len(gone.blobs))


def words_of(command: Command) -> list[str]:
    """The words that follow a command, however its platform gave them."""
    return command.line.split() if isinstance(command.line, str) else [w for each in command.line for w in each.split()]


def _job(words: Sequence[str]) -> str:
    if not words:
        raise UnknownJob(value="?")
    return words[0]


def _who(words: Sequence[str]) -> str:
    if not words:
        raise UnknownPerson(value="")
    return words[0]


def _named(owner: Person | Community) -> str:
    return owner.name or owner.id


def _number(word: str) -> int:
    if not word.isascii() or not word.isdigit():
        raise BadValue(flag="before", value=word[:64], expected="1…", nearest="")
    return int(word[:15])


def _mgs(words: Sequence[str], *, least: float = 0.001) -> int:
    """Read an amount of credits. Raises BadValue."""
    word = words[0] if words else ""
    try:
        amount = float(word)
    except ValueError:
        amount = float("nan")
    if not least <= amount <= MOST_CREDITS:
        raise BadValue(flag="credits", value=word[:64], expected=f"{least:g}–{MOST_CREDITS}", nearest="")
    return round(amount * MGS)


def _is_time(word: str) -> bool:
    return re.fullmatch(r"[0-9]{1,4}[mhdw]", word.lower()) is not None


def _seconds(word: str) -> float:
    return float(word[:-1]) * _SECONDS[word[-1].lower()]


def _values_joined(command: Command, words: list[str]) -> list[str]:
    """Put values of several words together: a platform's two options are field and value, and lists have commas."""
    if not isinstance(command.line, str) and len(command.line) == 3:
        return list(command.line[1:])
    joined: list[str] = []
    for word in words:
        if joined and (joined[-1].endswith(",") or word.startswith(",")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _pairs(words: Sequence[str]) -> dict[str, str]:
    """Read `field value`, `field=value` and `--field value`. Raises BadValue for a field without a value."""
    flat = [part for word in words for part in word.removeprefix("--").split("=", 1) if part]
    if len(flat) % 2:
        raise BadValue(flag=flat[-1][:64], value="", expected="", nearest="")
    return dict(zip(flat[::2], flat[1::2], strict=True))

"""A person who is a moderator only of a group that they made themselves can touch nothing outside it.

Every public call of the studio, its steering and Moderation is looked up by introspection: a new one without a case
fails. Each is tried by such a person on what is not theirs, from their own group, from a direct message, and from the
place itself as a mere member; the whole database is compared before and after, and answers are searched for secrets.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from engine.accounts import AuditLine, Ban
from engine.backends import Backends
from engine.changes import Change
from engine.errors import AtelierError, Forbidden, UnknownJob
from engine.inbox import Inbox
from engine.linking import Linking
from engine.model import Actor, Community, Identity, Job, PictureRef, Place, Power, Request
from engine.moderation import Moderation
from engine.pictures import Pictures
from engine.preferring import Preferring, Scope
from engine.reviews import Outcome
from engine.safety.verdicts import Screening
from engine.steering import Steering
from engine.studio import Studio
from storage.tables import Base
from tests.fakes.books import picture
from tests.fakes.house import House, open_house

SECRET = "a heron nobody must know of"


@dataclass(frozen=True, kw_only=True)
class World:
    """A group with people and jobs, and somebody from elsewhere."""

    house: House
    theirs: Community
    ada: Actor  # a member there, whose jobs these are
    job: Job  # waits
    private: Job  # waits, for Ada alone
    held: Job
    eve: Actor  # moderates `own`
    own: Community
    eves_job: Job
    screened: Job  # Ada's, whose pictures wait for a moderator

    def request(self, key: str, *, prompt: str = "a red house", private: bool = False, chat: str = "theirs") -> Request:
        return Request(
            request_key=key,
            template="txt2img",
            options={"prompt": prompt, "model": "atelier-tiny.safetensors"},
            place=Place(platform="fake", chat=chat),
            text=prompt,
            private=private,
        )


async def screened(house: House, job: Job) -> Job:
    """Have a job's pictures made, which then wait for a moderator."""
    attempt = await house.books.claim("fake", await house.books.waiting_needs(), job_id=job.id)
    assert attempt is not None
    job = await house.books.settle(attempt.id, [picture()], 1.0, 100)
    assert job.screening is Screening.HELD
    return job


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_house(tmp_path, running=False) as house:
        await house.studio.until_ready(5)
        greet = house.studio.actor
        ada = await greet(Identity(platform="fake", id="1", name="Ada"), locale="en", community="theirs")
        eve = await greet(
            Identity(platform="fake", id="666", name="Eve"), locale="en", community="own", power=Power.MODERATOR
        )
        assert ada.community is not None
        assert eve.community is not None
        world = World(
            house=house,
            theirs=ada.community,
            ada=ada,
            job=None,  # type: ignore[arg-type]
            private=None,  # type: ignore[arg-type]
            held=None,  # type: ignore[arg-type]
            eve=eve,
            own=eve.community,
            eves_job=None,  # type: ignore[arg-type]
            screened=None,  # type: ignore[arg-type]
        )
        submit = house.studio.submit
        world = replace(
            world,
            job=await submit(ada, world.request("1")),
            private=await submit(ada, world.request("2", prompt=SECRET, private=True)),
            held=await submit(ada, world.request("3")),
            eves_job=await submit(eve, world.request("4", chat="own")),
            screened=await screened(house, await submit(ada, world.request("screened", prompt="a nude heron"))),
        )
        operator = replace(ada, power=Power.OPERATOR)
        await house.studio.steering.hold(operator, world.held.id)
        await house.moderation.mint(operator, world.own, 50_000, key="own")
        await house.moderation.mint(operator, world.theirs, 50_000, key="theirs")
        ban = Ban(person_id=ada.person.id, community_id=world.theirs.id, reason=SECRET, until=1.0, by="fake:1", at=0.0)
        await house.accounts.ban(ban, replace(_LINE, community_id=world.theirs.id))
        yield world


_LINE = AuditLine(actor="fake:1", action="ban", target="ada", detail={"reason": SECRET})

Call = Callable[[World, Actor], Awaitable[object]]


async def _show_again(world: World, who: Actor) -> object:
    view = await world.house.studio.show(who, world.private.id)
    return await world.house.studio.show_again(who, view, Place(platform="fake", chat="own"))


async def _previews(world: World, who: Actor) -> object:
    (review,) = await world.house.reviews.of_job(world.screened.id)
    return await world.house.inbox.previews(who, review)


async def _backends(world: World, who: Actor) -> object:
    return world.house.backends.all(who, {})


async def _changed(world: World, who: Actor) -> object:
    source = await world.house.pictures.source(who, world.private.id, 1)
    place = Place(platform="fake", chat="own")
    return world.house.pictures.changed(who, source, Change.UPSCALE, key="k", place=place)


CASES: dict[str, Call] = {
    "Studio.keep_image": lambda w, who: w.house.studio.keep_image(who, b"no picture", name="image"),
    "Studio.estimate": lambda w, who: w.house.studio.estimate(who, [w.request("e")]),
    "Studio.submit": lambda w, who: w.house.studio.submit(who, w.request("e")),
    "Studio.edit": lambda w, who: w.house.studio.edit(who, w.job.id, w.request("x", prompt="another")),
    "Studio.cancel": lambda w, who: w.house.studio.cancel(who, w.job.id),
    "Studio.show": lambda w, who: w.house.studio.show(who, w.private.id),
    "Studio.show_again": _show_again,
    "Studio.jobs": lambda w, who: w.house.studio.jobs(who),
    "Studio.balance": lambda w, who: w.house.studio.balance(who),
    "Steering.move": lambda w, who: w.house.studio.steering.move(who, w.job.id),
    "Steering.hold": lambda w, who: w.house.studio.steering.hold(who, w.job.id),
    "Steering.release": lambda w, who: w.house.studio.steering.release(who, w.held.id),
    "Steering.clear": lambda w, who: w.house.studio.steering.clear(who, person_id=w.ada.person.id),
    "Steering.pause": lambda w, who: w.house.studio.steering.pause(who, "because"),
    "Steering.resume": lambda w, who: w.house.studio.steering.resume(who),
    "Moderation.grant": lambda w, who: w.house.moderation.grant(who, w.ada.person.id, 10**9, key="k"),
    "Moderation.mint": lambda w, who: w.house.moderation.mint(who, who.person, 1000, key="k"),
    "Moderation.limits": lambda w, who: w.house.moderation.limits(who, w.ada.person, 5),
    "Moderation.allow": lambda w, who: _in_theirs(w, who, lambda a: w.house.moderation.allow(a, w.ada.person.id, 5)),
    "Moderation.refund": lambda w, who: w.house.moderation.refund(who, w.job.id),
    "Moderation.statement": lambda w, who: w.house.moderation.statement(who, person_id=w.ada.person.id),
    "Moderation.community_statement": lambda w, who: _in_theirs(w, who, w.house.moderation.community_statement),
    "Moderation.allowance": lambda w, who: w.house.moderation.allowance(who),
    "Moderation.accounts": lambda w, who: w.house.moderation.accounts(who),
    "Moderation.prove": lambda w, who: w.house.moderation.prove(who),
    "Moderation.find": lambda w, who: w.house.moderation.find(who, "fake:1"),
    "Moderation.find_owner": lambda w, who: w.house.moderation.find_owner(who, "fake:1"),
    "Moderation.policy": lambda w, who: w.house.moderation.policy(who),
    "Moderation.set_policy": lambda w, who: w.house.moderation.set_policy(who, {"weight": "5", "template": "img2img"}),
    "Moderation.ban": lambda w, who: w.house.moderation.ban(who, w.ada.person.id, "because", everywhere=True),
    "Moderation.unban": lambda w, who: w.house.moderation.unban(who, w.ada.person.id, everywhere=True),
    "Moderation.bans": lambda w, who: w.house.moderation.bans(who),
    "Moderation.audit": lambda w, who: w.house.moderation.audit(who),
    "Moderation.queue": lambda w, who: w.house.moderation.queue(who),
    "Moderation.export": lambda w, who: w.house.moderation.export(who, BytesIO(), person_id=w.ada.person.id),
    "Moderation.words": lambda w, who: _in_theirs(w, who, w.house.moderation.words),
    "Moderation.rule_out": lambda w, who: _in_theirs(w, who, lambda a: w.house.moderation.rule_out(a, "heron")),
    "Moderation.allow_again": lambda w, who: _in_theirs(w, who, lambda a: w.house.moderation.allow_again(a, SECRET)),
    "Inbox.waiting": lambda w, who: w.house.inbox.waiting(who, limit=9),
    "Inbox.previews": _previews,
    "Inbox.report": lambda w, who: w.house.inbox.report(who, w.private.id, 0, "because"),
    "Inbox.require_reportable": lambda w, who: w.house.inbox.require_reportable(who, w.private.id, 0),
    "Inbox.require_decidable": lambda w, who: w.house.inbox.require_decidable(who, w.screened.id, Outcome.REJECTED),
    "Inbox.decide": lambda w, who: w.house.inbox.decide(who, w.screened.id, Outcome.REJECTED, "because"),
    "Preferring.chosen": lambda w, who: w.house.preferring.chosen(who, "theirs"),
    "Preferring.choose": lambda w, who: _in_theirs(
        w, who, lambda a: w.house.preferring.choose(a, Scope.CHANNEL, "theirs", "option.steps", "1")
    ),
    "Preferring.drop": lambda w, who: _in_theirs(
        w, who, lambda a: w.house.preferring.drop(a, Scope.COMMUNITY, "theirs", "style.ink")
    ),
    "Backends.all": _backends,
    "Backends.drain": lambda w, who: w.house.backends.drain(who, "fake"),
    "Backends.enable": lambda w, who: w.house.backends.enable(who, "fake"),
    "Pictures.job": lambda w, who: w.house.pictures.job(who, w.private.id),
    "Pictures.source": lambda w, who: w.house.pictures.source(who, w.private.id, 1),
    "Pictures.changed": _changed,
    "Pictures.history": lambda w, who: w.house.pictures.history(who, before=w.private.id, limit=10),
    "Pictures.favourites": lambda w, who: w.house.pictures.favourites(who, limit=10),
    "Pictures.keep": lambda w, who: w.house.pictures.keep(who, w.private.id, 1),
    "Pictures.let_go": lambda w, who: w.house.pictures.let_go(who, PictureRef(job_id=w.private.id, number=1)),
    "Pictures.delete": lambda w, who: w.house.pictures.delete(who, w.job.id),
    "Linking.offer": lambda w, who: w.house.linking.offer(who),
    "Linking.look": lambda w, who: w.house.linking.look(who, "AAAA-AAAA"),
    "Linking.join": lambda w, who: w.house.linking.join(who, "AAAA-AAAA"),
    "Linking.identities": lambda w, who: w.house.linking.identities(who),
    "Linking.part": lambda w, who: w.house.linking.part(who),
    "Moderation.forget": lambda w, who: w.house.moderation.forget(who, person_id=w.ada.person.id),
}
"""Every call that takes an actor, aimed at what is Ada's, her group's, or everybody's."""

WITHOUT_ACTOR = {
    "Studio.actor": "makes the actor",
    "Studio.withdraw": "the delivery's, of what can reach nobody",
    "Studio.with_eta": "adds to a job that was shown",
    "Studio.until_ready": "waits for endpoints",
    "Studio.look_again": "reads what endpoints offer",
    "Studio.choices": "models and samplers are public",
    "Studio.model_card": "models are public",
    "Studio.transparent_part": "of a picture that was just sent",
    "Pictures.read": "of a job that was shown",
    "Pictures.plain": "of a job that was shown",
    "Pictures.able": "of a job that was shown",
    "Pictures.again": "of a job that was shown",
    "Pictures.inputs": "of a job that was shown",
    "Pictures.planned": "of a job that was shown",
    "Inbox.expire": "time decides, no person",
    "Backends.load": "reads what was drained before a restart",
    "Steering.paused": "that the queue is paused is public",
    "Steering.why": "explains a job that was shown",
}

HARMLESS = {
    "Studio.keep_image",
    "Studio.estimate",
    "Studio.submit",
    "Studio.jobs",
    "Studio.balance",
    "Pictures.history",
    "Pictures.favourites",
    "Pictures.let_go",
    "Moderation.allowance",
    "Moderation.policy",
    "Preferring.chosen",
    "Linking.offer",
    "Linking.identities",
}
"""What everybody may ask, and gets an answer about themselves to."""

FROM_THEIR_OWN = {
    "Steering.clear",
    "Moderation.find",
    "Moderation.bans",
    "Moderation.audit",
    "Moderation.queue",
    "Inbox.waiting",
}
"""What a moderator may ask from their own group, about it."""


async def _in_theirs(world: World, who: Actor, call: Callable[[Actor], Awaitable[object]]) -> object:
    """Ask in the group itself: as its member, whatever one is elsewhere; operators stay what they are."""
    here = who if who.power is Power.OPERATOR else replace(who, power=Power.MEMBER)
    return await call(replace(here, community=world.theirs))


def public_calls(*classes: type) -> dict[str, bool]:
    """Every public method, and whether it takes an actor."""
    found = {}
    for owner in classes:
        for name, member in inspect.getmembers(owner, inspect.isfunction):
            if not name.startswith("_"):
                found[f"{owner.__name__}.{name}"] = "actor" in inspect.signature(member).parameters
    return found


def test_every_public_call_has_a_case() -> None:
    calls = public_calls(Studio, Steering, Moderation, Pictures, Inbox, Preferring, Linking, Backends)
    assert len(calls) >= 75
    assert {name for name, takes in calls.items() if takes} == set(CASES)
    assert {name for name, takes in calls.items() if not takes} == set(WITHOUT_ACTOR)


async def everything(world: World) -> dict[str, set[str]]:
    """Every row of every table that has nothing to do with Eve, her group, or their wallets."""
    jobs = await world.house.books.jobs(person_id=world.eve.person.id, limit=100)
    hers = (world.eve.person.id, world.eve.person.wallet_id, world.own.id, world.own.wallet_id)
    hers += tuple(view.job.id for view in jobs)

    def read(session: Session) -> dict[str, set[str]]:
        return {
            name: {
                repr(tuple(row))
                for row in session.connection().execute(text(f'SELECT * FROM "{name}"'))
                if not any(mark in repr(tuple(row)) for mark in hers)
            }
            for name in Base.metadata.tables
        }

    return await world.house.database.read(read)


async def looked_at(world: World) -> None:
    """Have this period's grants written, which any look at a wallet does."""
    for wallet in (world.ada.person.wallet_id, world.theirs.wallet_id, world.own.wallet_id, world.eve.person.wallet_id):
        await world.house.books.balance(wallet)


def intruders(world: World) -> dict[str, Actor]:
    """Eve, in every place and power that a platform can say of her, and nobody."""
    return {
        "moderator of her own group": world.eve,
        "moderator in a direct message": replace(world.eve, community=None),
        "member of the group": replace(world.eve, power=Power.MEMBER, community=world.theirs),
        "nobody": replace(world.eve, power=Power.NOBODY, community=world.theirs),
    }


async def test_nothing_outside_is_touched_or_told(world: World) -> None:
    await looked_at(world)
    before = await everything(world)
    assert len(before["job"]) == 4
    answered = set()
    for kind, eve in intruders(world).items():
        for name, call in CASES.items():
            try:
                answer = repr(await call(world, eve))
            except AtelierError:
                answer = ""
            else:
                answered.add(name)
                allowed = HARMLESS | (FROM_THEIR_OWN if eve == world.eve else set())
                assert name in allowed, f"{name} answered to Eve, {kind}"
            assert SECRET not in answer, f"{name} told Eve, {kind}"
            assert await everything(world) == before, f"{name} as {kind}"
    assert answered >= FROM_THEIR_OWN


async def test_whoever_may_is_let_through(world: World) -> None:
    """The cases above fail for want of power and nothing else: an operator in the group gets past every one."""
    operator = replace(
        await world.house.studio.actor(Identity(platform="fake", id="9", name="Op"), locale="en", community="theirs"),
        power=Power.OPERATOR,
    )
    refused = set()
    for name, call in CASES.items():
        try:
            await call(world, operator)
        except (Forbidden, UnknownJob):
            refused.add(name)
        except AtelierError:
            pass
    assert refused == {"Studio.edit"}  # only the owner's own words


async def test_a_move_passes_over_ones_own_people_only(world: World) -> None:
    """Ada's job was first; a moderator's jobs may come first in their own group, and not before other people's."""
    second = await world.house.studio.submit(world.eve, world.request("5", chat="own"))
    await world.house.studio.steering.move(world.eve, second.id)
    positions = {job.id: (await world.house.job(job.id)).position for job in (world.job, world.eves_job, second)}
    assert positions[second.id] < positions[world.eves_job.id]
    assert positions[world.job.id] == 1


async def test_what_a_moderator_does_is_in_their_groups_log_and_in_no_other(world: World) -> None:
    moderator = replace(world.ada, power=Power.MODERATOR)
    moderation, bob = world.house.moderation, world.eve.person.id
    await moderation.grant(moderator, bob, 5000, key="k")
    await moderation.allow(moderator, bob, 7000)
    await moderation.ban(moderator, bob, "  too\n many  ", seconds=60)
    await moderation.unban(moderator, bob)
    await moderation.set_policy(moderator, {"payer": "community", "allowance": "20"})
    await world.house.studio.cancel(moderator, world.job.id)
    lines = await moderation.audit(moderator)
    done = [line.action for line in lines]
    assert done[:5] == ["policy", "unban", "ban", "limits", "grant"]  # one's own job is no act of power
    assert all(line.community_id == world.theirs.id for line in lines)
    assert "'reason': 'too many'" in repr(lines[2].detail)
    assert await moderation.audit(world.eve) == ()
    everywhere = await moderation.audit(replace(world.ada, power=Power.OPERATOR, community=None), limit=100)
    assert {line.action for line in everywhere} >= {"mint", "hold", "grant"}


async def test_a_moderators_refund_comes_from_their_groups_wallet(world: World) -> None:
    moderator = replace(world.ada, power=Power.MODERATOR)
    await world.house.database.write(
        lambda session: session.connection().execute(text("UPDATE job SET charged = 0")).rowcount
    )
    assert await world.house.moderation.refund(moderator, world.job.id) == 0  # nothing was charged
    with pytest.raises(UnknownJob):
        await world.house.moderation.refund(world.eve, world.job.id)
    assert (await world.house.books.balance(world.theirs.wallet_id)).available == 50_000

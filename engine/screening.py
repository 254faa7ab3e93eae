"""Requests and results before the checks: who asks, where, and what the place does with what is found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.errors import Unsafe
from engine.model import Actor, Job, NewJob, OptionValue, OutputFile, Request
from engine.policies import CommunityPolicy
from engine.ports import Accounts, Blobs, Books
from engine.ports_moderation import Reviews, Safety
from engine.safety.verdicts import NOTHING, Asked, Finding, Ruling, Screening, Verdict, ruled, with_parent
from engine.workflows.slots import FILES, SlotType
from engine.workflows.template import Template

GENERATIONS = 5  # pictures back that a request is read with
_NEGATIVE = "negative"
_USUAL = 7.0  # guidance
_BLOB = re.compile(r"[0-9a-f]{64}")
_WISHES_BELOW = 1.0  # guidance at which what is not wanted starts to be drawn
_EMBEDDING = re.compile(r"embedding:([^\s,:()]{1,255})")
_CHOSEN = frozenset({SlotType.CHOICE, *FILES})  # from lists that templates and operators make
_NAMED = frozenset({SlotType.MODEL, SlotType.LORAS})
_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


@dataclass(frozen=True, kw_only=True)
class Screened:
    """A request that may be made, and what is to become of its pictures."""

    request: Request
    screening: Screening = Screening.NONE
    flagged: str = ""

    def job(self, new: NewJob) -> NewJob:
        """Give the job that is made of it, as it was planned."""
        request = replace(new.request, place=self.request.place, spoiler=self.request.spoiler)
        return replace(new, request=request, screening=self.screening, flagged=self.flagged)


class Screener:
    """Asks the checks, and decides by the policy of the place."""

    def __init__(
        self, *, safety: Safety, books: Books, accounts: Accounts, reviews: Reviews, blobs: Blobs, nsfw: Verdict
    ) -> None:
        """`nsfw` is what becomes of adult pictures where no policy says so."""
        self._safety = safety
        self._books = books
        self._accounts = accounts
        self._reviews = reviews
        self._blobs = blobs
        self._nsfw = nsfw

    @property
    def looks(self) -> bool:
        """Whether pictures are looked at before anybody sees them."""
        return self._safety.looks

    async def request(self, actor: Actor, request: Request, template: Template | None) -> Screened:
        """Look at what is asked for; None for a template that is gone.

        Raises Unsafe, which is counted, and whose detail is for the log: who and why, and none of the words.
        """
        before, parent = await self._parents(request)
        community = actor.community
        asked = asked_of(
            request.options,
            template,
            policy=actor.policy,
            before=before,
            community=f"{community.platform}:{community.external_id}" if community else "",
        )
        found = [*await self._safety.prompt(asked)]
        if self._safety.looks:
            for blob in input_blobs(request.options, template):
                found += await self._safety.input(await self._blobs.get(blob), asked)
        nsfw, adult = actor.policy.nsfw or self._nsfw, request.place.adult
        ruling = with_parent(ruled(found, nsfw=nsfw, adult=adult), parent, nsfw=nsfw, adult=adult)
        if ruling.verdict is Verdict.REFUSE:
            await self._refuse(actor, ruling)
        return Screened(
            request=replace(request, spoiler=True) if ruling.verdict is Verdict.SPOILER else request,
            screening=Screening.ASKED if ruling.verdict is Verdict.HOLD else Screening.NONE,
            flagged=ruling.flagged,
        )

    async def result(self, job_id: str, files: Sequence[OutputFile]) -> Ruling:
        """Look at what was made of a job, before anybody sees it. Raises Unsafe where it must not be shown."""
        pictures = [file.data for file in files if file.mime in _PICTURES]
        if not self._safety.looks or not pictures:
            return NOTHING
        view = await self._books.job(job_id)
        if view is None:
            return NOTHING
        policy = await self._accounts.policy(view.job.community_id) if view.job.community_id else CommunityPolicy()
        asked = _asked_by(view.job)
        found: list[Finding] = []
        for picture in pictures:
            found += await self._safety.result(picture, asked)
        ruling = ruled(found, nsfw=policy.nsfw or self._nsfw, adult=view.job.place.adult)
        if ruling.verdict is Verdict.REFUSE:
            await self._count(ruling)
            raise Unsafe("a check refused the picture", category=ruling.flagged, rule="")
        return ruling

    async def _refuse(self, actor: Actor, ruling: Ruling) -> None:
        await self._count(ruling)
        finding = ruling.finding
        rule = "" if finding is None else finding.rule
        raise Unsafe(f"{ruling.flagged} ({rule}), asked by {actor.person.id}", category=ruling.flagged, rule=rule)

    async def _count(self, ruling: Ruling) -> None:
        await self._reviews.count(f"refused-{ruling.flagged}"[:64])

    async def _parents(self, request: Request) -> tuple[list[str], str]:
        """Give what the pictures that a request starts from were made of, and what was found of the first."""
        texts: list[str] = []
        flagged, parent = "", request.parent
        for generation in range(GENERATIONS):
            view = None if parent is None else await self._books.job(parent.job_id)
            if view is None:
                break
            texts += [str(value) for name, value in view.job.options.items() if name == "prompt"]
            flagged = view.job.flagged if generation == 0 else flagged
            parent = view.job.parent
        return texts, flagged


def asked_of(
    options: Mapping[str, OptionValue],
    template: Template | None,
    *,
    policy: CommunityPolicy,
    before: Sequence[str] = (),
    community: str = "",
) -> Asked:
    """Give a request as the checks read it: every slot that takes words, and the names of LoRAs and embeddings.

    What is not wanted is no wish, unless guidance is so low that it would be drawn. Without a template all text is
    read as words.
    """
    wished: list[str] = []
    unwanted: list[str] = []
    names: list[str] = []
    for name, value in options.items():
        kind = _kind_of(name, template)
        if not isinstance(value, str) or kind in _CHOSEN or name == "model" or _BLOB.fullmatch(value):
            continue
        if kind in _NAMED or name == "loras":
            names.append(value)
        else:
            (unwanted if name == _NEGATIVE else wished).append(value)
    guidance = options.get("cfg", _USUAL)
    if isinstance(guidance, int | float) and guidance < _WISHES_BELOW:
        wished, unwanted = wished + unwanted, []
    names += [name for text in wished for name in _EMBEDDING.findall(text)]
    return Asked(
        texts=wished,
        unwanted=unwanted,
        names=names,
        before=tuple(before),
        words=policy.words,
        off=frozenset(policy.rules_off),
        community=community,
        template="" if template is None else template.name,
    )


def _kind_of(name: str, template: Template | None) -> SlotType | None:
    slot = None if template is None else template.slots.get(name)
    return None if slot is None else slot.type


def input_blobs(options: Mapping[str, OptionValue], template: Template | None) -> tuple[str, ...]:
    """Name the pictures that a request starts from; masks show nothing."""
    return tuple(
        str(value)
        for name, value in options.items()
        if (name == "image" if template is None else _kind_of(name, template) is SlotType.IMAGE)
    )


def _asked_by(job: Job) -> Asked:
    """Give what a job asked for to whoever looks at its pictures."""
    text = job.options.get("prompt")
    negative = job.options.get(_NEGATIVE)
    return Asked(
        texts=(str(text),) if text else (),
        unwanted=(str(negative),) if negative else (),
        template=job.template,
    )

"""What an option can be completed to, found by what was typed so far; the same on every platform.

Names come from what the endpoints really have; a platform that shows only so many takes the first ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapter import Command
from bot.catalog import COMMANDS, Source, may_give
from engine.model import Actor, JobView
from engine.studio import Studio
from engine.workflows.nearest import nearest
from engine.workflows.slots import Slot, SlotType
from engine.workflows.template import Template

_LISTS = {
    Source.MODELS: ("CheckpointLoaderSimple", "ckpt_name"),
    Source.LORAS: ("LoraLoader", "lora_name"),
    Source.SAMPLERS: ("KSampler", "sampler_name"),
    Source.SCHEDULERS: ("KSampler", "scheduler"),
}
_ENDING = ".safetensors"
_USUAL_WEIGHT = "1"


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One completion: what people see, and what is put in its place."""

    name: str
    value: str


class Completions:
    """Finds completions."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def complete(self, source: Source, typed: str, command: Command) -> tuple[Completion, ...]:
        """Give what `typed` may become, the likeliest first; `command` says who types and where."""
        match source:
            case Source.LORAS:
                return _loras(self._names(source), typed)
            case Source.TEMPLATES:
                return _named(found(self._studio.library.names(), typed))
            case Source.COMMANDS:
                actor = await self._actor(command)
                return _named(found([each.name for each in COMMANDS if may_give(actor.power, each)], typed))
            case Source.JOBS:
                views = await self._studio.jobs(await self._actor(command), limit=100)
                return _jobs(views, typed)
            case _:
                return _named(found(self._names(source), typed))

    def of_slot(self, template: Template, slot: Slot, typed: str) -> tuple[Completion, ...]:
        """Give what a template's slot can be completed to."""
        if slot.choices:
            return _named(found(slot.choices, typed))
        if slot.name == "loras":
            return _loras(self._names(Source.LORAS), typed)
        if slot.type not in (SlotType.CHOICE, SlotType.MODEL):
            return ()
        return _named(found(self._studio.choices(template.node(slot.node).class_type, slot.input), typed))

    def _names(self, source: Source) -> tuple[str, ...]:
        return self._studio.choices(*_LISTS[source])

    async def _actor(self, command: Command) -> Actor:
        return await self._studio.actor(
            command.identity,
            locale=command.place.locale,
            community=command.community,
            community_name=command.community_name,
            power=command.power,
        )


def found(names: Sequence[str], typed: str) -> list[str]:
    """Give the names that what was typed may mean: those that begin with it, that hold all its words, the nearest.

    Case, folders and the file's ending do not matter.
    """
    wanted = typed.strip().casefold()
    if not wanted:
        return list(names)
    heads = [name for name in names if name.casefold().startswith(wanted) or _bare(name).startswith(wanted)]
    words = wanted.split()
    inside = [name for name in names if name not in heads and all(word in name.casefold() for word in words)]
    if heads or inside:
        return heads + inside
    bare = {_bare(name): name for name in names}
    near = nearest(wanted, bare)
    return [bare[near]] if near else []


def _bare(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(_ENDING).casefold()


def _named(names: Sequence[str]) -> tuple[Completion, ...]:
    return tuple(Completion(name=name.removesuffix(_ENDING), value=name) for name in names)


def _loras(names: Sequence[str], typed: str) -> tuple[Completion, ...]:
    """Complete the last of several LoRAs, `name:0.8, other`; those before it stay, and a weight that was typed does."""
    before, comma, last = typed.rpartition(",")
    name, colon, weight = last.strip().partition(":")
    head = f"{before.strip()}, " if comma else ""
    taken = {part.partition(":")[0].strip() for part in before.split(",")}
    weighted = f":{weight.strip() if colon and weight.strip() else _USUAL_WEIGHT}"
    return tuple(
        Completion(name=f"{head}{one.removesuffix(_ENDING)}{weighted}", value=f"{head}{one}{weighted}")
        for one in found(names, name)
        if one not in taken
    )


def _jobs(views: Sequence[JobView], typed: str) -> tuple[Completion, ...]:
    wanted = typed.strip().casefold()
    return tuple(
        Completion(name=f"{view.job.id} · {view.job.text}", value=view.job.id)
        for view in views
        if view.job.id.startswith(wanted) or wanted in view.job.text.casefold()
    )

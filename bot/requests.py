"""A line that somebody typed becomes a Request: defaults resolved, names found, sizes worked out."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from bot.catalog import flags_for
from bot.grammar import ParsedLine, render
from engine.errors import UnknownChoice, UnsupportedOption
from engine.images import KeptImage
from engine.model import Actor, Lane, OptionValue, Place, Request
from engine.studio import Studio
from engine.workflows.loras import LOADER, read_loras, write_loras
from engine.workflows.nearest import nearest
from engine.workflows.sizes import WIDEST, size_for
from engine.workflows.slots import Slot, SlotType
from engine.workflows.template import Template

_FILLERS = """
    a an the of to at by for from is are be there it its this that some my your our his her their please draw paint
    show make me i you we picture pictures image drawing painting illustration book photo scene s t
"""
BUILT_IN_MODEL = "atelier-tiny.safetensors"
FILLERS = frozenset(_FILLERS.split())
"""Words that a prompt may have without meaning a thing, a colour or a place."""


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a request means that does not say."""

    template: str
    image_template: str  # where a picture came along
    mask_template: str  # where a mask came along, too
    model: str  # empty: the first real checkpoint, or else the built-in one


class RequestResolver:
    """Resolves lines against what the studio has now."""

    def __init__(self, studio: Studio, defaults: Defaults) -> None:
        self._studio = studio
        self._defaults = defaults

    def template(self, named: str, images: Collection[str]) -> Template:
        """The template that a line means, by the slots of the pictures with it. Raises UnknownTemplate."""
        default = self._defaults.template
        if "mask" in images:
            default = self._defaults.mask_template
        elif images:
            default = self._defaults.image_template
        return self._studio.library.get(named or default)

    async def resolve(
        self,
        actor: Actor,
        line: ParsedLine,
        template: Template,
        images: Mapping[str, KeptImage],
        *,
        place: Place,
        key: str,
    ) -> Request:
        """Make the request. Raises UserError: what the template cannot do, or no endpoint has, is said, not dropped."""
        options = dict(line.options)
        images = await self._with_mask(template, images)
        if "prompt" in template.slots:
            options["prompt"] = line.prompt
        for name, image in images.items():
            self._require_slot(template, name, flag=name)
            options[name] = image.blob
        for slot in template.slots.values():
            value = await self._choice(template, slot, options.get(slot.name))
            if value is not None:
                options[slot.name] = value
        options |= await self._size(line, template, options, images)
        return Request(
            request_key=key,
            template=template.name,
            options=options,
            count=line.count or 1,
            lane=line.lane or Lane.FAST,
            place=place,
            text=render(line, flags_for(template.slots.values())),
            private=line.private,
            spoiler=line.spoiler,
        )

    async def _with_mask(self, template: Template, images: Mapping[str, KeptImage]) -> Mapping[str, KeptImage]:
        """Add the mask that a template wants and nobody sent: the picture's transparent part, if it has one."""
        if "mask" not in template.slots or "mask" in images or "image" not in images:
            return images
        mask = await self._studio.transparent_part(images["image"])
        return images if mask is None else {**images, "mask": mask}

    async def completed(self, request: Request) -> Request:
        """Add the model to a request that was not typed and leaves it open."""
        template = self._studio.library.get(request.template)
        chosen = {
            slot.name: await self._choice(template, slot, None)
            for slot in template.slots.values()
            if slot.type is SlotType.MODEL and slot.name not in request.options
        }
        found = {name: value for name, value in chosen.items() if value is not None}
        return replace(request, options={**request.options, **found}) if found else request

    async def passed_over(self, request: Request) -> tuple[str, ...]:
        """Give the words of a prompt that mean nothing to its model; none for a model that reads any text."""
        card = await self._studio.model_card(str(request.options.get("model", "")))
        return unknown_words(str(request.options.get("prompt", "")), card.words) if card.words else ()

    def _require_slot(self, template: Template, name: str, *, flag: str) -> None:
        if name not in template.slots:
            raise UnsupportedOption(flag=flag, template=template.name, options=", ".join(sorted(template.slots)))

    async def _choice(self, template: Template, slot: Slot, given: OptionValue | None) -> OptionValue | None:
        """The value of a slot that chooses from the endpoints' lists, in the list's own spelling."""
        if slot.type is SlotType.LORAS and isinstance(given, str):
            return await self._loras(given)
        if slot.type not in (SlotType.MODEL, SlotType.CHOICE) or slot.choices:
            return given
        offered = self._studio.choices(template.node(slot.node).class_type, slot.input)
        if slot.name == "model" and given is None:
            given = self._defaults.model or _first_real(offered)
        if given is None or not offered:  # nothing is known of any endpoint yet
            return given
        return await self._offered(slot.name, str(given), template.node(slot.node).class_type, slot.input)

    async def _loras(self, given: str) -> str:
        """Give LoRAs in the spelling of the endpoints' list."""
        loras = read_loras(given)
        names = [await self._offered("lora", lora.name, LOADER, "lora_name") for lora in loras]
        return write_loras(tuple(replace(lora, name=name) for lora, name in zip(loras, names, strict=True)))

    async def _offered(self, flag: str, given: str, node: str, name: str) -> str:
        """Find a name in what the endpoints list for a node's input. Raises UnknownChoice."""
        offered = self._studio.choices(node, name)
        found = find_name(given, offered)
        if found is None:  # it may have been added a moment ago
            await self._studio.look_again()
            offered = self._studio.choices(node, name)
            found = find_name(given, offered)
        if found is None:
            raise UnknownChoice(flag=flag, value=given[:64], nearest=_nearest_name(given, offered))
        return found

    async def _size(
        self,
        line: ParsedLine,
        template: Template,
        options: Mapping[str, OptionValue],
        images: Mapping[str, KeptImage],
    ) -> dict[str, OptionValue]:
        if not {"width", "height"} <= template.slots.keys():
            if line.aspect or line.size:
                self._require_slot(template, "width", flag="ar" if line.aspect else "size")
            return {}
        native = (await self._studio.model_card(str(options.get("model", "")))).size
        aspect = line.aspect
        if aspect is None and line.size is None and "image" in images:
            aspect = images["image"].aspect_within(WIDEST)
        width, height = size_for(native=native, aspect=aspect, exact=line.size)
        return {"width": width, "height": height}


def unknown_words(prompt: str, known: Collection[str]) -> tuple[str, ...]:
    """Give the words of a prompt that are not known, each once and in order; fillers are let be."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", prompt).casefold())
    return tuple(dict.fromkeys(w for w in words if not w.isdecimal() and w not in known and w not in FILLERS))


def find_name(typed: str, offered: tuple[str, ...]) -> str | None:
    """Find what was typed among names: exactly, or alone in ignoring case, folders and the file's ending."""
    if typed in offered:
        return typed
    wanted = _stem(typed)
    alike = [name for name in offered if _stem(name) == wanted]
    return alike[0] if len(alike) == 1 else None


def _nearest_name(typed: str, offered: tuple[str, ...]) -> str:
    """Name what may be meant, as files are named for short too: `inc` is near `ink.safetensors`."""
    stems = {_stem(name): name for name in reversed(offered)}
    return nearest(typed, offered) or stems.get(nearest(_stem(typed), stems), "")


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".safetensors").casefold()


def _first_real(checkpoints: tuple[str, ...]) -> str | None:
    real = [name for name in checkpoints if name != BUILT_IN_MODEL]
    return next(iter(real or checkpoints), None)

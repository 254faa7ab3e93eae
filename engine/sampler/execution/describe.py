"""Declarations in the shapes of `/object_info`."""

from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from engine.sampler.execution.model import Json, JsonObject
from engine.sampler.nodes.registry import Input, NodeDeclaration


class Listing(Protocol):
    """Which files a choice can be made from."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Files of a models folder or of "input", sorted."""


def choices(given: Input, listing: Listing) -> tuple[str, ...]:
    """Give what a COMBO input offers now."""
    return listing.names(given.folder) if given.folder else given.choices


def input_config(given: Input, listing: Listing, *, modern: bool = False) -> list[Json]:
    """Give `[type or choices, options]`; without options only `[type or choices]`.

    The modern shape is always `[type, options]`, and choices are among the options.
    """
    ranges = {"default": given.default, "min": given.min, "max": given.max, "step": given.step}
    options: JsonObject = {name: value for name, value in ranges.items() if value is not None}
    options.update(cast(JsonObject, dict(given.extra)))
    if given.type != "COMBO" or "remote" in given.extra:  # whose choices the front end asks for by itself
        return [given.type, options] if options or modern else [given.type]
    offered: list[Json] = list(choices(given, listing))
    if modern:
        return ["COMBO", {"multiselect": False, "options": offered, **options}]
    return [offered, options] if options else [offered]


def node_info(declaration: NodeDeclaration, listing: Listing) -> JsonObject:
    """Give what `/object_info` says of one node."""
    required = [given for given in declaration.inputs if given.required]
    optional = [given for given in declaration.inputs if not given.required]
    modern = declaration.modern
    inputs: JsonObject = {"required": _configs(required, listing, modern=modern)}
    order: JsonObject = {"required": [given.name for given in required]}
    if optional:
        inputs["optional"] = _configs(optional, listing, modern=modern)
        order["optional"] = [given.name for given in optional]
    if declaration.hidden:
        inputs["hidden"] = dict(declaration.hidden)
        order["hidden"] = list(declaration.hidden)
    info: JsonObject = {
        "input": inputs,
        "input_order": order,
        "output": list(declaration.outputs),
        "output_is_list": [False for _ in declaration.outputs],
        "output_name": list(declaration.output_names or declaration.outputs),
        "name": declaration.class_type,
        "display_name": declaration.display_name or (None if modern else declaration.class_type),
        "description": declaration.description,
        "python_module": declaration.module,
        "category": declaration.category,
        "output_node": declaration.output_node,
    }
    if declaration.output_tooltips:
        info["output_tooltips"] = list(declaration.output_tooltips)
    if modern:
        info.update(deprecated=False, experimental=False, api_node=False)
    info.update(cast(JsonObject, dict(declaration.extra)))
    return info


def object_info(declarations: Mapping[str, NodeDeclaration], listing: Listing) -> JsonObject:
    """Give the whole of `/object_info`, reading each folder once."""
    once = Once(listing)
    return {name: node_info(declaration, once) for name, declaration in declarations.items()}


def _configs(inputs: Iterable[Input], listing: Listing, *, modern: bool) -> JsonObject:
    return {given.name: input_config(given, listing, modern=modern) for given in inputs}


class Once:
    """A listing that remembers: within one answer all choices come from one look at the disk."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._known: dict[str, tuple[str, ...]] = {}

    def names(self, folder: str) -> tuple[str, ...]:
        """Files of that folder, as they were when it was first asked for."""
        if folder not in self._known:
            self._known[folder] = self._listing.names(folder)
        return self._known[folder]

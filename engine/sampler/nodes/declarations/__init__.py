"""The nodes that we offer, as `/object_info` shows them: one file per family, no torch.

The tooltips are ours; names, types, ranges and orders are ComfyUI's, so that its graphs run unchanged.
"""

from collections.abc import Mapping

from engine.sampler.nodes.declarations import (
    conditioning,
    custom_sampling,
    effects,
    image,
    latent,
    loaders,
    mask,
    meaning,
    primitive,
    sampling,
    saving,
    vae,
)
from engine.sampler.nodes.registry import NodeDeclaration


def built_in() -> Mapping[str, NodeDeclaration]:
    """Give every node class by its name, in the order in which `/object_info` lists them."""
    families = (
        sampling,
        loaders,
        conditioning,
        vae,
        latent,
        image,
        saving,
        mask,
        effects,
        custom_sampling,
        meaning,
        primitive,
    )
    return {declaration.class_type: declaration for family in families for declaration in family.declarations()}

"""Where and when conditions count: areas, masks and times, and the average of those that overlap.

The rules are ComfyUI's. A condition with an area is evaluated on that part of the latent alone; what a prompt's
conditions give is averaged by strength and mask, and an area without a mask fades in over eight cells from the edges
that are not the picture's own. A condition with an area has a counterpart for the same area in the other prompts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.sampler.sampling.conditions import Area, Condition
from engine.sampler.sampling.denoiser import Denoiser, Scene
from engine.sampler.sampling.guidance import Conditions, Role
from engine.sampler.sampling.masks import latent_mask, repeated

_FADE = 8  # cells
_LEAST_SIDE = 8  # cells of an area that is taken from a mask
NEXT_TO_NOTHING = 1e-37  # weight of a place that no condition covers, so that nothing is divided by 0


class OutsideThePicture(ValueError):
    """An area that has no part in the picture; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a latent, in cells."""

    height: int
    width: int
    y: int
    x: int

    def cut(self, tensor: Tensor) -> Tensor:
        """Give this part of [..., h, w]."""
        return tensor[..., self.y : self.y + self.height, self.x : self.x + self.width]

    @property
    def cells(self) -> int:
        """Its size."""
        return self.height * self.width

    def holds(self, other: "Box") -> bool:
        """Whether the other one lies inside."""
        return (
            self.y <= other.y
            and self.x <= other.x
            and self.y + self.height >= other.y + other.height
            and self.x + self.width >= other.x + other.width
        )


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A condition made ready for one run: what the network reads, and where and when it counts."""

    role: Role
    box: Box | None  # None: everywhere
    weight: Tensor | None  # [batch or 1, 1, h, w] of the box; None: 1 everywhere
    first: float  # sigmas between which it counts
    last: float
    context: Tensor  # [batch, tokens, width]
    vector: Tensor | None  # [batch, n]
    channels: Tensor | None  # [batch, k, h, w] of the box

    def counts_at(self, sigma: float) -> bool:
        """Whether it is evaluated at a noise level."""
        return self.last <= sigma <= self.first

    def seen(self, tensor: Tensor) -> Tensor:
        """Give its part of [..., h, w]."""
        return tensor if self.box is None else self.box.cut(tensor)


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A condition with its area in cells."""

    condition: Condition
    box: Box | None


def make_parts(prompts: Mapping[Role, Conditions], model: Denoiser, scene: Scene) -> tuple[Part, ...]:
    """Make the conditions of all prompts ready for a run. Raises OutsideThePicture."""
    size = (scene.latent.shape[-2], scene.latent.shape[-1])
    placed = {role: [_placed(condition, size) for condition in given] for role, given in prompts.items()}
    for role, given in placed.items():
        for one in given:
            for other, theirs in placed.items():
                if other is not role and (counterpart := _counterpart(one, theirs)) is not None:
                    theirs.append(counterpart)
    return tuple(_part(role, one, model, scene) for role, given in placed.items() for one in given)


def mixed(parts: Sequence[Part], denoised: Sequence[Tensor], whole: Tensor) -> Tensor:
    """Average the denoised latents of one prompt's parts; `whole` is any tensor of the full latent's shape.

    What nothing covers is 0.
    """
    if len(parts) == 1 and parts[0].box is None and parts[0].weight is None:
        return denoised[0]
    total, weights = torch.zeros_like(whole), torch.full_like(whole, NEXT_TO_NOTHING)
    for part, latent in zip(parts, denoised, strict=True):
        weight = torch.ones_like(latent) if part.weight is None else part.weight
        part.seen(total).add_(latent * weight)
        part.seen(weights).add_(weight)
    return total / weights


def _placed(condition: Condition, size: tuple[int, int]) -> _Placed:
    if condition.area is not None:
        return _Placed(condition, _box(condition.area, size))
    if condition.mask is not None and condition.area_from_mask:
        return _Placed(condition, _bounds(condition.mask, size))
    return _Placed(condition, None)


def _box(area: Area, size: tuple[int, int]) -> Box:
    height, width = size
    if area.relative:
        box = Box(
            max(1, round(area.height * height)),
            max(1, round(area.width * width)),
            round(area.y * height),
            round(area.x * width),
        )
    else:
        box = Box(int(area.height), int(area.width), int(area.y), int(area.x))
    inside = replace(box, height=min(box.height, height - box.y), width=min(box.width, width - box.x))
    if inside.height < 1 or inside.width < 1:
        raise OutsideThePicture(
            f"An area begins at cell ({box.x}, {box.y}), but the picture ends at ({width}, {height}); "
            "a cell is 8 pixels. Move the area or enlarge the picture."
        )
    return inside


def _bounds(mask: Tensor, size: tuple[int, int]) -> Box:
    """Give the smallest box around a mask, at least 8 cells a side where the picture allows it."""
    fitted = latent_mask(mask, torch.empty(mask.reshape(-1, *mask.shape[-2:]).shape[0], 1, *size))
    ys, xs = fitted.abs().amax(dim=(0, 1)).nonzero(as_tuple=True)
    if not len(ys):
        return _box(Area(height=_LEAST_SIDE, width=_LEAST_SIDE), size)
    top, left = int(ys.min()), int(xs.min())
    height, width = int(ys.max()) - top + 1, int(xs.max()) - left + 1
    return _box(Area(height=max(_LEAST_SIDE, height), width=max(_LEAST_SIDE, width), y=top, x=left), size)


def _counterpart(one: _Placed, theirs: Sequence[_Placed]) -> _Placed | None:
    """Make the other prompt's condition for an area, from the one with the smallest area that holds it, if need be."""
    if one.box is None:
        return None
    found: _Placed | None = None
    for other in theirs:
        if other.box is None:
            found = found or other
        elif other.box.holds(one.box) and (found is None or found.box is None or found.box.cells > other.box.cells):
            found = other
    if found is None or found.box == one.box:
        return None
    words, place = found.condition, one.condition
    told = replace(
        words,
        area=place.area,
        strength=place.strength,
        mask=place.mask,
        mask_strength=place.mask_strength,
        area_from_mask=place.area_from_mask,
        start=place.start,
        end=place.end,
    )
    return _Placed(told, one.box)


def _part(role: Role, placed: _Placed, model: Denoiser, scene: Scene) -> Part:
    condition, box, device = placed.condition, placed.box, model.device
    batch = scene.latent.shape[0]
    extras = model.extras(condition, replace(scene, negative=role is Role.NEGATIVE))
    channels = extras.channels
    return Part(
        role=role,
        box=box,
        weight=_weight(condition, box, scene.latent),
        first=model.kind.sigma_at_fraction(condition.start),
        last=model.kind.sigma_at_fraction(condition.end),
        context=repeated(condition.embeddings.float(), batch).to(device),
        vector=None if extras.vector is None else repeated(extras.vector.float(), batch).to(device),
        channels=channels if channels is None or box is None else box.cut(channels),
    )


def _weight(condition: Condition, box: Box | None, latent: Tensor) -> Tensor | None:
    """Give how much the condition counts at each place of its box, or None if 1 everywhere."""
    height, width = latent.shape[-2:]
    if condition.mask is not None:
        mask = latent_mask(condition.mask, latent) * condition.mask_strength
        return (mask if box is None else box.cut(mask)) * condition.strength
    if box is None and condition.strength == 1.0:
        return None
    box = box or Box(height, width, 0, 0)
    weight = torch.full((1, 1, box.height, box.width), condition.strength)
    _fade(weight, 2, begins=box.y > 0, ends=box.y + box.height < height)
    _fade(weight, 3, begins=box.x > 0, ends=box.x + box.width < width)
    return weight.to(latent.device)


def _fade(weight: Tensor, dimension: int, *, begins: bool, ends: bool) -> None:
    """Let a weight rise linearly from one or both ends of a dimension."""
    length = weight.shape[dimension]
    rim = min(_FADE, length // 4)
    for cell in range(rim):
        if begins:
            weight.narrow(dimension, cell, 1).mul_((cell + 1) / rim)
        if ends:
            weight.narrow(dimension, length - 1 - cell, 1).mul_((cell + 1) / rim)

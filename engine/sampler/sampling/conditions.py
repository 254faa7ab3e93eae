"""What a network is told besides the noisy latent: encoded words, and where, when and how strongly they count."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Area:
    """A rectangle of a latent, in cells; with `relative` in shares (0..1) of the latent's height and width."""

    height: float
    width: float
    y: float = 0
    x: float = 0
    relative: bool = False


@dataclass(frozen=True, kw_only=True)
class PictureSizes:
    """What SDXL is told of the picture's sizes, in pixels."""

    height: int
    width: int
    crop_height: int = 0
    crop_width: int = 0
    target_height: int
    target_width: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Condition:
    """One encoded prompt; a run may be guided by several at once, each in its own area and time.

    Where several count, they are averaged by their strengths; an area without a mask fades over 8 cells at its edges.
    """

    embeddings: Tensor  # [1, tokens, width]
    pooled: Tensor | None = None  # [1, width], for models that read it (SDXL, SD3, Flux)
    area: Area | None = None  # the network sees nothing but this part of the latent
    strength: float = 1.0
    mask: Tensor | None = None  # [n, height, width] of any size
    mask_strength: float = 1.0
    area_from_mask: bool = False  # the area is the mask's bounding box
    start: float = 0.0  # shares of the way from noise to picture between which it counts
    end: float = 1.0
    sizes: PictureSizes | None = None
    aesthetic_score: float | None = None  # SDXL's refiner
    guidance: float | None = None  # Flux
    picture: Tensor | None = None  # [n, C, h, w], unscaled: what an inpainting model is shown
    picture_mask: Tensor | None = None  # [n, height, width]: where it is to be redrawn

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        tensors = (self.embeddings, self.pooled, self.mask, self.picture, self.picture_mask)
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)

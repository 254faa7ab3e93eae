"""The network that removes noise, as the batcher sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from engine.sampler.models.scaling import cropped_to, resized
from engine.sampler.models.vae import CELL
from engine.sampler.sampling.conditions import Condition
from engine.sampler.sampling.denoiser import Extras, Rows, Scene
from engine.sampler.sampling.kinds import Discrete, LatentSpace, ModelKind, Prediction, scaled_linear_table
from engine.sampler.sampling.masks import repeated

_GRAY = (0.8223, -0.6876, 0.6364, 0.1380)  # what Stable Diffusion's autoencoder makes of a gray picture, scaled
_LIKED, _DISLIKED = 6.0, 2.5  # aesthetic scores that the refiner is told of what to show and what to avoid
_BASE_SIZES, _REFINER_SIZES = 6, 5  # numbers that XL models are told besides the pooled words


class UnfitConditioning(ValueError):
    """A conditioning without what this model reads; the sentence says which wires to change."""


@dataclass(frozen=True, kw_only=True)
class LatentColours:
    """A linear guess at colours, for previews: RGB in -1..1 = latent (in the network's space) @ matrix + bias."""

    matrix: tuple[tuple[float, float, float], ...]  # a row per channel
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)


SD1_COLOURS = LatentColours(
    # K. Turner, "Decoding latents to RGB without upscaling", Hugging Face forum, 2022
    matrix=((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
)
SDXL_COLOURS = LatentColours(
    # T. A. Vass, "Explaining the SDXL latent space", Hugging Face, 2023; there on 0..255
    matrix=(
        (60 / 127.5, 60 / 127.5, 60 / 127.5),
        (-60 / 127.5, -5 / 127.5, 10 / 127.5),
        (25 / 127.5, 15 / 127.5, -5 / 127.5),
        (-70 / 127.5, -50 / 127.5, -35 / 127.5),
    ),
    bias=(150 / 127.5 - 1, 140 / 127.5 - 1, 130 / 127.5 - 1),
)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a network's predictions stand for, in models that were trained on a table of noise levels."""

    prediction: Prediction
    zero_terminal_snr: bool = False

    @property
    def kind(self) -> Discrete:
        """The same, for samplers."""
        table = scaled_linear_table(zero_terminal_snr=self.zero_terminal_snr)
        return Discrete(prediction=self.prediction, table=table)


@dataclass(frozen=True, kw_only=True, eq=False)
class DiffusionModel:
    """A UNet with what its predictions mean; one object per set of weights, so identity says what can be batched."""

    network: nn.Module
    device: torch.device
    dtype: torch.dtype
    kind: ModelKind
    space: LatentSpace
    context_width: int  # numbers a token of the prompts that it reads
    colours: LatentColours
    pooled_width: int = 0  # numbers of a pooled prompt that it reads; 0: none
    refiner: bool = False  # it is told SDXL's aesthetic score
    inpainting: bool = False  # it sees the picture and where it is to be redrawn, in channels of their own
    layers: Mapping[str, str] = field(default_factory=dict)  # its weights by the names that LoRA files use

    def extras(self, condition: Condition, scene: Scene) -> Extras:
        """Give what the network reads besides the words. Raises UnfitConditioning."""
        return Extras(
            vector=self._vector(condition, scene) if self.pooled_width else None,
            channels=self._channels(condition, scene) if self.inpainting else None,
        )

    def predict(self, rows: Rows) -> Tensor:
        """Run the network once; give [rows, C, h, w], float32."""
        x, context = rows.x.to(self.dtype), rows.context.to(self.dtype)
        added: dict[str, Tensor] | None = None
        if rows.vector is not None:
            words, sizes = rows.vector[:, : self.pooled_width], rows.vector[:, self.pooled_width :]
            added = {"text_embeds": words.to(self.dtype), "time_ids": sizes}
        output: Tensor = self.network(x, rows.timesteps, context, added_cond_kwargs=added, return_dict=False)[0]
        return output.float()

    def _vector(self, condition: Condition, scene: Scene) -> Tensor:
        """Give the pooled words and, behind them, sizes in pixels (height before width): [1, n]."""
        if condition.pooled is None or condition.pooled.shape[-1] != self.pooled_width:
            raise UnfitConditioning(
                "The prompt was encoded for another kind of model: this one reads a pooled prompt of "
                f"{self.pooled_width} numbers too. Take MODEL and CLIP from the same checkpoint."
            )
        height, width = (side * CELL for side in scene.latent.shape[-2:])
        sizes = [float(height), float(width), 0.0, 0.0]
        target = sizes[:2]
        if condition.sizes is not None:
            given = condition.sizes
            sizes = [float(given.height), float(given.width), float(given.crop_height), float(given.crop_width)]
            target = [float(given.target_height), float(given.target_width)]
        if self.refiner:
            score = condition.aesthetic_score
            numbers = [*sizes, score if score is not None else _DISLIKED if scene.negative else _LIKED]
        else:
            numbers = [*sizes, *target]
        return torch.cat((condition.pooled.float().cpu(), torch.tensor([numbers])), dim=-1)

    def _channels(self, condition: Condition, scene: Scene) -> Tensor:
        """Give the mask (1 where it is redrawn) and the picture, both as large as the latent: [batch, 1 + C, h, w]."""
        latent = scene.latent
        mask = scene.mask if condition.picture_mask is None else condition.picture_mask
        if mask is None:
            gray = torch.tensor(_GRAY, device=latent.device).reshape(1, -1, 1, 1).expand_as(latent)
            return torch.cat((torch.ones_like(latent[:, :1]), gray), dim=1)
        picture = latent
        if condition.picture is not None:
            picture = _fitted(self.space.enter(condition.picture.float()), latent)
        planes = mask.reshape(-1, 1, *mask.shape[-2:]).float()
        return torch.cat((_fitted(planes, latent).round(), picture), dim=1)


def sizes_read(*, refiner: bool) -> int:
    """How many numbers an XL model is told besides the pooled words."""
    return _REFINER_SIZES if refiner else _BASE_SIZES


def _fitted(planes: Tensor, latent: Tensor) -> Tensor:
    """Bring planes to a latent's size (bilinear, cropped in the middle) and batch."""
    height, width = latent.shape[-2:]
    if planes.shape[-2:] != latent.shape[-2:]:
        planes = resized(cropped_to(planes, width / height), "bilinear", width=width, height=height)
    return repeated(planes, latent.shape[0]).to(latent.device)

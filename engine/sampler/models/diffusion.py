"""The network that removes noise, as the batcher sees it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.sampler.sampling.conditions import Condition
from engine.sampler.sampling.denoiser import Extras, Rows, Scene
from engine.sampler.sampling.kinds import LatentSpace, ModelKind


@dataclass(frozen=True, kw_only=True)
class LatentColours:
    """A linear guess at colours, for previews: RGB in -1..1 = latent (in the network's space) @ matrix + bias."""

    matrix: tuple[tuple[float, float, float], ...]  # a row per channel
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)


SD1_COLOURS = LatentColours(
    # K. Turner, "Decoding latents to RGB without upscaling", Hugging Face forum, 2022
    matrix=((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
)


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

    def extras(self, condition: Condition, scene: Scene) -> Extras:
        """Give what the network reads besides the words: nothing, for the families that there are so far."""
        return Extras()

    def predict(self, rows: Rows) -> Tensor:
        """Run the network once; give [rows, C, h, w], float32."""
        x, context = rows.x.to(self.dtype), rows.context.to(self.dtype)
        output: Tensor = self.network(x, rows.timesteps, context, return_dict=False)[0]
        return output.float()

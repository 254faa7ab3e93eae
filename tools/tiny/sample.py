"""A small reference sampler for contact sheets and checks: Euler steps with guidance, as the model card describes.

Sigmas: sigma(t) = sqrt((1 - a(t)) / a(t)) for times evenly spread from 999 to 0, then 0; a is the cumulative signal
power (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 1 without
churn or the second-order correction).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel

from tools.tiny import models, pictures, vocabulary


@dataclass(frozen=True, kw_only=True)
class Model:
    """The three networks, in single precision."""

    unet: UNet2DConditionModel
    autoencoder: AutoencoderTiny
    text: CLIPTextModel

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Reads an exported model folder."""
        return cls(
            unet=UNet2DConditionModel.from_pretrained(folder / "unet", low_cpu_mem_usage=False).float().eval(),
            autoencoder=AutoencoderTiny.from_pretrained(folder / "vae", low_cpu_mem_usage=False).float().eval(),
            text=CLIPTextModel.from_pretrained(folder / "text_encoder").float().eval(),
        )


def euler_times(steps: int) -> tuple[Tensor, Tensor]:
    """Times (steps,) and sigmas (steps + 1,), the last 0; a time between two trained ones interpolates log sigma."""
    alphas = models.alphas_cumprod()
    table = ((1 - alphas) / alphas).sqrt().log()
    times = torch.linspace(models.TRAIN_STEPS - 1, 0, steps)
    low = times.floor().long()
    high = (low + 1).clamp(max=models.TRAIN_STEPS - 1)
    sigmas = torch.lerp(table[low], table[high], times - low).exp()
    return times, torch.cat([sigmas, torch.zeros(1)])


@torch.no_grad()
def sample(
    model: Model, prompts: list[str], *, width: int, height: int, seed: int, steps: int = 20, guidance: float = 4.0
) -> list[Image.Image]:
    """One picture for each prompt; picture i starts from the noise of seed + i, whatever its company."""
    table = vocabulary.build_vocabulary()
    ids = torch.tensor([vocabulary.encode(prompt, table) for prompt in [*prompts, *[""] * len(prompts)]])
    text = model.text(input_ids=ids).last_hidden_state
    shape = (models.LATENT_CHANNELS, height // models.DOWN, width // models.DOWN)
    starts = [
        torch.randn(shape, generator=torch.Generator().manual_seed(seed + index)) for index in range(len(prompts))
    ]
    times, sigmas = euler_times(steps)
    x = torch.stack(starts) * (sigmas[0] ** 2 + 1).sqrt()
    for time, (sigma, after) in zip(times, pairwise(sigmas), strict=True):
        scaled = torch.cat([x, x]) / (sigma**2 + 1).sqrt()
        wanted, plain = model.unet(scaled, time, text).sample.chunk(2)
        x = x + (plain + guidance * (wanted - plain)) * (after - sigma)
    made = model.autoencoder.decode(x / model.autoencoder.config.scaling_factor).sample
    return [pictures.to_image(picture) for picture in made]


def main() -> None:
    """Draws one prompt to a PNG file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("prompt")
    parser.add_argument("--model", type=Path, default=Path("config/models/tiny"))
    parser.add_argument("--out", type=Path, default=Path("out.png"))
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--height", type=int, default=104)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    options = parser.parse_args()
    model = Model.load(options.model)
    made = sample(
        model,
        [options.prompt],
        width=options.width,
        height=options.height,
        seed=options.seed,
        steps=options.steps,
        guidance=options.guidance,
    )
    made[0].save(options.out)


if __name__ == "__main__":
    main()

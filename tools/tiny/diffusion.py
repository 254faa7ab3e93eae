"""Trains the denoiser and the text encoder together, to predict the noise in latents.

Loss: squared error of the noise, weighted by min(SNR, 5) / SNR (Hang et al. 2023, "Efficient Diffusion Training via
Min-SNR Weighting Strategy"). One caption in ten is empty, for guidance. What is exported is the moving average of the
weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from tools.tiny import autoencoder, latents, models, scenes, speed, vocabulary
from tools.tiny.captions import caption
from tools.tiny.latents import Bucket
from tools.tiny.pace import Average, Pace, load_state, save_state, set_rate

EMPTY_SHARE = 0.1
SNR_LIMIT = 5.0
TIME_POWER = 0.75
"""Times are 1,000 * u ** 0.75 for u even in 0 to 1: their density rises with the cube root of the time."""
LOG_EVERY = 100
FRESH_EVERY = 8
"""Steps from one lot of fresh pictures to the next."""


class Captions:
    """Turns scenes into token ids, with a new wording at every call."""

    def __init__(self) -> None:
        self._table = vocabulary.build_vocabulary()

    def ids(self, seeds: Sequence[int], size: tuple[int, int], random: Random) -> Tensor:
        """(batch, 24) token ids; a share of the captions is empty."""
        rows = []
        for seed in seeds:
            empty = random.random() < EMPTY_SHARE
            text = "" if empty else caption(scenes.random_scene(seed, size), random)
            rows.append(vocabulary.encode(text, self._table))
        return torch.tensor(rows)


def noise_loss(unet: UNet2DConditionModel, clean: Tensor, text: Tensor, alphas: Tensor) -> Tensor:
    """The weighted squared error of the predicted noise at random times, one number.

    Late times (much noise) are drawn more often: what a picture shows is decided there.
    """
    device = clean.device
    count = clean.shape[0]
    strata = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    times = (strata**TIME_POWER * models.TRAIN_STEPS).long().clamp(max=models.TRAIN_STEPS - 1)
    alpha = alphas[times].view(-1, 1, 1, 1)
    noise = torch.randn_like(clean)
    noisy = (alpha.sqrt() * clean + (1 - alpha).sqrt() * noise).to(memory_format=torch.channels_last)
    made = unet(noisy, times, text).sample.float()
    ratio = alpha / (1 - alpha)
    weight = ratio.clamp(max=SNR_LIMIT) / ratio
    loss: Tensor = (weight * (made - noise) ** 2).mean()
    return loss


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What a run is told."""

    minutes: float
    """Wall-clock minutes of the whole training, earlier runs included."""
    seed: int
    device: str
    batch: int
    """Pictures of one optimizer step."""
    fresh: int
    """New pictures drawn for each step."""


class Trainer:
    """One training run: networks, optimizer, average, pool and clock."""

    def __init__(self, work: Path, settings: TrainSettings) -> None:
        torch.manual_seed(settings.seed)
        self._path = work / "diffusion.pt"
        self._settings = settings
        device = settings.device
        self._progress = 0.0
        self._unet = speed.quicken(models.build_unet()).to(device, memory_format=torch.channels_last)
        self._text = models.build_text_encoder()
        nn.Module.to(self._text, device)  # the library's own `to` hides its types
        self._networks: dict[str, nn.Module] = {"unet": self._unet, "text": self._text}
        self._weights = [weight for network in self._networks.values() for weight in network.parameters()]
        self._optimizer = torch.optim.AdamW(self._weights, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self._average = Average(self._networks, decay=0.9995)
        self._pool, self._scale = latents.load(work / "latents.pt")
        self._encoder: AutoencoderTiny = autoencoder.load(work).to(device, memory_format=torch.channels_last)
        self._alphas = models.alphas_cumprod().to(device)
        self._captions = Captions()
        self._pace = Pace(minutes=settings.minutes, highest=1e-3, warmup=150)

    def resume(self) -> None:
        """Goes on from the last checkpoint, if there is one; the pool starts again as it was cached."""
        if not self._path.exists():
            return
        state = load_state(self._path)
        for name, network in self._networks.items():
            network.load_state_dict(state["networks"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        for group in self._optimizer.param_groups:
            group["fused"], group["foreach"] = True, None
        self._average.restore(state["average"], int(state["average_steps"]))
        self._pace.step, self._pace.spent = int(state["step"]), float(state["spent"])

    def run(self) -> Path:
        """Trains until the time is up, with a checkpoint every two minutes; answers its path."""
        kept, total = self._pace.elapsed(), 0.0
        self._progress = self._pace.spent / (60 * self._pace.minutes)
        torch.manual_seed(self._settings.seed * 1_009 + self._pace.step * 17)
        while self._progress < 1.0:
            total += self._step()
            step = self._pace.step
            if step % LOG_EVERY == 0:
                print(
                    f"diffusion step {step} loss {total / LOG_EVERY:.4f} rate {self._pace.rate(self._progress):.6f} "
                    f"seconds {self._pace.elapsed():.0f}",
                    flush=True,
                )
                total = 0.0
            if self._pace.elapsed() - kept > 120:
                kept = self._pace.elapsed()
                self._save()
        self._save()
        return self._path

    def _step(self) -> float:
        """One optimizer step on one shape; answers its loss."""
        settings = self._settings
        random = Random(settings.seed * 7_919 + self._pace.step)
        bucket = random.choices(self._pool, [scenes.SIZES[bucket.size] for bucket in self._pool])[0]
        if settings.fresh and self._pace.step % FRESH_EVERY == 0:
            self._add_fresh(bucket)
        picks = [random.randrange(len(bucket.seeds)) for _ in range(settings.batch)]
        clean = bucket.latents[picks].float().to(settings.device)
        ids = self._captions.ids([bucket.seeds[pick] for pick in picks], bucket.size, random).to(settings.device)
        set_rate(self._optimizer, self._pace.rate(self._progress))
        with speed.half_precision(settings.device):
            text = self._text(input_ids=ids).last_hidden_state
            loss = noise_loss(self._unet, clean, text, self._alphas)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._progress = self._pace.progress()
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        self._average.update()
        self._pace.step += 1
        return loss.item()

    def _add_fresh(self, bucket: Bucket) -> None:
        """Draws and encodes new pictures for the shape in turn, as many as are due since the last time."""
        due = self._settings.fresh * FRESH_EVERY
        first = self._settings.seed * 10_000_000 + 5_000_000 + self._pace.step * self._settings.fresh
        seeds = list(range(first, first + due))
        bucket.extend(seeds, latents.encode(self._encoder, seeds, bucket.size, self._scale, self._settings.device))

    def _save(self) -> None:
        state: dict[str, Any] = {
            "networks": {name: network.state_dict() for name, network in self._networks.items()},
            "average": self._average.weights,
            "average_steps": self._average.steps,
            "optimizer": self._optimizer.state_dict(),
            "step": self._pace.step,
            "spent": self._pace.elapsed(),
        }
        save_state(self._path, state)


def load(work: Path) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """The averaged denoiser and text encoder of a work folder, in single precision."""
    state = load_state(work / "diffusion.pt")
    unet, text = models.build_unet(), models.build_text_encoder()
    unet.load_state_dict(state["average"]["unet"])
    text.load_state_dict(state["average"]["text"])
    return unet.eval(), text.eval()

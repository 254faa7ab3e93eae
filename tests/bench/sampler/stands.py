"""What is measured: networks on a device, drawn with by a plain diffusers loop and by our sampler."""

import copy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler
from torch import Tensor, nn

from engine.sampler.models import networks
from engine.sampler.models.checkpoint import Placement, load_checkpoint
from engine.sampler.models.diffusion import SD1_COLOURS, DiffusionModel
from engine.sampler.models.vae import CELL, Vae
from engine.sampler.sampling.batcher import Batcher
from engine.sampler.sampling.conditions import Condition
from engine.sampler.sampling.denoiser import Extras, Rows, Scene
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.kinds import Discrete, LatentSpace, ModelKind
from engine.sampler.sampling.limits import CudaGauge
from engine.sampler.sampling.locks import DeviceLocks
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.schedules import sigmas_for
from engine.sampler.sampling.trajectory import SampleTask

_XL_WIDTH, _XL_POOLED, _XL_TOKENS = 2048, 1280, 77
_XL_UNET = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),  # diffusers' name for the number of heads
    "cross_attention_dim": _XL_WIDTH,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": _XL_POOLED + 6 * 256,
}
_XL_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}

Encode = Callable[[str], Condition]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What everybody asks for."""

    width: int
    height: int
    steps: int
    cfg: float = 7.0

    def shape(self, space: LatentSpace) -> tuple[int, ...]:
        """Give the latent's shape."""
        return (1, space.channels, self.height // CELL, self.width // CELL)


@dataclass(kw_only=True, eq=False)
class Watched:
    """A model that notes its passes: when each began and ended (by the clock), how many rows it had, GPU seconds."""

    model: DiffusionModel
    passes: list[tuple[float, float, int]] = field(default_factory=list)
    gpu: list[tuple[torch.cuda.Event, torch.cuda.Event]] = field(default_factory=list)

    @property
    def kind(self) -> ModelKind:
        """The model's."""
        return self.model.kind

    @property
    def space(self) -> LatentSpace:
        """The model's."""
        return self.model.space

    @property
    def device(self) -> torch.device:
        """The model's."""
        return self.model.device

    def extras(self, condition: Condition, scene: Scene) -> Extras:
        """The model's."""
        return self.model.extras(condition, scene)

    def predict(self, rows: Rows) -> Tensor:
        """Run the network."""
        on_gpu = self.device.type == "cuda"
        begun = time.perf_counter()
        if on_gpu:
            marks = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            marks[0].record()
        output = self.model.predict(rows)
        if on_gpu:
            marks[1].record()
            self.gpu.append(marks)
        self.passes.append((begun, time.perf_counter(), len(rows)))
        return output

    def forget(self) -> None:
        """Begin anew."""
        self.passes.clear()
        self.gpu.clear()

    def gpu_seconds(self) -> float:
        """Give the seconds that the device spent in passes."""
        torch.cuda.synchronize()
        return sum(begin.elapsed_time(end) for begin, end in self.gpu) / 1000


@dataclass(kw_only=True)
class Stand:
    """Networks, and the same weights as diffusers lays them out for the plain loop."""

    name: str
    model: Watched
    vae: Vae
    plain_unet: nn.Module
    plain_vae: Any
    encode: Encode
    batcher: Batcher

    def plainly(self, job: Job, number: int) -> Tensor:
        """Draw one picture as a diffusers pipeline does: one loop, one scheduler, nobody else."""
        device, dtype = self.model.device, self.model.model.dtype
        scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(job.steps, device=device)
        words, nothing = self.encode(f"a house with {number} windows"), self.encode("")
        with torch.inference_mode():
            context = torch.cat([nothing.embeddings, words.embeddings]).to(device, dtype)
            added = self._added([nothing, words], job)
            x = initial_noise(job.shape(self.model.space), number).to(device, dtype) * scheduler.init_noise_sigma
            for time in scheduler.timesteps:
                scaled = scheduler.scale_model_input(torch.cat([x, x]), time)
                output = self.plain_unet(scaled, time, context, added_cond_kwargs=added, return_dict=False)[0]
                negative, positive = output.chunk(2)
                x = scheduler.step(negative + job.cfg * (positive - negative), time, x, return_dict=False)[0]
            picture = self.plain_vae.decode(x.float() / self.model.space.scale, return_dict=False)[0]
            return ((picture + 1) / 2).clamp(0, 1).cpu()

    def ours(self, job: Job, number: int) -> Tensor:
        """Draw one picture with our sampler; any thread may call."""
        words, nothing = self.encode(f"a house with {number} windows"), self.encode("")
        sampled = self.batcher.sample(self.task(job, number, (words,), (nothing,)))
        return self.vae.decode(sampled.latent)

    def task(
        self, job: Job, number: int, positive: tuple[Condition, ...], negative: tuple[Condition, ...]
    ) -> SampleTask:
        """Make the task for one picture."""
        shape = job.shape(self.model.space)
        return SampleTask(
            model=self.model,
            guider=Guidance(positive=positive, negative=negative, scale=job.cfg),
            latent=torch.zeros(shape),
            noise=initial_noise(shape, number),
            seed=number,
            sampler="euler",
            sigmas=sigmas_for(self.model.kind, scheduler="normal", steps=job.steps),
        )

    def together(self, job: Job, numbers: Sequence[int]) -> None:
        """Draw several people's pictures at once, each from a thread of their own."""
        with ThreadPoolExecutor(len(numbers)) as pool:
            list(pool.map(lambda number: self.ours(job, number), numbers))

    def _added(self, conditions: Sequence[Condition], job: Job) -> dict[str, Tensor] | None:
        pooled = [condition.pooled for condition in conditions if condition.pooled is not None]
        if not self.model.model.pooled_width or not pooled:
            return None
        device, dtype = self.model.device, self.model.model.dtype
        sizes = torch.tensor([[job.height, job.width, 0, 0, job.height, job.width]], device=device)
        return {"text_embeds": torch.cat(pooled).to(device, dtype), "time_ids": sizes.repeat(len(pooled), 1)}


def of_checkpoint(name: str, path: Path, device: torch.device, *, max_batch: int) -> Stand:
    """Load a checkpoint as the sampler does, twice: once for each way to draw with it."""
    placement = _placement(device)
    loaded = load_checkpoint(path, placement)

    def encode(prompt: str) -> Condition:
        encoded = loaded.text.encode(prompt)
        return Condition(embeddings=encoded.embeddings, pooled=encoded.pooled)

    return _stand(name, loaded.model, loaded.vae, encode, max_batch, placement.locks)


def of_random_xl(device: torch.device, *, max_batch: int) -> Stand:
    """SDXL's networks with random weights and random words: what they draw is noise, and takes as long."""
    placement = _placement(device)
    unet = _random(networks.empty_unet(_XL_UNET), device, placement.dtype)
    vae = _random(networks.empty_autoencoder(_XL_VAE), device, torch.float32)
    model = DiffusionModel(
        network=unet,
        device=device,
        dtype=placement.dtype,
        kind=Discrete(),
        space=LatentSpace(scale=0.13025),
        context_width=_XL_WIDTH,
        colours=SD1_COLOURS,
        pooled_width=_XL_POOLED,
    )

    def encode(prompt: str) -> Condition:
        generator = torch.Generator().manual_seed(len(prompt))
        embeddings = torch.randn(1, _XL_TOKENS, _XL_WIDTH, generator=generator)
        return Condition(embeddings=embeddings, pooled=torch.randn(1, _XL_POOLED, generator=generator))

    decoder = Vae(network=vae, device=device, locks=placement.locks)
    return _stand("SDXL", model, decoder, encode, max_batch, placement.locks)


def _stand(name: str, model: DiffusionModel, vae: Vae, encode: Encode, max_batch: int, locks: DeviceLocks) -> Stand:
    gauge = CudaGauge(model.device) if model.device.type == "cuda" else None
    return Stand(
        name=name,
        model=Watched(model=model),
        vae=vae,
        plain_unet=_as_diffusers_has_it(model.network),
        plain_vae=_as_diffusers_has_it(vae.network),
        encode=encode,
        batcher=Batcher(max_batch=max_batch, gauge=gauge, locks=locks),
    )


def _placement(device: torch.device) -> Placement:
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    return Placement(device=device, dtype=dtype)


def _as_diffusers_has_it(network: nn.Module) -> nn.Module:
    copied = copy.deepcopy(network)
    for parameter in copied.parameters():
        parameter.data = parameter.data.contiguous()
    return copied


def _random(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Fill an empty network with numbers that stay finite from layer to layer."""
    network.to_empty(device=device).to(dtype)
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1:
                scale = 0.5 / parameter[0].numel() ** 0.5
                drawn = torch.randn(parameter.shape, generator=generator, device=device)
                parameter.copy_(drawn * scale)
            else:
                parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return network.eval().requires_grad_(requires_grad=False)

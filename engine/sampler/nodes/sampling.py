"""Nodes that sample."""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.sampler.models.diffusion import DiffusionModel
from engine.sampler.models.preview import preview_jpeg
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Conditioning, Latent, Model, Noise
from engine.sampler.sampling.batcher import Step
from engine.sampler.sampling.conditions import Condition
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.samplers import sampler_named
from engine.sampler.sampling.schedules import sigmas_for, window
from engine.sampler.sampling.trajectory import Sampled, SampleTask

_BETWEEN_PREVIEWS = 0.5  # seconds


class Mismatched(ValueError):
    """Inputs that do not belong together; the sentence says which wires to change."""


def ksampler(
    context: NodeContext,
    *,
    model: Model,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: float = 1.0,
) -> tuple[Latent]:
    """Draw pictures from noise, or over a picture with `denoise` below 1. Raises Mismatched, SamplingFailed."""
    diffusion = diffusion_of(context, model)
    drop = sampler_named(sampler_name).drop_penultimate
    sampled = sample(
        context,
        diffusion,
        Guidance(positive=positive.conditions, negative=negative.conditions, scale=cfg),
        Noise(seed=seed),
        sampler_name,
        sigmas_for(diffusion.kind, scheduler=scheduler, steps=steps, denoise=denoise, drop_penultimate=drop),
        latent_image,
    )
    return (replace(latent_image, samples=sampled.latent),)


def ksampler_advanced(
    context: NodeContext,
    *,
    model: Model,
    add_noise: str,
    noise_seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: int,
    end_at_step: int,
    return_with_leftover_noise: str,
) -> tuple[Latent]:
    """Do a part of a run: from step to step, with or without adding noise before and leaving noise behind.

    Raises Mismatched, SamplingFailed.
    """
    diffusion = diffusion_of(context, model)
    drop = sampler_named(sampler_name).drop_penultimate
    whole = sigmas_for(diffusion.kind, scheduler=scheduler, steps=steps, drop_penultimate=drop)
    leftover = return_with_leftover_noise == "enable"
    sampled = sample(
        context,
        diffusion,
        Guidance(positive=positive.conditions, negative=negative.conditions, scale=cfg),
        Noise(seed=noise_seed, none=add_noise != "enable"),
        sampler_name,
        window(whole, start=start_at_step, end=end_at_step, leftover_noise=leftover),
        latent_image,
    )
    return (replace(latent_image, samples=sampled.latent),)


def diffusion_of(context: NodeContext, model: Model) -> DiffusionModel:
    """Give the network that a MODEL names, loading it if it is not in memory."""
    found: DiffusionModel = context.runtime.models.diffusion(model.file, model.loras, context, meaning=model.meaning)
    return found


def sample(
    context: NodeContext,
    diffusion: DiffusionModel,
    guidance: Guidance,
    noise: Noise,
    sampler: str,
    sigmas: Tensor,
    latent: Latent,
) -> Sampled:
    """Sample with the batcher; progress and previews are made here, in the prompt's own thread.

    Raises Mismatched, SamplingFailed.
    """
    _check_words(diffusion, [*guidance.positive, *(guidance.negative or ())])
    samples = _with_channels(latent.samples, diffusion)
    drawn = torch.zeros_like(samples) if noise.none else initial_noise(samples.shape, noise.seed, latent.places)
    task = SampleTask(
        model=diffusion,
        guider=guidance,
        latent=samples,
        noise=drawn,
        mask=latent.noise_mask,
        seed=noise.seed,
        sampler=sampler,
        sigmas=sigmas,
    )
    shown = time.monotonic()

    def on_step(step: Step) -> None:
        nonlocal shown
        preview = None
        if time.monotonic() - shown >= _BETWEEN_PREVIEWS:
            preview = preview_jpeg(step.denoised[0], diffusion.colours)
            shown = time.monotonic()
        context.progress(step.number, step.steps, preview)

    sampled: Sampled = context.runtime.batcher.sample(task, on_step, context.check_interrupted)
    return sampled


def _check_words(diffusion: DiffusionModel, conditions: Sequence[Condition]) -> None:
    for condition in conditions:
        width = condition.embeddings.shape[-1]
        if width != diffusion.context_width:
            raise Mismatched(
                f"The prompt was encoded for another model: it has {width} numbers a token, this one reads "
                f"{diffusion.context_width}. Take MODEL and CLIP from the same checkpoint."
            )


def _with_channels(samples: Tensor, diffusion: DiffusionModel) -> Tensor:
    """Give empty latents the channels that the network has; a picture's latents must have them."""
    channels = diffusion.space.channels
    if samples.shape[1] == channels:
        return samples
    if bool(samples.any()):
        raise Mismatched(
            f"The latents were encoded for another model: they have {samples.shape[1]} channels, this one reads "
            f"{channels}. Take MODEL and VAE from the same checkpoint."
        )
    return samples.new_zeros(samples.shape[0], channels, *samples.shape[2:])

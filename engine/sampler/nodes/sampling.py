"""Nodes that sample."""

import time
from dataclasses import replace

import torch
from torch import Tensor

from engine.sampler.models.diffusion import DiffusionModel
from engine.sampler.models.preview import preview_jpeg
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Conditioning, Latent, Model
from engine.sampler.sampling.batcher import Step
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
    diffusion = _diffusion(context, model, positive, negative)
    task = SampleTask(
        model=diffusion,
        guider=Guidance(positive=positive.conditions, negative=negative.conditions, scale=cfg),
        latent=latent_image.samples,
        noise=initial_noise(latent_image.samples.shape, seed, latent_image.places),
        mask=latent_image.noise_mask,
        seed=seed,
        sampler=sampler_name,
        sigmas=_sigmas(diffusion, sampler_name, scheduler, steps, denoise),
    )
    return (replace(latent_image, samples=_sample(context, diffusion, task)),)


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
    diffusion = _diffusion(context, model, positive, negative)
    whole = _sigmas(diffusion, sampler_name, scheduler, steps)
    leftover = return_with_leftover_noise == "enable"
    noise = initial_noise(latent_image.samples.shape, noise_seed, latent_image.places)
    task = SampleTask(
        model=diffusion,
        guider=Guidance(positive=positive.conditions, negative=negative.conditions, scale=cfg),
        latent=latent_image.samples,
        noise=noise if add_noise == "enable" else torch.zeros_like(noise),
        mask=latent_image.noise_mask,
        seed=noise_seed,
        sampler=sampler_name,
        sigmas=window(whole, start=start_at_step, end=end_at_step, leftover_noise=leftover),
    )
    return (replace(latent_image, samples=_sample(context, diffusion, task)),)


def _diffusion(context: NodeContext, model: Model, *prompts: Conditioning) -> DiffusionModel:
    """Give the network, if it reads these prompts."""
    found: DiffusionModel = context.runtime.models.checkpoint(model.file).model
    for prompt in [condition for given in prompts for condition in given.conditions]:
        if prompt.embeddings.shape[-1] != found.context_width:
            raise Mismatched(
                f"The prompt was encoded for another model: it has {prompt.embeddings.shape[-1]} numbers a token, "
                f"{model.file.path.name} reads {found.context_width}. Take MODEL and CLIP from the same checkpoint."
            )
    return found


def _sigmas(diffusion: DiffusionModel, sampler: str, scheduler: str, steps: int, denoise: float = 1.0) -> Tensor:
    drop = sampler_named(sampler).drop_penultimate
    return sigmas_for(diffusion.kind, scheduler=scheduler, steps=steps, denoise=denoise, drop_penultimate=drop)


def _sample(context: NodeContext, diffusion: DiffusionModel, task: SampleTask) -> Tensor:
    """Sample with the batcher; progress and previews are made here, in the prompt's own thread."""
    shown = time.monotonic()

    def on_step(step: Step) -> None:
        nonlocal shown
        preview = None
        if time.monotonic() - shown >= _BETWEEN_PREVIEWS:
            preview = preview_jpeg(step.denoised[0], diffusion.colours)
            shown = time.monotonic()
        context.progress(step.number, step.steps, preview)

    sampled: Sampled = context.runtime.batcher.sample(task, on_step, context.check_interrupted)
    return sampled.latent

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
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.samplers import sampler_named
from engine.sampler.sampling.schedules import sigmas_for, window
from engine.sampler.sampling.trajectory import SampleTask

_BETWEEN_PREVIEWS = 0.5  # seconds


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
    """Draw pictures from noise, or over a picture with `denoise` below 1."""
    diffusion = _diffusion(context, model)
    spec = sampler_named(sampler_name)
    sigmas = sigmas_for(
        diffusion.kind, scheduler=scheduler, steps=steps, denoise=denoise, drop_penultimate=spec.drop_penultimate
    )
    task = SampleTask(
        model=diffusion,
        positive=positive.embeddings,
        negative=negative.embeddings,
        latent=latent_image.samples,
        noise=initial_noise(latent_image.samples.shape, seed, latent_image.places),
        mask=latent_image.noise_mask,
        seed=seed,
        cfg=cfg,
        sampler=sampler_name,
        sigmas=sigmas,
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
    """Do a part of a run: from step to step, with or without adding noise before and leaving noise behind."""
    diffusion = _diffusion(context, model)
    drop = sampler_named(sampler_name).drop_penultimate
    whole = sigmas_for(diffusion.kind, scheduler=scheduler, steps=steps, drop_penultimate=drop)
    leftover = return_with_leftover_noise == "enable"
    samples = latent_image.samples
    task = SampleTask(
        model=diffusion,
        positive=positive.embeddings,
        negative=negative.embeddings,
        latent=samples,
        noise=(
            torch.zeros_like(samples)
            if add_noise == "disable"
            else initial_noise(samples.shape, noise_seed, latent_image.places)
        ),
        mask=latent_image.noise_mask,
        seed=noise_seed,
        cfg=cfg,
        sampler=sampler_name,
        sigmas=window(whole, start=start_at_step, end=end_at_step, leftover_noise=leftover),
    )
    return (replace(latent_image, samples=_sample(context, diffusion, task)),)


def _diffusion(context: NodeContext, model: Model) -> DiffusionModel:
    found: DiffusionModel = context.runtime.models.checkpoint(model.file).model
    return found


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

    sampled: Tensor = context.runtime.batcher.sample(task, on_step, context.check_interrupted)
    return sampled

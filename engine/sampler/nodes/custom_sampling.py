"""Nodes that put a run together from its parts: sigmas, sampler, guider, noise."""

from dataclasses import replace

from torch import Tensor

from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.sampling import diffusion_of, sample
from engine.sampler.nodes.values import Conditioning, Guider, Latent, Model, Noise, Sampler
from engine.sampler.sampling.guidance import Guidance
from engine.sampler.sampling.schedules import exponential_between, karras_between, sigmas_for, turbo
from engine.sampler.sampling.trajectory import Sampled


class BadSigmas(ValueError):
    """Noise levels that no schedule can be made of; the sentence says what to change."""


def sampler_custom(
    context: NodeContext,
    *,
    model: Model,
    add_noise: bool,
    noise_seed: int,
    cfg: float,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Tensor,
    latent_image: Latent,
) -> tuple[Latent, Latent]:
    """Sample along given noise levels; also gives the latents without what noise is left. Raises as `ksampler` does."""
    guider = Guider(model=model, positive=positive, negative=negative, cfg=cfg)
    return _both(
        latent_image,
        _guided(context, guider, Noise(seed=noise_seed, none=not add_noise), sampler, sigmas, latent_image),
    )


def sampler_custom_advanced(
    context: NodeContext, *, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Tensor, latent_image: Latent
) -> tuple[Latent, Latent]:
    """Sample with parts that other nodes made; also gives the latents without what noise is left."""
    return _both(latent_image, _guided(context, guider, noise, sampler, sigmas, latent_image))


def ksampler_select(context: NodeContext, *, sampler_name: str) -> tuple[Sampler]:
    """Choose a sampler."""
    return (Sampler(name=sampler_name),)


def basic_scheduler(context: NodeContext, *, model: Model, scheduler: str, steps: int, denoise: float) -> tuple[Tensor]:
    """Give a scheduler's sigmas for a model; `denoise` below 1 gives the last of a longer schedule's."""
    kind = diffusion_of(context, model).kind
    return (sigmas_for(kind, scheduler=scheduler, steps=steps, denoise=denoise),)


def karras_scheduler(
    context: NodeContext, *, steps: int, sigma_max: float, sigma_min: float, rho: float
) -> tuple[Tensor]:
    """Give Karras' schedule between two sigmas. Raises BadSigmas."""
    if rho <= 0:
        raise BadSigmas("KarrasScheduler cannot use a rho of 0; 7 is usual.")
    return (karras_between(sigma_max, sigma_min, steps, rho),)


def exponential_scheduler(context: NodeContext, *, steps: int, sigma_max: float, sigma_min: float) -> tuple[Tensor]:
    """Give the schedule whose logarithms are evenly spaced between two sigmas. Raises BadSigmas."""
    if min(sigma_max, sigma_min) <= 0:
        raise BadSigmas("ExponentialScheduler needs sigma_max and sigma_min above 0.")
    return (exponential_between(sigma_max, sigma_min, steps),)


def sd_turbo_scheduler(context: NodeContext, *, model: Model, steps: int, denoise: float) -> tuple[Tensor]:
    """Give the sigmas that SD Turbo was trained for."""
    return (turbo(diffusion_of(context, model).kind, steps, denoise),)


def split_sigmas(context: NodeContext, *, sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Cut a schedule in two at a step; both have the sigma of the cut."""
    return sigmas[: step + 1], sigmas[step:]


def basic_guider(context: NodeContext, *, model: Model, conditioning: Conditioning) -> tuple[Guider]:
    """Follow one prompt as it is."""
    return (Guider(model=model, positive=conditioning),)


def cfg_guider(
    context: NodeContext, *, model: Model, positive: Conditioning, negative: Conditioning, cfg: float
) -> tuple[Guider]:
    """Follow a prompt and keep away from another."""
    return (Guider(model=model, positive=positive, negative=negative, cfg=cfg),)


def random_noise(context: NodeContext, *, noise_seed: int) -> tuple[Noise]:
    """Start from noise."""
    return (Noise(seed=noise_seed),)


def disable_noise(context: NodeContext) -> tuple[Noise]:
    """Start from the latents as they are."""
    return (Noise(seed=0, none=True),)


def _guided(
    context: NodeContext, guider: Guider, noise: Noise, sampler: Sampler, sigmas: Tensor, latent: Latent
) -> Sampled:
    guidance = Guidance(
        positive=guider.positive.conditions,
        negative=None if guider.negative is None else guider.negative.conditions,
        scale=guider.cfg,
    )
    return sample(context, diffusion_of(context, guider.model), guidance, noise, sampler.name, sigmas, latent)


def _both(latent: Latent, sampled: Sampled) -> tuple[Latent, Latent]:
    return replace(latent, samples=sampled.latent), replace(latent, samples=sampled.denoised)

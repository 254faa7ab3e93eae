"""Runs put together from parts, on the built-in model: what KSampler makes, and what only parts can make."""

from typing import Any

import pytest
import torch
from torch import Tensor

from engine.sampler.nodes import custom_sampling as custom
from engine.sampler.nodes.conditioning import clip_text_encode
from engine.sampler.nodes.custom_sampling import BadSigmas
from engine.sampler.nodes.latent import empty_latent_image
from engine.sampler.nodes.loaders import checkpoint_loader_simple
from engine.sampler.nodes.sampling import Mismatched, ksampler, ksampler_advanced
from engine.sampler.nodes.values import Conditioning, Latent, Model, Noise, Sampler
from tests.unit.engine.sampler.nodes.bench import TINY_NAME, BenchContext

Parts = tuple[Model, Conditioning, Conditioning, Latent]


@pytest.fixture
def parts(context: BenchContext) -> Parts:
    model, clip, _ = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    (positive,), (negative,) = (clip_text_encode(context, text=text, clip=clip) for text in ("a red house", "fog"))
    return model, positive, negative, empty_latent_image(context, width=64, height=64)[0]


def plain(context: BenchContext, parts: Parts, **changes: Any) -> Tensor:
    """Draw with KSampler."""
    model, positive, negative, latent = parts
    settings: dict[str, Any] = {
        "seed": 5,
        "steps": 4,
        "cfg": 3.0,
        "sampler_name": "dpmpp_2m_sde",
        "scheduler": "karras",
        "latent_image": latent,
    }
    return ksampler(context, model=model, positive=positive, negative=negative, **settings | changes)[0].samples


def guided(context: BenchContext, parts: Parts, sigmas: Tensor, **changes: Any) -> tuple[Latent, Latent]:
    """Draw with SamplerCustomAdvanced and a CFGGuider."""
    model, positive, negative, latent = parts
    given: dict[str, Any] = {
        "noise": custom.random_noise(context, noise_seed=5)[0],
        "guider": custom.cfg_guider(context, model=model, positive=positive, negative=negative, cfg=3.0)[0],
        "sampler": custom.ksampler_select(context, sampler_name="dpmpp_2m_sde")[0],
        "latent_image": latent,
    }
    return custom.sampler_custom_advanced(context, sigmas=sigmas, **given | changes)


def karras(context: BenchContext, parts: Parts, **changes: Any) -> Tensor:
    """Give the schedule that `plain` uses."""
    settings: dict[str, Any] = {"scheduler": "karras", "steps": 4, "denoise": 1.0}
    return custom.basic_scheduler(context, model=parts[0], **settings | changes)[0]


def test_the_parts_make_what_ksampler_makes(context: BenchContext, parts: Parts) -> None:
    expected = plain(context, parts)
    sigmas = karras(context, parts)
    made, denoised = guided(context, parts, sigmas)
    assert torch.equal(made.samples, expected)
    assert torch.equal(denoised.samples, expected)  # no noise is left at sigma 0
    model, positive, negative, latent = parts
    one, _ = custom.sampler_custom(
        context,
        model=model,
        add_noise=True,
        noise_seed=5,
        cfg=3.0,
        positive=positive,
        negative=negative,
        sampler=Sampler(name="dpmpp_2m_sde"),
        sigmas=sigmas,
        latent_image=latent,
    )
    assert torch.equal(one.samples, expected)


def test_a_run_cut_in_two_goes_on_where_it_stopped(context: BenchContext, parts: Parts) -> None:
    euler = custom.ksampler_select(context, sampler_name="euler")[0]
    high, low = custom.split_sigmas(context, sigmas=karras(context, parts), step=2)
    assert (len(high), len(low), float(high[-1])) == (3, 3, float(low[0]))
    first, denoised = guided(context, parts, high, sampler=euler)
    assert not torch.allclose(first.samples, denoised.samples)
    silent = custom.disable_noise(context)[0]
    second, _ = guided(context, parts, low, sampler=euler, noise=silent, latent_image=first)
    torch.testing.assert_close(second.samples, plain(context, parts, sampler_name="euler"), rtol=1e-4, atol=1e-3)


def test_without_a_negative_prompt_guidance_is_none(context: BenchContext, parts: Parts) -> None:
    model, positive, _, _ = parts
    (guider,) = custom.basic_guider(context, model=model, conditioning=positive)
    made, _ = guided(context, parts, karras(context, parts), guider=guider)
    torch.testing.assert_close(made.samples, plain(context, parts, cfg=1.0))
    above = custom.ksampler_select(context, sampler_name="euler_cfg_pp")[0]
    made, _ = guided(context, parts, karras(context, parts), guider=guider, sampler=above)
    assert made.samples.isfinite().all()


def test_schedules_between_given_sigmas(context: BenchContext, parts: Parts) -> None:
    (made,) = custom.karras_scheduler(context, steps=4, sigma_max=14.614641, sigma_min=0.02916716, rho=7.0)
    torch.testing.assert_close(made, karras(context, parts), rtol=1e-5, atol=1e-6)
    (made,) = custom.exponential_scheduler(context, steps=3, sigma_max=9.0, sigma_min=1.0)
    torch.testing.assert_close(made, torch.tensor([9.0, 3.0, 1.0, 0.0]))
    with pytest.raises(BadSigmas, match="above 0"):
        custom.exponential_scheduler(context, steps=3, sigma_max=9.0, sigma_min=0.0)
    with pytest.raises(BadSigmas, match="rho of 0"):
        custom.karras_scheduler(context, steps=3, sigma_max=9.0, sigma_min=1.0, rho=0.0)


def test_turbo_takes_every_hundredth_timestep(context: BenchContext, parts: Parts) -> None:
    kind = context.runtime.models.checkpoint(parts[0].file).model.kind
    (made,) = custom.sd_turbo_scheduler(context, model=parts[0], steps=2, denoise=1.0)
    torch.testing.assert_close(made, torch.stack([kind.table[999], kind.table[899], torch.tensor(0.0)]))
    (made,) = custom.sd_turbo_scheduler(context, model=parts[0], steps=10, denoise=0.2)
    torch.testing.assert_close(made, torch.stack([kind.table[199], kind.table[99], torch.tensor(0.0)]))


def test_no_steps_give_the_latents_back(context: BenchContext, parts: Parts) -> None:
    sigmas = karras(context, parts, denoise=0.0)
    assert len(sigmas) == 0
    given = Latent(samples=torch.rand(1, 4, 8, 8))
    made, denoised = guided(context, parts, sigmas, latent_image=given)
    assert torch.equal(made.samples, given.samples)
    assert torch.equal(denoised.samples, given.samples)


def test_empty_latents_get_the_models_channels_and_others_are_refused(context: BenchContext, parts: Parts) -> None:
    expected = plain(context, parts)
    sixteen = Latent(samples=torch.zeros(1, 16, 8, 8))
    assert torch.equal(plain(context, parts, latent_image=sixteen), expected)
    with pytest.raises(Mismatched, match="have 16 channels, this one reads 4"):
        plain(context, parts, latent_image=Latent(samples=torch.ones(1, 16, 8, 8)))


def test_advanced_with_leftover_noise_is_a_run_in_two_parts(context: BenchContext, parts: Parts) -> None:
    model, positive, negative, latent = parts
    settings: dict[str, Any] = {
        "model": model,
        "noise_seed": 5,
        "steps": 6,
        "cfg": 3.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "positive": positive,
        "negative": negative,
    }
    (half,) = ksampler_advanced(
        context,
        **settings,
        add_noise="enable",
        latent_image=latent,
        start_at_step=0,
        end_at_step=3,
        return_with_leftover_noise="enable",
    )
    (whole,) = ksampler_advanced(
        context,
        **settings,
        add_noise="disable",
        latent_image=half,
        start_at_step=3,
        end_at_step=10000,
        return_with_leftover_noise="disable",
    )
    expected = plain(context, parts, steps=6, sampler_name="euler", scheduler="normal")
    torch.testing.assert_close(whole.samples, expected, rtol=1e-4, atol=1e-3)


def test_noise_belongs_to_the_seed(context: BenchContext) -> None:
    assert custom.random_noise(context, noise_seed=2**64 - 1) == (Noise(seed=2**64 - 1),)
    assert custom.disable_noise(context) == (Noise(seed=0, none=True),)

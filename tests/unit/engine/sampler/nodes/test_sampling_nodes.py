"""Sampling on the built-in model: six people at once, progress, previews, interrupts, and img2img."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.sampler.models.files import ModelFileError
from engine.sampler.models.runtime import TorchRuntime
from engine.sampler.nodes.conditioning import clip_text_encode
from engine.sampler.nodes.latent import empty_latent_image, set_latent_noise_mask
from engine.sampler.nodes.loaders import checkpoint_loader_simple
from engine.sampler.nodes.registry import InterruptedPrompt
from engine.sampler.nodes.sampling import Mismatched, ksampler, ksampler_advanced
from engine.sampler.nodes.vae import vae_decode, vae_encode
from engine.sampler.nodes.values import Conditioning
from tests.unit.engine.sampler.nodes.bench import TINY_NAME, BenchContext, BenchFolders

PROMPTS = ("a red house", "a (blue:1.3) boat", "", "two trees", "a yellow sun over the sea", "snow")
SAMPLERS = ("euler", "dpmpp_2m_sde", "heun", "dpmpp_2s_ancestral_cfg_pp", "uni_pc", "sa_solver")


def draw(context: BenchContext, number: int, **changes: Any) -> Tensor:
    """Draw one person's picture: everything about it but its size is theirs."""
    model, clip, vae = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    settings: dict[str, Any] = {
        "seed": number,
        "steps": 6 + number,
        "cfg": 2.0 + number,
        "sampler_name": SAMPLERS[number],
        "scheduler": ("karras", "normal", "beta", "simple", "exponential", "sgm_uniform")[number],
    }
    (latent,) = ksampler(
        context,
        model=model,
        positive=clip_text_encode(context, text=PROMPTS[number], clip=clip)[0],
        negative=clip_text_encode(context, text="cloudy" if number % 2 else "", clip=clip)[0],
        latent_image=empty_latent_image(context, width=128, height=96)[0],
        **settings | changes,
    )
    return vae_decode(context, samples=latent, vae=vae)[0]


class Counter:
    """Counts the forward passes of the built-in model's UNet."""

    def __init__(self, context: BenchContext) -> None:
        (model, _, _) = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
        self.passes = 0
        self._handle = context.runtime.models.checkpoint(model.file).model.network.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.passes += 1

    def close(self) -> None:
        """Take the hook off."""
        self._handle.remove()


@pytest.fixture
def counter(context: BenchContext) -> Iterator[Counter]:
    made = Counter(context)
    yield made
    made.close()


def bytes_of(picture: Tensor) -> Tensor:
    """Give the 8-bit channels."""
    return (picture * 255).to(torch.int16)


def test_six_people_at_once_share_passes_and_get_their_own_pictures(
    runtime: TorchRuntime, folders: BenchFolders, counter: Counter
) -> None:
    people = [BenchContext(folders=folders, runtime=runtime) for _ in PROMPTS]
    solo = [draw(context, number) for number, context in enumerate(people)]
    alone = counter.passes
    assert alone == 51 + 7 + 8  # a pass for each step, two in all but the last of heun and dpmpp_2s
    counter.passes = 0
    barrier = threading.Barrier(len(people))

    def run(number: int) -> Tensor:
        barrier.wait()
        return draw(people[number], number)

    with ThreadPoolExecutor(len(people)) as pool:
        together = list(pool.map(run, range(len(people))))
    assert counter.passes <= alone / 2
    for mine, ours in zip(solo, together, strict=True):
        assert (bytes_of(mine) - bytes_of(ours)).abs().max() <= 2
    assert (bytes_of(solo[0]) - bytes_of(solo[3])).abs().max() > 2


def test_who_joins_half_way_gets_their_own_picture_and_changes_nobodys(
    runtime: TorchRuntime, folders: BenchFolders
) -> None:
    first, second = (BenchContext(folders=folders, runtime=runtime) for _ in range(2))
    alone = [draw(first, 5, steps=12), draw(second, 1)]
    with ThreadPoolExecutor(1) as pool:
        joined: list[Future[Tensor]] = []
        first.on_progress = lambda value: joined.append(pool.submit(draw, second, 1)) if value == 4 else None
        company = [draw(first, 5, steps=12), joined[0].result()]
    for mine, ours in zip(alone, company, strict=True):
        assert (bytes_of(mine) - bytes_of(ours)).abs().max() <= 2


def test_progress_is_told_for_every_step(context: BenchContext) -> None:
    draw(context, 0)
    assert context.steps == [(number, 6) for number in range(1, 7)]


def test_a_long_run_shows_previews_now_and_then(context: BenchContext, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(seconds=0.0, monotonic=lambda: clock.seconds)
    monkeypatch.setattr("engine.sampler.nodes.sampling.time", clock)
    context.on_progress = lambda _: setattr(clock, "seconds", clock.seconds + 0.3)
    draw(context, 0)
    assert len(context.previews) == 2  # at the third and the fifth of six steps
    with Image.open(io.BytesIO(context.previews[0])) as preview:
        assert preview.format == "JPEG"
        assert preview.size == (128, 96)


def test_an_interrupt_is_honoured_between_steps(context: BenchContext, counter: Counter) -> None:
    context.on_progress = lambda value: context.interrupted.set() if value == 2 else None
    with pytest.raises(InterruptedPrompt):
        draw(context, 0, steps=5000)
    assert counter.passes < 2500


def test_a_picture_is_drawn_over(context: BenchContext) -> None:
    model, clip, vae = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    picture = draw(context, 0)
    (latent,) = vae_encode(context, pixels=picture, vae=vae)
    (words,) = clip_text_encode(context, text="night", clip=clip)
    settings: dict[str, Any] = {
        "model": model,
        "seed": 5,
        "steps": 4,
        "cfg": 1.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "positive": words,
        "negative": words,
    }
    (untouched,) = ksampler(context, latent_image=latent, denoise=0.0, **settings)
    assert torch.equal(untouched.samples, latent.samples)
    (drawn,) = ksampler(context, latent_image=latent, denoise=0.5, **settings)
    assert not torch.equal(drawn.samples, latent.samples)
    right = torch.zeros(1, 96, 128)
    right[..., 64:] = 1
    (masked,) = set_latent_noise_mask(context, samples=latent, mask=right)
    (half,) = ksampler(context, latent_image=masked, denoise=0.5, **settings)
    torch.testing.assert_close(half.samples[..., :7], latent.samples[..., :7], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(half.samples[..., 9:], latent.samples[..., 9:], rtol=1e-2, atol=1e-2)


def test_a_run_in_two_halves_is_the_whole_run(context: BenchContext) -> None:
    model, clip, _ = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    (words,) = clip_text_encode(context, text="a house", clip=clip)
    (empty,) = empty_latent_image(context, width=64, height=64)
    settings: dict[str, Any] = {
        "model": model,
        "steps": 6,
        "cfg": 4.0,
        "sampler_name": "euler",
        "scheduler": "karras",
        "positive": words,
        "negative": words,
    }
    (whole,) = ksampler(context, seed=3, latent_image=empty, **settings)
    (first,) = ksampler_advanced(
        context,
        add_noise="enable",
        noise_seed=3,
        latent_image=empty,
        start_at_step=0,
        end_at_step=3,
        return_with_leftover_noise="enable",
        **settings,
    )
    (second,) = ksampler_advanced(
        context,
        add_noise="disable",
        noise_seed=3,
        latent_image=first,
        start_at_step=3,
        end_at_step=10000,
        return_with_leftover_noise="disable",
        **settings,
    )
    torch.testing.assert_close(second.samples, whole.samples, rtol=1e-3, atol=1e-3)


def test_a_prompt_for_another_model_is_refused(context: BenchContext) -> None:
    model, _, _ = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    foreign = Conditioning.of(torch.zeros(1, 77, 768))
    with pytest.raises(Mismatched, match=r"768 numbers a token, this one reads 128\. Take MODEL and CLIP"):
        ksampler(
            context,
            model=model,
            seed=1,
            steps=1,
            cfg=1.0,
            sampler_name="euler",
            scheduler="normal",
            positive=foreign,
            negative=foreign,
            latent_image=empty_latent_image(context, width=64, height=64)[0],
        )


def test_a_checkpoint_that_is_gone(context: BenchContext) -> None:
    with pytest.raises(ModelFileError, match=r"gone\.safetensors is not there"):
        checkpoint_loader_simple(context, ckpt_name="gone.safetensors")


def test_weights_change_the_conditioning(context: BenchContext) -> None:
    _, clip, _ = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    plain, weighted, neutral, nothing = (
        clip_text_encode(context, text=text, clip=clip)[0].conditions[0].embeddings
        for text in ("red house", "(red:1.5) house", "(red:1.0) house", "(red:0) (house:0)")
    )
    assert torch.equal(plain, neutral)
    assert not torch.equal(plain, weighted)
    empty = clip_text_encode(context, text="", clip=clip)[0].conditions[0].embeddings
    torch.testing.assert_close(nothing[:, 1:3], empty[:, 1:3])


def test_values_do_not_hold_weights(context: BenchContext) -> None:
    values = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    context.runtime.let_go(context.prompt_id)
    context.runtime.free(unload_models=True, free_memory=True)
    assert context.runtime.models.loaded() == ()
    assert clip_text_encode(context, text="a house", clip=values[1])[0].nbytes > 0
    assert len(context.runtime.models.loaded()) == 1

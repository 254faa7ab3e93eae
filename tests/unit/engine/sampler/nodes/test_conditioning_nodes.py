"""What conditioning nodes do to conditions, and what an inpainting model is shown."""

from dataclasses import replace

import pytest
import torch

from engine.sampler.nodes.conditioning import (
    clip_set_last_layer,
    clip_text_encode,
    clip_text_encode_sdxl,
    clip_text_encode_sdxl_refiner,
    conditioning_average,
    conditioning_combine,
    conditioning_concat,
    conditioning_set_area,
    conditioning_set_area_percentage,
    conditioning_set_area_strength,
    conditioning_set_mask,
    conditioning_set_timestep_range,
    conditioning_zero_out,
    inpaint_model_conditioning,
)
from engine.sampler.nodes.loaders import checkpoint_loader_simple
from engine.sampler.nodes.values import Clip, Conditioning, Vae
from engine.sampler.sampling.conditions import Area, Condition
from tests.unit.engine.sampler.nodes.bench import TINY_NAME, BenchContext


def words(value: float, tokens: int = 4, pooled: float | None = None) -> Conditioning:
    return Conditioning.of(
        torch.full((1, tokens, 3), float(value)), None if pooled is None else torch.full((1, 2), pooled)
    )


def only(conditioning: Conditioning) -> Condition:
    (condition,) = conditioning.conditions
    return condition


@pytest.fixture
def models(context: BenchContext) -> tuple[Clip, Vae]:
    _, clip, vae = checkpoint_loader_simple(context, ckpt_name=TINY_NAME)
    return clip, vae


def test_combining_keeps_both(context: BenchContext) -> None:
    (both,) = conditioning_combine(context, conditioning_1=words(1), conditioning_2=words(2))
    assert [condition.embeddings.mean().item() for condition in both.conditions] == [1, 2]


def test_an_average_is_as_long_as_the_first_and_mixes_pooled_words(context: BenchContext) -> None:
    (mixed,) = conditioning_average(
        context,
        conditioning_to=words(1.0, 4, pooled=1.0),
        conditioning_from=words(3.0, 2, pooled=2.0),
        conditioning_to_strength=0.75,
    )
    torch.testing.assert_close(only(mixed).embeddings[0, :, 0], torch.tensor([1.5, 1.5, 0.75, 0.75]))
    torch.testing.assert_close(only(mixed).pooled, torch.full((1, 2), 1.25))
    (cut,) = conditioning_average(
        context,
        conditioning_to=words(1.0, 2),
        conditioning_from=words(3.0, 4, pooled=2.0),
        conditioning_to_strength=0.0,
    )
    assert only(cut).embeddings.shape == (1, 2, 3)
    torch.testing.assert_close(only(cut).pooled, torch.full((1, 2), 2.0))


def test_one_behind_the_other(context: BenchContext) -> None:
    (made,) = conditioning_concat(context, conditioning_to=words(1.0, 2), conditioning_from=words(2.0, 3))
    assert only(made).embeddings[0, :, 0].tolist() == [1, 1, 2, 2, 2]


def test_places(context: BenchContext) -> None:
    (area,) = conditioning_set_area(context, conditioning=words(1), width=64, height=128, x=8, y=16, strength=2.0)
    assert only(area).area == Area(height=16, width=8, y=2, x=1)
    assert only(area).strength == 2.0
    (share,) = conditioning_set_area_percentage(
        context, conditioning=words(1), width=0.5, height=1.0, x=0.25, y=0.0, strength=1.0
    )
    assert only(share).area == Area(height=1.0, width=0.5, y=0.0, x=0.25, relative=True)
    assert only(conditioning_set_area_strength(context, conditioning=share, strength=0.3)[0]).strength == 0.3
    (masked,) = conditioning_set_mask(
        context, conditioning=words(1), mask=torch.ones(5, 6), strength=0.7, set_cond_area="mask bounds"
    )
    assert only(masked).mask is not None
    assert only(masked).mask.shape == (1, 5, 6)
    assert (only(masked).mask_strength, only(masked).area_from_mask) == (0.7, True)


def test_times_and_nothing(context: BenchContext) -> None:
    (late,) = conditioning_set_timestep_range(context, conditioning=words(1), start=0.2, end=0.9)
    assert (only(late).start, only(late).end) == (0.2, 0.9)
    (nothing,) = conditioning_zero_out(context, conditioning=words(1, pooled=1.0))
    assert not only(nothing).embeddings.any()
    assert only(nothing).pooled is not None
    assert not only(nothing).pooled.any()


def test_words_that_are_learned_come_from_a_file(context: BenchContext, models: tuple[Clip, Vae]) -> None:
    from safetensors.torch import save_file

    clip, _ = models
    path = context.folders.base / "embeddings" / "mine.safetensors"
    path.parent.mkdir()
    save_file({"emb_params": torch.randn(2, 128)}, path)

    def encode(text: str) -> torch.Tensor:
        return only(clip_text_encode(context, text=text, clip=clip)[0]).embeddings

    plain, learned = encode("a red house"), encode("embedding:mine, a red house")
    assert torch.equal(encode("(embedding:../mine:1.0) a red house"), plain)
    assert torch.equal(encode("embedding:missing a red house"), plain)
    assert not torch.allclose(learned, plain)
    torch.testing.assert_close(encode("embedding:mine a red house"), learned)
    weighted = encode("(embedding:mine:1.5) a red house")
    empty = encode("")
    torch.testing.assert_close(weighted[:, 1:3], empty[:, 1:3] + 1.5 * (learned[:, 1:3] - empty[:, 1:3]))
    save_file({"emb_params": torch.randn(2, 128)}, path)
    assert not torch.allclose(encode("embedding:mine a red house"), learned), "another content is another word"


def test_sizes_and_scores_for_xl(context: BenchContext, models: tuple[Clip, Vae]) -> None:
    clip, _ = models
    sizes = {"width": 1, "height": 2, "crop_w": 3, "crop_h": 4, "target_width": 5, "target_height": 6}
    (made,) = clip_text_encode_sdxl(context, clip=clip, text_g="a house", text_l="a boat", **sizes)
    found = only(made).sizes
    assert found is not None
    assert (found.width, found.height, found.crop_width, found.crop_height) == (1, 2, 3, 4)
    assert (found.target_width, found.target_height) == (5, 6)
    (scored,) = clip_text_encode_sdxl_refiner(context, ascore=7.0, width=8, height=9, text="a house", clip=clip)
    assert only(scored).aesthetic_score == 7.0


def test_an_earlier_layer(context: BenchContext, models: tuple[Clip, Vae]) -> None:
    (skipped,) = clip_set_last_layer(context, clip=models[0], stop_at_clip_layer=-2)
    assert skipped == replace(models[0], layer=-2)


def test_what_an_inpainting_model_is_shown(context: BenchContext, models: tuple[Clip, Vae]) -> None:
    _, vae = models
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1
    pictures = [torch.zeros(1, 64, 64, 3), torch.zeros(1, 64, 64, 3)]
    pictures[1][:, :, 32:] = 1
    shown = []
    for pixels in pictures:
        positive, negative, latent = inpaint_model_conditioning(
            context, positive=words(1), negative=words(2), vae=vae, pixels=pixels, mask=mask
        )
        assert only(positive).picture is only(negative).picture
        assert torch.equal(only(positive).picture_mask, mask)
        assert latent.noise_mask is not None
        shown.append((only(positive).picture, latent.samples))
    assert torch.equal(shown[0][0], shown[1][0]), "what is to be redrawn is not seen"
    assert not torch.equal(shown[0][1], shown[1][1])
    _, _, free = inpaint_model_conditioning(
        context, positive=words(1), negative=words(2), vae=vae, pixels=pictures[0], mask=mask, noise_mask=False
    )
    assert free.noise_mask is None

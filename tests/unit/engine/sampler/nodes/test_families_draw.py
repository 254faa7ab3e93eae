"""Whole workflows on small checkpoints of every family: alone, in company, with LoRAs, areas, masks, in two stages."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.unit.engine.sampler import families
from tests.unit.engine.sampler.nodes.bench import BenchContext, run_graph
from tests.unit.engine.sampler.random_checkpoint import write_random

MAKERS: Mapping[str, Callable[[], families.Shapes]] = {
    "sd2": families.small_sd2,
    "sdxl": families.small_sdxl,
    "refiner": families.small_refiner,
    "inpainting": families.small_sd1_inpainting,
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("families")
    for name, make in MAKERS.items():
        write_random(make(), folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in MAKERS}


@pytest.fixture
def ready(context: BenchContext, checkpoints: dict[str, Path]) -> BenchContext:
    context.folders = replace(context.folders, checkpoints=checkpoints)
    return context


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def graph(name: str, *, seed: int = 1, text: str = "a (red:1.3) house", **more: dict[str, Any]) -> dict[str, Any]:
    """A text-to-image workflow, with nodes exchanged or added."""
    made = {
        "load": node("CheckpointLoaderSimple", ckpt_name=name),
        "positive": node("CLIPTextEncode", clip=["load", 1], text=text),
        "negative": node("CLIPTextEncode", clip=["load", 1], text="blurred"),
        "latent": node("EmptyLatentImage", width=128, height=64, batch_size=1),
        "sample": node(
            "KSampler",
            model=["load", 0],
            seed=seed,
            steps=3,
            cfg=4.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["positive", 0],
            negative=["negative", 0],
            latent_image=["latent", 0],
            denoise=1.0,
        ),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["load", 2]),
    }
    return {**made, **more}


def draw(context: BenchContext, made: Mapping[str, Any]) -> Tensor:
    (picture,) = cast(tuple[Tensor], run_graph(context, made)["decode"])
    assert picture.isfinite().all()
    return picture


@pytest.mark.parametrize("name", MAKERS)
def test_company_does_not_change_a_picture(ready: BenchContext, name: str) -> None:
    graphs = [graph(name, seed=number, text="word " * 40 * number + "a house") for number in range(3)]
    alone = [draw(ready, one) for one in graphs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda one: draw(ready, one), graphs))
    for mine, shared in zip(alone, together, strict=True):
        assert mine.shape == (1, 64, 128, 3)
        assert (mine - shared).abs().max() <= 2 / 255
    assert (alone[0] - alone[1]).abs().max() > 0.05


def test_xls_sizes_and_words_for_each_text_model_matter(ready: BenchContext) -> None:
    def told(**changes: Any) -> dict[str, Any]:
        sizes = {"width": 1024, "height": 1024, "crop_w": 0, "crop_h": 0, "target_width": 1024, "target_height": 1024}
        words = {"text_g": "a house", "text_l": "a house"}
        return node("CLIPTextEncodeSDXL", clip=["load", 1], **{**sizes, **words, **changes})

    plain = draw(ready, graph("sdxl", positive=told()))
    for changes in ({"crop_w": 512}, {"target_height": 512}, {"text_g": "a boat"}, {"text_l": "a boat"}):
        assert not torch.equal(draw(ready, graph("sdxl", positive=told(**changes))), plain), changes


def test_base_and_refiner_share_the_way(ready: BenchContext) -> None:
    stage = {
        "steps": 4,
        "cfg": 4.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "noise_seed": 5,
        "positive": ["positive", 0],
        "negative": ["negative", 0],
    }
    refined = {**stage, "positive": ["fine", 0], "negative": ["coarse", 0]}
    made = graph(
        "sdxl",
        first=node(
            "KSamplerAdvanced",
            model=["load", 0],
            add_noise="enable",
            latent_image=["latent", 0],
            start_at_step=0,
            end_at_step=3,
            return_with_leftover_noise="enable",
            **stage,
        ),
        refiner=node("CheckpointLoaderSimple", ckpt_name="refiner"),
        fine=node(
            "CLIPTextEncodeSDXLRefiner", ascore=6.0, width=1024, height=1024, text="a house", clip=["refiner", 1]
        ),
        coarse=node(
            "CLIPTextEncodeSDXLRefiner", ascore=2.5, width=1024, height=1024, text="blurred", clip=["refiner", 1]
        ),
        sample=node(
            "KSamplerAdvanced",
            model=["refiner", 0],
            add_noise="disable",
            latent_image=["first", 0],
            start_at_step=3,
            end_at_step=10000,
            return_with_leftover_noise="disable",
            **refined,
        ),
    )
    assert draw(ready, made).shape == (1, 64, 128, 3)


def test_an_inpainting_model_redraws_under_the_mask(ready: BenchContext) -> None:
    parts = {
        "picture": node("EmptyImage", width=128, height=64, batch_size=1, color=0x204060),
        "hole": node("SolidMask", value=1.0, width=64, height=64),
        "whole": node("SolidMask", value=0.0, width=128, height=64),
        "mask": node("MaskComposite", destination=["whole", 0], source=["hole", 0], x=64, y=0, operation="add"),
        "told": node(
            "InpaintModelConditioning",
            positive=["positive", 0],
            negative=["negative", 0],
            vae=["load", 2],
            pixels=["picture", 0],
            mask=["mask", 0],
            noise_mask=True,
        ),
        "sample": node(
            "KSampler",
            model=["load", 0],
            seed=1,
            steps=3,
            cfg=4.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["told", 0],
            negative=["told", 1],
            latent_image=["told", 2],
            denoise=1.0,
        ),
    }
    results = run_graph(ready, graph("inpainting", **parts))
    sampled, start = (cast(tuple[Any, ...], results[name]) for name in ("sample", "told"))
    kept, latent = start[2].samples, sampled[0].samples
    torch.testing.assert_close(latent[..., :7], kept[..., :7], atol=1e-4, rtol=1e-4)
    assert (latent[..., 9:] - kept[..., 9:]).abs().max() > 0.1
    other = {**parts, "picture": node("EmptyImage", width=128, height=64, batch_size=1, color=0xF0C0A0)}
    again = cast(tuple[Any, ...], run_graph(ready, graph("inpainting", **other))["sample"])[0].samples
    assert not torch.allclose(latent[..., 9:], again[..., 9:]), "what is drawn follows the picture around it"


def test_predictions_are_understood_as_told(ready: BenchContext) -> None:
    def told(sampling: str, *, zsnr: bool = False) -> Tensor:
        made = graph("sdxl", told=node("ModelSamplingDiscrete", model=["load", 0], sampling=sampling, zsnr=zsnr))
        made["sample"]["inputs"]["model"] = ["told", 0]
        return draw(ready, made)

    plain = draw(ready, graph("sdxl"))
    assert torch.equal(told("eps"), plain)
    pictures = [plain, told("v_prediction"), told("v_prediction", zsnr=True), told("x0")]
    for number, picture in enumerate(pictures):
        assert not any(torch.equal(picture, other) for other in pictures[:number])


def test_areas_masks_and_times_on_xl(ready: BenchContext) -> None:
    made = graph(
        "sdxl",
        left=node("ConditioningSetArea", conditioning=["positive", 0], width=64, height=64, x=0, y=0, strength=1.0),
        late=node("ConditioningSetTimestepRange", conditioning=["positive", 0], start=0.5, end=1.0),
        more=node("CLIPTextEncode", clip=["load", 1], text="a boat"),
        some=node("ConditioningCombine", conditioning_1=["left", 0], conditioning_2=["more", 0]),
        all=node("ConditioningCombine", conditioning_1=["some", 0], conditioning_2=["late", 0]),
    )
    made["sample"]["inputs"]["positive"] = ["all", 0]
    assert draw(ready, made).shape == (1, 64, 128, 3)


def test_people_with_different_loras_draw_at_once(ready: BenchContext) -> None:
    layer = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
    (ready.folders.base / "loras").mkdir()
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        up, down = (torch.randn(shape, generator=generator) for shape in ((64, 4), (4, 64)))
        path = ready.folders.base / "loras" / f"{seed}.safetensors"
        save_file({f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down}, path)

    def with_lora(number: int) -> dict[str, Any]:
        if not number:
            return graph("sdxl")
        lora = node(
            "LoraLoader",
            model=["load", 0],
            clip=["load", 1],
            lora_name=f"{number}.safetensors",
            strength_model=1.0,
            strength_clip=1.0,
        )
        made = graph("sdxl", lora=lora)
        made["sample"]["inputs"]["model"] = ["lora", 0]
        return made

    alone = [draw(ready, with_lora(number)) for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda number: draw(ready, with_lora(number)), range(3)))
    for mine, shared in zip(alone, together, strict=True):
        assert (mine - shared).abs().max() <= 2 / 255
    assert not torch.equal(alone[0], alone[1])
    assert not torch.equal(alone[1], alone[2])

"""The tensors of single-file checkpoints of every family, by name and shape, at any width.

The names are those of the original layouts (LDM's UNet and autoencoder, transformers' and OpenCLIP's text models); a
test holds the UNet's against the recorded names of SD 1.5.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.engine.sampler.random_checkpoint import KEYS
from tests.unit.engine.sampler.small_checkpoint import small_shapes

Shapes = dict[str, list[int]]
VOCABULARY = 49408


@dataclass(frozen=True, kw_only=True)
class UnetPlan:
    """How a UNet is built."""

    channels: tuple[int, ...]  # by level
    depths: tuple[int, ...]  # transformer blocks by level; 0: no attention
    middle: int = 1  # transformer blocks
    context: int
    linear: bool = False  # the projections around attention
    inputs: int = 4
    told: int = 0  # numbers that it is told besides the time


SD15_UNET = UnetPlan(channels=(320, 640, 1280, 1280), depths=(1, 1, 1, 0), context=768)
SD2_UNET = UnetPlan(channels=(320, 640, 1280, 1280), depths=(1, 1, 1, 0), context=1024, linear=True)
SDXL_UNET = UnetPlan(
    channels=(320, 640, 1280), depths=(0, 2, 10), middle=10, context=2048, linear=True, told=1280 + 6 * 256
)
REFINER_UNET = UnetPlan(
    channels=(384, 768, 1536, 1536), depths=(0, 4, 4, 0), middle=4, context=1280, linear=True, told=1280 + 5 * 256
)


def unet(plan: UnetPlan) -> Shapes:
    """Give a UNet's tensors under `model.diffusion_model.`."""
    first, wide = plan.channels[0], 4 * plan.channels[0]
    made = _linear("time_embed.0", first, wide) | _linear("time_embed.2", wide, wide)
    if plan.told:
        made |= _linear("label_emb.0.0", plan.told, wide) | _linear("label_emb.0.2", wide, wide)
    made |= _conv("input_blocks.0.0", plan.inputs, first, 3)
    skips, channels, block = [first], first, 1
    for level, (width, depth) in enumerate(zip(plan.channels, plan.depths, strict=True)):
        for _ in range(2):
            made |= _residual(f"input_blocks.{block}.0", channels, width, wide)
            made |= _attention(f"input_blocks.{block}.1", width, depth, plan)
            channels, block = width, block + 1
            skips.append(channels)
        if level < len(plan.channels) - 1:
            made |= _conv(f"input_blocks.{block}.0.op", channels, channels, 3)
            skips.append(channels)
            block += 1
    made |= _residual("middle_block.0", channels, channels, wide)
    made |= _attention("middle_block.1", channels, plan.middle, plan)
    made |= _residual("middle_block.2", channels, channels, wide)
    made |= _rising(plan, skips, channels, wide)
    made |= _norm("out.0", first) | _conv("out.2", first, 4, 3)
    return {f"model.diffusion_model.{name}": shape for name, shape in made.items()}


def _rising(plan: UnetPlan, skips: list[int], channels: int, wide: int) -> Shapes:
    made: Shapes = {}
    block = 0
    for level in reversed(range(len(plan.channels))):
        width, depth = plan.channels[level], plan.depths[level]
        for turn in range(3):
            made |= _residual(f"output_blocks.{block}.0", channels + skips.pop(), width, wide)
            made |= _attention(f"output_blocks.{block}.1", width, depth, plan)
            if turn == 2 and level:
                made |= _conv(f"output_blocks.{block}.{2 if depth else 1}.conv", width, width, 3)
            channels, block = width, block + 1
    return made


def clip_text(prefix: str, width: int, layers: int) -> Shapes:
    """Give the tensors of CLIP's text model as transformers writes them."""
    made: Shapes = {
        "embeddings.token_embedding.weight": [VOCABULARY, width],
        "embeddings.position_embedding.weight": [77, width],
        **_norm("final_layer_norm", width),
    }
    for number in range(layers):
        layer = f"encoder.layers.{number}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            made |= _linear(f"{layer}.self_attn.{part}", width, width)
        made |= _linear(f"{layer}.mlp.fc1", width, 4 * width) | _linear(f"{layer}.mlp.fc2", 4 * width, width)
        made |= _norm(f"{layer}.layer_norm1", width) | _norm(f"{layer}.layer_norm2", width)
    return {f"{prefix}text_model.{name}": shape for name, shape in made.items()}


def open_clip_text(prefix: str, width: int, layers: int) -> Shapes:
    """Give the tensors of a text model as OpenCLIP writes them."""
    made: Shapes = {
        "token_embedding.weight": [VOCABULARY, width],
        "positional_embedding": [77, width],
        "text_projection": [width, width],
        "logit_scale": [1],
        **_norm("ln_final", width),
    }
    for number in range(layers):
        layer = f"transformer.resblocks.{number}"
        made |= {f"{layer}.attn.in_proj_weight": [3 * width, width], f"{layer}.attn.in_proj_bias": [3 * width]}
        made |= _linear(f"{layer}.attn.out_proj", width, width)
        made |= _linear(f"{layer}.mlp.c_fc", width, 4 * width) | _linear(f"{layer}.mlp.c_proj", 4 * width, width)
        made |= _norm(f"{layer}.ln_1", width) | _norm(f"{layer}.ln_2", width)
    return {prefix + name: shape for name, shape in made.items()}


def small_vae() -> Shapes:
    """Give the tensors of a narrow autoencoder."""
    return {name: shape for name, shape in small_shapes().items() if name.startswith("first_stage_model.")}


def small_sd2() -> Shapes:
    """SD 2.x in small."""
    plan = UnetPlan(channels=(64, 64, 128, 128), depths=(1, 1, 1, 0), context=128, linear=True)
    return unet(plan) | small_vae() | open_clip_text("cond_stage_model.model.", 128, 3)


def small_sdxl(*, inputs: int = 4) -> Shapes:
    """SDXL in small."""
    plan = UnetPlan(
        channels=(64, 64, 128),
        depths=(0, 1, 2),
        middle=2,
        context=192,
        linear=True,
        inputs=inputs,
        told=128 + 6 * 256,
    )
    return (
        unet(plan)
        | small_vae()
        | clip_text("conditioner.embedders.0.transformer.", 64, 3)
        | open_clip_text("conditioner.embedders.1.model.", 128, 3)
    )


def small_refiner() -> Shapes:
    """SDXL's refiner in small."""
    plan = UnetPlan(
        channels=(64, 64, 128, 128), depths=(0, 1, 1, 0), middle=1, context=128, linear=True, told=128 + 5 * 256
    )
    return unet(plan) | small_vae() | open_clip_text("conditioner.embedders.0.model.", 128, 3)


def small_sd1_inpainting() -> Shapes:
    """SD 1.x for inpainting in small."""
    return small_shapes() | {"model.diffusion_model.input_blocks.0.0.weight": [32, 9, 3, 3]}


def recorded_sd15() -> Shapes:
    """Give the recorded tensors of SD 1.5."""
    found: Shapes = json.loads(Path(KEYS).read_text(encoding="utf-8"))
    return found


def _linear(name: str, into: int, out: int, *, bias: bool = True) -> Shapes:
    made = {f"{name}.weight": [out, into]}
    return made | {f"{name}.bias": [out]} if bias else made


def _conv(name: str, into: int, out: int, size: int) -> Shapes:
    return {f"{name}.weight": [out, into, size, size], f"{name}.bias": [out]}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": [width], f"{name}.bias": [width]}


def _residual(name: str, into: int, out: int, time: int) -> Shapes:
    made = _norm(f"{name}.in_layers.0", into) | _conv(f"{name}.in_layers.2", into, out, 3)
    made |= _linear(f"{name}.emb_layers.1", time, out)
    made |= _norm(f"{name}.out_layers.0", out) | _conv(f"{name}.out_layers.3", out, out, 3)
    return made | _conv(f"{name}.skip_connection", into, out, 1) if into != out else made


def _attention(name: str, width: int, depth: int, plan: UnetPlan) -> Shapes:
    if not depth:
        return {}
    made = _norm(f"{name}.norm", width)
    for projection in ("proj_in", "proj_out"):
        around = f"{name}.{projection}"
        made |= _linear(around, width, width) if plan.linear else _conv(around, width, width, 1)
    for number in range(depth):
        made |= dict(_transformer(f"{name}.transformer_blocks.{number}", width, plan.context))
    return made


def _transformer(name: str, width: int, context: int) -> Iterator[tuple[str, list[int]]]:
    for attention, read in (("attn1", width), ("attn2", context)):
        for part, into in (("to_q", width), ("to_k", read), ("to_v", read)):
            yield from _linear(f"{name}.{attention}.{part}", into, width, bias=False).items()
        yield from _linear(f"{name}.{attention}.to_out.0", width, width).items()
    yield from _linear(f"{name}.ff.net.0.proj", width, 8 * width).items()
    yield from _linear(f"{name}.ff.net.2", 4 * width, width).items()
    for number in (1, 2, 3):
        yield from _norm(f"{name}.norm{number}", width).items()

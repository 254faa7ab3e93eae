"""What people do with pictures, from the press to the picture, with the real sampler and the built-in model."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import save_file

from bot.compose import build_endpoint
from bot.replies import Reply
from config.settings import Settings
from engine.model import JobView, PictureRef
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import House, open_house
from tests.unit.engine.sampler.small_checkpoint import write_small

Pixels = npt.NDArray[np.float64]
PATIENCE = 240.0  # seconds before a wait is a hang
START = 120.0  # seconds that the sampler may take to come up on a busy machine
SEAM = 32  # pixels at a seam that are drawn over: the template's feathering of 24, on the latents' grid of 8
LORA_LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


@asynccontextmanager
async def sampling_house(folder: Path) -> AsyncIterator[House]:
    """A house whose only endpoint is our own sampler."""
    settings = Settings(data_dir=folder)
    endpoint = cast("FakeEndpoint", build_endpoint(settings, settings.endpoints[0]))
    async with open_house(folder, endpoints=[endpoint]) as house:
        await house.studio.until_ready(START)
        yield house


async def ended(house: House, reply: Reply) -> JobView:
    """The job that an answer made, with its picture."""
    assert len(reply.jobs) == 1, reply
    async with asyncio.timeout(PATIENCE):
        while not (view := await house.job(reply.jobs[0])).job.status.ended:  # noqa: ASYNC110 (from outside)
            await asyncio.sleep(0.05)
    assert view.pictures, [task.error for task in view.tasks]
    return view


async def pixels(house: House, view: JobView, number: int = 1) -> Pixels:
    """A picture as (height, width, 3) in 0 to 255."""
    with Image.open(io.BytesIO(await house.blobs.get(view.pictures[number - 1].blob))) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)


def alike(one: Pixels, other: Pixels) -> float:
    """How alike two pictures' layouts are: the correlation of their grays in blocks of 8x8, -1 to 1."""

    def layout(picture: Pixels) -> Pixels:
        gray = picture.mean(axis=2)
        height, width = (side // 8 for side in gray.shape)
        blocks = gray[: height * 8, : width * 8].reshape(height, 8, width, 8).mean(axis=(1, 3))
        centred = blocks - blocks.mean()
        normal: Pixels = centred / np.linalg.norm(centred)
        return normal

    return float((layout(one) * layout(other)).sum())


def halved(picture: Pixels) -> Pixels:
    height, width, _ = picture.shape
    smaller: Pixels = picture.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    return smaller


async def test_a_picture_is_enlarged_varied_and_drawn_on(tmp_path: Path) -> None:
    async with sampling_house(tmp_path) as house:
        base = await ended(house, await house.ask("imagine", "a red house under a yellow sun --seed 3"))
        before = await pixels(house, base)
        made: dict[str, Pixels] = {}
        for action in ("upscale", "vary-subtle", "vary-strong", "zoom-out", "pan-left", "pan-down"):
            view = await ended(house, await house.ask(action, (base.job.id, "1")))  # type: ignore[arg-type]
            assert view.job.parent == PictureRef(job_id=base.job.id, number=1)
            made[action] = await pixels(house, view)
    assert made["upscale"].shape == (256, 256, 3)
    assert alike(halved(made["upscale"]), before) > 0.95
    assert alike(made["vary-subtle"], before) > 0.9
    assert alike(made["vary-subtle"], before) > alike(made["vary-strong"], before)
    assert np.abs(made["vary-strong"] - before).max() > 32, "nothing changed"
    assert made["zoom-out"].shape == (128, 128, 3)
    left, down = made["pan-left"], made["pan-down"]
    assert (left.shape, down.shape) == ((128, 192, 3), (192, 128, 3))
    assert np.abs(left[:, 64 + SEAM :] - before[:, SEAM:]).max() <= 1, "what was there stays"
    assert np.abs(down[: 128 - SEAM] - before[: 128 - SEAM]).max() <= 1
    for new in (left[:, :64], down[128:], made["zoom-out"][:16]):
        assert (np.abs(new - 127.5).max(axis=2) < 8).mean() < 0.2, "the padding's gray is drawn over"


async def test_a_reroll_and_a_remix_are_other_pictures_and_the_same_seed_is_the_same(tmp_path: Path) -> None:
    async with sampling_house(tmp_path) as house:
        base = await ended(house, await house.ask("imagine", "a green tree at night --seed 3 --steps 6"))
        again = await ended(house, await house.ask("reroll", (base.job.id, "0")))  # type: ignore[arg-type]
        values = {"prompt": "a green tree at night", "seed": "3"}
        same = await ended(house, await house.ask("remix", (base.job.id, "0"), values=values))  # type: ignore[arg-type]
        one, two, three = [await pixels(house, view) for view in (base, again, same)]
    assert np.abs(one - two).max() > 32
    assert np.abs(one - three).max() <= 1


async def test_loras_act_as_strongly_as_is_said(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "checkpoints").mkdir(parents=True)
    (models / "loras").mkdir()
    write_small(models / "checkpoints" / "small.safetensors")
    for number, name in enumerate(("ink", "wash")):
        write_lora(models / "loras" / f"{name}.safetensors", seed=number)
    line = "a house --model small --size 64x64 --steps 3 --seed 1"
    async with sampling_house(tmp_path) as house:
        made: dict[str, Pixels] = {}
        for flags in (
            "",
            "--lora ink:0",
            "--lora ink:0.8",
            "--lora ink:0.8 --lora wash:0.5",
            "--lora wash:0.5 --lora ink:0.8",
        ):
            view = await ended(house, await house.ask("imagine", f"{line} {flags}"))
            made[flags] = await pixels(house, view)
        assert view.job.options["loras"] == "wash.safetensors:0.5, ink.safetensors:0.8"
        wrong = await house.ask("imagine", f"{line} --lora inc")
        assert (wrong.lines[0].key, wrong.lines[0].fields["nearest"]) == ("error-unknown-choice", "ink.safetensors")
        again = await ended(house, await house.ask("reroll", (view.job.id, "0")))  # type: ignore[arg-type]
        assert again.job.options["loras"] == view.job.options["loras"]
    plain = made.pop("")
    assert np.abs(made["--lora ink:0"] - plain).max() <= 2
    assert np.abs(made["--lora ink:0.8"] - plain).max() > 4
    both = made["--lora ink:0.8 --lora wash:0.5"]
    assert np.abs(both - made["--lora ink:0.8"]).max() > 4
    assert np.abs(both - made["--lora wash:0.5 --lora ink:0.8"]).max() <= 2, "their order does not matter"


def write_lora(path: Path, *, seed: int) -> None:
    """A LoRA of one attention layer, strong enough to be seen."""
    generator = torch.Generator().manual_seed(seed)
    name = "lora_unet_" + LORA_LAYER.replace(".", "_")
    tensors = {
        f"{name}.lora_down.weight": torch.randn(4, 32, generator=generator),
        f"{name}.lora_up.weight": torch.randn(32, 4, generator=generator),
        f"{name}.alpha": torch.tensor(4.0),
    }
    save_file(tensors, path)


async def test_a_wide_picture_becomes_square(tmp_path: Path) -> None:
    async with sampling_house(tmp_path) as house:
        base = await ended(house, await house.ask("imagine", "a green tree at night --ar 3:2 --seed 5 --steps 8"))
        before = await pixels(house, base)
        view = await ended(house, await house.ask("square", (base.job.id, "1")))  # type: ignore[arg-type]
        after = await pixels(house, view)
    assert before.shape == (104, 160, 3)
    assert after.shape == (160, 160, 3)
    inner = after[24 + SEAM : 128 - SEAM]
    assert np.abs(inner - before[SEAM : 104 - SEAM]).max() <= 1

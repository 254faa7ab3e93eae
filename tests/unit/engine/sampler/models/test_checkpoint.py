"""Checkpoints are known by their tensors alone, and what cannot be used is refused in a sentence with its name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.sampler.models.checkpoint import Placement, load_checkpoint
from engine.sampler.models.files import ModelFileError
from engine.sampler.sampling.denoiser import Rows
from tests.unit.engine.sampler.small_checkpoint import small_shapes, write_small, write_variant

UNET = "model.diffusion_model."


@pytest.fixture
def placement() -> Placement:
    return Placement(device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small") / "small.safetensors")


def test_shapes_are_read_from_the_tensors(small: Path, placement: Placement) -> None:
    checkpoint = load_checkpoint(small, placement)
    weights = sum(torch.Size(shape).numel() for shape in small_shapes().values())
    unused = 64 * 64  # the text projection, which only its training needed
    assert checkpoint.size == 4 * (weights - unused)
    context = checkpoint.text.encode("a (red:1.2) house").embeddings
    assert context.shape == (1, 77, 64)
    x = torch.randn(2, 4, 8, 8)
    assert checkpoint.model.predict(Rows(x, torch.tensor([1.0, 999.0]), context.repeat(2, 1, 1))).shape == x.shape
    picture = checkpoint.vae.decode(x)
    assert picture.shape == (2, 64, 64, 3)
    assert checkpoint.vae.encode(picture).shape == x.shape


def test_nothing_is_left_on_the_meta_device(small: Path, placement: Placement) -> None:
    network = load_checkpoint(small, placement).model.network
    assert {tensor.device.type for tensor in (*network.parameters(), *network.buffers())} == {"cpu"}
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_what_training_left_behind_is_ignored(small: Path, tmp_path: Path, placement: Placement) -> None:
    extra = {
        "model_ema.decay": [1],
        "alphas_cumprod": [1000],
        "first_stage_model.loss.logvar": [1],
        "cond_stage_model.transformer.text_model.embeddings.position_ids": [1, 77],
    }
    old = write_variant(small, tmp_path / "old.safetensors", without="", extra=extra)
    load_checkpoint(old, placement)


def test_an_old_name_of_the_text_model(small: Path, tmp_path: Path, placement: Placement) -> None:
    tensors = load_file(small)
    old = {name.replace(".transformer.text_model.", ".transformer."): tensor for name, tensor in tensors.items()}
    assert old.keys() != tensors.keys()
    save_file(old, tmp_path / "old.safetensors")
    encodings = [
        load_checkpoint(path, placement).text.encode("a house").embeddings
        for path in (small, tmp_path / "old.safetensors")
    ]
    assert torch.equal(*encodings)


def test_nothing_stays_mapped_to_the_file(small: Path, tmp_path: Path, placement: Placement) -> None:
    path = tmp_path / "wide.safetensors"
    save_file({name: tensor.float() for name, tensor in load_file(small).items()}, path)
    checkpoint = load_checkpoint(path, placement)
    before = checkpoint.text.encode("a house").embeddings
    os.truncate(path, 1000)  # touching what is gone would end the process
    fresh = checkpoint.text.with_networks([tower.network for tower in checkpoint.text.towers])
    assert torch.equal(fresh.encode("a house").embeddings, before)
    assert checkpoint.vae.decode(torch.zeros(1, 4, 8, 8)).isfinite().all()


@pytest.mark.parametrize(
    ("without", "extra", "says"),
    [
        ("cond_stage_model.", {}, "not a whole Stable Diffusion 1.x checkpoint: it has no text encoder"),
        ("first_stage_model.decoder.conv_in", {}, "it has no autoencoder"),
        (f"{UNET}middle_block.0.in_layers.2.", {}, "missing or unexpected mid_block.resnets.0.conv1"),
        (f"{UNET}out.2.weight", {}, "missing or unexpected out.2.weight"),
        ("", {f"{UNET}something.new": [3]}, "missing or unexpected something.new"),
        (f"{UNET}time_embed.0.bias", {f"{UNET}time_embed.0.bias": [7]}, "size mismatch for time_embedding"),
        (f"{UNET}input_blocks.0.0.weight", {f"{UNET}input_blocks.0.0.weight": [32, 8, 3, 3]}, "8 channels"),
        ("cond_stage_model.", {"conditioner.embedders.0.x": [1]}, "Stable Diffusion XL"),
        ("cond_stage_model.", {"cond_stage_model.model.x": [1]}, "Stable Diffusion 2.x"),
    ],
)
def test_what_does_not_fit(
    small: Path, tmp_path: Path, placement: Placement, without: str, extra: dict[str, list[int]], says: str
) -> None:
    path = write_variant(small, tmp_path / "odd.safetensors", without=without, extra=extra)
    with pytest.raises(ModelFileError, match=r"odd\.safetensors") as raised:
        load_checkpoint(path, placement)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def _lora(path: Path) -> None:
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(2, 2)}, path)


def _truncated(path: Path) -> None:
    save_file({"a": torch.zeros(1000)}, path)
    os.truncate(path, 1000)


def _pickle(path: Path) -> None:
    torch.save({"state_dict": {}}, path)


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("lora.safetensors", _lora, "is no checkpoint"),
        ("half.safetensors", _truncated, "not a whole .safetensors file"),
        ("words.safetensors", lambda path: path.write_text("hello " * 100), "not a whole .safetensors file"),
        ("empty.safetensors", lambda path: path.write_bytes(b""), "not a whole .safetensors file"),
        ("model.ckpt", _pickle, "pickle"),
        ("disguised.safetensors", _pickle, "pickle"),
        ("gone.safetensors", lambda path: None, "cannot be read"),
    ],
)
def test_what_is_no_checkpoint(
    tmp_path: Path, placement: Placement, name: str, write: Callable[[Path], object], says: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(ModelFileError, match=name) as raised:
        load_checkpoint(tmp_path / name, placement)
    assert says in str(raised.value)
    assert str(tmp_path) not in str(raised.value)  # people are told names, not where we keep things


def test_a_damaged_built_in_model(tmp_path: Path, placement: Placement) -> None:
    with pytest.raises(ModelFileError, match="built-in model is damaged"):
        load_checkpoint(tmp_path, placement)

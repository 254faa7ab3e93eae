"""The exported folder of the built-in model: within its size, loadable, and its sampler repeatable."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tools.tiny import models, vocabulary
from tools.tiny.export import LARGEST_BYTES, export_random
from tools.tiny.sample import Model, euler_times, sample

SHIPPED = Path(__file__).parents[3] / "config" / "models" / "tiny"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained weights."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export_random(folder, seed=3)
    return folder


@pytest.fixture(params=["fresh", "shipped"])
def folder(request: pytest.FixtureRequest, fresh: Path) -> Path:
    """The model folder in both of its states."""
    return fresh if request.param == "fresh" else SHIPPED


def test_the_weights_take_at_most_12_mb(folder: Path) -> None:
    files = list(folder.rglob("*.safetensors"))
    assert len(files) == 3
    assert 1_000_000 < sum(file.stat().st_size for file in files) <= LARGEST_BYTES


def test_the_folder_says_what_a_loader_needs(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    assert (index["width"], index["height"]) == (128, 128)
    assert index["license"] == "MIT"
    assert index["prediction"] == "epsilon"
    assert index["tokenizer"]["kind"] == "words"
    assert index["schedule"] == {"kind": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps": 1000}
    table = json.loads((folder / "tokenizer" / "vocab.json").read_text())
    assert table == vocabulary.build_vocabulary()
    preview = json.loads((folder / "latent_rgb.json").read_text())
    assert [len(row) for row in preview["matrix"]] == [3, 3, 3, 3]
    assert len(preview["bias"]) == 3


def test_the_networks_fit_together_and_a_seed_gives_one_picture(folder: Path) -> None:
    model = Model.load(folder)
    first = sample(model, ["a red house"], width=160, height=104, seed=4, steps=2)[0]
    again = sample(model, ["a red house"], width=160, height=104, seed=4, steps=2)[0]
    other = sample(model, ["a red house"], width=160, height=104, seed=5, steps=2)[0]
    assert first.size == (160, 104)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_half_precision_weights_are_finite(folder: Path) -> None:
    model = Model.load(folder)
    for network in (model.unet, model.autoencoder, model.text):
        assert all(torch.isfinite(weight).all() for weight in network.parameters())


def test_sigmas_fall_to_zero_from_the_end_of_the_schedule() -> None:
    times, sigmas = euler_times(20)
    assert times[0] == models.TRAIN_STEPS - 1
    assert all(before > after for before, after in pairwise(sigmas.tolist()))
    assert sigmas[0].item() == pytest.approx(14.6146, abs=1e-3)
    assert sigmas[-2].item() == pytest.approx(0.0292, abs=1e-3)
    assert sigmas[-1] == 0

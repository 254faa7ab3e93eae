"""The training steps of the built-in model, run for a moment each: they write what the next one reads, and go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tools.tiny import autoencoder, diffusion, latents, models, scenes, speed
from tools.tiny.pace import Average, Pace, load_state

MOMENT = 0.03
"""Minutes of training in a test."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with a barely trained autoencoder and a small pool."""
    folder = tmp_path_factory.mktemp("work")
    autoencoder.train(folder, minutes=MOMENT, seed=2, resume=False, device="cpu", batch=2)
    network = autoencoder.load(folder)
    scale = latents.measure_scale(network, "cpu", count=16)
    latents.save(folder / "latents.pt", latents.fill(network, scale, count=80, seed=2, device="cpu"), scale)
    return folder


def test_the_pool_holds_every_shape_near_unit_variance(work: Path) -> None:
    pool, scale = latents.load(work / "latents.pt")
    assert [bucket.size for bucket in pool] == list(scenes.SIZES)
    assert scale > 0
    for bucket in pool:
        width, height = bucket.size
        assert bucket.latents.shape == (len(bucket.seeds), 4, height // 8, width // 8)
        assert bucket.latents.dtype == torch.float16
    assert pool[0].latents.float().std().item() == pytest.approx(1.0, abs=0.25)


def test_diffusion_trains_grows_its_pool_and_goes_on_where_it_stopped(work: Path) -> None:
    settings = diffusion.TrainSettings(minutes=MOMENT, seed=2, device="cpu", batch=2, fresh=1)
    trainer = diffusion.Trainer(work, settings)
    first = load_state(trainer.run())
    assert first["step"] > 0
    assert first["average_steps"] == first["step"]
    longer = diffusion.Trainer(work, replace(settings, minutes=first["spent"] / 60 + MOMENT))
    longer.resume()
    second = load_state(longer.run())
    assert second["step"] > first["step"]
    assert second["spent"] > first["spent"]
    unet, text = diffusion.load(work)
    assert not unet.training
    assert not text.training


def test_a_quickened_denoiser_predicts_what_the_plain_one_does() -> None:
    torch.manual_seed(4)
    network = models.build_unet().eval()
    inputs = torch.randn(2, 4, 16, 16), torch.tensor([900, 40]), torch.randn(2, 24, models.TEXT_WIDTH)
    with torch.no_grad():
        plain = network(*inputs).sample
        quick = speed.quicken(network)(*inputs).sample
    assert torch.allclose(plain, quick, atol=1e-5)


def test_the_rate_rises_in_steps_and_falls_in_time() -> None:
    pace = Pace(minutes=10, highest=1.0, warmup=10)
    assert pace.rate() == pytest.approx(0.1, abs=0.01)
    pace.step = 10
    assert pace.rate() == pytest.approx(1.0, abs=0.01)
    pace.spent = 300.0
    assert pace.rate() == pytest.approx(0.51, abs=0.01)
    pace.spent = 700.0
    assert pace.rate() == pytest.approx(0.02)


def test_the_average_follows_slowly() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
    average = Average({"only": network}, decay=0.9)
    with torch.no_grad():
        network.weight.fill_(1.0)
    for _ in range(200):
        average.update()
    assert 0.9 < average.weights["only"]["weight"].item() <= 1.0

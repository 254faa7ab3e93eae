"""The training steps of the built-in model, run for a moment each: they write what the next one reads, and go on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import distributed

from tools.tiny import autoencoder, diffusion, latents, scenes
from tools.tiny.pace import Average, Pace, load_state
from tools.tiny.team import Team

MOMENT = 0.03
"""Minutes of training in a test."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with a barely trained autoencoder and a small pool."""
    folder = tmp_path_factory.mktemp("work")
    autoencoder.train(folder, minutes=MOMENT, seed=2, resume=False, device="cpu", batch=2)
    network = autoencoder.load(folder)
    scale = latents.measure_scale(network, "cpu", count=16)
    for name, early in (("latents.pt", False), ("latents-early.pt", True)):
        pool = latents.fill(network, scale, count=80, seed=2, device="cpu", early=early)
        latents.save(folder / name, pool, scale)
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
    trainer = diffusion.Trainer(work, minutes=MOMENT, seed=2, device="cpu", batch=2, fresh=1)
    first = load_state(trainer.run())
    assert first["step"] > 0
    assert first["average_steps"] == first["step"]
    longer = diffusion.Trainer(work, minutes=first["spent"] / 60 + MOMENT, seed=2, device="cpu", batch=2, fresh=1)
    longer.resume()
    second = load_state(longer.run())
    assert second["step"] > first["step"]
    assert second["spent"] > first["spent"]
    unet, text = diffusion.load(work)
    assert not unet.training
    assert not text.training


def test_a_team_averages_gradients_and_keeps_their_memory_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process is played by doubling: it has the same gradients, so the average changes nothing."""
    monkeypatch.setattr(distributed, "all_reduce", lambda flat: flat.mul_(2))
    layer = torch.nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
    layer(torch.randn(2, 3, 8, 8)).square().sum().backward()
    grads = [weight.grad for weight in layer.parameters() if weight.grad is not None]
    before = [(grad.clone(), grad.stride()) for grad in grads]
    assert Team(rank=0, size=2).average(list(layer.parameters()), 0.25) == 0.5
    for weight, (grad, stride) in zip(layer.parameters(), before, strict=True):
        assert weight.grad is not None
        assert weight.grad.stride() == stride
        assert torch.equal(weight.grad, grad)


def test_a_team_of_one_changes_nothing() -> None:
    assert Team().average([], 0.25) == 0.25


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

"""Every recorded schedule and run of the samplers and schedulers that we have, against ComfyUI's numbers."""

import pytest
import torch

from engine.sampler.sampling.batcher import Batcher
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.samplers import SAMPLERS, sampler_named
from engine.sampler.sampling.schedules import SCHEDULERS, sigmas_for, window
from engine.sampler.sampling.trajectory import SampleTask
from tests.unit.engine.sampler.sampling.toy import KINDS, Record, Toy, guidance, records


def _name(record: Record) -> str:
    return "-".join(str(record[key]) for key in ("model", "sampler", "scheduler", "steps") if key in record)


def _sigmas(record: Record) -> torch.Tensor:
    return sigmas_for(
        KINDS[record["model"]],
        scheduler=record["scheduler"],
        steps=record["steps"],
        denoise=record.get("denoise", 1.0),
        drop_penultimate=sampler_named(record.get("sampler", "euler")).drop_penultimate,
    )


def test_the_records_cover_what_we_have() -> None:
    found = records()
    assert len(found["schedules"]) == 333
    assert len(found["samples"]) == 348
    assert {record["scheduler"] for record in found["schedules"]} == set(SCHEDULERS)
    assert {record["sampler"] for record in found["samples"]} == set(SAMPLERS)
    assert (len(SCHEDULERS), len(SAMPLERS)) == (9, 42)


@pytest.mark.parametrize("model", KINDS)
def test_range_of_noise_levels(model: str) -> None:
    expected = records()["models"][model]
    assert KINDS[model].sigma_min == pytest.approx(expected["sigma_min"], rel=1e-6)
    assert KINDS[model].sigma_max == pytest.approx(expected["sigma_max"], rel=1e-6)


@pytest.mark.parametrize("record", records()["schedules"], ids=_name)
def test_schedule(record: Record) -> None:
    expected = torch.tensor(record["sigmas"])
    if expected.isnan().any():  # ComfyUI divides 0 by 0 in one step of kl_optimal; ours starts at the highest sigma
        assert record["scheduler"] == "kl_optimal"
        assert record["steps"] == 1
        expected = torch.tensor([KINDS[record["model"]].sigma_max, 0.0])
    sigmas = _sigmas(record)
    assert sigmas.shape == expected.shape
    assert sigmas.dtype == torch.float32
    assert (sigmas - expected).abs().max() <= 1e-6 * expected.max()


@pytest.mark.parametrize("record", records()["samples"], ids=_name)
def test_run(record: Record) -> None:
    toy = Toy(record["model"])
    shape = (record.get("batch", 1), toy.space.channels, 4, 4)
    latent = 2 * torch.sin(torch.arange(64.0)).reshape(1, 4, 4, 4) if "latent" in record else torch.zeros(shape)
    sigmas = _sigmas(record)
    advanced = record.get("advanced", {})
    if advanced:
        sigmas = window(
            sigmas,
            start=advanced["start_step"],
            end=advanced["last_step"],
            leftover_noise=not advanced["force_full_denoise"],
        )
    noise = initial_noise(shape, record["seed"])
    mask = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(1, 4, 4) if "mask" in record else None
    task = SampleTask(
        model=toy,
        guider=guidance(record["cfg"]),
        latent=latent,
        noise=torch.zeros(shape) if advanced.get("disable_noise") else noise,
        mask=mask,
        seed=record["seed"],
        sampler=record["sampler"],
        sigmas=sigmas,
    )
    batcher = Batcher()
    try:
        result = batcher.sample(task).latent
    finally:
        batcher.close()
    expected = torch.tensor(record["out"])
    assert (result.flatten() - expected).abs().max() <= 1e-3 * expected.abs().max()
    alone = record["cfg"] == 1 and not sampler_named(record["sampler"]).always_negative
    assert set(toy.calls) == {shape[0] * (1 if alone else 2)}

"""The parts between the records: schedules cut short, noise by place in a batch, masks, other samplers' needs."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.sampler.sampling.guidance import needs_negative
from engine.sampler.sampling.kinds import SD1_SPACE, SD3_SPACE, Discrete, Flow, scaled_linear_table
from engine.sampler.sampling.masks import latent_mask
from engine.sampler.sampling.noise import BrownianNoise, initial_noise, step_noise
from engine.sampler.sampling.samplers import SAMPLERS, SamplerSpec
from engine.sampler.sampling.schedules import sigmas_for, window
from engine.sampler.sampling.solvers.base import Evaluate, Sampling, Surroundings, ancestral_split
from engine.sampler.sampling.trajectory import SampleTask, Trajectory
from tests.unit.engine.sampler.sampling.toy import Toy, guidance


def test_denoise_of_zero_leaves_nothing_to_do() -> None:
    assert len(sigmas_for(Discrete(), scheduler="normal", steps=5, denoise=0.0)) == 0


def test_some_samplers_leave_out_the_smallest_sigma() -> None:
    plain = sigmas_for(Discrete(), scheduler="karras", steps=5)
    dropped = sigmas_for(Discrete(), scheduler="karras", steps=4, drop_penultimate=True)
    assert torch.equal(dropped, torch.cat([plain[:4], plain[5:]]))


def test_unknown_names_fall_back_to_the_first() -> None:
    kind = Discrete()
    assert torch.equal(
        sigmas_for(kind, scheduler="nothing like it", steps=5), sigmas_for(kind, scheduler="simple", steps=5)
    )


@pytest.mark.parametrize(("start", "end"), [(0, 0), (8, 10000), (3, 3), (5, 2)])
def test_a_window_without_steps_is_empty(start: int, end: int) -> None:
    sigmas = sigmas_for(Discrete(), scheduler="normal", steps=8)
    assert len(window(sigmas, start=start, end=end, leftover_noise=True)) == 0


def test_a_window_ends_at_zero_unless_noise_may_be_left() -> None:
    sigmas = sigmas_for(Discrete(), scheduler="normal", steps=8)
    assert window(sigmas, start=0, end=3, leftover_noise=False)[-1] == 0
    assert window(sigmas, start=0, end=3, leftover_noise=True)[-1] == sigmas[3]
    assert sigmas[3] > 0  # the list itself was not written to


def test_zero_terminal_snr_ends_in_noise() -> None:
    table = scaled_linear_table(zero_terminal_snr=True)
    assert float(table[-1]) == pytest.approx(4518.757, rel=1e-4)
    assert float(table[0]) == pytest.approx(0.029167, rel=1e-3)


def test_percentages_of_the_way() -> None:
    for kind in (Discrete(), Flow()):
        assert kind.sigma_at_fraction(0.0) >= kind.sigma_max
        assert kind.sigma_at_fraction(1.0) == 0.0
        values = [kind.sigma_at_fraction(share) for share in (0.2, 0.5, 0.8)]
        assert values == sorted(values, reverse=True)


def test_noise_by_place_is_what_the_whole_batch_had() -> None:
    first, second = initial_noise((1, 4, 2, 2), 3), initial_noise((2, 4, 2, 2), 3, (1, 1))
    assert torch.equal(initial_noise((1, 4, 2, 2), 3, (0,)), first)
    assert torch.equal(second[0], second[1])
    assert not torch.equal(second[:1], first)


def test_the_first_step_noise_is_the_initial_noise() -> None:
    draw = step_noise(torch.zeros(2, 4, 3, 3), 9)
    assert torch.equal(draw(), initial_noise((2, 4, 3, 3), 9))


@given(st.floats(min_value=2**-13, max_value=2**13, width=32))
def test_a_timestep_is_the_nearest_in_the_table(level: float) -> None:
    kind, sigma = Discrete(), torch.tensor(level)
    expected = (sigma.log() - kind.logs).abs().argmin()  # the first on a tie
    assert int(kind.timestep(sigma)) == int(expected)


def test_every_level_of_the_table_is_its_own_timestep() -> None:
    kind = Discrete()
    assert [int(kind.timestep(sigma)) for sigma in kind.table] == list(range(1000))


def test_a_brownian_path_is_one_whenever_it_is_looked_at() -> None:
    sigmas = sigmas_for(Discrete(), scheduler="karras", steps=6)
    like = torch.zeros(1, 4, 3, 3)
    ahead = BrownianNoise(like, sigmas, 5, times=sigmas, on_device=False)
    lazily = BrownianNoise(like, sigmas, 5, times=sigmas[:0], on_device=False)
    finer = BrownianNoise(like, sigmas, 5, times=sigmas[:0], on_device=True)
    for first, second in pairwise(sigmas[:-1]):
        step = ahead(first, second)
        assert torch.equal(step, lazily(first, second))
        halfway = (first + second) / 2
        parts = [(first, halfway), (halfway, second)]
        joined = sum((finer(one, other) * (one - other).sqrt() for one, other in parts), start=torch.zeros(()))
        torch.testing.assert_close(joined / (first - second).sqrt(), step, rtol=1e-4, atol=1e-4)
    other = BrownianNoise(like, sigmas, 6, times=sigmas, on_device=False)
    assert not torch.equal(other(sigmas[0], sigmas[1]), lazily(sigmas[0], sigmas[1]))


def test_a_seed_of_64_bits() -> None:
    assert torch.isfinite(initial_noise((1, 4, 2, 2), 2**64 - 1)).all()


def test_masks_are_fitted_and_repeated() -> None:
    mask = latent_mask(torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]).expand(2, 2, 2), torch.zeros(3, 4, 2, 2))
    assert mask.shape == (3, 1, 2, 2)
    assert torch.equal(mask[0], mask[2])
    assert not torch.equal(mask[0], mask[1])


def test_guidance_of_one_needs_no_negative() -> None:
    assert not needs_negative(1.0)
    assert needs_negative(0.0)


def test_an_ancestral_step_keeps_the_noise_level() -> None:
    down, up = ancestral_split(torch.tensor(5.0), torch.tensor(3.0))
    assert float(down**2 + up**2) == pytest.approx(9.0, rel=1e-6)
    assert ancestral_split(torch.tensor(5.0), torch.tensor(3.0), eta=0.0)[1] == 0


def test_only_a_picture_is_shifted_into_the_networks_space() -> None:
    assert not SD3_SPACE.enter(torch.zeros(1, 16, 2, 2)).any()
    latent = torch.rand(1, 4, 2, 2)
    torch.testing.assert_close(SD1_SPACE.leave(SD1_SPACE.enter(latent)), latent)


def test_a_sampler_can_read_the_unguided_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """CFG++ samplers step along it, and so want it at guidance 1 too."""

    def follow_negative(x: Tensor, sigmas: Tensor, surroundings: Surroundings) -> Sampling:
        for sigma, _ in pairwise(sigmas):
            yield Evaluate(x, sigma)
            x = surroundings.unconditional
        return x

    spec = SamplerSpec(run=follow_negative, always_negative=True)
    monkeypatch.setattr("engine.sampler.sampling.samplers.SAMPLERS", {**SAMPLERS, "follow": spec})
    toy = Toy()
    trajectory = Trajectory(
        SampleTask(
            model=toy,
            guider=guidance(1.0),
            latent=torch.zeros(1, 4, 4, 4),
            noise=initial_noise((1, 4, 4, 4), 0),
            seed=0,
            sampler="follow",
            sigmas=sigmas_for(toy.kind, scheduler="simple", steps=1),
        )
    )
    trajectory.start()
    (rows,) = trajectory.rows()
    assert len(rows) == 2
    output = toy.predict(rows)
    trajectory.send([output])
    start = rows.x[:1] * (toy.kind.table[-1] ** 2 + 1).sqrt()
    expected = SD1_SPACE.leave(start - output[1:] * toy.kind.table[-1])
    torch.testing.assert_close(trajectory.result().latent, expected)

"""Areas, masks, times and strengths of conditions, in numbers worked out by hand on the toy network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.sampler.sampling.batcher import Batcher
from engine.sampler.sampling.conditions import Area, Condition
from engine.sampler.sampling.denoiser import Extras, Rows, Scene
from engine.sampler.sampling.guidance import Guidance, Role
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.regions import Box, OutsideThePicture, Part, make_parts
from engine.sampler.sampling.schedules import sigmas_for
from engine.sampler.sampling.trajectory import SampleTask, Trajectory
from tests.unit.engine.sampler.sampling.toy import Toy, words

SIDE = 32  # cells


def parts(*positive: Condition, negative: Sequence[Condition] = (), side: int = SIDE) -> dict[Role, list[Part]]:
    """Make parts of prompts for one square latent."""
    given: Mapping[Role, tuple[Condition, ...]] = {Role.POSITIVE: positive, Role.NEGATIVE: tuple(negative)}
    empty = torch.zeros(1, 4, side, side)
    made = make_parts(given, Toy(), Scene(latent=empty, noise=empty, mask=None, negative=False))
    return {role: [part for part in made if part.role is role] for role in given}


def first_denoised(*positive: Condition, steps: int = 4, batch: int = 1, side: int = SIDE) -> tuple[Tensor, Trajectory]:
    """Give what the first evaluation of a run without guidance denoises to."""
    toy, shape = Toy(), (batch, 4, side, side)
    trajectory = Trajectory(
        SampleTask(
            model=toy,
            guider=Guidance(positive=positive),
            latent=torch.zeros(shape),
            noise=initial_noise(shape, 3),
            seed=3,
            sampler="euler",
            sigmas=sigmas_for(toy.kind, scheduler="normal", steps=steps),
        )
    )
    trajectory.start()
    return trajectory.send([toy.predict(rows) for rows in trajectory.rows()]), trajectory


def seen(value: float, box: Box | None = None, *, side: int = SIDE) -> Tensor:
    """Work out what the toy makes of one prompt on a part of the first latent."""
    toy = Toy()
    sigma = toy.kind.table[-1]
    x = initial_noise((1, 4, side, side), 3) * (1 + sigma**2).sqrt()
    x = x if box is None else box.cut(x)
    rows = Rows(toy.kind.network_input(x, sigma), toy.kind.timestep(sigma)[None], torch.full((1, 3, 2), value))
    return toy.kind.denoised(x, sigma, toy.predict(rows))


def test_one_prompt_is_what_the_network_says() -> None:
    torch.testing.assert_close(first_denoised(words(0.2))[0], seen(0.2))


def test_prompts_are_averaged_by_strength() -> None:
    found, _ = first_denoised(words(0.2), words(-0.3, strength=3.0))
    torch.testing.assert_close(found, (seen(0.2) + 3 * seen(-0.3)) / 4)


def test_an_area_is_all_that_its_prompt_sees_and_fades_in_from_its_inner_edges() -> None:
    box = Box(16, 16, 8, 0)  # touches the left edge of the picture
    found, trajectory = first_denoised(words(0.2), words(-0.3, area=Area(height=16, width=16, y=8, x=0)))
    ramp = torch.tensor([(cell + 1) / 4 for cell in range(4)])  # a quarter of 16 is less than 8
    rise = torch.cat([ramp, torch.ones(8), ramp.flip(0)])
    weight = rise[:, None] * torch.cat([torch.ones(12), ramp.flip(0)])[None, :]
    expected = seen(0.2).clone()
    inside = (box.cut(seen(0.2)) + weight * seen(-0.3, box)) / (1 + weight)
    box.cut(expected).copy_(inside)
    torch.testing.assert_close(found, expected)
    assert sorted(rows.x.shape[-1] for rows in trajectory.rows()) == [16, SIDE]


def test_the_rim_is_at_most_eight_cells() -> None:
    (part,) = parts(words(0.1, area=Area(height=64, width=64, y=32, x=32)), side=128)[Role.POSITIVE]
    assert part.weight is not None
    row = part.weight[0, 0, 32]
    torch.testing.assert_close(row[:9], torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 8]) / 8)
    assert float(row[-1]) == pytest.approx(1 / 8)


def test_what_no_prompt_covers_is_empty() -> None:
    found, _ = first_denoised(words(0.2, area=Area(height=8, width=8, y=0, x=0)))
    assert not found[..., 8:, :].any()
    assert not found[..., :, 8:].any()
    assert found[..., 0, 0].all()


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_a_mask_says_how_much_a_prompt_counts_where(strength: float) -> None:
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, :, 16:] = 1.0
    found, _ = first_denoised(words(0.2), words(-0.3, mask=mask, mask_strength=strength))
    expected = torch.cat(
        [seen(0.2)[..., :16], ((seen(0.2) + strength * seen(-0.3)) / (1 + strength))[..., 16:]], dim=-1
    )
    torch.testing.assert_close(found, expected)


def test_an_area_may_be_a_masks_bounding_box() -> None:
    mask = torch.zeros(1, 8 * SIDE, 8 * SIDE)  # as large as the picture
    mask[:, 64:192, 128:160] = 1.0
    (part,) = parts(words(0.1, mask=mask, area_from_mask=True))[Role.POSITIVE]
    assert part.box == Box(16, 8, 8, 16)
    assert part.weight is not None
    assert part.weight.shape == (1, 1, 16, 8)
    (nothing,) = parts(words(0.1, mask=torch.zeros(1, 8, 8), area_from_mask=True))[Role.POSITIVE]
    assert nothing.box == Box(8, 8, 0, 0)


def test_shares_and_overhanging_areas_are_brought_into_the_picture() -> None:
    relative, overhanging = parts(
        words(0.1, area=Area(height=0.25, width=0.001, y=0.5, x=0.5, relative=True)),
        words(0.1, area=Area(height=64, width=16, y=24, x=24)),
    )[Role.POSITIVE]
    assert relative.box == Box(8, 1, 16, 16)
    assert overhanging.box == Box(8, 8, 24, 24)


def test_an_area_outside_of_the_picture_is_refused() -> None:
    with pytest.raises(OutsideThePicture, match=r"begins at cell \(0, 40\), but the picture ends at \(32, 32\)"):
        parts(words(0.1, area=Area(height=8, width=8, y=40, x=0)))


def test_an_area_has_its_counterpart_in_the_other_prompt() -> None:
    area = Area(height=16, width=16, y=0, x=0)
    made = parts(words(0.1, area=area, strength=2.0), negative=[words(-0.1), words(-0.2)])
    whole, other, counterpart = made[Role.NEGATIVE]
    assert (whole.box, other.box, counterpart.box) == (None, None, Box(16, 16, 0, 0))
    assert float(counterpart.context[0, 0, 0]) == pytest.approx(-0.1)  # the first that is everywhere
    assert counterpart.weight is not None
    assert float(counterpart.weight[0, 0, 0, 0]) == 2.0
    assert [part.box for part in made[Role.POSITIVE]] == [Box(16, 16, 0, 0)]


def test_the_counterpart_speaks_as_the_smallest_area_around_it() -> None:
    large, small = Area(height=24, width=24), Area(height=16, width=16)
    made = parts(words(0.1, area=Area(height=8, width=8)), negative=[words(-0.1, area=large), words(-0.2, area=small)])
    assert [part.box and part.box.height for part in made[Role.NEGATIVE]] == [24, 16, 8]
    assert float(made[Role.NEGATIVE][2].context[0, 0, 0]) == pytest.approx(-0.2)
    assert [part.box and part.box.height for part in made[Role.POSITIVE]] == [8]  # nothing of its own holds the others


def test_a_prompt_counts_only_in_its_time() -> None:
    early, late = words(0.2, end=0.5), words(-0.3, start=0.5)
    toy, shape = Toy(), (1, 4, 8, 8)
    plain = SampleTask(
        model=toy,
        guider=Guidance(positive=(words(0.2),)),
        latent=torch.zeros(shape),
        noise=initial_noise(shape, 3),
        seed=3,
        sampler="euler",
        sigmas=sigmas_for(toy.kind, scheduler="normal", steps=8),
    )
    middle = toy.kind.sigma_at_fraction(0.5)
    first = [sigma for sigma in plain.sigmas[:-1] if sigma >= middle]
    batcher = Batcher()
    try:
        changed = batcher.sample(replace(plain, guider=Guidance(positive=(early, late)))).latent
        half = batcher.sample(replace(plain, sigmas=plain.sigmas[: len(first) + 1])).latent
        rest = replace(plain, latent=half, noise=torch.zeros(shape), sigmas=plain.sigmas[len(first) :])
        expected = batcher.sample(replace(rest, guider=Guidance(positive=(words(-0.3),)))).latent
        nothing = batcher.sample(replace(plain, guider=Guidance(positive=(words(0.2, end=0.0),)))).latent
    finally:
        batcher.close()
    assert len(first) == 4
    torch.testing.assert_close(changed, expected)
    assert nothing.abs().max() < 1e-4  # no condition ever counts: what is denoised is empty


class Told(Toy):
    """A toy that adds what it is told in vectors and channels."""

    def extras(self, condition: Condition, scene: Scene) -> Extras:
        """Two numbers that say which prompt it is, and a plane of the latent's size."""
        vector = torch.tensor([[float(scene.negative), 1.0]])
        return Extras(vector=vector, channels=torch.full_like(scene.latent[:, :1], 0.5))

    def predict(self, rows: Rows) -> Tensor:
        """Compute on the latent's own channels, moved by the rest."""
        assert rows.vector is not None
        assert rows.x.shape[1] == 5
        bare = Rows(rows.x[:, :4], rows.timesteps, rows.context)
        return super().predict(bare) + rows.vector[:, :1, None, None] + rows.x[:, 4:]


def test_vectors_and_channels_reach_the_network_in_every_row() -> None:
    told, plain = Told(), Toy()
    shape = (2, 4, 8, 8)
    task = SampleTask(
        model=told,
        guider=Guidance(
            positive=(words(0.2), words(0.1, area=Area(height=4, width=4))), negative=(words(0.0),), scale=2.0
        ),
        latent=torch.zeros(shape),
        noise=initial_noise(shape, 1),
        seed=1,
        sampler="euler",
        sigmas=sigmas_for(told.kind, scheduler="normal", steps=2),
    )
    trajectory, bare = Trajectory(task), Trajectory(replace(task, model=plain))
    trajectory.start()
    bare.start()
    rows, without = trajectory.rows(), bare.rows()
    assert [one.x.shape for one in rows] == [(4, 5, 8, 8), (4, 5, 4, 4)]  # the area has its counterpart
    assert rows[0].vector is not None
    assert rows[0].vector[:, 0].tolist() == [0, 0, 1, 1]
    for one, other in zip(rows, without, strict=True):
        assert one.vector is not None
        expected = plain.predict(other) + one.vector[:, :1, None, None] + 0.5
        torch.testing.assert_close(told.predict(one), expected)

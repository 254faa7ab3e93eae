"""Autoencoders with too little memory: one picture at a time, then tiles, and nothing of a failure is held on to."""

import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from engine.sampler.models.vae import CELL, Vae
from engine.sampler.sampling.locks import DeviceLocks


class Heavy(nn.Module):
    """Makes gray of everything; holds something large meanwhile, and fails above so many cells.

    With `crowded` locks even less fits while the denoiser's passes may run too.
    """

    def __init__(self, cells: int, *, crowded: DeviceLocks | None = None) -> None:
        super().__init__()
        self.cells = cells
        self.crowded = crowded
        self.held: list[weakref.ref[Tensor]] = []
        self.sizes: list[int] = []  # cells of what was asked for
        self.left = 0  # large things of earlier calls that were still there

    def decode(self, z: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        """Give gray pictures, or run out of memory."""
        assert not return_dict
        batch, _, height, width = z.shape
        self._work(batch * height * width)
        return (torch.zeros(batch, 3, height * CELL, width * CELL),)

    def encode(self, x: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        """Give gray latents, or run out of memory."""
        assert not return_dict
        batch, _, height, width = x.shape
        self._work(batch * height // CELL * width // CELL)
        return (torch.zeros(batch, 4, height // CELL, width // CELL),)

    def _work(self, cells: int) -> None:
        self.left += sum(held() is not None for held in self.held)
        large = torch.zeros(1000)
        self.held.append(weakref.ref(large))
        self.sizes.append(cells)
        crowded = self.crowded is not None and not self.crowded.passes.locked()
        if crowded or cells > self.cells:
            raise torch.OutOfMemoryError("full")


def vae_of(network: Heavy) -> Vae:
    locks = network.crowded or DeviceLocks()
    return Vae(network=network, device=torch.device("cpu"), locks=locks, together=4)


def test_pictures_that_do_not_fit_together_are_decoded_one_by_one() -> None:
    heavy = Heavy(cells=64)
    vae = vae_of(heavy)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(vae.decode, [torch.zeros(1, 4, 8, 8)] * 4))
    assert {picture.shape for picture in pictures} == {(1, 64, 64, 3)}
    assert heavy.left == 0


def test_a_picture_that_does_not_fit_is_decoded_in_tiles() -> None:
    heavy = Heavy(cells=64 * 64)
    picture = vae_of(heavy).decode(torch.zeros(1, 4, 128, 128))
    assert picture.shape == (1, 1024, 1024, 3)
    assert heavy.sizes[0] == 128 * 128
    assert heavy.left == 0


def test_a_picture_that_does_not_fit_is_encoded_in_tiles() -> None:
    heavy = Heavy(cells=64 * 64)
    latent = vae_of(heavy).encode(torch.zeros(1, 1024, 1024, 3))
    assert latent.shape == (1, 4, 128, 128)
    assert heavy.left == 0


@pytest.mark.parametrize("tile", [0, 256], ids=["whole", "tiles"])
def test_what_does_not_fit_beside_a_pass_waits_for_one_to_end(tile: int) -> None:
    heavy = Heavy(cells=64 * 64, crowded=DeviceLocks())
    picture = vae_of(heavy).decode(torch.zeros(1, 4, 64, 64), tile=tile, overlap=64)
    assert picture.shape == (1, 512, 512, 3)
    assert heavy.left == 0


def test_where_not_even_a_tile_fits_the_error_says_so() -> None:
    heavy = Heavy(cells=0, crowded=DeviceLocks())
    with pytest.raises(torch.OutOfMemoryError):
        vae_of(heavy).decode(torch.zeros(1, 4, 16, 16))
    assert heavy.crowded is not None
    assert not heavy.crowded.passes.locked()

"""Autoencoders with too little memory: one picture at a time, then tiles, and nothing of a failure is held on to."""

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from engine.sampler.models.vae import CELL, Vae


class Heavy(nn.Module):
    """Decodes to gray; holds something large meanwhile, and fails above so many cells."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells
        self.held: list[weakref.ref[Tensor]] = []
        self.sizes: list[int] = []  # cells of what was asked for
        self.left = 0  # large things of earlier calls that were still there

    def decode(self, z: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        """Give gray pictures, or run out of memory."""
        assert not return_dict
        self.left += sum(held() is not None for held in self.held)
        large = torch.zeros(1000)
        self.held.append(weakref.ref(large))
        batch, _, height, width = z.shape
        self.sizes.append(batch * height * width)
        if self.sizes[-1] > self.cells:
            raise torch.OutOfMemoryError("full")
        return (torch.zeros(batch, 3, height * CELL, width * CELL),)


def vae_of(network: Heavy) -> Vae:
    return Vae(network=network, device=torch.device("cpu"), lock=threading.Lock(), together=4)


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


def test_where_not_even_a_tile_fits_the_error_says_so() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        vae_of(Heavy(cells=0)).decode(torch.zeros(1, 4, 16, 16))

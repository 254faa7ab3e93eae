"""Autoencoders: pictures become latents and back."""

import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from engine.sampler.models.sharing import Shared
from engine.sampler.models.tiles import Tiling, tiled

CELL = 8  # pixels a side of one latent cell
_CELLS_AT_ONCE = 64 * 64  # of all latents in one pass: one picture of 512x512 pixels, or 16 of 128x128
_CELLS_AT_ONCE_ON_GPU = 4 * _CELLS_AT_ONCE


class DecodingFailed(RuntimeError):
    """An autoencoder gave no picture; the sentence says what to do about it."""


class _Distribution(Protocol):
    def mode(self) -> Tensor: ...


class _Autoencoder(Protocol):
    """What diffusers' autoencoders can do."""

    def decode(self, z: Tensor, *, return_dict: bool) -> tuple[Tensor]: ...

    def encode(self, x: Tensor, *, return_dict: bool) -> tuple[Tensor | _Distribution]: ...


def _proceed() -> None:
    return


class Vae:
    """An autoencoder; thread-safe, runs under `lock`. Pictures or tiles that several threads decode go together.

    Pictures are [batch, height, width, 3] in 0..1, latents [batch, C, height/8, width/8] unscaled; both are float32 on
    the CPU, and the autoencoder's own arithmetic is float32 too. `between` is called between pictures and tiles, and
    what it raises ends the work.
    """

    def __init__(self, *, network: nn.Module, device: torch.device, lock: threading.Lock) -> None:
        self.network = network
        self._network = cast(_Autoencoder, network)
        self._device = device
        self._lock = lock
        self._decode = Shared(self._decoded, lock=lock, most=self._most)

    def decode(
        self, latents: Tensor, *, tile: int = 0, overlap: int = 0, between: Callable[[], None] = _proceed
    ) -> Tensor:
        """Give the pictures of latents, in tiles of `tile` pixels a side if it is not 0. Raises DecodingFailed."""
        return torch.cat([self._picture(latent, tile, overlap, between) for latent in torch.split(latents, 1)])

    def encode(
        self, pictures: Tensor, *, tile: int = 0, overlap: int = 0, between: Callable[[], None] = _proceed
    ) -> Tensor:
        """Give the latents of pictures; what does not fill a cell of 8 pixels is cropped off evenly on both sides.

        In tiles of `tile` pixels a side if it is not 0.
        """
        planes = cropped(pictures[..., :3]).movedim(-1, 1)
        return torch.cat([self._latent(plane, tile, overlap, between) for plane in torch.split(planes, 1)])

    def _picture(self, latent: Tensor, tile: int, overlap: int, between: Callable[[], None]) -> Tensor:
        def work(part: Tensor) -> Tensor:
            between()
            return self._decode(part)

        tiling = Tiling(size=tile // CELL, overlap=overlap // CELL, scale=Fraction(CELL))
        planes = tiled(latent, tiling, work) if tile else work(latent)
        if not bool(planes.isfinite().all()):
            raise DecodingFailed(_NOT_FINITE)
        return ((planes + 1.0) / 2.0).clamp(0.0, 1.0).movedim(1, -1)

    def _latent(self, plane: Tensor, tile: int, overlap: int, between: Callable[[], None]) -> Tensor:
        def work(part: Tensor) -> Tensor:
            between()
            return self._encode(part)

        # Tiles, halves of them too, and the steps between them are whole cells.
        tiling = Tiling(size=tile // (2 * CELL) * 2 * CELL, overlap=overlap // CELL * CELL, scale=Fraction(1, CELL))
        return tiled(plane, tiling, work) if tile else work(plane)

    @torch.inference_mode()
    def _decoded(self, latents: Tensor) -> Tensor:
        return self._network.decode(latents.to(self._device), return_dict=False)[0].float().cpu()

    def _most(self, latent: Tensor) -> int:
        """Small pictures gain from company; large ones fill the device by themselves, and memory grows with them."""
        cells = latent.shape[-2] * latent.shape[-1]
        return max(1, (_CELLS_AT_ONCE if self._device.type == "cpu" else _CELLS_AT_ONCE_ON_GPU) // cells)

    @torch.inference_mode()
    def _encode(self, plane: Tensor) -> Tensor:
        with self._lock:
            encoded = self._network.encode((plane * 2.0 - 1.0).to(self._device), return_dict=False)[0]
            # AutoencoderTiny gives the latent itself, AutoencoderKL a distribution; its mode makes runs repeatable.
            latent = encoded if isinstance(encoded, Tensor) else encoded.mode()
            return latent.float().cpu()


def cropped(pictures: Tensor) -> Tensor:
    """Crop pictures (or masks) [batch, height, width, ...] evenly to whole cells."""
    height, width = (size // CELL * CELL for size in pictures.shape[1:3])
    top, left = (pictures.shape[1] - height) // 2, (pictures.shape[2] - width) // 2
    return pictures[:, top : top + height, left : left + width]


_NOT_FINITE = (
    "The autoencoder's numbers broke down (NaN or infinite), so there is no picture. Take another autoencoder (VAE), "
    "or another checkpoint: this one may be damaged."
)

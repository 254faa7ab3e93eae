"""Autoencoders: pictures become latents and back."""

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from engine.sampler.models.tiles import Tiling, tiled
from engine.sampler.models.turns import Between, Shared, proceed, turn
from engine.sampler.sampling.locks import DeviceLocks

CELL = 8  # pixels a side of one latent cell
_TOGETHER = 4  # pictures of several prompts that a GPU decodes at once; a CPU gains nothing by it
_FALLBACK_TILE, _FALLBACK_OVERLAP = 512, 64  # pixels; for pictures whose whole does not fit into memory
_Work = Callable[[Tensor, int, int, Between], Tensor]  # of planes, a tile and its overlap in pixels


class DecodingFailed(RuntimeError):
    """An autoencoder gave no picture; the sentence says what to do about it."""


class _Distribution(Protocol):
    def mode(self) -> Tensor: ...


class _Autoencoder(Protocol):
    """What diffusers' autoencoders can do."""

    def decode(self, z: Tensor, *, return_dict: bool) -> tuple[Tensor]: ...

    def encode(self, x: Tensor, *, return_dict: bool) -> tuple[Tensor | _Distribution]: ...


class Vae:
    """An autoencoder; thread-safe, it works under `locks.rest`, for several prompts at once where that is faster.

    Pictures are [batch, height, width, 3] in 0..1, latents [batch, C, height/8, width/8] unscaled; both are float32 on
    the CPU, and the autoencoder's own arithmetic is float32 too. `between` is called between its layers, and what it
    raises ends the work. What does not fit into the device's memory whole is done in tiles.
    """

    def __init__(
        self, *, network: nn.Module, device: torch.device, locks: DeviceLocks, together: int | None = None
    ) -> None:
        """`together`: how many pictures of several prompts are decoded at once; by default as many as are faster."""
        self.network = network
        self._autoencoder = cast(_Autoencoder, network)
        self._device = device
        self._locks = locks
        most = together or (_TOGETHER if device.type == "cuda" else 1)
        self._decodings: Shared[Tensor, Tensor] = Shared(lock=locks.rest, most=most)
        self._watch = _Watch()
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_pre_hook(self._watch.look)

    def decode(self, latents: Tensor, *, tile: int = 0, overlap: int = 0, between: Between = proceed) -> Tensor:
        """Give the pictures of latents, in tiles of `tile` pixels a side if it is not 0. Raises DecodingFailed."""
        return torch.cat([self._picture(latent, tile, overlap, between) for latent in torch.split(latents, 1)])

    def encode(self, pictures: Tensor, *, tile: int = 0, overlap: int = 0, between: Between = proceed) -> Tensor:
        """Give the latents of pictures; what does not fill a cell of 8 pixels is cropped off evenly on both sides.

        In tiles of `tile` pixels a side if it is not 0.
        """
        planes = cropped(pictures[..., :3]).movedim(-1, 1)
        parts = torch.split(planes, 1)
        return torch.cat([self._as_fits(self._encoded, plane, tile, overlap, between) for plane in parts])

    def _picture(self, latent: Tensor, tile: int, overlap: int, between: Between) -> Tensor:
        planes = self._as_fits(self._decoded, latent, tile, overlap, between)
        if not bool(planes.isfinite().all()):
            raise DecodingFailed(_NOT_FINITE)
        return ((planes + 1.0) / 2.0).clamp(0.0, 1.0).movedim(1, -1)

    def _as_fits(self, work: _Work, given: Tensor, tile: int, overlap: int, between: Between) -> Tensor:
        """Do some work as asked; where memory is too short for that, in tiles and alone on the device."""
        try:
            return work(given, tile, overlap, between)
        except torch.OutOfMemoryError:
            pass  # and it ends here, for it holds activations
        with turn(self._locks.passes, between):
            return work(given, tile or _FALLBACK_TILE, overlap if tile else _FALLBACK_OVERLAP, between)

    def _decoded(self, latent: Tensor, tile: int, overlap: int, between: Between) -> Tensor:
        if not tile:
            return self._decode(latent, between)
        tiling = Tiling(size=tile // CELL, overlap=overlap // CELL, scale=Fraction(CELL))
        return tiled(latent, tiling, lambda part: self._decode(part, between))

    def _encoded(self, plane: Tensor, tile: int, overlap: int, between: Between) -> Tensor:
        if not tile:
            return self._encode(plane, between)
        # Tiles, halves of them too, and the steps between them are whole cells.
        tiling = Tiling(size=tile // (2 * CELL) * 2 * CELL, overlap=overlap // CELL * CELL, scale=Fraction(1, CELL))
        return tiled(plane, tiling, lambda part: self._encode(part, between))

    def _decode(self, latent: Tensor, between: Between) -> Tensor:
        @torch.inference_mode()
        def work(latents: list[Tensor]) -> list[Tensor]:
            self._watch.between = between
            try:
                return self._at_once(latents) or [self._run_decoder(latent) for latent in latents]
            finally:
                self._watch.between = proceed

        between()
        return self._decodings.do(latent, kind=latent.shape, work=work, between=between)

    def _at_once(self, latents: list[Tensor]) -> list[Tensor]:
        """Decode pictures together; none if several do not fit. The error, which holds activations, ends in here."""
        try:
            return list(torch.split(self._run_decoder(torch.cat(latents)), 1))
        except torch.OutOfMemoryError:
            if len(latents) == 1:
                raise
            return []

    def _run_decoder(self, latents: Tensor) -> Tensor:
        return self._autoencoder.decode(latents.to(self._device), return_dict=False)[0].float().cpu()

    @torch.inference_mode()
    def _encode(self, plane: Tensor, between: Between) -> Tensor:
        between()
        with turn(self._locks.rest, between):
            self._watch.between = between
            try:
                encoded = self._autoencoder.encode((plane * 2.0 - 1.0).to(self._device), return_dict=False)[0]
                # AutoencoderTiny gives the latent, AutoencoderKL a distribution, whose mode makes runs repeatable.
                latent = encoded if isinstance(encoded, Tensor) else encoded.mode()
                return latent.float().cpu()
            finally:
                self._watch.between = proceed


class _Watch:
    """What a network calls between its layers; apart from the Vae, which would else be in a circle with its network."""

    def __init__(self) -> None:
        self.between: Between = proceed  # of the thread that holds the lock

    def look(self, *_: object) -> None:
        self.between()


def cropped(pictures: Tensor) -> Tensor:
    """Crop pictures (or masks) [batch, height, width, ...] evenly to whole cells."""
    height, width = (size // CELL * CELL for size in pictures.shape[1:3])
    top, left = (pictures.shape[1] - height) // 2, (pictures.shape[2] - width) // 2
    return pictures[:, top : top + height, left : left + width]


_NOT_FINITE = (
    "The autoencoder's numbers broke down (NaN or infinite), so there is no picture. Take another autoencoder (VAE), "
    "or another checkpoint: this one may be damaged."
)

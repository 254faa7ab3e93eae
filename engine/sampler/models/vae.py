"""Autoencoders: pictures become latents and back."""

import threading
from typing import Protocol, cast

import torch
from torch import Tensor, nn

CELL = 8  # pixels a side of one latent cell


class _Distribution(Protocol):
    def mode(self) -> Tensor: ...


class _Autoencoder(Protocol):
    """What diffusers' autoencoders can do."""

    def decode(self, z: Tensor, *, return_dict: bool) -> tuple[Tensor]: ...

    def encode(self, x: Tensor, *, return_dict: bool) -> tuple[Tensor | _Distribution]: ...


class Vae:
    """An autoencoder; thread-safe, one picture at a time runs under `lock`.

    Pictures are [batch, height, width, 3] in 0..1, latents [batch, C, height/8, width/8] unscaled; both are float32 on
    the CPU, and the autoencoder's own arithmetic is float32 too.
    """

    def __init__(self, *, network: nn.Module, device: torch.device, lock: threading.Lock) -> None:
        self._network = cast(_Autoencoder, network)
        self._device = device
        self._lock = lock

    def decode(self, latents: Tensor) -> Tensor:
        """Give the pictures of latents."""
        return torch.cat([self._decode(latent) for latent in torch.split(latents, 1)])

    def encode(self, pictures: Tensor) -> Tensor:
        """Give the latents of pictures; what does not fill a cell of 8 pixels is cropped off evenly on both sides."""
        return torch.cat([self._encode(picture) for picture in torch.split(_cropped(pictures[..., :3]), 1)])

    @torch.inference_mode()
    def _decode(self, latent: Tensor) -> Tensor:
        with self._lock:
            picture = self._network.decode(latent.to(self._device), return_dict=False)[0]
            return ((picture.float() + 1.0) / 2.0).clamp(0.0, 1.0).movedim(1, -1).cpu()

    @torch.inference_mode()
    def _encode(self, picture: Tensor) -> Tensor:
        with self._lock:
            pixels = (picture.movedim(-1, 1) * 2.0 - 1.0).to(self._device)
            encoded = self._network.encode(pixels, return_dict=False)[0]
            # AutoencoderTiny gives the latent itself, AutoencoderKL a distribution; its mode makes runs repeatable.
            latent = encoded if isinstance(encoded, Tensor) else encoded.mode()
            return latent.float().cpu()


def _cropped(pictures: Tensor) -> Tensor:
    height, width = (size // CELL * CELL for size in pictures.shape[1:3])
    top, left = (pictures.shape[1] - height) // 2, (pictures.shape[2] - width) // 2
    return pictures[:, top : top + height, left : left + width]

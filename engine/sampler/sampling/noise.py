"""Noise: the draw that a run starts from, and what stochastic samplers add at each step."""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchsde import BrownianTree  # type: ignore[attr-defined]

NoiseSource = Callable[[], Tensor]
_AHEAD = 64  # values of a Brownian path that are found before a run begins


def initial_noise(shape: Sequence[int], seed: int, picked: Sequence[int] = ()) -> Tensor:
    """Draw standard normal noise, float32 on the CPU, so that every machine starts from the same picture.

    `picked` are the places of these latents in the batch they were cut from; each keeps the noise that it had there.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    if not picked:
        return torch.randn(tuple(shape), generator=generator)
    drawn = [torch.randn((1, *shape[1:]), generator=generator) for _ in range(max(picked) + 1)]
    return torch.cat([drawn[index] for index in picked])


def step_noise(like: Tensor, seed: int) -> NoiseSource:
    """Give a source of fresh normal tensors shaped like `like`, on its device.

    Quirk, kept for parity: the seed is the run's own, so on a CPU the first step's noise equals the initial noise.
    """
    generator = torch.Generator(like.device).manual_seed(seed)

    def draw() -> Tensor:
        return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)

    return draw


class BrownianNoise:
    """Increments of one Brownian path over noise levels, scaled to unit variance (torchsde, as k-diffusion uses it).

    The path belongs to the seed and to the ends of the run's sigmas, not to the steps between: more steps refine it.
    It lives on the CPU unless `on_device`, so that a CPU and a GPU draw the same. Finding its value at a time takes
    milliseconds, so that those at `times` are found at once, in the thread of whoever asks for the run.
    """

    def __init__(self, like: Tensor, sigmas: Tensor, seed: int, *, times: Tensor, on_device: bool) -> None:
        self._device = like.device
        ends = sigmas[sigmas > 0]
        self._start = ends.min()
        zeros = torch.zeros_like(like, device=like.device if on_device else "cpu")
        self._tree = BrownianTree(self._start, zeros, ends.max(), entropy=seed)
        self._known = {float(self._start): zeros}  # the path's value, by time; the start is the lowest sigma
        for time in times[times > 0][:_AHEAD]:
            self._value(time)

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Give the noise of the step down from `sigma` to `sigma_next`, normal; overlapping steps are correlated."""
        increment = self._value(sigma_next) - self._value(sigma)
        for time in [time for time in self._known if time > float(sigma)]:
            del self._known[time]  # a run goes down only
        return increment.to(self._device) / (sigma - sigma_next).abs().sqrt()

    def _value(self, time: Tensor) -> Tensor:
        found = self._known.get(float(time))
        if found is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a time that rounding put just outside is clamped
                found = self._known[float(time)] = self._tree(self._start, time)
        return found

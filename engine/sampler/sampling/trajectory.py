"""One run on its way: a sampler's generator, and what stands between it and the network."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.sampler.sampling.guidance import Inpainting, guided, latent_mask, needs_negative
from engine.sampler.sampling.kinds import LatentSpace, ModelKind
from engine.sampler.sampling.samplers import Evaluate, Sampling, Surroundings, sampler_named


class SamplingFailed(RuntimeError):
    """A run ended without a picture; the sentence says what to do about it."""


class Denoiser(Protocol):
    """A network that can be batched; one object per set of weights."""

    @property
    def kind(self) -> ModelKind:
        """What its predictions mean."""

    @property
    def space(self) -> LatentSpace:
        """Where its latents live."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    def predict(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """Run the network once: x [rows, C, H, W] scaled, timesteps [rows], context [rows, tokens, width]; float32."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleTask:
    """What to sample; latents are in the space that nodes pass around, float32."""

    model: Denoiser
    positive: Tensor  # [1, tokens, width]
    negative: Tensor  # [1, tokens, width]
    latent: Tensor  # [batch, C, H, W]
    noise: Tensor  # [batch, C, H, W]; zeros when none is to be added
    mask: Tensor | None = None  # [n, height, width] of any size; 1 where the picture is redrawn
    seed: int
    cfg: float
    sampler: str
    sigmas: Tensor  # [N+1], descending


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One evaluation as the network takes it: positive rows first, then (if needed) negative rows."""

    x: Tensor
    timesteps: Tensor
    context: Tensor

    def __len__(self) -> int:
        return self.x.shape[0]


class Trajectory:
    """Drives one task's sampler from evaluation to evaluation; not thread-safe.

    Between two calls of `send` there is exactly one evaluation pending, until `result` is there.
    """

    def __init__(self, task: SampleTask) -> None:
        self.task = task
        self.result: Tensor | None = None  # the finished latent, on the CPU, in the space of nodes
        self.step = 0  # steps whose denoised latent is known
        self.steps = max(len(task.sigmas) - 1, 0)
        self._kind = task.model.kind
        self._device = task.model.device
        self._spec = sampler_named(task.sampler)
        self._negative_used = needs_negative(task.cfg) or self._spec.always_negative
        self._unconditional: Tensor | None = None
        self._context = self._conditioning()
        latent = task.model.space.enter(task.latent.float()).to(self._device)
        noise = task.noise.float().to(self._device)
        self._inpainting = (
            Inpainting(mask=latent_mask(task.mask, latent), latent=latent, noise=noise)
            if task.mask is not None
            else None
        )
        self._latent, self._noise = latent, noise
        self._sampling: Sampling | None = None
        self._pending: Evaluate | None = None

    def start(self) -> None:
        """Run up to the first evaluation; a run without steps has its result at once."""
        sigmas = self.task.sigmas
        if len(sigmas) == 0:
            self.result = self.task.latent
            return
        x = self._kind.start(self._latent, self._noise, sigmas[0])
        surroundings = Surroundings(kind=self._kind, seed=self.task.seed, unconditional=self._latest_unconditional)
        self._sampling = self._spec.run(x, sigmas, surroundings)
        self._resume(next)

    def rows(self) -> Rows:
        """Give the pending evaluation's network inputs."""
        pending = self._the_pending()
        x = pending.x
        if self._inpainting is not None:
            x = self._inpainting.before(x, pending.sigma, self._kind)
        x = self._kind.network_input(x, pending.sigma)
        copies = 2 if self._negative_used else 1
        time = self._kind.timestep(pending.sigma).to(self._device)
        return Rows(
            x=x.repeat(copies, 1, 1, 1),
            timesteps=time.expand(copies * x.shape[0]),
            context=self._context.repeat_interleave(x.shape[0], dim=0),
        )

    @property
    def size(self) -> int:
        """Give how many rows an evaluation has."""
        return int(self._context.shape[0] * self._latent.shape[0])

    @property
    def layout(self) -> tuple[object, ...]:
        """Give what must be equal for two evaluations to go through the network together."""
        return (*self._the_pending().x.shape[1:], *self._context.shape[1:])

    def send(self, output: Tensor) -> Tensor:
        """Hand over the network's output for `rows()`, go on to the next evaluation, give the denoised latent.

        Raises SamplingFailed if the output is not finite.
        """
        pending = self._the_pending()
        x = pending.x
        if self._inpainting is not None:
            x = self._inpainting.before(x, pending.sigma, self._kind)
        parts = [self._kind.denoised(x, pending.sigma, part) for part in torch.split(output.float(), x.shape[0])]
        denoised = parts[0]
        if self._negative_used:
            self._unconditional = parts[1]
            denoised = guided(parts[0], parts[1], self.task.cfg)
        if not bool(denoised.isfinite().all()):
            raise SamplingFailed(_NOT_FINITE.format(step=self.step + 1, steps=self.steps, cfg=self.task.cfg))
        if self._inpainting is not None:
            denoised = self._inpainting.after(denoised)
        self.step = max(self.step, int((self.task.sigmas[:-1] >= pending.sigma).sum()))
        self._resume(lambda sampling: sampling.send(denoised))
        return denoised

    def _resume(self, action: Callable[[Sampling], Evaluate]) -> None:
        assert self._sampling is not None  # noqa: S101 - start() made it
        try:
            self._pending = action(self._sampling)
        except StopIteration as stop:
            self._pending = None
            x = self._kind.finish(stop.value, self.task.sigmas[-1])
            self.result = self.task.model.space.leave(x).cpu()

    def _conditioning(self) -> Tensor:
        if not self._negative_used:
            return self.task.positive.float().to(self._device)
        positive, negative = self.task.positive, self.task.negative
        # Attention over tokens that are repeated as a whole gives what it gives over them once (up to rounding).
        tokens = math.lcm(positive.shape[1], negative.shape[1])
        both = [part.repeat(1, tokens // part.shape[1], 1) for part in (positive, negative)]
        return torch.cat(both).float().to(self._device)

    def _latest_unconditional(self) -> Tensor:
        if self._unconditional is None:
            raise RuntimeError("the sampler asked for the unconditional latent before any evaluation")
        return self._unconditional

    def _the_pending(self) -> Evaluate:
        if self._pending is None:
            raise RuntimeError("nothing is pending: the run has not begun or has ended")
        return self._pending


_NOT_FINITE = (
    "The model's numbers broke down (NaN or infinite) at step {step} of {steps}. Lower the guidance (cfg is {cfg:g}), "
    "take another sampler or scheduler, or try another checkpoint: this one may be damaged."
)

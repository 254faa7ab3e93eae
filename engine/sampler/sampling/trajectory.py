"""One run on its way: a sampler's generator, and what stands between it and the network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from engine.sampler.sampling.denoiser import Denoiser, Rows, Scene, lengths_fit, stacked
from engine.sampler.sampling.guidance import Guider, Role
from engine.sampler.sampling.masks import Inpainting, latent_mask
from engine.sampler.sampling.noise import initial_noise
from engine.sampler.sampling.regions import Part, make_parts, mixed
from engine.sampler.sampling.samplers import sampler_named
from engine.sampler.sampling.solvers.base import Evaluate, Sampling, Surroundings

_MOST_SEEDS = 2**64


class SamplingFailed(RuntimeError):
    """A run ended without a picture; the sentence says what to do about it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleTask:
    """What to sample; latents are in the space that nodes pass around, float32."""

    model: Denoiser
    guider: Guider
    latent: Tensor  # [batch, C, H, W]
    noise: Tensor  # [batch, C, H, W]; zeros when none is to be added
    mask: Tensor | None = None  # [n, height, width] of any size; 1 where the picture is redrawn
    seed: int
    sampler: str
    sigmas: Tensor  # [N+1], descending


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """How a run ended; latents are on the CPU, in the space that nodes pass around."""

    latent: Tensor  # [batch, C, H, W], float32
    denoised: Tensor  # the same without the noise that is left in `latent`, if any


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    """Whether a step's numbers are finite; on a GPU the answer is on its way to the CPU, behind that step's work."""

    finite: Tensor
    step: int
    landed: torch.cuda.Event | None = None

    @classmethod
    def of(cls, latent: Tensor, step: int) -> Self:
        finite = latent.isfinite().all()
        if latent.device.type != "cuda":
            return cls(finite, step)
        answer = torch.empty((), dtype=torch.bool, pin_memory=True)
        answer.copy_(finite, non_blocking=True)
        landed = torch.cuda.Event()  # type: ignore[no-untyped-call]
        landed.record()
        return cls(answer, step, landed)

    def holds(self) -> bool:
        if self.landed is not None:
            self.landed.synchronize()
        return bool(self.finite)


class Trajectory:
    """Drives one task's sampler from evaluation to evaluation; not thread-safe.

    Made and started in the thread of whoever asks; `rows` and `send` are called by the batcher. Between two calls of
    `send` there is exactly one evaluation pending, until `ended`.
    """

    def __init__(self, task: SampleTask) -> None:
        self.task = task
        self.step = 0  # steps whose denoised latent is known
        self.steps = max(len(task.sigmas) - 1, 0)
        self._kind = task.model.kind
        self._spec = sampler_named(task.sampler)
        self._sigmas = self._ended_sigmas()
        latent = task.model.space.enter(task.latent.float()).to(task.model.device)
        noise = task.noise.float().to(task.model.device)
        mask = None if task.mask is None else latent_mask(task.mask, latent)
        self._latent, self._noise = latent, noise
        self._inpainting = None if mask is None else Inpainting(mask=mask, latent=latent, noise=self._mask_noise(noise))
        evaluated = task.guider.evaluated(always_negative=self._spec.always_negative)
        scene = Scene(latent=latent, noise=noise, mask=mask, negative=False)
        parts = make_parts(task.guider.prompts, task.model, scene) if self.steps else ()
        self._passes = _Passes([part for part in parts if part.role in evaluated], evaluated, task.model)
        self._surroundings = Surroundings(kind=self._kind, seed=self.task.seed, unconditional=torch.zeros_like(latent))
        self._denoised = latent  # of the latest step
        self._sampling: Sampling | None = None
        self._pending: Evaluate | None = None
        self._seen: Tensor = latent  # the pending latent with the kept picture in it
        self._check: _Check | None = None
        self._x: Tensor | None = None  # the sampler's result

    def start(self) -> None:
        """Run up to the first evaluation; a run without steps ends at once."""
        if len(self._sigmas) == 0:
            return
        x = self._kind.start(self._latent, self._noise, self.task.sigmas[0])
        if self.steps == 0:  # one sigma: noise is added, and nothing taken away
            self._x = x
            return
        self._sampling = self._spec.run(x, self._sigmas, self._surroundings)
        self._resume(next)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to evaluate."""
        return self._pending is None

    def rows(self) -> list[Rows]:
        """Give the pending evaluation's network inputs, in pieces of one layout each."""
        pending = self._the_pending()
        self._seen = pending.x
        if self._inpainting is not None:
            self._seen = self._inpainting.before(pending.x, pending.sigma, self._kind)
        return self._passes.rows(self._seen, pending.sigma)

    def send(self, outputs: Sequence[Tensor]) -> Tensor:
        """Hand over the network's outputs for `rows()`, go on to the next evaluation, give the denoised latent.

        Raises SamplingFailed if they are not finite; on a GPU one evaluation late, so as not to wait for it.
        """
        pending = self._the_pending()
        denoised = self._passes.denoised(self._seen, pending.sigma, outputs)
        if Role.NEGATIVE in denoised:
            self._surroundings.unconditional = denoised[Role.NEGATIVE]
        guided = self.task.guider.combine(denoised)
        self._watch(guided)
        if self._inpainting is not None:
            guided = self._inpainting.after(guided)
        if not pending.look:
            self._denoised = guided
            self.step = max(self.step, int((self._sigmas[:-1] >= pending.sigma).sum()))
        self._resume(lambda sampling: sampling.send(guided))
        return guided

    def result(self) -> Sampled:
        """Give what came out, once it has ended; waits for the device. Raises SamplingFailed if it is not finite."""
        if len(self._sigmas) == 0:
            return Sampled(self.task.latent, self.task.latent)
        assert self._x is not None  # noqa: S101 - it has ended
        self._raise_unless_finite()
        space, last = self.task.model.space, self._sigmas[-1]
        latent = space.leave(self._kind.finish(self._x, last)).cpu()
        if not bool(latent.isfinite().all()):
            raise SamplingFailed(_NOT_FINITE.format(step=self.steps, steps=self.steps))
        return Sampled(latent, space.leave(self._denoised).cpu() if self.step else latent)

    def _resume(self, action: Callable[[Sampling], Evaluate]) -> None:
        assert self._sampling is not None  # noqa: S101 - start() made it
        try:
            self._pending = action(self._sampling)
        except StopIteration as stop:
            self._pending = None
            self._x = stop.value

    def _watch(self, latent: Tensor) -> None:
        """Check the last evaluation where that means no waiting, and leave a check of this one behind."""
        self._raise_unless_finite()
        self._check = _Check.of(latent, self.step + 1)
        if self._check.landed is None:  # nothing to wait for
            self._raise_unless_finite()

    def _raise_unless_finite(self) -> None:
        if self._check is not None and not self._check.holds():
            raise SamplingFailed(_NOT_FINITE.format(step=self._check.step, steps=self.steps))

    def _ended_sigmas(self) -> Tensor:
        sigmas = self.task.sigmas
        if len(sigmas) and sigmas[-1] == 0 and self._spec.least_sigma:
            sigmas = sigmas.clone()
            sigmas[-1] = self._spec.least_sigma
        return sigmas

    def _mask_noise(self, noise: Tensor) -> Tensor:
        if not self._spec.own_mask_noise:
            return noise
        return initial_noise(noise.shape, (self.task.seed + 1) % _MOST_SEEDS).to(noise.device)

    def _the_pending(self) -> Evaluate:
        if self._pending is None:
            raise RuntimeError("nothing is pending: the run has not begun or has ended")
        return self._pending


class _Passes:
    """Puts the parts of a run's conditions into rows, and the network's answers together again."""

    def __init__(self, parts: Sequence[Part], roles: frozenset[Role], model: Denoiser) -> None:
        self._parts = parts
        self._roles = roles
        self._model = model
        self._groups: list[list[Part]] = []  # those that count now, by what fits into one piece
        self._told: list[tuple[Tensor, Tensor | None]] = []  # context and vector of each group
        self._active: list[Part] | None = None

    def rows(self, x: Tensor, sigma: Tensor) -> list[Rows]:
        """Give the rows of every part that counts at this noise level."""
        self._choose([part for part in self._parts if part.counts_at(float(sigma))])
        kind = self._model.kind
        time = kind.timestep(sigma).to(x.device)
        scaled = kind.network_input(x, sigma)
        pieces = []
        for group, (context, vector) in zip(self._groups, self._told, strict=True):
            inputs = torch.cat([_with_channels(part, scaled) for part in group])
            pieces.append(Rows(inputs, time.expand(len(inputs)), context, vector))
        return pieces

    def denoised(self, x: Tensor, sigma: Tensor, outputs: Sequence[Tensor]) -> dict[Role, Tensor]:
        """Give each prompt's denoised latent from the network's answers."""
        batch = x.shape[0]
        latents: dict[int, Tensor] = {}
        for group, output in zip(self._groups, outputs, strict=True):
            for part, answer in zip(group, torch.split(output, batch), strict=True):
                latents[id(part)] = self._model.kind.denoised(part.seen(x), sigma, answer)
        found = {}
        for role in self._roles:
            parts = [part for part in self._active or () if part.role is role]
            found[role] = mixed(parts, [latents[id(part)] for part in parts], x)
        return found

    def _choose(self, active: list[Part]) -> None:
        """Group the parts that count now; most of the time they are those that counted before."""
        if active == self._active:
            return
        self._active = active
        self._groups = []
        for part in active:
            group = next((group for group in self._groups if _fits(part, group)), None)
            if group is None:
                self._groups.append([part])
            else:
                group.append(part)
        self._told = [(_contexts(group), _vectors(group)) for group in self._groups]


def _fits(part: Part, group: Sequence[Part]) -> bool:
    """Whether a part can go through the network with others of its run."""
    lengths = [other.context.shape[1] for other in (part, *group)]
    return _layout(part) == _layout(group[0]) and lengths_fit(lengths)


def _layout(part: Part) -> tuple[object, ...]:
    size = None if part.box is None else (part.box.height, part.box.width)
    return size, part.vector is None, part.channels is None


def _with_channels(part: Part, scaled: Tensor) -> Tensor:
    seen = part.seen(scaled)
    return seen if part.channels is None else torch.cat([seen, part.channels], dim=1)


def _contexts(group: Sequence[Part]) -> Tensor:
    return stacked([part.context for part in group])


def _vectors(group: Sequence[Part]) -> Tensor | None:
    vectors = [part.vector for part in group if part.vector is not None]
    return torch.cat(vectors) if vectors else None


_NOT_FINITE = (
    "nan-latent: the model's numbers broke down (NaN or infinite) at step {step} of {steps}. Lower the guidance (cfg), "
    "take another sampler or scheduler, or another checkpoint: this one may be damaged."
)

"""The samplers by ComfyUI's names, with the traits that a run must know of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from engine.sampler.sampling.solvers import classic, dpm, dpmpp, euler, res, sa, sde, unipc
from engine.sampler.sampling.solvers.base import Sampling, Surroundings


@dataclass(frozen=True, kw_only=True)
class SamplerSpec:
    """A sampler and its traits."""

    run: Callable[[Tensor, Tensor, Surroundings], Sampling]
    drop_penultimate: bool = False  # its schedule leaves out the smallest non-zero sigma
    always_negative: bool = False  # it reads `unconditional`, so the negative prompt is evaluated at any guidance
    least_sigma: float = 0.0  # stands for a last sigma of 0
    own_mask_noise: bool = False  # what is kept under a mask gets noise of the next seed instead of the run's own


def _plain(run: Callable[[Tensor, Tensor, Surroundings], Sampling]) -> SamplerSpec:
    return SamplerSpec(run=run)


def _guided(run: Callable[[Tensor, Tensor, Surroundings], Sampling]) -> SamplerSpec:
    return SamplerSpec(run=run, always_negative=True)


def _shortened(run: Callable[[Tensor, Tensor, Surroundings], Sampling], least_sigma: float = 0.0) -> SamplerSpec:
    return SamplerSpec(run=run, drop_penultimate=True, least_sigma=least_sigma)


_UNI_PC_END = 0.001

SAMPLERS: Mapping[str, SamplerSpec] = {
    "euler": _plain(euler.euler),
    "euler_cfg_pp": _guided(euler.euler_cfg_pp(ancestral=False)),
    "euler_ancestral": _plain(euler.euler_ancestral),
    "euler_ancestral_cfg_pp": _guided(euler.euler_cfg_pp(ancestral=True)),
    "heun": _plain(classic.heun),
    "heunpp2": _plain(classic.heunpp2),
    "dpm_2": _shortened(classic.dpm_2),
    "dpm_2_ancestral": _shortened(classic.dpm_2_ancestral),
    "lms": _plain(classic.lms),
    "dpm_fast": _plain(dpm.dpm_fast),
    "dpm_adaptive": _plain(dpm.dpm_adaptive),
    "dpmpp_2s_ancestral": _plain(dpmpp.dpmpp_2s_ancestral),
    "dpmpp_2s_ancestral_cfg_pp": _guided(dpmpp.dpmpp_2s_ancestral_cfg_pp),
    "dpmpp_sde": _plain(dpmpp.dpmpp_sde(on_device=False)),
    "dpmpp_sde_gpu": _plain(dpmpp.dpmpp_sde(on_device=True)),
    "dpmpp_2m": _plain(dpmpp.dpmpp_2m),
    "dpmpp_2m_cfg_pp": _guided(dpmpp.dpmpp_2m_cfg_pp),
    "dpmpp_2m_sde": _plain(dpmpp.dpmpp_2m_sde(on_device=False)),
    "dpmpp_2m_sde_gpu": _plain(dpmpp.dpmpp_2m_sde(on_device=True)),
    "dpmpp_2m_sde_heun": _plain(dpmpp.dpmpp_2m_sde(on_device=False, heun=True)),
    "dpmpp_2m_sde_heun_gpu": _plain(dpmpp.dpmpp_2m_sde(on_device=True, heun=True)),
    "dpmpp_3m_sde": _plain(dpmpp.dpmpp_3m_sde(on_device=False)),
    "dpmpp_3m_sde_gpu": _plain(dpmpp.dpmpp_3m_sde(on_device=True)),
    "ddpm": _plain(euler.ddpm),
    "lcm": _plain(euler.lcm),
    "ipndm": _plain(classic.ipndm),
    "ipndm_v": _plain(classic.ipndm_v),
    "deis": _plain(classic.deis),
    "res_multistep": _plain(res.res_multistep(ancestral=False, cfg_pp=False)),
    "res_multistep_cfg_pp": _guided(res.res_multistep(ancestral=False, cfg_pp=True)),
    "res_multistep_ancestral": _plain(res.res_multistep(ancestral=True, cfg_pp=False)),
    "res_multistep_ancestral_cfg_pp": _guided(res.res_multistep(ancestral=True, cfg_pp=True)),
    "gradient_estimation": _plain(euler.gradient_estimation(cfg_pp=False)),
    "gradient_estimation_cfg_pp": _guided(euler.gradient_estimation(cfg_pp=True)),
    "er_sde": _plain(sde.er_sde),
    "seeds_2": _plain(sde.seeds_2),
    "seeds_3": _plain(sde.seeds_3),
    "sa_solver": _plain(sa.sa_solver(evaluate_again=False)),
    "sa_solver_pece": _plain(sa.sa_solver(evaluate_again=True)),
    "ddim": SamplerSpec(run=euler.euler, own_mask_noise=True),
    "uni_pc": _shortened(unipc.uni_pc(variant=1), _UNI_PC_END),
    "uni_pc_bh2": _shortened(unipc.uni_pc(variant=2), _UNI_PC_END),
}
"""By ComfyUI's name, in its order; the first is what an unknown name falls back to."""


def sampler_named(name: str) -> SamplerSpec:
    """Give a sampler by ComfyUI's name; an unknown name gives the first, as ComfyUI does."""
    return SAMPLERS.get(name, next(iter(SAMPLERS.values())))

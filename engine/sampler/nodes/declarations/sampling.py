"""Nodes that sample: the choices are in ComfyUI's order."""

from engine.sampler.nodes.registry import Input, NodeDeclaration

SAMPLERS = (
    "euler",
    "euler_cfg_pp",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "heun",
    "heunpp2",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde",
    "dpmpp_sde_gpu",
    "dpmpp_2m",
    "dpmpp_2m_cfg_pp",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu",
    "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu",
    "ddpm",
    "lcm",
    "ipndm",
    "ipndm_v",
    "deis",
    "res_multistep",
    "res_multistep_cfg_pp",
    "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp",
    "gradient_estimation",
    "gradient_estimation_cfg_pp",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
    "ddim",
    "uni_pc",
    "uni_pc_bh2",
)
SCHEDULERS = (
    "simple",
    "sgm_uniform",
    "karras",
    "exponential",
    "ddim_uniform",
    "beta",
    "normal",
    "linear_quadratic",
    "kl_optimal",
)
_LARGEST_SEED = 2**64 - 1
MOST_STEPS = 10000


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the samplers."""
    return (_ksampler(), _ksampler_advanced())


def _ksampler() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="KSampler",
        inputs=(
            Input(name="model", type="MODEL", extra={"tooltip": "The model that takes the noise away."}),
            seed("seed", {"tooltip": "Where the noise comes from: the same seed gives the same noise."}),
            steps({"tooltip": "In how many steps the noise is taken away."}),
            cfg({"tooltip": "How closely the picture follows the prompt; too much looks burnt."}),
            Input(name="sampler_name", type="COMBO", choices=SAMPLERS, extra={"tooltip": "How a step is made."}),
            Input(
                name="scheduler",
                type="COMBO",
                choices=SCHEDULERS,
                extra={"tooltip": "How the noise falls over the steps."},
            ),
            Input(name="positive", type="CONDITIONING", extra={"tooltip": "What the picture should show."}),
            Input(name="negative", type="CONDITIONING", extra={"tooltip": "What it should not show."}),
            Input(name="latent_image", type="LATENT", extra={"tooltip": "The latents to begin with."}),
            Input(
                name="denoise",
                type="FLOAT",
                default=1.0,
                min=0.0,
                max=1.0,
                step=0.01,
                extra={"tooltip": "How much of the latents is replaced; less keeps more of an input picture."},
            ),
        ),
        outputs=("LATENT",),
        output_tooltips=("The latents without noise.",),
        implementation="sampling:ksampler",
        display_name="KSampler",
        description="Takes the noise away from latents, guided by a model and two prompts.",
        category="sampling",
    )


def _ksampler_advanced() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="KSamplerAdvanced",
        inputs=(
            Input(name="model", type="MODEL"),
            Input(name="add_noise", type="COMBO", choices=("enable", "disable")),
            seed("noise_seed", {}),
            steps({}),
            cfg({}),
            Input(name="sampler_name", type="COMBO", choices=SAMPLERS),
            Input(name="scheduler", type="COMBO", choices=SCHEDULERS),
            Input(name="positive", type="CONDITIONING"),
            Input(name="negative", type="CONDITIONING"),
            Input(name="latent_image", type="LATENT"),
            Input(name="start_at_step", type="INT", default=0, min=0, max=MOST_STEPS),
            Input(name="end_at_step", type="INT", default=MOST_STEPS, min=0, max=MOST_STEPS),
            Input(name="return_with_leftover_noise", type="COMBO", choices=("disable", "enable")),
        ),
        outputs=("LATENT",),
        implementation="sampling:ksampler_advanced",
        display_name="KSampler (Advanced)",
        category="sampling",
    )


def seed(name: str, more: dict[str, object]) -> Input:
    """Give a seed's input."""
    extra = {"control_after_generate": True, **more}
    return Input(name=name, type="INT", default=0, min=0, max=_LARGEST_SEED, extra=extra)


def steps(extra: dict[str, object]) -> Input:
    """Give the input for a number of steps."""
    return Input(name="steps", type="INT", default=20, min=1, max=MOST_STEPS, extra=extra)


def cfg(more: dict[str, object]) -> Input:
    """Give the input for a guidance scale."""
    extra = {"round": 0.01, **more}
    return Input(name="cfg", type="FLOAT", default=8.0, min=0.0, max=100.0, step=0.1, extra=extra)

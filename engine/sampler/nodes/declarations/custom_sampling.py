"""Nodes that put a run together from its parts: sigmas, sampler, guider, noise."""

from engine.sampler.nodes.declarations.sampling import MOST_STEPS, SAMPLERS, SCHEDULERS, cfg, seed, steps
from engine.sampler.nodes.registry import Input, NodeDeclaration

_MODULE = "comfy_extras.nodes_custom_sampler"
_CATEGORY = "sampling/custom_sampling"
_HIGHEST_SIGMA, _LOWEST_SIGMA = 14.614642, 0.0291675  # of Stable Diffusion, as defaults


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the parts of a run and the two nodes that take them."""
    return (
        _node(
            "SamplerCustom",
            "sampler_custom",
            "",
            (
                Input(name="model", type="MODEL"),
                Input(name="add_noise", type="BOOLEAN", default=True),
                seed("noise_seed", {}),
                cfg({}),
                Input(name="positive", type="CONDITIONING"),
                Input(name="negative", type="CONDITIONING"),
                Input(name="sampler", type="SAMPLER"),
                Input(name="sigmas", type="SIGMAS"),
                Input(name="latent_image", type="LATENT"),
            ),
            ("LATENT", "LATENT"),
            ("output", "denoised_output"),
        ),
        _node(
            "SamplerCustomAdvanced",
            "sampler_custom_advanced",
            "",
            (
                Input(name="noise", type="NOISE"),
                Input(name="guider", type="GUIDER"),
                Input(name="sampler", type="SAMPLER"),
                Input(name="sigmas", type="SIGMAS"),
                Input(name="latent_image", type="LATENT"),
            ),
            ("LATENT", "LATENT"),
            ("output", "denoised_output"),
        ),
        _node(
            "KSamplerSelect",
            "ksampler_select",
            "/samplers",
            (Input(name="sampler_name", type="COMBO", choices=SAMPLERS),),
            ("SAMPLER",),
        ),
        *_schedulers(),
        _node(
            "SplitSigmas",
            "split_sigmas",
            "/sigmas",
            (
                Input(name="sigmas", type="SIGMAS"),
                Input(name="step", type="INT", default=0, min=0, max=MOST_STEPS),
            ),
            ("SIGMAS", "SIGMAS"),
            ("high_sigmas", "low_sigmas"),
        ),
        *_guiders(),
        _node("RandomNoise", "random_noise", "/noise", (seed("noise_seed", {}),), ("NOISE",)),
        _node("DisableNoise", "disable_noise", "/noise", (), ("NOISE",)),
    )


def _schedulers() -> tuple[NodeDeclaration, ...]:
    model = Input(name="model", type="MODEL")
    ends = (_sigma("sigma_max", _HIGHEST_SIGMA), _sigma("sigma_min", _LOWEST_SIGMA))
    rho = Input(name="rho", type="FLOAT", default=7.0, min=0.0, max=100.0, step=0.01, extra={"round": False})
    return (
        _node(
            "BasicScheduler",
            "basic_scheduler",
            "/schedulers",
            (
                model,
                Input(name="scheduler", type="COMBO", choices=SCHEDULERS),
                steps({}),
                Input(name="denoise", type="FLOAT", default=1.0, min=0.0, max=1.0, step=0.01),
            ),
            ("SIGMAS",),
        ),
        _node("KarrasScheduler", "karras_scheduler", "/schedulers", (steps({}), *ends, rho), ("SIGMAS",)),
        _node("ExponentialScheduler", "exponential_scheduler", "/schedulers", (steps({}), *ends), ("SIGMAS",)),
        _node(
            "SDTurboScheduler",
            "sd_turbo_scheduler",
            "/schedulers",
            (
                model,
                Input(name="steps", type="INT", default=1, min=1, max=10),
                Input(name="denoise", type="FLOAT", default=1.0, min=0, max=1.0, step=0.01),
            ),
            ("SIGMAS",),
        ),
    )


def _guiders() -> tuple[NodeDeclaration, ...]:
    return (
        _node(
            "BasicGuider",
            "basic_guider",
            "/guiders",
            (Input(name="model", type="MODEL"), Input(name="conditioning", type="CONDITIONING")),
            ("GUIDER",),
        ),
        _node(
            "CFGGuider",
            "cfg_guider",
            "/guiders",
            (
                Input(name="model", type="MODEL"),
                Input(name="positive", type="CONDITIONING"),
                Input(name="negative", type="CONDITIONING"),
                cfg({}),
            ),
            ("GUIDER",),
        ),
    )


def _sigma(name: str, default: float) -> Input:
    return Input(name=name, type="FLOAT", default=default, min=0.0, max=5000.0, step=0.01, extra={"round": False})


def _node(
    class_type: str,
    function: str,
    category: str,
    inputs: tuple[Input, ...],
    outputs: tuple[str, ...],
    output_names: tuple[str, ...] = (),
) -> NodeDeclaration:
    return NodeDeclaration(
        class_type=class_type,
        inputs=inputs,
        outputs=outputs,
        output_names=output_names,
        implementation=f"custom_sampling:{function}",
        display_name=class_type,
        category=f"{_CATEGORY}{category}",
        module=_MODULE,
    )

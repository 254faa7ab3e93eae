"""Nodes that say what a model's predictions mean: the choices list only what works here, in ComfyUI's order."""

from engine.sampler.nodes.declarations.parts import choice, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give them."""
    return (
        NodeDeclaration(
            class_type="ModelSamplingDiscrete",
            inputs=(
                wire("model", "MODEL"),
                choice("sampling", "eps", "v_prediction", "x0"),
                Input(name="zsnr", type="BOOLEAN", default=False),
            ),
            outputs=("MODEL",),
            implementation="meaning:model_sampling_discrete",
            category="advanced/model",
            module="comfy_extras.nodes_model_advanced",
        ),
    )

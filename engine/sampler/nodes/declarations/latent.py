"""Nodes that make and change latents."""

from engine.sampler.nodes.registry import Input, NodeDeclaration


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the latent nodes."""
    return (
        NodeDeclaration(
            class_type="EmptyLatentImage",
            inputs=(
                _side("width", "The width in pixels."),
                _side("height", "The height in pixels."),
                Input(
                    name="batch_size",
                    type="INT",
                    default=1,
                    min=1,
                    max=4096,
                    extra={"tooltip": "How many latents, and so pictures."},
                ),
            ),
            outputs=("LATENT",),
            output_tooltips=("The empty latents.",),
            implementation="latent:empty_latent_image",
            display_name="Empty Latent Image",
            description="Makes empty latents for a sampler to fill.",
            category="latent",
        ),
        NodeDeclaration(
            class_type="SetLatentNoiseMask",
            inputs=(Input(name="samples", type="LATENT"), Input(name="mask", type="MASK")),
            outputs=("LATENT",),
            implementation="latent:set_latent_noise_mask",
            display_name="Set Latent Noise Mask",
            category="latent/inpaint",
        ),
    )


def _side(name: str, tooltip: str) -> Input:
    return Input(name=name, type="INT", default=512, min=16, max=16384, step=8, extra={"tooltip": tooltip})

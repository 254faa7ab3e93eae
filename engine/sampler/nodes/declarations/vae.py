"""Nodes between pixels and latents."""

from engine.sampler.nodes.registry import Input, NodeDeclaration


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the autoencoder nodes."""
    return (
        NodeDeclaration(
            class_type="VAEDecode",
            inputs=(
                Input(name="samples", type="LATENT", extra={"tooltip": "The latents to decode."}),
                Input(name="vae", type="VAE", extra={"tooltip": "The autoencoder to decode with."}),
            ),
            outputs=("IMAGE",),
            output_tooltips=("The decoded pictures.",),
            implementation="vae:vae_decode",
            display_name="VAE Decode",
            description="Decodes latents into pictures.",
            category="latent",
        ),
        NodeDeclaration(
            class_type="VAEEncode",
            inputs=(Input(name="pixels", type="IMAGE"), Input(name="vae", type="VAE")),
            outputs=("LATENT",),
            implementation="vae:vae_encode",
            display_name="VAE Encode",
            category="latent",
        ),
    )
